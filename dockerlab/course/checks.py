"""Exercises by name, and how often somebody has tried: a second failure brings the hint, a third a smaller question."""

from __future__ import annotations

import collections
from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

from dockerlab.course.labs import LABS
from dockerlab.course.saying import Text, say
from dockerlab.course.verdict import Verdict
from dockerlab.course.vocabulary import Look, being_graded
from dockerlab.data import dataclass, replace
from dockerlab.engine import Engine
from dockerlab.errors import NotFoundError
from dockerlab.language import language


@dataclass(frozen=True)
class Check:
    """One exercise: its points, what it looks at, and two steps of help in both languages."""

    name: str
    points: float
    look: Callable[[Look], None]
    hint: Text
    question: Text


def exercise(
    into: list[Check], name: str, points: float, *, hint: Text, question: Text
) -> Callable[[Callable[[Look], None]], Callable[[Look], None]]:
    """The function below is the check of this exercise: it goes into a lab's list."""

    def noted(look: Callable[[Look], None]) -> Callable[[Look], None]:
        into.append(Check(name, points, look, hint, question))
        return look

    return noted


_failures: collections.Counter[str] = collections.Counter()


def checks_of(lab: str) -> list[Check]:
    """The exercises of a lab, in their order."""
    found: list[Check] = import_module(f"dockerlab.course.labs.{lab}").CHECKS
    return found


def all_checks() -> dict[str, Check]:
    """Every exercise of every lab."""
    return {check.name: check for lab in LABS for check in checks_of(lab)}


def find(name: str) -> Check:
    """The exercise of this name. NotFoundError, with the nearest name, if there is none."""
    lab = name.rpartition("-")[0]
    for check in checks_of(lab) if lab in LABS else []:
        if check.name == name:
            return check
    known = all_checks()
    close = get_close_matches(name, list(known), 1)
    message = say(f"no exercise is called {name}", f"{name}이라는 연습 문제는 없습니다")[language()]
    raise NotFoundError(message, hint=f"did you mean {close[0]}?" if close else "exercises: " + ", ".join(known))


def verdict(name: str, engine: Engine, language: str, folder: Path | None = None) -> Verdict:
    """What the exercise's artefacts are worth, without any help; `folder` holds the learner's files (default: the current one)."""
    one = find(name)
    look = Look(engine, language, folder)
    one.look(look)
    return Verdict(name, language, one.points, tuple(look.findings))


def check(name: str, engine: Engine, language: str = "en") -> Verdict:
    """As `verdict`, with help for those who try again; without what is hidden from learners, unless a grader asks."""
    found = verdict(name, engine, language)
    if not being_graded():
        found = found.for_learners()
    if found.passed:
        _failures.pop(name, None)
        return found
    _failures[name] += 1
    one = find(name)
    help_ = "" if _failures[name] < 2 else one.hint[language] if _failures[name] == 2 else one.question[language]
    return replace(found, hint=help_)


def points_of(name: str) -> float:
    """What an exercise is worth now, in this notebook's engine: for a grader that asks in plain Python, and shows nothing."""
    from dockerlab.engine import open_engine

    engine = open_engine()
    try:
        return verdict(name, engine, "en").points
    finally:
        engine.close()
