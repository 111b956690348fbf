"""`%%predict` and `%compare`: a guess before the experiment, and afterwards what was guessed beside what happened."""

from __future__ import annotations

from html import escape
from typing import Any

from dockerlab.course.predictions import NOT_HERE, Guesses, Prediction, outcome
from dockerlab.course.verdict import READABLE
from dockerlab.course.vocabulary import Look
from dockerlab.engine import Engine
from dockerlab.errors import UsageError
from dockerlab.notebook.live import WIDGET, seen_live
from dockerlab.notebook.words import language, word

GUESSES = Guesses()
"""Of this kernel's learner."""


_CHOICES = f"""
.dockerlab-choices .widget-radio-box {{ max-width: 100%; }}
.dockerlab-choices .widget-radio-box label {{
  display: flex; flex-direction: row-reverse; justify-content: flex-end; gap: 6px; align-items: flex-start;
  height: auto; line-height: 20px; margin: 0 0 2px; white-space: normal; {READABLE}
}}
.dockerlab-choices .widget-radio-box input {{ flex: none; height: 20px; margin: 0; }}
"""
"""ipywidgets gives each choice the height of one line: a longer one would lie over the next, and hide its button."""


class Question:
    """What `%%predict` shows: choices to click where somebody looks on, a list everywhere else."""

    def __init__(self, prediction: Prediction, guesses: Guesses) -> None:
        self._prediction, self._guesses = prediction, guesses

    def __repr__(self) -> str:
        lines = [self._prediction.question, *(f"  {letter}) {text}" for letter, text in self._prediction.choices.items())]
        return "\n".join([*lines, word("how to guess", name=self._prediction.name)])

    def _repr_html_(self) -> str:
        choices = "".join(f'<li type="a">{escape(text)}</li>' for text in self._prediction.choices.values())
        how = escape(word("how to guess", name=self._prediction.name))
        return f'<div style="{READABLE}"><p>{escape(self._prediction.question)}</p><ol>{choices}</ol><small>{how}</small></div>'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from IPython import get_ipython

        if (shell := get_ipython()) is None or not seen_live(shell):
            return {}
        return {WIDGET: self._choices()._repr_mimebundle_()[WIDGET]}

    def _choices(self) -> Any:
        """The question with a radio button for each choice."""
        import ipywidgets

        prediction, guesses = self._prediction, self._guesses
        buttons = ipywidgets.RadioButtons(
            options=[(f"{letter}) {text}", letter) for letter, text in prediction.choices.items()],
            value=guesses.of(prediction.name) or None,
            layout=ipywidgets.Layout(width="auto"),
        )
        noted = ipywidgets.HTML(f"<small>{escape(word('not graded'))}</small>")

        def take(change: dict[str, Any]) -> None:
            guesses.take(prediction.name, change["new"])
            noted.value = f"<small>{escape(word('guessed', letter=change['new']))}</small>"

        buttons.observe(take, "value")
        buttons.add_class("dockerlab-choices")
        asked = f'<div style="{READABLE};line-height:1.4;font-weight:bold">{escape(prediction.question)}</div>'
        question = ipywidgets.HTML(f"<style>{_CHOICES}</style>{asked}")
        return ipywidgets.VBox([question, buttons, noted])


class Compared:
    """What `%compare` shows: the guess, and what happened."""

    def __init__(self, name: str, guess: str, happened: str, choices: dict[str, str]) -> None:
        self.name, self.guess, self.happened, self._choices = name, guess, happened, choices

    @property
    def right(self) -> bool:
        """Whether the guess was what happened."""
        return bool(self.happened) and self.guess == self.happened

    def _lines(self) -> list[str]:
        def told(letter: str) -> str:
            return f"{letter}) {self._choices[letter]}" if letter in self._choices else letter

        if not self.happened:
            return [word("experiment missing")]
        if self.happened == NOT_HERE:
            return [word("experiment not here")]
        if not self._choices:
            return [word("question missing", name=self.name), word("what happened", what=told(self.happened))]
        guess = word("your guess", what=told(self.guess)) if self.guess else word("no guess")
        happened = word("what happened", what=told(self.happened))
        return [guess, happened] if not self.right else [word("guess right", what=told(self.happened))]

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        mark = "?" if self.happened in ("", NOT_HERE) else "✓" if self.right else "≠"
        return f'<p style="{READABLE}"><b>{mark}</b> ' + "<br/>".join(map(_emphasized, self._lines())) + "</p>"


def _emphasized(line: str) -> str:
    """What was guessed, or what happened, stands out from the words before it."""
    name, colon, told = escape(line).partition(": ")
    return f"{name}: <b>{told}</b>" if colon else name


def ask(words: list[str], text: str, guesses: Guesses = GUESSES) -> Question | None:
    """`%%predict NAME` with the question below, or `%predict NAME LETTER`. UsageError for anything else."""
    if text.strip() and len(words) == 1:
        prediction = Prediction.read(words[0], text)
        guesses.ask(prediction)
        return Question(prediction, guesses)
    if len(words) == 2:
        guesses.take(words[0], words[1].strip("()."))
        print(word("guessed", letter=guesses.of(words[0])))
        return None
    raise UsageError(word("usage predict"), hint="%predict NAME b answers it")


def compare(words: list[str], text: str, engine: Engine, shell: Any, guesses: Guesses = GUESSES) -> Compared:
    """`%compare NAME`, or `%%compare NAME` with a Python expression below that says which letter is true."""
    if len(words) != 1:
        raise UsageError(word("usage compare"), hint="%compare NAME")
    name = words[0]
    happened = str(shell.ev(text.strip()) or "") if text.strip() else outcome(name, Look(engine, language()))
    asked = guesses.asked(name)
    return Compared(name, guesses.of(name), happened, dict(asked.choices) if asked else {})
