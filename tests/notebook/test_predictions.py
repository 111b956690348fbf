"""`%%predict` before an experiment and `%compare` after it, in a real kernel."""

from __future__ import annotations

import json

import pytest

from dockerlab.course.predictions import NOT_HERE, Guesses, Prediction
from dockerlab.errors import UsageError
from dockerlab.notebook.predictions import Compared
from tests.notebook.shown import error, html, shown
from tests.notebook.test_magics import Run, notebook  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("containers_run_here")
QUESTION = "How many layers?\na) none\nb) one, for\n   the RUN\nc) <i>three</i>"
ASK, BUILD = f"%%predict count\n{QUESTION}", "%%dockerfile -q -t site:1\nFROM busybox\nRUN true"
COMPARE = "%%compare count\n'b' if len(_dh) else 'a'"


def test_a_guess_stands_beside_what_happened(notebook: Run) -> None:  # noqa: F811
    asked, guessed, _, compared = notebook(ASK, "%predict count c", BUILD, COMPARE)
    assert shown(asked).startswith("How many layers?\n  a) none\n  b) one, for the RUN\n  c) <i>three</i>\n%predict count LETTER")
    assert "&lt;i&gt;three&lt;/i&gt;" in html(asked) and "<i>three" not in html(asked)
    assert shown(guessed) == "your guess is noted: c\n"
    assert shown(compared) == "you guessed: c) <i>three</i>\nwhat happened: b) one, for the RUN" and "≠" in html(compared)


def test_a_right_guess_is_told_in_ones_own_language(notebook: Run) -> None:  # noqa: F811
    *_, compared = notebook(ASK, "%predict count b", COMPARE, language="ko")
    assert shown(compared) == "예측한 대로입니다: b) one, for the RUN" and "✓" in html(compared)


def test_who_made_no_guess_or_no_experiment_is_told_so(notebook: Run) -> None:  # noqa: F811
    _, compared, early = notebook(ASK, COMPARE, "%compare layers-deleted")
    assert shown(compared).startswith("you made no guess\nwhat happened: b)")
    assert shown(early).startswith("the experiment has not been made yet")


def test_an_experiment_that_this_machine_refuses_is_no_fault_of_the_learners(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    for language in ("en", "ko"):
        monkeypatch.setenv("DOCKERLAB_LANG", language)
        compared = Compared("x", "a", NOT_HERE, Prediction.read("x", QUESTION).choices)
        assert not compared.right and "≠" not in compared._repr_html_()
        told.append(repr(compared))
    assert (
        told[0] == "this machine can't show it (%docker info says why): what Docker does is told below" and "보여 줄 수 없습니다" in told[1]
    )


def test_in_a_live_notebook_the_choices_are_radio_buttons(notebook: Run) -> None:  # noqa: F811
    asked, told = notebook(
        ASK + "\n",
        "import ipywidgets\nbuttons = [w for w in ipywidgets.Widget._instances.values() if isinstance(w, ipywidgets.RadioButtons)] "
        "if hasattr(ipywidgets.Widget, '_instances') else [w for w in ipywidgets.widgets.widget._instances.values() if isinstance(w, ipywidgets.RadioButtons)]\n"
        "buttons[-1].value = 'b'\nprint(buttons[-1].options)\n%compare count",
        DOCKERLAB_WIDGETS="on",
    )
    (bundle,) = [output["data"] for output in asked.outputs]
    assert "application/vnd.jupyter.widget-view+json" in bundle and "How many layers?" in bundle["text/html"]
    assert "('b) one, for the RUN', 'b')" in shown(told)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%%predict x\nwhich?\na) one", "needs choices, a line for each"),
        ("%%predict x\nwhich?\na) one\nc) two", "needs choices"),
        ("%%predict\na) 1\nb) 2", "takes a name"),
        (ASK + "\n", ""),
        ("%compare layers-third-one", "did you mean layers-third?"),
        ("%compare", "takes the name of one prediction"),
    ],
)
def test_what_can_not_be_asked_is_one_message(notebook: Run, cell: str, message: str) -> None:  # noqa: F811
    (found,) = notebook(cell)
    assert (message in error(found) and "Traceback" not in error(found)) if message else not error(found)


def test_a_letter_that_is_no_choice_is_refused_and_an_earlier_guess_stays() -> None:
    guesses, one = Guesses(), Prediction.read("x", QUESTION)
    guesses.ask(one)
    guesses.take("x", "a")
    with pytest.raises(UsageError, match="none of the choices"):
        guesses.take("x", "d")
    guesses.ask(Prediction.read("x", QUESTION))
    assert guesses.of("x") == "a" and json.dumps(one.choices) == json.dumps({"a": "none", "b": "one, for the RUN", "c": "<i>three</i>"})
