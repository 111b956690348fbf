"""Grading from outside the student's kernel.

The answers of a submission are put into the instructor's own notebook, which runs in a fresh store and a scratch folder. Then its kernel is gone, and the
checks read, in this process, what it left: images, layers, containers. A notebook that overwrites the checker, edits a check's cell or prints points gains
nothing, since nothing of all that is looked at.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockerlab.course import material
from dockerlab.course.checks import find, verdict
from dockerlab.course.verdict import Verdict
from dockerlab.errors import DockerlabError
from dockerlab.store import Store

Json = dict[str, Any]
BASES = ("busybox", "nginx")
"""The images that the labs begin with; a fresh store gets them before the kernel starts."""
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


def lab_of(notebook: Json, path: Path) -> tuple[str, str]:
    """(the lab, its language) that a submission answers. DockerlabError if it is none of ours."""
    about = notebook.get("metadata", {}).get("dockerlab") or {}
    language = "ko" if about.get("language") == "ko" else "en"
    for name in (about.get("lab"), path.stem):
        if isinstance(name, str) and name in material.names(language):
            return name, language
    raise DockerlabError(f"{path} is no submission of a lab", hint="labs: " + ", ".join(material.names("en")))


def transplant(pristine: Json, submission: Json) -> Json:
    """The instructor's notebook with the submission's answers, and nothing else of it."""
    answers = {
        material.grader(cell).get("grade_id"): cell.get("source", "")
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


def prepare_store(home: Path) -> None:
    """A fresh store with the base images, copied from the user's own, where they are composed on first use."""
    from dockerlab.engine.embedded import EmbeddedEngine
    from dockerlab.oci import Reference

    own = EmbeddedEngine()
    fresh = Store.open(home)
    for name in BASES:
        image = own.store.images.get(own.resolve_name(name))
        for layer in own.store.layers_of(image.config):
            target = home / "layers" / layer.path.name
            if not target.exists():
                # cp keeps owners, xattrs and hard links, and shares blocks where the file system can
                subprocess.run(["cp", "-a", "--reflink=auto", "--", str(layer.path), str(target)], check=True, capture_output=True)
        fresh.images.add(image.config, own.store.images.raw(image.id))
        fresh.images.tag(image.id, Reference.parse(name))


def run_notebook(notebook: Json, folder: Path, home: Path, language: str) -> list[str]:
    """Run every cell in a kernel of its own, which is gone afterwards; the errors that cells ended with."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    node = nbformat.from_dict(notebook)
    environment = {
        **os.environ,
        "DOCKERLAB_HOME": str(home),
        "DOCKERLAB_BASES": "catalogue",
        "DOCKERLAB_LANG": language,
        "PYTHONPATH": _python_path(),
    }
    client = NotebookClient(
        node,
        timeout=CELL_SECONDS,
        allow_errors=True,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        shutdown_kernel="immediate",
    )
    errors = []
    try:
        client.execute(env=environment)
    except (CellTimeoutError, DeadKernelError) as error:
        errors.append(str(error).split("\n")[0])
    for cell in node.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                errors.append(f"{output.ename}: {output.evalue}".split("\n")[0])
    return errors


def _python_path() -> str:
    """This very package for the kernel, whatever folder it starts in."""
    root = str(Path(__file__).resolve().parent.parent.parent)
    return os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)


def grade(path: Path, language: str = "") -> GradeReport:
    """Grade one submission. DockerlabError if it can't be read or is no submission of a lab; a cell that fails only costs its points."""
    try:
        submission = material.read(path)
    except (OSError, ValueError) as error:
        raise DockerlabError(f"{path} can't be read as a notebook: {error}", hint="name the .ipynb file that was handed in") from None
    lab, written_in = lab_of(submission, path)
    chosen = language or written_in
    merged = transplant(material.read(material.source(lab, written_in)), submission)
    exercises = [about["grade_id"] for cell in merged["cells"] if (about := material.grader(cell)).get("grade")]
    scratch = Path(tempfile.mkdtemp(prefix="dockerlab-grade-"))
    try:
        home, folder = scratch / "store", scratch / "work"
        folder.mkdir()
        prepare_store(home)
        errors = run_notebook(merged, folder, home, chosen)
        return GradeReport(lab, chosen, tuple(_judge(exercises, home, chosen)), tuple(errors))
    finally:
        _clear(scratch)


def _judge(exercises: list[str], home: Path, language: str) -> list[Verdict]:
    from dockerlab.engine.embedded import EmbeddedEngine

    engine = EmbeddedEngine(Store.open(home))
    try:
        return [verdict(name, engine, language) for name in exercises]
    except DockerlabError as error:  # a damaged store is the submission's own doing
        print(f"the submission's store can't be read: {error.message}", file=sys.stderr)
        return [Verdict(name, language, find(name).points) for name in exercises]
    finally:
        for item in engine.containers(all=True):
            engine.remove(item["Id"], force=True, volumes=True)
        engine.close()


def _clear(scratch: Path) -> None:
    from dockerlab.layers import remove_tree

    remove_tree(scratch)
    shutil.rmtree(scratch, ignore_errors=True)
