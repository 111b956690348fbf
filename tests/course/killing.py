"""How many of an exercise's mutants its check finds out: counted exercise by exercise, told at the end of a run, kept in docs/mutants.md."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from tests.course.classroom import Classroom
from tests.course.mutants import mutants

AT_LEAST = 0.95
"""Of all mutants so many must be found out."""
PAGE = """# Mutants

Each exercise's solution goes slightly wrong in every way that `tests/course/mutants.py` knows: an instruction, a line or a flag is left out, moved, or altered. Such a mutant is *killed* if the check does
not give all points. A mutant that leaves the very images, containers and files of the solution
(the Dockerfile's own text apart) is not wrong, and counts as *the same*. Of the others at least 95 % must be killed, in each lab; below the table stands what lived.

    scripts/mutants --report docs/mutants.md             # all labs, which takes long; .ci/full does it
    scripts/mutants --report docs/mutants.md layers      # the rows of one lab anew

{table}

## What lived

{lived}
"""
HEAD = ("exercise", "made", "the same", "killed", "rate", "on")


@dataclass
class Count:
    """The mutants of one exercise: how many were made, which of them passed though they are not the solution."""

    exercise: str
    made: int = 0
    same: int = 0
    killed: int = 0
    lived: list[str] = field(default_factory=list)

    @property
    def rate(self) -> str:
        """Of those that are wrong, in per cent."""
        return f"{100 * self.killed / (self.killed + len(self.lived)):.0f} %" if self.killed + len(self.lived) else "–"


def count(room: Classroom, exercise: str, every: int = 1) -> Count:
    """Try every so-manieth mutant; one that never ends by itself is found out by whoever waits."""
    found, kept = Count(exercise), []

    def look(here: Classroom) -> Any:
        kept.append(here.artefacts())

    room.go_to(exercise)
    assert room.answer(exercise, room.solution(exercise), look=look).passed
    for what, cell in islice(mutants(room.solution(exercise)), 0, None, every):
        verdict = room.answer(exercise, cell, look=look)
        found.made += 1
        if not verdict.passed or room.last.endless:
            found.killed += 1
        elif kept.pop() == kept[0]:
            found.same += 1
        else:
            found.lived.append(what)
        del kept[1:]
    return found


COUNTED: list[Count] = []
"""In this run, in order."""


def rows(counts: list[Count]) -> list[tuple[str, ...]]:
    """A row of the table for each."""
    today = time.strftime("%Y-%m-%d")
    return [(one.exercise, str(one.made), str(one.same), str(one.killed), one.rate, today) for one in counts]


def lines(table: list[tuple[str, ...]]) -> list[str]:
    """As Markdown that is aligned for a terminal too; with the sum."""
    made, same, killed = (sum(int(row[column]) for row in table) for column in (1, 2, 3))
    whole = ("all", str(made), str(same), str(killed), f"{100 * killed / (made - same):.1f} %" if made - same else "–", "")
    shown = [HEAD, *table, whole]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    head, *others = [f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |" for row in shown]
    return [head, f"|{'|'.join('-' * (width + 2) for width in widths)}|", *others]


def write(path: Path, counts: list[Count], order: list[str]) -> None:
    """The page anew: rows of this run take the place of their exercises' old ones, the others stay; in the order of the course."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    table = {row[0]: tuple(row) for row in (_cells(line) for line in old.splitlines()) if len(row) == len(HEAD)}
    table |= {row[0]: row for row in rows(counts)}
    lived = dict.fromkeys(re.findall(r"(?m)^- ([\w-]+: .+)$", old))
    now = {one.exercise for one in counts}
    lived = {line: None for line in lived if line.split(":")[0] not in now} | {
        f"{one.exercise}: {what}": None for one in counts for what in one.lived
    }
    known = [table[name] for name in order if name in table]
    told = "\n".join(f"- {line}" for name in order for line in lived if line.split(":")[0] == name)
    path.write_text(PAGE.format(table="\n".join(lines(known)), lived=told or "Nothing."), encoding="utf-8")


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("| ") else []
