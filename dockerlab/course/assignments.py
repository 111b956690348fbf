"""Assignments: the bundled labs, or those of any course directory of nbgrader's, and which of them a submission answers.

DIR/source/ASSIGNMENT/NOTEBOOK.ipynb       the instructor's notebook, with solutions and hidden tests
DIR/source/ASSIGNMENT/data.csv             what lies beside it is there when it runs
…/STUDENT/ASSIGNMENT/NOTEBOOK.ipynb        a submission, wherever that folder lies
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dockerlab.course import material
from dockerlab.data import dataclass
from dockerlab.errors import DockerlabError, NotFoundError

Json = dict[str, Any]


@dataclass(frozen=True)
class Assignment:
    """One notebook of an assignment. `notebook` is its name without .ipynb, `several` whether the assignment has more than one; `bundled`: one of our labs."""

    name: str
    notebook: str
    path: Path
    language: str
    bundled: bool = False
    several: bool = False

    @property
    def title(self) -> str:
        """The assignment's name; with the notebook's where there are several."""
        return f"{self.name}/{self.notebook}" if self.several else self.name

    def files(self) -> list[Path]:
        """What lies beside the instructor's notebooks and is handed out with them, as `release` copies it."""
        return [] if self.bundled else [path for path in others(self.path.parent) if path.suffix != ".ipynb"]

    def digest(self) -> str:
        """Of everything that decides what a submission is worth: the notebook and the files beside it."""
        found = hashlib.sha256()
        for path in (self.path, *self.files()):
            found.update(f"{path.relative_to(self.path.parent)}\0".encode())
            found.update(hashlib.sha256(path.read_bytes()).digest())
        return found.hexdigest()


def others(folder: Path) -> Iterator[Path]:
    """The files of a folder that are handed out too: data, pictures; not what tools leave behind."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(folder).parts)
        if path.is_file() and not path.is_symlink() and not hidden:
            yield path


def assignment_of(notebook: Json, path: Path, course: Path | None = None) -> Assignment:
    """The assignment that a submission answers. DockerlabError if it is none of the course's."""
    return _bundled(notebook, path) if course is None else _of_course(path, course)


def _bundled(notebook: Json, path: Path) -> Assignment:
    metadata = notebook.get("metadata")
    about = metadata.get("dockerlab") if isinstance(metadata, dict) else None
    about = about if isinstance(about, dict) else {}
    language = "ko" if about.get("language") == "ko" else "en"
    for name in (about.get("lab"), path.stem):
        if isinstance(name, str) and name in material.names(language):
            return Assignment(name, name, material.source(name, language), language, bundled=True)
    raise DockerlabError(f"{path} is no submission of a lab", hint="labs: " + ", ".join(material.names("en")))


def _of_course(path: Path, course: Path) -> Assignment:
    """By its folder's name, as nbgrader has it; a notebook that lies alone by its own name."""
    known = assignments(course)
    named = [one for one in known if one.notebook == path.stem]
    found = [one for one in named if one.name == path.resolve().parent.name] or named
    if not found:
        folder = [one for one in known if one.name == path.resolve().parent.name]
        if len(folder) == 1:  # renamed, as downloads are: "ps1 (2).ipynb"
            return folder[0]
        raise DockerlabError(
            f"{path} answers no notebook of {course / 'source'}",
            hint="notebooks: " + ", ".join(f"{one.name}/{one.notebook}" for one in known),
        )
    if len(found) > 1:
        raise DockerlabError(
            f"{path} could answer {' or '.join(one.name for one in found)}",
            hint="put it into a folder of the assignment's name: STUDENT/ASSIGNMENT/",
        )
    return found[0]


def assignments(course: Path) -> list[Assignment]:
    """Every notebook of a course directory. NotFoundError if there is none."""
    paths = sorted((course / "source").glob("*/*.ipynb"))
    if not paths:
        raise NotFoundError(
            f"there is no assignment in {course / 'source'}", hint="a course is a folder with source/ASSIGNMENT/NOTEBOOK.ipynb"
        )
    folders = [path.parent for path in paths]
    return [Assignment(path.parent.name, path.stem, path, _language(path), several=folders.count(path.parent) > 1) for path in paths]


def _language(path: Path) -> str:
    """As our own labs say it in their metadata; English where nothing is said."""
    try:
        about = material.read(path).get("metadata", {}).get("dockerlab", {})
    except (OSError, ValueError) as error:
        raise DockerlabError(f"{path} can't be read as a notebook: {error}") from None
    return "ko" if isinstance(about, dict) and about.get("language") == "ko" else "en"
