"""Where the labs lie, in a wheel or in a clone, and what a learner gets of them: everything but the solutions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dockerlab.course.authoring import as_text, paths
from dockerlab.course.labs import LABS
from dockerlab.errors import NotFoundError

Json = dict[str, Any]
INDEX = "index.ipynb"
"""What leads to the labs."""


def labs_folder() -> Path:
    """The labs of this installation. NotFoundError if it was installed without them."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "labs", package.parent / "labs"):
        if (folder / "text").is_dir():
            return folder
    raise NotFoundError("the labs are not part of this installation", hint="install from a clone or from the wheel")


def source(name: str, language: str) -> Path:
    """The instructor's notebook of a lab. NotFoundError if there is none."""
    path = paths(labs_folder(), name)[language]
    if not path.exists():
        raise NotFoundError(f"there is no lab {name} in {language}", hint="labs: " + ", ".join(names(language)))
    return path


def names(language: str) -> list[str]:
    """The labs of a language."""
    texts = (labs_folder() / "text").glob("*.md")
    return sorted(text.stem for text in texts if paths(labs_folder(), text.stem)[language].exists())


def read(path: Path) -> Json:
    """A notebook as JSON, each cell's source one text. ValueError if the file is no notebook."""
    found: Json = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or not isinstance(found.get("cells"), list):
        raise ValueError("it has no list of cells")
    for number, cell in enumerate(found["cells"], 1):
        if not isinstance(cell, dict):
            raise ValueError(f"its cell {number} is no cell")
        source = cell.get("source", "")
        lines = source if isinstance(source, list) else [source]
        if not all(isinstance(line, str) for line in lines):
            raise ValueError(f"the source of its cell {number} is no text")
        cell["source"] = "".join(lines)
    return found


def grader(cell: Json) -> Json:
    """nbgrader's metadata of a cell, or nothing."""
    metadata = cell.get("metadata")
    found = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


_CONTENTS = {
    "en": ("Docker lab", "How container images are built, by doing it. Begin at the top; each lab takes 30 to 60 minutes, the tour ten."),
    "ko": (
        "Docker 실습",
        "컨테이너 이미지가 만들어지는 과정을 직접 해 보며 배웁니다. 위에서부터 차례로 진행하십시오. 실습마다 30분에서 60분, 둘러보기는 10분이 걸립니다.",
    ),
}


def contents(language: str) -> Json:
    """A notebook that leads to the labs, in the order of the course."""
    title, about = _CONTENTS[language]
    lines = [f"# {title}", "", about, ""]
    for number, name in enumerate(sorted(names(language), key=lambda name: LABS.index(name) if name in LABS else len(LABS))):
        heading = read(source(name, language))["cells"][0]["source"].partition("\n")[0].lstrip("# ")
        lines.append(f"{number}. [{heading}]({name}.ipynb)")
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    cell = {"cell_type": "markdown", "id": "contents", "metadata": {}, "source": "\n".join(lines)}
    return {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def hand_out(folder: Path, language: str) -> list[tuple[Path, bool]]:
    """Copy the labs for a learner into a folder, and what leads to them; (path, whether it was written): a lab that is there is never touched."""
    from dockerlab.course.release import released

    folder.mkdir(parents=True, exist_ok=True)
    (folder / INDEX).write_text(as_text(contents(language)), encoding="utf-8")
    out = []
    for name in names(language):
        path = folder / f"{name}.ipynb"
        if not path.exists():
            path.write_text(as_text(released(read(source(name, language)))), encoding="utf-8")
            out.append((path, True))
        else:
            out.append((path, False))
    return out
