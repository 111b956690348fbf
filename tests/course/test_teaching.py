"""That the labs teach as they should: what lecture notes say is found out somewhere, and each lab has what a lab needs."""

from __future__ import annotations

import re
import tomllib

import pytest

from dockerlab.course.authoring import Block, in_language, read_blocks
from dockerlab.course.checks import checks_of
from dockerlab.course.labs import LABS
from dockerlab.course.material import labs_folder
from dockerlab.course.predictions import all_predictions
from tests.course.outcomes import outcomes_of
from tests.parts import ROOT

WIDGETS = ("%layers", "%cow", "%context", "%process", "%%variables")
NOT_TOUR = [lab for lab in LABS if lab != "tour"]
"""The tour shows each tool once, in ten minutes: its exercises are as small as a tool, and it explains no experiment at length."""


def blocks(lab: str) -> list[Block]:
    return read_blocks((labs_folder() / "text" / f"{lab}.md").read_text(encoding="utf-8"))


def lines_of_cells(lab: str) -> set[str]:
    """What the cells of a lab say, line by line; of a line with several calls each."""
    found = {f"%{block.kind} {block.words[0]}" for block in blocks(lab) if block.kind in ("compare", "check")}
    for block in blocks(lab):
        if block.kind in ("code", "failing"):
            found |= set(block.body.splitlines()) | set(re.findall(r'\w+\("[^)]*\)', block.body))
    return found


def places() -> list[tuple[str, str]]:
    """(lab, line) of every place that docs/experiments.md names."""
    out = []
    for row in (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8").splitlines():
        if row.startswith("| ") and not row.startswith("| ---") and not row.endswith("found out in |"):
            cell = row.strip("|").split("|")[-1]
            named = [
                (lab, line) for lab, told in re.findall(r"`(\w+)`: ((?:`[^`]+`(?:, )?)+)", cell) for line in re.findall(r"`([^`]+)`", told)
            ]
            assert named, f"no place: {row}"
            out += named
    return out


@pytest.mark.parametrize(("lab", "line"), places())
def test_each_place_that_the_list_of_experiments_names_is_there(lab: str, line: str) -> None:
    assert line in lines_of_cells(lab)


def test_every_prediction_of_the_course_is_in_the_list_of_experiments() -> None:
    assert set(all_predictions()) - {line.removeprefix("%compare ") for _, line in places()} == set()


def test_of_every_prediction_it_is_known_what_is_true() -> None:
    assert {name for lab in LABS for name in outcomes_of(lab)} == set(all_predictions())


@pytest.mark.parametrize("lab", LABS)
def test_a_prediction_comes_before_its_experiment_and_is_compared_after_it(lab: str) -> None:
    order = [(block.kind, block.words[0]) for block in blocks(lab) if block.kind in ("predict", "compare")]
    assert order == [(kind, name) for _, name in order[::2] for kind in ("predict", "compare")]
    kinds = [block.kind for block in blocks(lab)]
    for at, kind in enumerate(kinds):
        if kind == "predict":
            between = kinds[at : kinds.index("compare", at)]
            assert {"code", "failing", "answer"} & set(between), f"nothing is tried between the question and the comparison: {lab}"


@pytest.mark.parametrize("lab", NOT_TOUR)
def test_a_lab_has_exercises_predictions_pictures_and_a_failure_on_purpose(lab: str) -> None:
    parts = blocks(lab)
    assert 5 <= len(checks_of(lab)) <= 10
    assert sum(block.kind == "predict" for block in parts) >= 3
    assert any(line.startswith(WIDGETS) or f"= {widget} " in line for line in lines_of_cells(lab) for widget in WIDGETS)
    prose = [in_language(block.body, "en") for block in parts if block.kind == "markdown"]
    assert "30 to 60 minutes" in prose[0] and any(re.search("failure on purpose", text, re.IGNORECASE) for text in prose)
    assert "The picture as it now stands" in prose[-1] and "An open question" in prose[-1]


@pytest.mark.parametrize("lab", NOT_TOUR)
def test_every_exercise_has_partial_credit(lab: str) -> None:
    """Some typical wrong answer is worth something, and less than all."""
    answers = tomllib.loads((ROOT / "tests" / "course" / "answers" / f"{lab}.toml").read_text(encoding="utf-8"))
    for check in checks_of(lab):
        worth = [case["points"] for case in answers["wrong"] if case["exercise"] == check.name]
        assert any(0 < points < check.points for points in worth), check.name


@pytest.mark.parametrize("lab", ["layers", "build", "directives", "multistage"])
def test_dockerfiles_are_shown_whole_before_one_has_a_gap_and_one_is_written_alone(lab: str) -> None:
    kinds = []
    for block in blocks(lab):
        if block.body.startswith("%%dockerfile") or (block.kind == "code" and "\nFROM " in block.body):
            before = block.body.partition("# BEGIN SOLUTION")[0]
            given = "FROM" in before
            kinds.append(
                "gap"
                if "# your line" in block.body or (block.kind == "answer" and given)
                else "alone"
                if block.kind == "answer"
                else "whole"
            )
    assert kinds[0] == "whole" and {"gap", "alone"} <= set(kinds), kinds
