"""A class's points in nbgrader's own gradebook, by nbgrader's own interface: as if `nbgrader autograde` had given them.

What a person has given stays, and is looked at again where the automatic points have changed, as nbgrader has it. What a person has yet to give is marked so.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dockerlab.course.assignments import Assignment, assignments
from dockerlab.course.classes import Graded
from dockerlab.course.material import grader, read
from dockerlab.course.release import released
from dockerlab.course.report import GradeReport
from dockerlab.errors import DockerlabError

Json = dict[str, Any]
_COURSE = "default_course"


def write_gradebook(class_: Sequence[Graded], path: Path, course: Path | None = None) -> int:
    """Write every report into the gradebook, which is made where it is missing; how many. DockerlabError if nbgrader is not installed, or refuses."""
    if find_spec("nbgrader") is None:
        raise DockerlabError("a gradebook is written by nbgrader, which is not installed here", hint="pip install nbgrader")
    from nbgrader.api import Gradebook, InvalidEntry
    from sqlalchemy.exc import SAWarning, SQLAlchemyError

    graded = [one for one in class_ if one.report and one.answers]
    try:
        with warnings.catch_warnings(), programs_beside_python(), Gradebook(f"sqlite:///{path.absolute()}", "") as gradebook:
            warnings.simplefilter("ignore", SAWarning)  # about nbgrader's own ways
            book = _Book(gradebook)
            for assignment in dict.fromkeys(one.answers for one in graded if one.answers):
                for notebook in _notebooks(assignment, course):
                    book.describe(notebook)
            for one in graded:
                book.enter(one)
    except (InvalidEntry, SQLAlchemyError) as error:
        why = str(error).split("\n")[0]
        raise DockerlabError(f"{path} can't be written as a gradebook: {why}", hint="nbgrader db upgrade brings an older one up") from None
    return len(graded)


@contextmanager
def programs_beside_python() -> Iterator[None]:
    """A new gradebook is made by alembic, which nbgrader calls by its name: it lies beside this interpreter, whether or not its environment is an active one."""
    before = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _notebooks(assignment: Assignment, course: Path | None) -> list[Assignment]:
    """All of an assignment's: a submission has a place for each."""
    return [one for one in assignments(course) if one.name == assignment.name] if course else [assignment]


class _Book:
    """nbgrader's gradebook, while it is open."""

    def __init__(self, gradebook: Any) -> None:
        from nbgrader.api import Course, MissingEntry

        self._book, self._missing = gradebook, MissingEntry
        there = gradebook.db.query(Course).first()
        gradebook.course_id = there.id if there else _COURSE
        gradebook.check_course(gradebook.course_id)

    def describe(self, assignment: Assignment) -> None:
        """The assignment, its notebook and its cells, as `nbgrader generate_assignment` enters them; what is there already stays."""
        place = (assignment.notebook, assignment.name)
        self._book.update_or_create_assignment(assignment.name)
        try:
            self._book.find_notebook(*place)
            return
        except self._missing:
            pass
        notebook = released(read(assignment.path))
        self._book.add_notebook(*place, kernelspec=json.dumps(notebook.get("metadata", {}).get("kernelspec", {})))
        for cell in notebook["cells"]:
            mark, kind = grader(cell), cell["cell_type"]
            if not mark:
                continue
            name, locked = mark["grade_id"], not mark.get("solution") and bool(mark.get("grade") or mark.get("locked"))
            if mark.get("grade"):
                self._book.add_grade_cell(name, *place, max_score=float(mark["points"]), cell_type=kind)
            if mark.get("solution"):
                self._book.add_solution_cell(name, *place)
            if mark.get("task"):
                self._book.add_task_cell(name, *place, max_score=float(mark["points"]), cell_type=kind)
            if locked or mark.get("grade") or mark.get("solution") or mark.get("task"):
                self._book.add_source_cell(
                    name, *place, cell_type=kind, locked=locked, source=cell["source"], checksum=mark.get("checksum")
                )

    def enter(self, graded: Graded) -> None:
        """One submission's points, and what was put right in its answers as nbgrader's automatic comments."""
        assignment, report = graded.answers, graded.report
        assert assignment is not None and report is not None
        self._book.update_or_create_student(graded.student)
        written = graded.path.parent / "timestamp.txt"
        when = {"timestamp": written.read_text(encoding="utf-8").strip()} if written.is_file() else {}
        self._book.update_or_create_submission(assignment.name, graded.student, **when)
        for verdict in report.verdicts:
            grade = self._book.find_grade(verdict.exercise, assignment.notebook, assignment.name, graded.student)
            grade.auto_score = None if verdict.manual else verdict.points
            grade.needs_manual_grade = verdict.manual or grade.manual_score is not None
        self._comment(graded, assignment, report)
        self._book.db.commit()

    def _comment(self, graded: Graded, assignment: Assignment, report: GradeReport) -> None:
        said: dict[str, list[str]] = {}
        for one in report.repairs:
            said.setdefault(one.cell, []).append(one.text[report.language])
        for comment in self._book.find_submission_notebook(assignment.notebook, assignment.name, graded.student).comments:
            comment.auto_comment = "\n".join(said.get(comment.name, ())) or None
