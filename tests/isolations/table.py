"""How every isolation went, room by room: as text at the end of a run, and as docs/isolations.md."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.isolations.places import ISOLATIONS
from tests.isolations.playing import Counts

NOT_HERE = "not here"
PAGE = """# Isolations

What passes in each way that a machine may have of running containers: `3 (1)` is three tests that pass and one that is skipped, for a reason that stands below.

    python -m pytest -q                                      # as root: the whole suite, at whose end the table is printed
    python -m pytest -q tests/isolations                     # the table alone; -k user-in-a-pod is one row of it
    scripts/isolations --report docs/isolations.md           # this page

Some tests of each room are played again in every row but the first, which is the run itself. That wants root, `proot` and `uidmap` (which brings newuidmap); a row that can't be had says
why. [places.py](../tests/isolations/places.py) has the way into each, [played.py](../tests/isolations/played.py) what is played there, and
[refusals.py](../tests/isolations/refusals.py) what can't be had there: the suite skips that wherever it is started, so that it passes in such a place too.

On {date}:

{table}

## Why no better isolation was chosen

{chosen}

## What was skipped, and why

{skipped}
"""


@dataclass
class Table:
    """Isolation → room → counts; what was chosen there and why nothing better, or why there is no such place."""

    rows: dict[str, dict[str, Counts]] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    own: str = ""
    """The row that is the run itself."""

    def add(self, isolation: str, room: str, counts: Counts) -> None:
        """What a room's tests came to."""
        self.rows.setdefault(isolation, {}).setdefault(room, Counts()).update(counts)

    def choose(self, isolation: str, chosen: tuple[str, str, str]) -> None:
        """What `dockerlab doctor` would say there: the isolation, whose IDs, why no better one."""
        name, identity, reason = chosen
        self.chosen[isolation] = f"`{name}`" + (f", {identity}" if name != "none" else "")
        if reason:
            self.why[isolation] = reason

    def miss(self, isolation: str, why: str) -> None:
        """There is no such place here."""
        self.chosen[isolation], self.why[isolation] = NOT_HERE, why

    def lines(self) -> list[str]:
        """As Markdown that is aligned for a terminal too."""
        names = [name for name in ISOLATIONS if name in self.rows or name in self.chosen]
        rooms = sorted({room for row in self.rows.values() for room in row})
        heads = ["isolation", "chosen", *rooms]
        return _aligned([heads, *([ISOLATIONS[name].title, self.chosen.get(name, ""), *self._cells(name, rooms)] for name in names)])

    def _cells(self, name: str, rooms: Sequence[str]) -> Iterator[str]:
        for room in rooms:
            counts = self.rows.get(name, {}).get(room)
            yield _short(counts) if counts else "–"

    def reasons(self) -> list[str]:
        """Why a row is not here, and why tests were skipped, or which failed, in every row but the run's own, which pytest tells itself."""
        rows = {name: row for name, row in self.rows.items() if name != self.own}
        return [f"- {ISOLATIONS[name].title}: {self.why[name]}" for name, chosen in self.chosen.items() if chosen == NOT_HERE] + [
            f"- {ISOLATIONS[name].title}, {room}: {n} × {reason}"
            for name, row in rows.items()
            for room, counts in row.items()
            for reason, n in counts.reasons.items()
        ]

    def page(self) -> str:
        """docs/isolations.md."""
        chosen = "\n".join(f"- {ISOLATIONS[name].title}: {why}" for name, why in self.why.items() if self.chosen[name] != NOT_HERE)
        skipped = "\n".join(self.reasons())
        return PAGE.format(
            date=time.strftime("%Y-%m-%d"), table="\n".join(self.lines()), chosen=chosen or "nothing", skipped=skipped or "nothing"
        )


TABLE = Table()
"""Of this run."""


def _short(counts: Counts) -> str:
    told = f"{counts.passed} ({counts.skipped})" if counts.skipped else str(counts.passed)
    return told + (f" and {counts.failed} failed" if counts.failed else "")


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    head, *others = [f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |" for row in rows]
    return [head, f"|{'|'.join('-' * (width + 2) for width in widths)}|", *others]
