"""Grading from outside the student's kernel.

The answers of a submission are put into the instructor's own notebook, which runs in a fresh store, above a base store that a class shares (`bases`), and a
scratch folder. Then its kernel is gone, and the
checks read, in this process, what it left: images, layers, containers. A notebook that edits a check's cell or prints points gains nothing, since nothing of
all that is looked at; one that overwrites the checker only overwrites its kernel's copy, or is found out (guard.py), as is one that writes into the base store.

The kernel runs as whoever grades. Against a submission that attacks the machine itself, grade as a user, or on a machine, that has nothing to lose.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from dockerlab.course import material
from dockerlab.course.bases import BaseImages, clear
from dockerlab.course.checks import all_checks, find, verdict
from dockerlab.course.guard import PACKAGE, Watch, copy_package
from dockerlab.course.verdict import Verdict
from dockerlab.data import dataclass
from dockerlab.errors import DockerlabError
from dockerlab.store import Store

Json = dict[str, Any]
CELL_SECONDS = 120


@dataclass(frozen=True)
class GradeReport:
    """What a submission is worth."""

    lab: str
    language: str
    verdicts: tuple[Verdict, ...]
    errors: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        """The sum of the exercises' points."""
        return sum(one.points for one in self.verdicts)

    @property
    def max_points(self) -> float:
        """What a perfect submission gets."""
        return sum(one.max_points for one in self.verdicts)

    def to_json(self) -> Json:
        """The report as JSON."""
        return {
            "lab": self.lab,
            "language": self.language,
            "points": self.points,
            "max_points": self.max_points,
            "exercises": [
                {"name": one.exercise, "points": one.points, "max_points": one.max_points, "passed": one.passed} for one in self.verdicts
            ],
            "errors": list(self.errors),
        }


@dataclass(frozen=True)
class Submission:
    """A notebook that was handed in, and the lab that it answers."""

    path: Path
    notebook: Json
    lab: str
    language: str

    @classmethod
    def read(cls, path: Path) -> Submission:
        """DockerlabError if it can't be read, or answers none of our labs."""
        try:
            notebook = material.read(path)
        except (OSError, ValueError) as error:
            raise DockerlabError(f"{path} can't be read as a notebook: {error}", hint="name the .ipynb file that was handed in") from None
        return cls(path, notebook, *lab_of(notebook, path))

    def transplanted(self) -> Json:
        """The instructor's notebook with these answers."""
        return transplant(material.read(material.source(self.lab, self.language)), self.notebook)


def lab_of(notebook: Json, path: Path) -> tuple[str, str]:
    """(the lab, its language) that a submission answers. DockerlabError if it is none of ours."""
    metadata = notebook.get("metadata")
    about = metadata.get("dockerlab") if isinstance(metadata, dict) else None
    about = about if isinstance(about, dict) else {}
    language = "ko" if about.get("language") == "ko" else "en"
    for name in (about.get("lab"), path.stem):
        if isinstance(name, str) and name in material.names(language):
            return name, language
    raise DockerlabError(f"{path} is no submission of a lab", hint="labs: " + ", ".join(material.names("en")))


def transplant(pristine: Json, submission: Json) -> Json:
    """The instructor's notebook with the submission's answers, and nothing else of it."""
    answers = {
        str(material.grader(cell).get("grade_id")): cell["source"]
        for cell in submission["cells"]
        if cell.get("cell_type") == "code" and material.grader(cell).get("solution")
    }
    cells = []
    for cell in pristine["cells"]:
        about = material.grader(cell)
        if about.get("solution"):
            cell = {**cell, "source": answers.get(about["grade_id"], "")}
        cells.append(cell)
    return {**pristine, "cells": cells}


def run_notebook(notebook: Json, folder: Path, home: Path, bases: BaseImages, language: str, code: Path) -> list[str]:
    """Run every cell in a kernel of its own, which imports `code` and is gone afterwards; the errors that cells ended with. Its store is `home`, above `bases`."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    node = nbformat.from_dict(notebook)
    environment = {
        **os.environ,
        "DOCKERLAB_HOME": str(home),
        "DOCKERLAB_BASE_STORES": str(bases.folder),
        "DOCKERLAB_BASES": "catalogue",
        "DOCKERLAB_LANG": language,
        "PYTHONPATH": os.pathsep.join(part for part in (str(code), os.environ.get("PYTHONPATH", "")) if part),
    }
    # this environment's own kernel, not one of that name in the user's home (jupyter_core.paths)
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    client = NotebookClient(
        node,
        timeout=CELL_SECONDS,
        allow_errors=True,
        interrupt_on_timeout=True,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
        shutdown_kernel="immediate",
    )
    errors = []
    try:
        client.execute(env=environment)
    except (CellTimeoutError, DeadKernelError) as error:
        errors.append(str(error).split("\n")[0])
    for cell in node.cells:
        if "raises-exception" in cell.metadata.get("tags", []):
            continue  # it is meant to fail, or may where an exercise is open
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                errors.append(f"{output.ename}: {output.evalue}".split("\n")[0])
    return errors


def grade(path: Path, language: str = "", bases: BaseImages | None = None) -> GradeReport:
    """Grade one submission, above the base images of its class or a copy of its own. A cell that fails only costs its points.

    DockerlabError if it can't be read or is no submission of a lab; BaseChangedError if the base images were changed meanwhile.
    """
    submission = Submission.read(path)
    chosen = language or submission.language
    merged = submission.transplanted()
    exercises = [about["grade_id"] for cell in merged["cells"] if (about := material.grader(cell)).get("grade")]
    scratch = Path(tempfile.mkdtemp(prefix="dockerlab-grade-"))
    try:
        home, folder = scratch / "store", scratch / "work"
        folder.mkdir()
        Store.open(home, bases="")
        if bases is None or not bases.untouched():
            bases = bases.copied_again(scratch / "bases") if bases else BaseImages.copied(scratch / "bases")
        code = copy_package(scratch / "code")
        all_checks()  # what judges is loaded before the cells run
        watch = Watch([PACKAGE, material.labs_folder()])
        errors = run_notebook(merged, folder, home, bases, chosen, code)
        watch.finish()
        bases.check()
        verdicts = tuple(_judge(exercises, home, folder, chosen, bases, errors))
        bases.check()
        return GradeReport(submission.lab, chosen, verdicts, tuple(errors))
    finally:
        clear(scratch)


def _judge(exercises: list[str], home: Path, folder: Path, language: str, bases: BaseImages, errors: list[str]) -> list[Verdict]:
    """A damaged store is the submission's own doing: it costs the points of the exercises that can't be looked at, and no more."""
    from dockerlab.engine.embedded import EmbeddedEngine

    engine, out = EmbeddedEngine(Store.open(home, bases=str(bases.folder))), []
    try:
        try:
            bases.name_again(engine.store)
        except Exception as error:
            errors.append(f"the store that the cells left is damaged: {type(error).__name__}: {error}")
        for name in exercises:
            try:
                out.append(verdict(name, engine, language, folder))
            except Exception as error:
                errors.append(f"{name} can't be looked at: {type(error).__name__}: {error}")
                out.append(Verdict(name, language, find(name).points))
        return out
    finally:
        try:
            for item in engine.containers(all=True):
                engine.remove(item["Id"], force=True, volumes=True)
        except Exception as error:
            errors.append(f"its containers can't be removed: {type(error).__name__}: {error}")
        engine.close()
