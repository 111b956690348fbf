"""A course of somebody's own, with plain Python cells, and a class that hands in: for tests of grading."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import nbformat

from dockerlab.course.material import grader, read
from dockerlab.course.release import released

Json = dict[str, Any]
code, prose = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
HIDDEN = "### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS"


def mark(grade_id: str, **more: Any) -> Json:
    base = {"schema_version": 3, "grade": False, "solution": False, "locked": False, "task": False, "grade_id": grade_id}
    return {"nbgrader": {**base, **more}}


def answer(name: str, solution: str, before: str = "") -> Any:
    return code(f"{before}### BEGIN SOLUTION\n{solution}\n### END SOLUTION", metadata=mark(name, solution=True))


def grading_cell(name: str, source: str, points: float = 1) -> Any:
    return code(source, metadata=mark(name, grade=True, locked=True, points=points))


def of_cells(*cells: Any, **metadata: Any) -> Json:
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    found = nbformat.v4.new_notebook(cells=list(map(nbformat.from_dict, cells)), metadata={"kernelspec": kernel, **metadata})
    plain: Json = json.loads(nbformat.writes(found))
    for cell in plain["cells"]:
        cell["source"] = "".join(cell["source"])
    return plain


class Course:
    """source/NAME/NAME.ipynb of a course directory, and what students hand in."""

    def __init__(self, folder: Path, notebook: Json, name: str = "ps1", notebook_name: str = "") -> None:
        self.folder, self.name, self.notebook_name = folder, name, notebook_name or name
        path = folder / "source" / name / f"{self.notebook_name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook))
        self.notebook = read(path)
        (folder / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'own'\n")

    def handed_out(self) -> Json:
        return copy.deepcopy(released(self.notebook))

    def hand_in(self, student: str, answers: dict[str, str] | None = None, notebook: Json | None = None) -> Path:
        """With these answers; without any, with the instructor's."""
        found = notebook or self.handed_out()
        if notebook is None and answers is None:
            answers = {grader(cell)["grade_id"]: cell["source"] for cell in self.notebook["cells"] if grader(cell).get("solution")}
        for cell in found["cells"]:
            cell["source"] = (answers or {}).get(grader(cell).get("grade_id", ""), cell["source"])
        path = self.folder / "submitted" / student / self.name / f"{self.notebook_name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found))
        return path
