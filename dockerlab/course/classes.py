"""A class of submissions: which student each is of, graded side by side, each in a process of its own, so that none can harm the next.

find([Path("submitted")])            → the notebooks below, one a student and assignment
grade_class(paths, jobs=2)           → Graded(student, assignment, report or the reason why there is none), in the order of the paths
"""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

from dockerlab.course.bases import BaseChangedError, BaseImages, clear
from dockerlab.course.grading import GradeReport, Submission, grade
from dockerlab.data import dataclass
from dockerlab.errors import DockerlabError, NotFoundError

Json = dict[str, Any]


@dataclass(frozen=True)
class Graded:
    """One submission: what it is worth, or why that can't be said (`error`)."""

    path: Path
    student: str
    assignment: str
    report: GradeReport | None = None
    error: str = ""

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


def student_of(path: Path, assignment: str) -> str:
    """Whose a submission is: nbgrader's `submitted/STUDENT/ASSIGNMENT/…`, else the file's own name, or its folder's where that says only which lab it is."""
    path = path.resolve()
    if path.parent.name == assignment and path.parent.parent.name:
        return path.parent.parent.name
    return path.stem if path.stem != assignment else path.parent.name


def grade_one(path: Path, language: str = "", bases: BaseImages | None = None) -> Graded:
    """Grade one, whatever it is: what is wrong with it is its own matter. What found the class's base images changed is graded again, above its own."""
    try:
        assignment = Submission.read(path).lab
    except DockerlabError as error:
        return Graded(path, student_of(path, path.stem), path.stem, error=error.message)
    student = student_of(path, assignment)
    try:
        try:
            report = grade(path, language, bases)
        except BaseChangedError:
            if bases is None or bases.untouched():  # those were its own alone
                raise
            report = grade(path, language, bases)
        return Graded(path, student, assignment, report)
    except DockerlabError as error:
        return Graded(path, student, assignment, error=error.message)
    except Exception as error:  # a submission that breaks the grader costs its own points
        return Graded(path, student, assignment, error=f"{type(error).__name__}: {error}")


def grade_class(
    paths: Sequence[Path], language: str = "", *, jobs: int = 1, done: Callable[[Graded], None] = lambda one: None
) -> Iterator[Graded]:
    """Grade them, so many at a time; in their order. `done` hears of each as it is graded. An interrupt ends those that are at work."""
    scratch = Path(tempfile.mkdtemp(prefix="dockerlab-class-"))
    try:
        bases = None
        with suppress(DockerlabError):  # each submission will meet it, and tell
            bases = BaseImages.copied(scratch / "bases") if len(paths) > 1 else None
        yield from _graded(paths, language, jobs, done, bases)
    finally:
        clear(scratch)


def _graded(paths: Sequence[Path], language: str, jobs: int, done: Callable[[Graded], None], bases: BaseImages | None) -> Iterator[Graded]:
    # a fresh process for each: what a submission's checks loaded, or broke, is gone with it
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        asked: dict[Future[Graded], Path] = {pool.submit(grade_one, path, language, bases): path for path in paths}
        found: dict[Path, Graded] = {}
        waiting = set(asked)
        try:
            while waiting:
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for one in ready:
                    path = asked[one]
                    try:
                        found[path] = one.result()
                    except Exception as error:  # its process was killed
                        found[path] = Graded(path, student_of(path, path.stem), path.stem, error=f"its grading was killed: {error}")
                    done(found[path])
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    yield from (found[path] for path in paths)


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
