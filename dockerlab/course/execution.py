"""All cells of a notebook, in a room's kernel: whatever one of them does, the next is reached.

A cell whose time is over is interrupted. One that heeds no interrupt, or ends the kernel, costs its own exercise: a new kernel runs the earlier cells of plain Python
again, so that what they defined is there, and goes on behind it. What cells did with `%` or `!` is not repeated, since it lies in the store.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any

from dockerlab.course.exercises import CELL, Exercise, check_named
from dockerlab.course.material import grader
from dockerlab.course.room.allowance import Allowance
from dockerlab.course.room.cells import Kernel, Ran
from dockerlab.course.room.room import Room
from dockerlab.course.saying import Text, filled, say
from dockerlab.data import dataclass
from dockerlab.errors import DockerlabError
from dockerlab.verbs.units import binary_size

Json = dict[str, Any]
RESTARTS = 3
"""So many kernels after the first; what ends them all has had its chance."""
GIVEN, ANSWER, TEST = "given", "answer", "test"
_ONLY_SHOWS = re.compile(r"%{1,2}(predict|compare)\b")
_REPEATED = re.compile(r"\s*%(load_ext|reload_ext|matplotlib|config|autoreload)\b")
_MAGIC = re.compile(r"\s*[%!]|.*\bget_ipython\(\)|\s*\w[\w, ]*=\s*[%!]")


@dataclass(frozen=True)
class Turn:
    """A cell that is to be run; `name` is nbgrader's, or the cell's number. `may_fail`: an error in it is no news."""

    role: str
    name: str
    source: str
    may_fail: bool = False


@dataclass(frozen=True)
class Incident:
    """What happened that a report has to tell. `kind`: "late", "deaf", "dead", "memory", "disk", "processes", "time", "restarts"."""

    kind: str
    cell: str
    text: Text


@dataclass(frozen=True)
class Played:
    """What came of it: the tests by their names (those that were not run are missing), errors in a line each, and what happened."""

    tests: dict[str, Ran]
    errors: tuple[str, ...]
    incidents: tuple[Incident, ...]


_SAID = {
    "late": say("it took longer than {n} seconds and was interrupted", "{n}초가 지나도 끝나지 않아 중단했습니다"),
    "deaf": say(
        "it took longer than {n} seconds, heeded no interrupt and was ended with its kernel",
        "{n}초가 지나도 끝나지 않고 중단 요청에도 응하지 않아 커널과 함께 종료했습니다",
    ),
    "dead": say("it ended the kernel", "커널을 종료시켰습니다"),
    "memory": say("it used more than {n} of memory and was ended", "메모리를 {n}보다 많이 써서 종료했습니다"),
    "disk": say(
        "it wrote more than {n} to the disk; nothing after it was run", "디스크에 {n}보다 많이 써서 그 뒤의 셀은 실행하지 않았습니다"
    ),
    "processes": say("it had more than {n} processes at a time and was ended", "동시에 실행한 프로세스가 {n}개를 넘어 종료했습니다"),
    "time": say(
        "the time for the whole notebook, {n} seconds, was over before it", "노트북 전체의 제한 시간인 {n}초가 이 셀 전에 끝났습니다"
    ),
    "restarts": say("the kernel had ended {n} times; nothing after it was run", "커널이 {n}번 종료되어 그 뒤의 셀은 실행하지 않았습니다"),
}
_GOES_ON = say("; a new kernel went on behind it", ". 새 커널이 그다음 셀부터 이어서 실행했습니다")


def turns_of(notebook: Json, exercises: Sequence[Exercise]) -> list[Turn]:
    """The cells that are run: not what is judged from outside, nor guesses and their outcomes, which leave nothing."""
    tests = {one.name for one in exercises if one.kind == CELL}
    judged = {one.name for one in exercises} - tests
    turns = []
    for number, cell in enumerate(notebook["cells"], 1):
        mark, source = grader(cell), str(cell["source"])
        name, solution = str(mark.get("grade_id") or number), bool(mark.get("solution"))
        if cell["cell_type"] != "code" or not source.strip() or (name in judged and not solution):
            continue
        if not solution and (check_named(source) or _ONLY_SHOWS.match(source)):
            continue
        metadata = cell.get("metadata")
        tags = metadata.get("tags", []) if isinstance(metadata, dict) else []
        role = ANSWER if solution else TEST if name in tests else GIVEN
        turns.append(Turn(role, name, source, role == TEST or "raises-exception" in tags))
    return turns


class Playing:
    """One run through a notebook."""

    def __init__(self, room: Room, kernel: Kernel, allowance: Allowance) -> None:
        self._room, self._kernel, self._allowance = room, kernel, allowance
        self._end = time.monotonic() + allowance.seconds
        self._went_well: list[Turn] = []
        self._tests: dict[str, Ran] = {}
        self._errors: list[str] = []
        self._incidents: list[Incident] = []
        self._restarts = 0

    def play(self, turns: Sequence[Turn]) -> Played:
        """Run them, as far as that goes. DockerlabError if there is no kernel to begin with."""
        if not self._kernel.start():
            raise DockerlabError(
                "the kernel that a submission's cells should run in did not start", hint="dockerlab doctor says what is missing"
            )
        for turn in turns:
            if self._left() <= 0:
                self._happened("time", turn, f"{self._allowance.seconds:g}")
                break
            ran = self._run(turn)
            if turn.role == TEST:
                self._tests[turn.name] = ran
            if not self._heed(turn, ran):
                break
        return Played(self._tests, tuple(self._errors), tuple(self._incidents))

    def _left(self) -> float:
        return self._end - time.monotonic()

    def _run(self, turn: Turn) -> Ran:
        return self._kernel.run(turn.source, min(self._allowance.cell_seconds, max(0.1, self._left())), judges=turn.role == TEST)

    def _heed(self, turn: Turn, ran: Ran) -> bool:
        """Note what happened, and see to it that there is a kernel for the next cell; False if there can't be."""
        if ran.status == "ok":
            self._went_well.append(turn)
            return True
        if ran.status == "error":
            if not turn.may_fail:
                self._errors.append(f"{turn.name}: {ran.error}")
            return True
        over = ran.over or ("memory" if ran.status == "dead" and self._room.out_of_memory() else "")
        kind, limits = over or ran.status, self._allowance
        shown = {"memory": binary_size(limits.memory), "disk": binary_size(limits.disk), "processes": str(limits.processes)}
        number = shown.get(kind, f"{limits.cell_seconds:g}")
        if kind == "late":
            self._errors.append(f"{turn.name}: interrupted after {limits.cell_seconds:g} seconds")
            self._happened(kind, turn, number)
            return True
        self._errors.append(f"{turn.name}: the kernel died" + (f" ({kind})" if over else ""))
        goes_on = kind != "disk" and self._restarts < RESTARTS and self._started_again()
        self._happened(kind, turn, number, _GOES_ON if goes_on else None)
        if not goes_on and kind != "disk":
            self._happened("restarts", turn, str(self._restarts + 1))
        return goes_on

    def _happened(self, kind: str, turn: Turn, number: str, more: Text | None = None) -> None:
        text = filled(_SAID[kind], n=number)
        self._incidents.append(Incident(kind, turn.name, {key: text[key] + (more[key] if more else "") for key in text}))

    def _started_again(self) -> bool:
        """A new kernel, in which what plain Python cells have made is there again."""
        self._restarts += 1
        if not self._kernel.start():
            return False
        for turn in [one for one in self._went_well if one.role != TEST and _is_plain(one.source)]:
            if self._left() <= 0 or self._run(turn).status in ("deaf", "dead"):
                return self._left() <= 0
        return True


def _is_plain(source: str) -> bool:
    """Python, and what sets it up."""
    return all(_REPEATED.match(line) or not _MAGIC.match(line) for line in source.split("\n"))
