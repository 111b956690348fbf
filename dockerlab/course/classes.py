"""A class of submissions: which student each is of, graded side by side, each in a process of its own, so that none can harm the next.

find([Path("submitted")])            → the notebooks below, one a student and assignment
grade_class(paths, jobs=2)           → Graded(student, assignment, report or the reason why there is none), in the order of the paths
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dockerlab.course.assignments import Assignment
from dockerlab.course.grading import Request, Submission, base_images, grade_here, images_for
from dockerlab.course.ledger import Ledger
from dockerlab.course.report import GradeReport
from dockerlab.course.room.allowance import Allowance
from dockerlab.course.workers import Killed, each
from dockerlab.data import dataclass, replace
from dockerlab.errors import DockerlabError, NotFoundError

Json = dict[str, Any]


@dataclass(frozen=True)
class Graded:
    """One submission: what it is worth, or why that can't be said (`error`). `answers` is the assignment, where that is known, `assignment` its name."""

    path: Path
    student: str
    assignment: str
    report: GradeReport | None = None
    error: str = ""
    answers: Assignment | None = None

    def to_json(self) -> Json:
        """As `dockerlab grade --json` prints it."""
        worth = self.report.to_json() if self.report else {"points": 0.0, "max_points": 0.0, "exercises": [], "errors": []}
        return {"notebook": str(self.path), "student": self.student, "assignment": self.assignment, **worth, "error": self.error}


def find(paths: Sequence[Path]) -> list[Path]:
    """The notebooks that are meant: files as they are, folders with all notebooks below, sorted. NotFoundError for what is not there, or holds none."""
    found: list[Path] = []
    for path in paths:
        below = [one for one in sorted(path.rglob("*.ipynb")) if ".ipynb_checkpoints" not in one.parts] if path.is_dir() else [path]
        if not below:
            raise NotFoundError(f"there is no notebook in {path}", hint="name a notebook, or a folder such as nbgrader's submitted")
        found += below
    return list(dict.fromkeys(found))


def student_of(path: Path, assignment: str, notebook: str = "") -> str:
    """Whose a submission is: nbgrader's `submitted/STUDENT/ASSIGNMENT/…`, else the file's own name, or its folder's where that says only which notebook it is."""
    path = path.resolve()
    if path.parent.name == assignment and path.parent.parent.name:
        return path.parent.parent.name
    return path.stem if path.stem not in (assignment, notebook) else path.parent.name


def grade_class(
    paths: Sequence[Path],
    language: str = "",
    *,
    jobs: int = 1,
    course: Path | None = None,
    allowance: Allowance | None = None,
    ledger: Ledger | None = None,
    scheduler: str = "",
    done: Callable[[Graded], None] = lambda one: None,
) -> Iterator[Graded]:
    """Grade them, so many at a time; in their order. `done` hears of each as it is graded. An interrupt ends those that are at work.

    What the `ledger` has already is not graded again; what is new is in it before `done` hears of it. `scheduler`: whose workers grade, instead of processes here.
    """
    found: dict[int, Graded] = {}
    waiting: list[tuple[int, Graded, str]] = []
    for number, path in enumerate(paths):
        graded, key = _named(path, course), ""
        if ledger and graded.answers:
            key = ledger.key(path, graded.answers, language, allowance or Allowance())
            graded = replace(graded, report=ledger.get(key))
        if graded.error or graded.report:
            found[number] = graded
            done(graded)
        else:
            waiting.append((number, graded, key))
    names = dict.fromkeys(name for _, one, _ in waiting if one.answers and not scheduler for name in images_for(one.answers))
    with base_images(tuple(names)) as bases:
        requests = [Request.of(one.path, language, course, allowance, tuple(paths), bases) for _, one, _ in waiting]
        for at, result in _results(requests, [one for _, one, _ in waiting], jobs, scheduler):
            number, graded, key = waiting[at]
            found[number] = _filled(graded, result)
            if ledger and isinstance(result, GradeReport):  # what was killed is tried again
                ledger.add(key, result)
            done(found[number])
    yield from (found[number] for number in range(len(paths)))


def _results(requests: list[Request], named: list[Graded], jobs: int, scheduler: str) -> Iterator[tuple[int, Any]]:
    if not scheduler or not requests:
        return each(grade_here, requests, jobs)
    from dockerlab.course import cluster

    return cluster.each(
        scheduler, [cluster.Parcel.of(one, graded.answers) for one, graded in zip(requests, named, strict=True) if graded.answers]
    )


def _named(path: Path, course: Path | None) -> Graded:
    """Whose it is and what it answers; what is wrong with it is its own matter."""
    try:
        assignment = Submission.read(path, course).assignment
    except DockerlabError as error:
        return Graded(path, student_of(path, path.stem), path.stem, error=error.message)
    return Graded(path, student_of(path, assignment.name, assignment.notebook), assignment.title, answers=assignment)


def _filled(graded: Graded, result: Any) -> Graded:
    if isinstance(result, GradeReport):
        return replace(graded, report=result)
    if isinstance(result, Killed):
        return replace(graded, error=result.why)
    if isinstance(result, DockerlabError):
        return replace(graded, error=result.message)
    return replace(graded, error=f"{type(result).__name__}: {result}")  # a submission that breaks the grader costs its own points


def as_csv(class_: Sequence[Graded]) -> str:
    """A line a submission, a column an exercise."""
    exercises = list(dict.fromkeys(verdict.exercise for one in class_ if one.report for verdict in one.report.verdicts))
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["student", "assignment", "points", "max_points", *exercises, "error"])
    for one in class_:
        worth = {verdict.exercise: f"{verdict.points:g}" for verdict in one.report.verdicts} if one.report else {}
        points = (f"{one.report.points:g}", f"{one.report.max_points:g}") if one.report else ("0", "")
        table.writerow([one.student, one.assignment, *points, *(worth.get(name, "") for name in exercises), one.error])
    return out.getvalue()


def as_json(class_: Sequence[Graded]) -> str:
    """A list, an object a submission."""
    return json.dumps([one.to_json() for one in class_], indent=2, ensure_ascii=False)
