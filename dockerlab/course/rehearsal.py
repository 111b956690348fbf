"""An assignment played once for its whole class, without any answers: what the instructor's own cells build is the same for everybody, and is built once.

Only what learners have been given is played, so what it leaves is no secret: its layers go into the class's base store, and its records into the build cache
that each submission's store begins with. A cell is run for each submission all the same; it finds its steps in the cache, as on the second day of a course.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from dockerlab.course import material, surroundings
from dockerlab.course.assignments import Assignment
from dockerlab.course.bases import BaseImages, clear, marked
from dockerlab.course.execution import GIVEN, Playing, turns_of
from dockerlab.course.exercises import exercises_of
from dockerlab.course.grading import Request, plan_of
from dockerlab.course.release import released
from dockerlab.course.room.cells import Kernel
from dockerlab.course.room.room import Room
from dockerlab.data import dataclass, replace
from dockerlab.store import Store


@dataclass(frozen=True)
class Rehearsal:
    """What is to be played, and the folder where its build cache is kept."""

    request: Request
    assignment: Assignment
    kept: Path


def rehearse(rehearsal: Rehearsal) -> bool:
    """Play it; whether anything came of it. In a process that is good for nothing else, before any submission is looked at."""
    request = rehearsal.request
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir("/")
    scratch = Path(tempfile.mkdtemp(prefix="dockerlab-grade-")).resolve()
    try:
        for name in ("work", "home", "tmp"):
            (scratch / name).mkdir()
        store = Store.open(scratch / "store", bases="")
        with Room(plan_of(request, scratch, request.bases), request.allowance) as room:
            if not room.identity or request.bases is None:
                return False
            handed_out = released(material.read(rehearsal.assignment.path))
            turns = [turn for turn in turns_of(handed_out, exercises_of(handed_out)) if turn.role == GIVEN]
            surroundings.bring_files(rehearsal.assignment, rehearsal.assignment.path, scratch / "work")
            environment = surroundings.of_kernel(request.environment, room.inside, rehearsal.assignment.language, None, room.given("bases"))
            kernel = Kernel(room, "work", environment)
            try:
                Playing(room, kernel, request.allowance).play(turns)
            finally:
                kernel.close()
        for diff_id in store.layers.all():
            _moved(store.layers.tree(diff_id).parent, request.bases.folder / "layers")
        shutil.copytree(store.home / "cache", rehearsal.kept)
        return True
    finally:
        clear(scratch)


def _moved(layer: Path, to: Path) -> None:
    if not (to / layer.name).exists():
        shutil.move(layer, to / layer.name)


def grown(bases: BaseImages) -> BaseImages:
    """The base images with what rehearsals have put beside them."""
    return replace(bases, mark=marked(bases.folder))
