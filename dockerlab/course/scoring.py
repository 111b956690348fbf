"""What a test cell is worth: as nbgrader counts (nbgrader 0.9: utils.determine_grade).

An error or a word on standard error is worth nothing. A number as the cell's value is so many points; any other value, and none, is all of them.
Where nbgrader stops with an error of its own (more points than there are), the cell is worth nothing, and the report says why.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dockerlab.course.exercises import HAND, Exercise
from dockerlab.course.material import grader
from dockerlab.course.saying import Text, filled, same, say
from dockerlab.course.verdict import Finding, Verdict
from dockerlab.data import dataclass

if TYPE_CHECKING:
    from dockerlab.course.room.cells import Ran

Json = dict[str, Any]
_TESTS = say("the tests in cell {name}", "{name} 셀의 테스트")
_NO_ERROR = say("no error", "오류 없음")
_UNSEEN = say("a hidden check did not pass", "비공개 채점 항목을 통과하지 못했습니다")
_ONLY_UNSEEN = say("the public checks passed, a hidden one did not", "공개 채점 항목은 통과했지만 비공개 채점 항목은 통과하지 못했습니다")
_LATE = say("it had not ended when its time was over", "제한 시간 안에 끝나지 않았습니다")
_DEAD = say("the kernel ended while it ran", "실행하는 동안 커널이 종료되었습니다")
_EMPTY = say("not answered", "답이 없습니다")
_NOT_RUN = say("it was not run", "실행되지 않았습니다")
_STDERR = say("something was written to standard error", "표준 오류에 출력이 있었습니다")
_TOO_MANY = say(
    "the cell gave {n} points, more than it has: tell your instructor", "셀이 배점보다 많은 {n}점을 주었습니다. 담당 교수에게 알려 주십시오"
)
_LINE = r"Cell In\s*\[{count}\], line (\d+)"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Score:
    """What a cell gave: points, or all of them (`points` is None and `whole`), and what was seen where that was not all. `findings`: its own report."""

    points: float | None
    whole: bool = True
    seen: Text | None = None
    findings: tuple[Finding, ...] = ()

    def verdict(self, exercise: Exercise, language: str) -> Verdict:
        """As of any other exercise."""
        given = exercise.points if self.points is None and self.whole else self.points or 0.0
        findings = self.findings or (
            Finding(
                filled(_TESTS, name=exercise.name)[language],
                self.whole,
                "" if self.seen is None else self.seen[language],
                "" if self.whole else _NO_ERROR[language] if self.points is None else f"{exercise.points:g}",
            ),
        )
        return Verdict(exercise.name, language, exercise.points, findings, given=given)


def score_of_cell(ran: Ran | None, exercise: Exercise) -> Score:
    """By what a cell put out in a kernel; None: it was not run."""
    if ran is None or ran.status != "ok":
        why = _NOT_RUN if ran is None else {"late": _LATE, "deaf": _LATE, "dead": _DEAD}.get(ran.status)
        return Score(None, False, why) if ran is None or why else _error_of(ran, exercise)
    for output in ran.outputs:
        if output["output_type"] == "error":
            return _error_of(ran, exercise)
        if output["output_type"] == "stream" and output["name"] == "stderr":
            return Score(None, False, _STDERR)
        if output["output_type"] == "execute_result":
            return _partial("".join(output["data"].get("text/plain", "")), exercise)
    return Score(None)


def score_of_value(value: object, exercise: Exercise) -> Score:
    """By the value of a cell's last expression, outside a kernel."""
    return Score(None) if value is None else _partial(repr(value), exercise)


def _partial(text: str, exercise: Exercise) -> Score:
    try:
        points = float(text)
    except ValueError:
        return Score(None)
    if points > exercise.points:
        return Score(None, False, filled(_TOO_MANY, n=f"{points:g}"))
    # nbgrader: a negative number, and NaN, are strange, and full marks
    return Score(points, points == exercise.points, same(f"{points:g}")) if points >= 0 else Score(None)


def _error_of(ran: Ran, exercise: Exercise) -> Score:
    """An error whose place is a hidden line, or can't be told from one, is told without its words."""
    line = _line(ran)
    if exercise.hidden and (line == 0 or line in exercise.hidden):
        return Score(None, False, _ONLY_UNSEEN if line else _UNSEEN)
    return Score(None, False, same(ran.error))


def failed(error: BaseException, exercise: Exercise) -> Score:
    """The same outside a kernel."""
    lines = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == exercise.name:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    if exercise.hidden and (not lines or set(lines) & set(exercise.hidden)):
        return Score(None, False, _ONLY_UNSEEN if lines else _UNSEEN)
    return Score(None, False, same(f"{type(error).__name__}: {error}".strip().removesuffix(":").split("\n")[0][:500]))


def _line(ran: Ran) -> int:
    """The line of the cell itself at which it ended; 0 if that can't be told."""
    text = "\n".join(line for output in ran.outputs if output["output_type"] == "error" for line in output["traceback"])
    found = re.findall(_LINE.format(count=ran.count), _ANSI.sub("", text))
    return int(found[0]) if found else 0


def unanswered(exercises: Sequence[Exercise], answers: dict[str, tuple[str, ...]], handed_out: Json, language: str) -> dict[str, Verdict]:
    """What a person would grade, but which nobody has answered: the cell says what was handed out, so it is worth nothing. (A task has no cell of its own.)"""
    given = {grader(cell).get("grade_id"): cell["source"] for cell in handed_out["cells"] if grader(cell).get("solution")}
    text = _EMPTY[language]
    return {
        one.name: Verdict(one.name, language, one.points, (Finding(text, False),), given=0.0)
        for one in exercises
        if one.kind == HAND and one.name in given and {text.strip() for text in answers.get(one.name, ())} <= {given[one.name].strip(), ""}
    }
