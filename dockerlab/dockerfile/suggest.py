"""What was probably meant: the nearest of some names, as BuildKit looks for it (util/suggest: less than three letters away)."""

from __future__ import annotations

from collections.abc import Iterable

_FAR = 3


def nearest(word: str, options: Iterable[str]) -> str:
    """The first of the nearest options, or "" if none is near or one is the word itself."""
    match, least = "", _FAR
    for option in options:
        if option == word:
            return ""
        if abs(len(option) - len(word)) < least and (distance := _distance(word, option)) < least:
            match, least = option, distance
    return match


def _distance(one: str, other: str) -> int:
    """How many letters have to be put in, taken out or changed."""
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        before, row[0] = row[0], at
        for column, its in enumerate(other, 1):
            before, row[column] = row[column], min(before + (letter != its), row[column] + 1, row[column - 1] + 1)
    return row[-1]
