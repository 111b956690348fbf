"""Grading from outside the student's kernel.

The answers of a submission are put into the instructor's own notebook, whose cells run in a room (room/), in a fresh store and a scratch folder. Then the
kernel is gone, and the checks read, in a process that ran none of it, what it left: images, layers, containers. A notebook that edits a check's cell or prints
points gains nothing, since nothing of all that is looked at. What an instructor's own cells ask of Python values is asked in the kernel, since it can be asked
nowhere else: their text comes only when it is their turn.

Where a room has no walls the kernel runs as whoever grades, on a copy of this package (guard.py). Against a submission that attacks the machine itself, grade as a
user, or on a machine, that has nothing to lose.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from dockerlab.course import material, surroundings
from dockerlab.course.assignments import Assignment, assignment_of
from dockerlab.course.checks import all_checks
from dockerlab.course.execution import Played, Playing, turns_of
from dockerlab.course.exercises import APART, CELL, CHECK, Exercise, exercises_of
from dockerlab.course.guard import PACKAGE, Watch, copy_package
from dockerlab.course.judging import Task
from dockerlab.course.release import released
from dockerlab.course.repair import repaired
from dockerlab.course.report import GradeReport
from dockerlab.course.room.allowance import Allowance
from dockerlab.course.room.walls import Plan
from dockerlab.course.scoring import score_of_cell, unanswered
from dockerlab.course.verdict import Verdict
from dockerlab.data import dataclass
from dockerlab.errors import DockerlabError
from dockerlab.layers import copy_tree
from dockerlab.oci import Reference
from dockerlab.store import Image, Store

Json = dict[str, Any]
BASES = ("busybox", "nginx")
"""The images that the labs begin with; a fresh store gets them before the kernel starts."""


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
    """One submission that is to be graded, and how. `hidden`: what its cells may not see; `here` and `environment` are those of whoever asks."""

    path: Path
    language: str
    course: Path | None
    allowance: Allowance
    hidden: tuple[Path, ...]
    here: Path
    environment: dict[str, str]

    @classmethod
    def of(
        cls, path: Path, language: str = "", course: Path | None = None, allowance: Allowance | None = None, hidden: tuple[Path, ...] = ()
    ) -> Request:
        """With this process's environment; what lies at `hidden` is hidden, and the submission itself, the labs and the course."""
        course = course.absolute() if course else None
        concealed = surroundings.hidden(course, (path, *hidden))
        return cls(path.absolute(), language, course, allowance or Allowance(), concealed, Path.cwd(), dict(os.environ))


Bases = dict[str, tuple[Image, bytes]]
"""Each base image with its configuration's bytes."""


def prepare_store(home: Path) -> Bases:
    """A fresh store with the base images, copied from the user's own, where they are composed on first use."""
    from dockerlab.engine.embedded import EmbeddedEngine

    own, fresh, bases = EmbeddedEngine(), Store.open(home), {}
    try:
        for name in BASES:
            image = own.store.images.get(own.resolve_name(name))
            for layer in own.store.layers_of(image.config):
                target = home / "layers" / layer.path.name
                if not target.exists():
                    copy_tree(layer.path, target)
            bases[name] = (image, own.store.images.raw(image.id))
    finally:
        own.close()
    name_bases(fresh, bases)
    return bases


def name_bases(store: Store, bases: Bases) -> None:
    """Let each base's name mean the base again: checks compare with it, and a submission may have given the name to something else."""
    for name, (image, raw) in bases.items():
        store.images.add(image.config, raw)
        store.images.tag(image.id, Reference.parse(name))


def grade(path: Path, language: str = "", *, course: Path | None = None, allowance: Allowance | None = None) -> GradeReport:
    """Grade one submission, in a process of its own. DockerlabError if it can't be read or answers no assignment; a cell that fails only costs its points."""
    from dockerlab.course.workers import one

    report: GradeReport = one(grade_here, Request.of(path, language, course, allowance))
    return report


def grade_here(request: Request) -> GradeReport:
    """The same in this process, which should be good for nothing else: it has seen nothing of a submission yet, and ends afterwards."""
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir("/")
    scratch = Path(tempfile.mkdtemp(prefix="dockerlab-grade-")).resolve()
    try:
        return _graded(request, scratch)
    finally:
        _clear(scratch)


def _graded(request: Request, scratch: Path) -> GradeReport:
    from dockerlab.course.room.cells import Kernel
    from dockerlab.course.room.room import Room

    all_checks()  # what judges is loaded before the cells run
    for name in ("work", "home", "tmp"):
        (scratch / name).mkdir()
    plan = Plan(scratch, surroundings.needed(request.here), request.hidden, request.allowance.network)
    watch = code = None
    with Room(plan, request.allowance) as room:  # before anything is read that a kernel, forked from it, might find in its memory
        submission = Submission.read(request.path, request.course)
        assignment = submission.assignment
        language = request.language or assignment.language
        pristine = material.read(assignment.path)
        exercises = exercises_of(pristine)
        # a course of plain Python needs no images
        bases = prepare_store(scratch / "store") if any("dockerlab" in cell["source"] for cell in pristine["cells"]) else {}
        surroundings.bring_files(assignment, request.path, scratch / "work")
        if not room.identity:
            code = copy_package(scratch / "code")
            watch = Watch([PACKAGE, material.labs_folder()])
        kernel = Kernel(room, "work", surroundings.of_kernel(request.environment, room.inside, language, code))
        mended = repaired(pristine, submission.notebook)
        try:
            played = Playing(room, kernel, request.allowance).play(turns_of(mended.notebook, exercises))
        finally:
            kernel.close()
        room.settle()
        if watch:
            watch.finish()
        outside = tuple(one for one in exercises if one.kind in (CHECK, APART))
        task = Task(outside, room.inside / "store", room.inside / "work", language, bases)
        found = room.judge(task) if outside else {"verdicts": {}, "errors": []}
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


def _of_kernel(exercise: Exercise, played: Played, language: str) -> Verdict:
    """What a cell in the kernel said; of what a person grades nothing is said yet."""
    if exercise.kind == CELL:
        return score_of_cell(played.tests.get(exercise.name), exercise).verdict(exercise, language)
    return Verdict(exercise.name, language, exercise.points, manual=True)


def _clear(scratch: Path) -> None:
    from dockerlab.layers import remove_tree

    remove_tree(scratch)
    shutil.rmtree(scratch, ignore_errors=True)
