"""A submission's answers in the instructor's notebook, whatever has become of their cells: copied, split, retyped, deleted, turned into text, moved.

    repaired(pristine, submission) → Repaired(notebook, answers={"layers-1-answer": ("…",)}, repairs=(Repair("copied", "layers-1-answer", {"en": …}),))

The notebook is the instructor's in everything but its answers, each of which may be several cells, run in their order. A cell is known by nbgrader's name for it, else
by Jupyter's, else by what it says. A cell of the student's own counts as a part of the answer that it stands beside; one that stands elsewhere is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from dockerlab.course.material import grader
from dockerlab.course.release import CODE_STUB, TEXT_STUB, released
from dockerlab.course.saying import Text, filled, say
from dockerlab.data import dataclass

Json = dict[str, Any]
_TELLING = 6  # characters of a line by which an answer is found again


@dataclass(frozen=True)
class Repair:
    """What was put right in a cell, and how it is told."""

    kind: str
    cell: str
    text: Text


@dataclass(frozen=True)
class Repaired:
    """The notebook that is run; the cells of each answer, by nbgrader's name; what had to be put right."""

    notebook: Json
    answers: dict[str, tuple[str, ...]]
    repairs: tuple[Repair, ...]


_SAID = {
    "copied": say(
        "the cell {cell} was there more than once; all that was written in its copies was run, in order",
        "{cell} 셀이 여러 개 있었습니다. 복사본에 적은 내용을 모두 순서대로 실행했습니다",
    ),
    "unmarked": say(
        "the cell {cell} had lost its marks and was found again", "{cell} 셀의 표시가 지워져 있어서 내용과 위치를 보고 다시 찾았습니다"
    ),
    "joined": say(
        "cells that were added beside {cell} were run as a part of the answer", "{cell} 셀 옆에 추가한 셀을 답의 일부로 함께 실행했습니다"
    ),
    "deleted": say("the cell {cell} had been deleted and was put back", "{cell} 셀이 지워져 있어서 되돌려 놓았습니다"),
    "unanswered": say(
        "the answer {cell} had been deleted and counts as not answered", "{cell} 답이 지워져 있어서 답하지 않은 것으로 처리했습니다"
    ),
    "edited": say("the locked cell {cell} had been changed and was restored", "잠긴 {cell} 셀이 바뀌어 있어서 원래대로 되돌렸습니다"),
    "type": say(
        "the cell {cell} had become one of another kind and was changed back", "{cell} 셀의 종류가 바뀌어 있어서 원래 종류로 되돌렸습니다"
    ),
    "moved": say(
        "cells had been moved; they were run in the order of the assignment", "셀의 순서가 바뀌어 있어서 과제의 순서대로 실행했습니다"
    ),
    "left out": say(
        "cells that were added elsewhere than beside an answer were not run", "답 옆이 아닌 곳에 추가한 셀은 실행하지 않았습니다"
    ),
}


def repaired(pristine: Json, submission: Json) -> Repaired:
    """The submission's answers in the instructor's notebook."""
    return _Repair(pristine, submission).made()


class _Seen:
    """One cell of the submission, and the number of the pristine one that it is, if any."""

    def __init__(self, cell: Json, place: int | None) -> None:
        self.cell, self.place = cell, place

    @property
    def source(self) -> str:
        return str(self.cell["source"])


class _Repair:
    def __init__(self, pristine: Json, submission: Json) -> None:
        self._pristine = pristine
        self._cells: list[Json] = pristine["cells"]
        self._handed: list[str] = [cell["source"] for cell in released(pristine)["cells"]]
        self._answers = [at for at, cell in enumerate(self._cells) if grader(cell).get("solution")]
        self._seen = self._aligned(submission["cells"])
        self._repairs: list[Repair] = []

    def made(self) -> Repaired:
        """Answers first: what is found again is no longer missing."""
        pieces = self._pieces()
        self._tell_of_locked_cells()
        names = {at: self._name(at) for at in self._answers}
        cells = [one for at, cell in enumerate(self._cells) for one in (self._filled(cell, pieces[at]) if at in pieces else [cell])]
        answers = {names[at]: tuple(found) for at, found in pieces.items()}
        order = {self._name(at): at for at in range(len(self._cells))}
        repairs = sorted(self._repairs, key=lambda one: order.get(one.cell, len(order)))
        return Repaired({**self._pristine, "cells": cells}, answers, tuple(repairs))

    def _name(self, at: int) -> str:
        return str(grader(self._cells[at]).get("grade_id", ""))

    def _say(self, kind: str, at: int | None = None) -> None:
        name = "" if at is None else self._name(at)
        one = Repair(kind, name, filled(_SAID[kind], cell=name))
        if one not in self._repairs:
            self._repairs.append(one)

    # --- which cell is which

    def _aligned(self, cells: Iterable[Json]) -> list[_Seen]:
        names = {self._name(at): at for at in range(len(self._cells)) if grader(self._cells[at])}
        identifiers = {str(cell["id"]): at for at, cell in enumerate(self._cells) if cell.get("id")}
        texts: dict[str, list[int]] = {}
        for at, text in enumerate(self._handed):
            if at not in self._answers and text.strip():
                texts.setdefault(text.strip(), []).append(at)
        seen = []
        for cell in cells:
            place = names.get(str(grader(cell).get("grade_id")), identifiers.get(str(cell.get("id"))))
            if place is None and (same := texts.get(cell["source"].strip())):
                place = same.pop(0) if len(same) > 1 else same[0]
            seen.append(_Seen(cell, place))
        return seen

    # --- answers

    def _pieces(self) -> dict[int, list[str]]:
        """For each answer what the student wrote there, a text for each cell; its own, if nothing was found, is the empty one."""
        found: dict[int, list[_Seen]] = {at: [] for at in self._answers}
        for one in self._seen:
            if one.place in found:
                found[one.place].append(one)
        missing = [at for at in self._answers if not found[at]]
        groups = list(self._groups())
        for before, own, after in groups:
            lost = [at for at in missing if before < at < after and not found[at]]
            mine = [one for one in own if lost and one.cell["cell_type"] == self._cells[lost[0]]["cell_type"]]
            if len(mine) < len(lost):
                continue  # which of them it is can't be told by its place
            for number, at in enumerate(lost):
                found[at] = mine[number:] if at == lost[-1] else mine[number : number + 1]
            own[:] = [one for one in own if not any(one in found[at] for at in lost)]
        for at in missing:
            if not found[at]:
                found[at] = [one for _, own, _ in groups for one in own if self._says_so(one.source, at)]
                for _, own, _ in groups:
                    own[:] = [one for one in own if one not in found[at]]
        for before, own, after in groups:
            code = [one for one in own if one.cell["cell_type"] == "code"]
            if before in found:
                found[before] += code
            elif after in found:
                found[after][:0] = code
            elif code:
                self._say("left out")
        return {at: self._written(at, cells) for at, cells in found.items()}

    def _groups(self) -> Iterator[tuple[int, list[_Seen], int]]:
        """Each row of the student's own cells, with the numbers of the pristine ones around it."""
        ends = [-1, *(at for at, one in enumerate(self._seen) if one.place is not None), len(self._seen)]
        for first, last in pairwise(ends):
            own = [one for one in self._seen[first + 1 : last] if one.source.strip()]
            before = -1 if first < 0 else self._seen[first].place or 0
            after = len(self._cells) if last == len(self._seen) else self._seen[last].place or 0
            if any(one.cell["cell_type"] == "code" for one in own) or any(before < at < after for at in self._answers):
                yield before, own, after

    def _says_so(self, text: str, at: int) -> bool:
        """Whether a cell still says what the answer was handed out with, apart from the place that is to be filled."""
        handed = self._handed[at].replace(TEXT_STUB, "")
        for line in CODE_STUB.split("\n"):
            handed = handed.replace(line, "")
        lines = [line for line in map(str.strip, handed.split("\n")) if len(line) >= _TELLING]
        return bool(lines) and 2 * sum(line in text for line in lines) >= len(lines)

    def _written(self, at: int, cells: list[_Seen]) -> list[str]:
        """What stands in an answer's cells, and what is to be told of them."""
        if not cells:
            self._say("unanswered", at)
            return [""]
        own = [one for one in cells if one.place == at]
        if not own or any(self._name(at) != grader(one.cell).get("grade_id") for one in own):
            self._say("unmarked", at)
        if own and len(own) < len(cells):
            self._say("joined", at)
        if len(own) > 1:
            self._say("copied", at)
        if any(one.cell["cell_type"] != self._cells[at]["cell_type"] for one in own):
            self._say("type", at)
        texts = list(dict.fromkeys(one.source for one in cells))
        changed = [text for text in texts if text.strip() != self._handed[at].strip()]
        return changed or texts[:1]

    @staticmethod
    def _filled(cell: Json, texts: list[str]) -> list[Json]:
        if cell["cell_type"] != "code":
            return [{**cell, "source": "\n\n".join(texts)}]
        return [
            {**cell, "source": text, **({"id": f"{cell['id']}-{number}"} if number and "id" in cell else {})}
            for number, text in enumerate(texts)
        ]

    # --- everything else

    def _tell_of_locked_cells(self) -> None:
        places: dict[int, list[str]] = {}
        for one in self._seen:
            if one.place is not None:
                places.setdefault(one.place, []).append(one.source)
        for at, cell in enumerate(self._cells):
            mark = grader(cell)
            if not mark or mark.get("solution") or not (mark.get("locked") or mark.get("grade") or mark.get("task")):
                continue
            expected = {self._handed[at].strip(), cell["source"].strip()}
            if at not in places:
                self._say("deleted", at)
            elif any(text.strip() not in expected for text in places[at]):
                self._say("edited", at)
        marked = [one.place for one in self._seen if one.place is not None and grader(self._cells[one.place])]
        first = list(dict.fromkeys(marked))
        if first != sorted(first):
            self._say("moved")
