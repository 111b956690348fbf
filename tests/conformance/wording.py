"""What two messages have in common, and what in an output differs from run to run."""

from __future__ import annotations

import re

_NOISE = set(
    "ERROR error failed build solve Dockerfile line Error running docker context process complete successfully Unable unable invalid exit code".split()
)
"""Words that every failed build's message has."""
_TELLING = re.compile(r'"([^"]{2,})"|(--[a-z-]+)|(/?[\w.*-]+/[\w./*-]+)|\b([A-Z]{3,})\b')
"""A quoted text, a flag, a path, an instruction."""
_DATES = re.compile(
    r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d [ \d]\d:\d\d\b"  # as ls writes it
    r"|\b(?:202[5-9]|20[3-9]\d)-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?"
    r"|\b1(?:7[4-9]|[89]\d)\d{7}\b"  # seconds since 1970, from 2025 on
)


def names_the_same(ours: str, theirs: str) -> bool:
    """Whether our message names an instruction, flag, path or quoted text of theirs; where theirs has none, two of its words."""
    telling = {part for groups in _TELLING.findall(theirs) for part in groups if part} - _NOISE
    if any(part in ours for part in telling):
        return True
    words = set(re.findall(r"[A-Za-z]{4,}", theirs)) - _NOISE
    return sum(word.lower() in ours.lower() for word in words) >= min(2, len(words) or 9)


def without_dates(text: str) -> str:
    """Times of the build as <date>; ash's prefix as the recording has it."""
    return re.sub(r"(?m)^(?:/bin/\w+: )?line 0: ", "/bin/sh: line 0: ", _DATES.sub("<date>", text))
