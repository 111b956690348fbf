"""A class of the layers lab, graded by `dockerlab grade` on two cores and by `nbgrader autograde`: the same notebooks, on the same machine, in turn.

nbgrader has one store, where what a student has built is in the build cache for the next one; ours has a fresh one for each.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from dockerlab.course.labs import USUAL
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.store import Store
from tests.benchmarks.rows import OURS, ROOT

CLASS_GOAL = 0.20
LAB = "layers"


def class_times(folder: Path, count: int, runs: int) -> Iterator[tuple[float, float]]:
    """(nbgrader's seconds, ours) of each run for so many submissions."""
    home = folder / "home"
    engine = EmbeddedEngine(Store.open(home))
    for name in USUAL:
        engine.resolve_name(name)
    engine.close()
    for number in range(runs):
        course = folder / f"course-{number}"
        shutil.copytree(ROOT / "labs/source" / LAB, course / "source" / LAB)
        shutil.copy(ROOT / "labs/nbgrader_config.py", course)
        for student in range(count):
            shutil.copytree(course / "source" / LAB, course / f"submitted/student-{student:03}" / LAB)
        theirs = folder / f"home-{number}"
        subprocess.run(["cp", "-a", str(home), str(theirs)], check=True)
        _timed(course, theirs, sys.executable, "-m", "nbgrader", "generate_assignment", LAB)
        yield (
            _timed(course, theirs, sys.executable, "-m", "nbgrader", "autograde", LAB),
            _timed(course, home, *OURS, "grade", "submitted", "--jobs", "3", "--json"),  # what waits for a disk leaves a core to another
        )


def _timed(course: Path, home: Path, *words: str) -> float:
    # nbgrader calls alembic by its name
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "DOCKERLAB_HOME": str(home),
        "DOCKERLAB_BASES": "catalogue",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    os.sync()
    began = time.perf_counter()
    subprocess.run(words, cwd=course, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began
