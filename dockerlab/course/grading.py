"""Grading from outside the student's kernel.

The answers of a submission are put into the instructor's own notebook, whose cells run in a room (room/), in a scratch folder and a fresh store, above a base
store that a class shares (`bases`). Then the kernel is gone, and the checks read, in a process that ran none of it, what it left: images, layers, containers. A notebook that edits a check's cell or prints
points gains nothing, since nothing of all that is looked at. What an instructor's own cells ask of Python values is asked in the kernel, since it can be asked
nowhere else: their text comes only when it is their turn.

Where a room has no walls the kernel runs as whoever grades, on a copy of this package, and what it writes elsewhere is found out (guard.py, `bases`). Against a submission that attacks the machine itself, grade as a
user, or on a machine, that has nothing to lose.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dockerlab.course import material, surroundings
from dockerlab.course.assignments import Assignment, assignment_of
from dockerlab.course.bases import BaseChangedError, BaseImages, clear
from dockerlab.course.checks import all_checks
from dockerlab.course.execution import Played, Playing, turns_of
from dockerlab.course.exercises import APART, CELL, CHECK, Exercise, exercises_of
from dockerlab.course.guard import PACKAGE, Watch, copy_package
from dockerlab.course.judging import Task, judge, prepared
from dockerlab.course.labs import USUAL, all_images, images_of
from dockerlab.course.release import released
from dockerlab.course.repair import repaired
from dockerlab.course.report import GradeReport
from dockerlab.course.room.allowance import Allowance
from dockerlab.course.room.room import Room
from dockerlab.course.room.walls import Plan
from dockerlab.course.scoring import score_of_cell, unanswered
from dockerlab.course.verdict import Verdict
from dockerlab.data import dataclass, replace
from dockerlab.errors import DockerlabError
from dockerlab.runtime.helper.watch import size_of
from dockerlab.store import Store

Json = dict[str, Any]
MOST_KEPT, MOST_KEPT_BYTES = 128, 32 << 20
"""So many rooms' folders, of so many bytes each, wait for the end of their class."""


@dataclass(frozen=True)
class Submission:
    """A notebook that was handed in, and the assignment that it answers."""

    path: Path
    notebook: Json
    assignment: Assignment

    @classmethod
    def read(cls, path: Path, course: Path | None = None) -> Submission:
        """DockerlabError if it can't be read, or answers none of our labs, nor of the course's if one is given."""
        try:
            notebook = material.read(path)
        except (OSError, ValueError) as error:
            raise DockerlabError(f"{path} can't be read as a notebook: {error}", hint="name the .ipynb file that was handed in") from None
        return cls(path, notebook, assignment_of(notebook, path, course))


@dataclass(frozen=True)
class Request:
    """One submission that is to be graded, above these `bases`, and how. `hidden`: what its cells may not see; `machine`: what `probed` found, or nothing; `cache`: what was kept of a rehearsal; `here` and `environment` are those of whoever asks."""

    path: Path
    language: str
    course: Path | None
    allowance: Allowance
    hidden: tuple[Path, ...]
    bases: BaseImages | None
    machine: dict[str, str]
    cache: Path | None
    here: Path
    environment: dict[str, str]

    @classmethod
    def of(
        cls,
        path: Path,
        language: str = "",
        course: Path | None = None,
        allowance: Allowance | None = None,
        hidden: tuple[Path, ...] = (),
        bases: BaseImages | None = None,
    ) -> Request:
        """With this process's environment; what lies at `hidden` is hidden, and the submission itself, the labs and the course."""
        course = course.absolute() if course else None
        concealed = surroundings.hidden(course, (path, *hidden))
        return cls(path.absolute(), language, course, allowance or Allowance(), concealed, bases, {}, None, Path.cwd(), dict(os.environ))


def grade(path: Path, language: str = "", *, course: Path | None = None, allowance: Allowance | None = None) -> GradeReport:
    """Grade one submission, in a process of its own. A cell that fails only costs its points.

    DockerlabError if it can't be read or answers no assignment; BaseChangedError if the base images were changed meanwhile.
    """
    from dockerlab.course.workers import one

    assignment = Submission.read(path, course).assignment
    with base_images(images_for(assignment)) as bases:
        report: GradeReport = one(grade_here, Request.of(path, language, course, allowance, bases=bases))
    return report


def images_for(assignment: Assignment) -> tuple[str, ...]:
    """The base images that an assignment begins with; a course of plain Python needs none."""
    if assignment.bundled:
        return images_of(assignment.name)
    text = "\n".join(cell["source"] for cell in material.read(assignment.path)["cells"])
    return tuple(image for image in all_images() if image in USUAL or image in text) if "dockerlab" in text else ()


@contextmanager
def base_images(names: tuple[str, ...]) -> Iterator[BaseImages | None]:
    """A copy of these for as long as it lasts, to be shared by those who are graded meanwhile."""
    if not names:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="dockerlab-class-"))
    try:
        yield BaseImages.copied(folder / "bases", names=names)
    finally:
        clear(folder)


def grade_here(request: Request) -> GradeReport:
    """The same in this process, which should be good for nothing else: it has seen nothing of a submission or an assignment yet, and ends afterwards.

    What found the class's base images changed is graded again, above its own: another one may have done it.
    """
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir("/")
    all_checks()  # what judges is loaded before the cells run
    try:
        return _graded(request)
    except BaseChangedError:
        return _graded(request, alone=True)


def probed(request: Request) -> dict[str, str]:
    """What each room's store keeps of its machine: the same in each, so that a class finds it out once. Nothing where there are no walls, since paths differ."""
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir("/")
    scratch = Path(tempfile.mkdtemp(prefix="dockerlab-grade-")).resolve()
    try:
        assert request.bases is not None
        Store.open(scratch / "store", bases="")
        with Room(plan_of(request, scratch, request.bases), request.allowance) as room:
            found: dict[str, str] = room.judge(prepared, (room.inside / "store", room.given("bases"))) if room.identity else {}
        return found
    finally:
        clear(scratch)


def plan_of(request: Request, scratch: Path, bases: BaseImages | None) -> Plan:
    """The plan of a room for a submission, in whose place `bases` can be read."""
    given = {"bases": bases.folder} if bases else {}
    return Plan(scratch, surroundings.needed(request.here), request.hidden, given, request.allowance.network)


def _graded(request: Request, *, alone: bool = False) -> GradeReport:
    """`alone`: above a copy of the base images that no other has."""
    scratch = Path(tempfile.mkdtemp(prefix="dockerlab-grade-")).resolve()
    own = report = None
    try:
        bases = request.bases
        if bases and alone:
            own = Path(tempfile.mkdtemp(prefix="dockerlab-bases-"))
            bases = bases.copied_again(own / "bases")
        for name in ("work", "home", "tmp"):
            (scratch / name).mkdir()
        if bases:
            Store.open(scratch / "store", bases="")
            for name, text in request.machine.items():
                (scratch / "store" / name).parent.mkdir(parents=True, exist_ok=True)
                (scratch / "store" / name).write_text(text, encoding="utf-8")
            if request.cache:
                shutil.copytree(request.cache, scratch / "store/cache", dirs_exist_ok=True)
        report = _played(request, scratch, bases)
        return report
    finally:
        if not (report and not report.open and request.bases and _put_away(scratch, request.bases.folder.parent / "done")):
            clear(scratch)
        if own:
            clear(own)


def _put_away(scratch: Path, place: Path) -> bool:
    """Leave a small room's folder for the end of its class: where many files were removed, ext4 is slow to make new ones for some minutes.

    (Linux: fs/ext4/ialloc.c, recently_deleted.) False if it is large, or many lie there already.
    """
    place.mkdir(exist_ok=True)
    top = os.open(scratch, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if len(os.listdir(place)) >= MOST_KEPT or size_of(top, ".") > MOST_KEPT_BYTES:
            return False
    finally:
        os.close(top)
    scratch.rename(place / scratch.name)
    return True


def _played(request: Request, scratch: Path, bases: BaseImages | None) -> GradeReport:
    from dockerlab.course.room.cells import Kernel

    watch = code = None
    # before anything is read that a kernel, forked from it, might find in its memory
    with Room(plan_of(request, scratch, bases), request.allowance) as room:
        submission = Submission.read(request.path, request.course)
        assignment = submission.assignment
        language = request.language or assignment.language
        pristine = material.read(assignment.path)
        exercises = exercises_of(pristine)
        surroundings.bring_files(assignment, request.path, scratch / "work")
        if not room.identity:
            _unchanged(None, bases)
            code = copy_package(scratch / "code")
            watch = Watch([PACKAGE, material.labs_folder()])
        environment = surroundings.of_kernel(request.environment, room.inside, language, code, room.given("bases") if bases else None)
        kernel = Kernel(room, "work", environment)
        mended = repaired(pristine, submission.notebook)
        try:
            played = Playing(room, kernel, request.allowance).play(turns_of(mended.notebook, exercises))
        finally:
            kernel.close()
        room.settle()
        _unchanged(watch, bases if not room.identity else None)
        found = _looked_at(room, exercises, language, bases)
        _unchanged(None, bases if not room.identity else None)
        why = room.why
    looked_at = {name: Verdict.from_json(record) for name, record in found["verdicts"].items()}
    verdicts = [looked_at.get(one.name) or _of_kernel(one, played, language) for one in exercises]
    ends = unanswered(exercises, mended.answers, released(pristine), language)
    return GradeReport(
        assignment.title,
        language,
        tuple(ends.get(one.exercise, one) for one in verdicts),
        errors=(*played.errors, *found["errors"]),
        repairs=mended.repairs,
        incidents=played.incidents,
        open=why,
    )


def _unchanged(watch: Watch | None, bases: BaseImages | None) -> None:
    """Where there are no walls: neither the grader's own files nor the base images were written to."""
    if watch:
        watch.finish()
    if bases:
        bases.check()


def _looked_at(room: Room, exercises: list[Exercise], language: str, bases: BaseImages | None) -> Json:
    """What is judged outside the kernel, by a process that sees what it saw."""
    outside = tuple(one for one in exercises if one.kind in (CHECK, APART))
    if not outside or bases is None:
        return {"verdicts": {}, "errors": []}
    task = Task(outside, room.inside / "store", room.inside / "work", language, replace(bases, folder=room.given("bases")))
    found: Json = room.judge(judge, task)
    return found


def _of_kernel(exercise: Exercise, played: Played, language: str) -> Verdict:
    """What a cell in the kernel said; of what a person grades nothing is said yet."""
    if exercise.kind == CELL:
        return score_of_cell(played.tests.get(exercise.name), exercise).verdict(exercise, language)
    return Verdict(exercise.name, language, exercise.points, manual=True)
