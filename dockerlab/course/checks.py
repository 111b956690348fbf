"""Exercises by name, and how often somebody has tried: a second failure brings the hint, a third a smaller question."""

from __future__ import annotations

import collections
from collections.abc import Callable
from difflib import get_close_matches

from dockerlab.course.verdict import Verdict
from dockerlab.course.vocabulary import Look
from dockerlab.data import dataclass
from dockerlab.engine import Engine
from dockerlab.errors import NotFoundError


@dataclass(frozen=True)
class Check:
    """One exercise: its points, what it looks at, and two steps of help in both languages."""

    name: str
    points: float
    look: Callable[[Look], None]
    hint: dict[str, str]
    question: dict[str, str]


_failures: collections.Counter[str] = collections.Counter()


def all_checks() -> dict[str, Check]:
    """Every exercise of every lab."""
    from dockerlab.course.labs import layers

    return {check.name: check for check in layers.CHECKS}


def find(name: str) -> Check:
    """The exercise of this name. NotFoundError, with the nearest name, if there is none."""
    known = all_checks()
    if name not in known:
        close = get_close_matches(name, list(known), 1)
        raise NotFoundError(
            f"no exercise is called {name}", hint=f"did you mean {close[0]}?" if close else "exercises: " + ", ".join(known)
        )
    return known[name]


def verdict(name: str, engine: Engine, language: str) -> Verdict:
    """What the exercise's artefacts are worth, without any help."""
    one = find(name)
    look = Look(engine, language)
    one.look(look)
    return Verdict(name, language, one.points, tuple(look.findings))


def check(name: str, engine: Engine, language: str = "en") -> Verdict:
    """As `verdict`, with help for those who try again."""
    found = verdict(name, engine, language)
    if found.passed:
        _failures.pop(name, None)
        return found
    _failures[name] += 1
    one = find(name)
    help_ = "" if _failures[name] < 2 else one.hint[language] if _failures[name] == 2 else one.question[language]
    return Verdict(found.exercise, language, found.max_points, found.findings, help_)
