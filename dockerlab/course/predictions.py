"""Predictions: a question with choices, the learner's guess, and what really happened, measured in what the experiment left behind.

    one = Prediction.read("layers-third", "What does a third container show?\\na) `changed`\\nb) the image's page")
    guesses.take(one, "a")
    outcome("layers-third", look) → "b"        what the artefacts say, never what we wrote

Nobody grades a guess, and nothing of it leaves the kernel.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module

from dockerlab.course.labs import LABS
from dockerlab.course.saying import say
from dockerlab.course.vocabulary import Look
from dockerlab.data import dataclass
from dockerlab.errors import NotFoundError, UsageError
from dockerlab.language import language

_CHOICE = re.compile(r"([a-z])\)\s+(.+)")
Measure = Callable[[Look], str]
"""The letter that the artefacts speak for; "" where the experiment has not been made, NOT_HERE where it can't be."""
NOT_HERE = "-"
"""What is measured where an experiment needs something that this machine refuses."""


@dataclass(frozen=True)
class Prediction:
    """A question and its choices, letter → text."""

    name: str
    question: str
    choices: dict[str, str]

    @classmethod
    def read(cls, name: str, text: str) -> Prediction:
        """The question above, then a line for each choice: `a) …`. UsageError where there are fewer than two, or the letters are not a, b, c …"""
        question: list[str] = []
        choices: dict[str, str] = {}
        for line in filter(None, map(str.strip, text.splitlines())):
            found = _CHOICE.fullmatch(line)
            if found:
                choices[found[1]] = found[2]
            elif choices:
                last = list(choices)[-1]
                choices[last] += " " + line
            else:
                question.append(line)
        if len(choices) < 2 or list(choices) != [chr(ord("a") + at) for at in range(len(choices))]:
            raise UsageError(f"the prediction {name} needs choices, a line for each: a) …, b) …", hint="write the question above them")
        return cls(name, " ".join(question), choices)


class Guesses:
    """What the learner of this kernel was asked, and has guessed."""

    def __init__(self) -> None:
        self._asked: dict[str, Prediction] = {}
        self._taken: dict[str, str] = {}

    def ask(self, prediction: Prediction) -> None:
        """It was asked; an earlier guess stays."""
        self._asked[prediction.name] = prediction

    def asked(self, name: str) -> Prediction | None:
        """The prediction of this name, if it was asked."""
        return self._asked.get(name)

    def take(self, name: str, letter: str) -> None:
        """UsageError for a letter that is none of its choices."""
        asked = self._asked.get(name)
        if asked is not None and letter not in asked.choices:
            message = say(f"{letter} is none of the choices", f"{letter}라는 선택지는 없습니다")[language()]
            raise UsageError(message, hint="choose one of " + ", ".join(asked.choices))
        self._taken[name] = letter

    def of(self, name: str) -> str:
        """The guess; "" for none yet."""
        return self._taken.get(name, "")


def outcome(name: str, look: Look) -> str:
    """What has happened, by what is there now. NotFoundError, with the nearest name, if no lab makes this prediction."""
    return find(name)(look)


def find(name: str) -> Measure:
    """How the prediction of this name is measured."""
    known = all_predictions()
    if name not in known:
        close = get_close_matches(name, list(known), 1)
        raise NotFoundError(
            say(f"no prediction is called {name}", f"{name}이라는 예측은 없습니다")[language()],
            hint=f"did you mean {close[0]}?"
            if close
            else "in a cell of your own: %%compare NAME, below it a Python expression for the letter",
        )
    return known[name]


def all_predictions() -> dict[str, Measure]:
    """Every prediction of every lab."""
    found: dict[str, Measure] = {}
    for lab in LABS:
        found |= import_module(f"dockerlab.course.labs.{lab}").PREDICTIONS
    return found
