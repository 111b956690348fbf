"""What learners get of an instructor's notebook: no solutions, no hidden tests, locked cells — the same that `nbgrader generate_assignment` makes, byte for byte.

Any notebook with nbgrader's cell metadata will do, not only the bundled labs. (nbgrader 0.9: nbgrader.preprocessors, the defaults of each)
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

from dockerlab.course.assignments import others
from dockerlab.course.authoring import as_text
from dockerlab.course.material import grader, read
from dockerlab.errors import ConflictError, DockerlabError, NotFoundError

Json = dict[str, Any]
CODE_STUB, TEXT_STUB = "# YOUR CODE HERE\nraise NotImplementedError()", "YOUR ANSWER HERE"


class ReleaseError(DockerlabError):
    """A notebook can't be released as it is; the message names the cell."""


def released(notebook: Json) -> Json:
    """The notebook as it is handed out. ReleaseError for a region that has no end, or that stands where it would leave its text behind."""
    out = {**notebook, "cells": [_released(cell, number) for number, cell in enumerate(notebook["cells"], 1)]}
    metadata = {key: value for key, value in notebook.get("metadata", {}).items() if key != "celltoolbar"}
    return {**out, "metadata": metadata}


def _released(cell: Json, number: int) -> Json:
    mark, code = grader(cell), cell["cell_type"] == "code"
    solution, grade, task = (bool(mark.get(key)) for key in ("solution", "grade", "task"))
    locked = not solution and (grade or bool(mark.get("locked")))
    metadata = {key: value for key, value in cell.get("metadata", {}).items() if not (code and key in ("collapsed", "scrolled"))}
    if locked:
        metadata = {**metadata, "deletable": False, "editable": False}
    elif solution:
        metadata = {**metadata, "deletable": False}
    text = _without(cell["source"], "SOLUTION", number, stub=CODE_STUB if code else TEXT_STUB, may=solution)
    if solution and text == cell["source"]:
        text = CODE_STUB if code else TEXT_STUB
    text = _without(text, "HIDDEN TESTS", number, may=grade)
    text = _without(text, "MARK SCHEME", number, may=task)
    if mark:
        mark = {**mark, "cell_type": cell["cell_type"]}
        metadata = {**metadata, "nbgrader": {**mark, "checksum": checksum(text, mark)}}
    out = {**cell, "source": text, "metadata": metadata}
    return {**out, "outputs": [], "execution_count": None} if code else out


def _without(text: str, name: str, number: int, *, stub: str = "", may: bool) -> str:
    """The text without what stands between `BEGIN NAME` and `END NAME`, and with the stub in its place."""
    kept: list[str] = []
    inside = found = False
    for line in text.split("\n"):
        if f"BEGIN {name}" in line:
            if inside:
                raise ReleaseError(
                    f"cell {number}: BEGIN {name} stands inside another one", hint=f"write END {name} before it", excerpt=text
                )
            inside = found = True
            indent = re.match(r"\s*", line)
            kept += [f"{indent[0] if indent else ''}{one}" for one in stub.split("\n")] if stub else []
        elif f"END {name}" in line:
            inside = False
        elif not inside:
            kept.append(line)
    if inside:
        raise ReleaseError(f"cell {number}: BEGIN {name} has no end", hint=f"write END {name} below it", excerpt=text)
    if found and not may:
        where = {"SOLUTION": "an answer", "HIDDEN TESTS": "a test", "MARK SCHEME": "a task"}[name]
        raise ReleaseError(f"cell {number} has a region {name}, but is not marked as {where}", hint="mark it so in nbgrader's cell toolbar")
    return "\n".join(kept)


def checksum(source: str, mark: Json) -> str:
    """nbgrader's checksum of a cell, by which it knows whether somebody has changed it."""
    grade, solution = bool(mark.get("grade")), bool(mark.get("solution"))
    locked = not solution and (grade or bool(mark.get("locked")))
    digest = hashlib.md5(usedforsecurity=False)
    for part in (source, mark["cell_type"], str(grade), str(solution), str(locked), mark["grade_id"]):
        digest.update(str(part).encode())
    if grade:
        digest.update(str(float(mark["points"])).encode())
    return digest.hexdigest()


def release(assignment: Path, target: Path, *, force: bool = False) -> list[Path]:
    """Write an assignment's folder as learners get it: its notebooks released, everything else copied; the paths that were written.

    NotFoundError if there is no such folder or no notebook in it, ConflictError if something is there already and `force` does not say to write over it.
    """
    notebooks = sorted(assignment.glob("*.ipynb")) if assignment.is_dir() else []
    if not notebooks:
        raise NotFoundError(
            f"there is no assignment in {assignment}", hint="an assignment is a folder with notebooks, source/NAME of a course"
        )
    made = {path.relative_to(assignment): _text(path) for path in notebooks}  # all of them, before anything is written
    beside = [path for path in others(assignment) if path.relative_to(assignment) not in made]
    names = [*made, *(path.relative_to(assignment) for path in beside)]
    there = [name for name in names if (target / name).exists()]
    if there and not force:
        raise ConflictError(f"{target / there[0]} is there already", hint="--force writes over it")
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        (target / name).write_text(text, encoding="utf-8")
    for path in beside:
        shutil.copy2(path, target / path.relative_to(assignment))
    return [target / name for name in names]


def _text(path: Path) -> str:
    try:
        return as_text(released(read(path)))
    except ReleaseError as error:
        error.message = f"{path.name}, {error.message}"
        raise
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{path} can't be read as a notebook: {error}") from None
