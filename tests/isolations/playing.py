"""One run of some modules in an isolation, and what came of it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.isolations.places import PYTHON, Place
from tests.isolations.played import Tests
from tests.parts import ROOT

LONGEST = 1800
"""Seconds that a room may take in one of them before it counts as hung; most take less than a minute."""


@dataclass
class Counts:
    """How many tests passed, were skipped, failed; and why those that didn't pass."""

    passed: int = 0
    skipped: int = 0
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: str, reason: str = "") -> None:
        """One more of "passed", "skipped" or "failed"."""
        setattr(self, outcome, getattr(self, outcome) + 1)
        if outcome != "passed":
            self.reasons[reason] += 1

    def update(self, other: Counts) -> None:
        """All of another's too."""
        for name in ("passed", "skipped", "failed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.reasons.update(other.reasons)

    def __bool__(self) -> bool:
        return bool(self.passed or self.skipped or self.failed)


class Failed(AssertionError):
    """Some of them failed, or nothing could be played; `counts` is what there is."""

    def __init__(self, text: str, counts: Counts) -> None:
        super().__init__(text)
        self.counts = counts


def play(place: Place, tests: Tests, **more: str) -> Counts:
    """Play them there; Failed, with pytest's own words, if one fails or none is found. `more` goes into their environment."""
    report = place.told / "report.xml"
    report.unlink(missing_ok=True)
    options = ("-q", "-p", "no:cacheprovider", "--basetemp", f"{place.folder}/tests", f"--junit-xml={report}")
    if place.chosen[0] == "none":
        more = {"CI": "", **more}  # that no container runs there is no part that is missing
    done = place.run(*PYTHON, "-m", "pytest", *tests, *_some_of(tests), *options, cwd=ROOT, timeout=LONGEST, **more)
    counts = counted(report.read_text(), place) if report.exists() else Counts()
    if done.returncode or not counts:
        raise Failed(f"in the isolation “{place.isolation.title}”:\n{done.stdout[-12000:]}{done.stderr[-2000:]}", counts)
    return counts


def _some_of(tests: Tests) -> tuple[str, ...]:
    """pytest's -k, where of some module only a part is wanted; it knows modules by their names, folders it does not know."""
    if not any(tests.values()):
        return ()
    parts = [
        " and ".join(filter(None, (Path(path).name if path.endswith(".py") else "", some and f"({some})"))) for path, some in tests.items()
    ]
    return ("-k", " or ".join(f"({part})" for part in parts))


def own_counts(stats: Mapping[str, Sequence[Any]]) -> Iterator[tuple[str, str, Counts]]:
    """What a run's own reports come to, of which `stats` are pytest's by category: isolation, room, and a count of one.

    The isolation is "" but for a test that entered another and said so (pytest's `record_property`).
    """
    for category, outcome in (
        ("passed", "passed"),
        ("xfailed", "passed"),
        ("skipped", "skipped"),
        ("failed", "failed"),
        ("error", "failed"),
    ):
        for report in stats.get(category, ()):
            folders = report.nodeid.partition("::")[0].split("/")
            room = folders[1] if len(folders) > 2 else ""
            if room and room != "isolations":
                reason = report.longrepr[2].removeprefix("Skipped: ") if outcome == "skipped" else report.nodeid
                counts = Counts()
                counts.add(outcome, reason)
                told = dict(getattr(report, "user_properties", ()))  # a module that can't be imported has a report without
                yield told.get("isolation", ""), room, counts


def counted(xml: str, place: Place) -> Counts:
    """What pytest's JUnit report tells; an expected failure passes, since one that does not fail is a failure."""
    counts = Counts()
    for case in ET.fromstring(xml).iter("testcase"):
        wrong = next((part for part in case if part.tag in ("failure", "error")), None)
        skipped = case.find("skipped")
        if wrong is not None:
            counts.add("failed", f"{case.get('classname', '')}::{case.get('name')}")
        elif skipped is not None and skipped.get("type") != "pytest.xfail":
            counts.add("skipped", place.without_names(skipped.get("message", "")))
        else:
            counts.add("passed")
    return counts
