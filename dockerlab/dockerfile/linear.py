"""Ignore patterns with many stars, matched in time that grows with the path only.

A pattern becomes a regular expression, and one such as `a*a*a*a*a*b` takes Python's engine for ever where Go's takes no time. So a pattern with several stars
is followed state by state, all at once, as Go's engine does. (moby/patternmatcher: what each sign means)
"""

from __future__ import annotations

import re
from collections.abc import Callable

_MANY, _SOME, _LONG = 4, 3, 256
"""Stars from which on it is done so, and for a path of how many characters with fewer; the others are quicker as a regular expression."""

_Token = Callable[[str], bool] | str
_STAR, _ANY, _FOLDERS = "*", "**", "**/"


def bounded(pattern: str, quick: Callable[[str], bool]) -> Callable[[str], bool]:
    """Whether a whole path matches: as `quick`, a regular expression, says where that takes no time."""
    count = stars(pattern)
    if count < _SOME:
        return quick
    steady = matcher(pattern)
    return steady if count >= _MANY else lambda path: steady(path) if len(path) > _LONG else quick(path)


def stars(pattern: str) -> int:
    """How many runs of stars a pattern has."""
    return len(re.findall(r"\*+", pattern))


def _tokens(pattern: str) -> list[_Token]:
    out: list[_Token] = []
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        at += 1
        if letter == "*" and pattern[at : at + 1] == "*":
            at += 2 if pattern[at + 1 : at + 2] == "/" else 1
            out.append(_ANY if at >= len(pattern) else _FOLDERS)
        elif letter == "*":
            out.append(_STAR)
        elif letter == "?":
            out.append(lambda one: one != "/")
        elif letter == "[":
            end = at + 1 if pattern[at : at + 1] == "^" else at
            while end < len(pattern) and pattern[end] != "]":
                end += 2 if pattern[end] == "\\" else 1
            kind = re.compile(pattern[at - 1 : end + 1])
            out.append(lambda one, kind=kind: kind.match(one) is not None)  # type: ignore[misc]
            at = end + 1
        else:
            if letter == "\\" and at < len(pattern):
                letter = pattern[at]
                at += 1
            out.append(letter.__eq__)
    return out


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a whole path matches. The pattern has been looked at: it can be read."""
    tokens = _tokens(pattern)
    end = len(tokens)
    # state n: before token n; -n - 1: somewhere in the folders that token n stands for

    def reached(states: set[int]) -> set[int]:
        for state in sorted(state for state in states if state >= 0):
            while state < end and isinstance(tokens[state], str):
                state += 1
                states.add(state)
        return states

    def matches(path: str) -> bool:
        states = reached({0})
        for letter in path:
            following: set[int] = set()
            for state in states:
                token = tokens[-state - 1] if state < 0 else tokens[state] if state < end else None
                if token is None:
                    continue
                if state < 0 or token == _FOLDERS:
                    number = -state - 1 if state < 0 else state
                    following.add(-number - 1)
                    if letter == "/":
                        following.add(number + 1)
                elif token == _ANY or (token == _STAR and letter != "/"):
                    following.add(state)
                elif not isinstance(token, str) and token(letter):
                    following.add(state + 1)
            states = reached(following)
            if not states:
                return False
        return end in states

    return matches
