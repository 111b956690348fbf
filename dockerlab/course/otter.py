"""An instructor's notebook as otter-grader's `otter assign` takes it: questions with their solutions and tests, in otter's raw cells. (otter-grader 7: assign, "Notebook format")

    exported(notebook, "layers") → the notebook for `otter assign layers.ipynb dist`

Partial credit is kept in half points: a question has so many test cases, each of which asks for half a point more. `%check NAME` becomes a question to
`dockerlab.course.points_of`, since a test of otter's has no magics. Hidden tests stay hidden.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dockerlab.course.assignments import others
from dockerlab.course.authoring import as_text
from dockerlab.course.exercises import CHECK, HAND, Exercise, exercises_of
from dockerlab.course.material import grader, read
from dockerlab.course.release import ReleaseError
from dockerlab.errors import ConflictError, NotFoundError

Json = dict[str, Any]
REQUIREMENTS = "requirements.txt"
_STEP = 0.5


def exported(notebook: Json, name: str, files: Iterable[str] = ()) -> Json:
    """The notebook in otter's format. ReleaseError for a test that can't be said in it; `files` lie beside the notebook and are handed out with it."""
    exercises = {one.name: one for one in exercises_of(notebook)}
    cells: list[Json] = [
        _raw(
            "ASSIGNMENT CONFIG", {"name": name, "generate": True, "requirements": REQUIREMENTS, **({"files": list(files)} if files else {})}
        )
    ]
    waiting: list[Json] = []  # an answer, and what stands between it and its test
    for number, cell in enumerate(notebook["cells"], 1):
        mark = grader(cell)
        exercise = exercises.get(str(mark.get("grade_id"))) if mark.get("grade") or mark.get("task") else None
        if exercise is None:
            (waiting if waiting or mark.get("solution") else cells).append(cell)
            continue
        if exercise.kind == HAND:
            cells += [*_question(waiting), *_by_hand(exercise, cell)] if waiting else _by_hand(exercise, cell)
        else:
            cells += _tested(exercise, waiting, number)
        waiting = []
    cells += _question(waiting)
    plain = [{**cell, "metadata": _plain(cell), "id": f"cell-{number}"} for number, cell in enumerate(cells)]
    return {**notebook, "cells": plain, "nbformat": 4, "nbformat_minor": 5}


def export(assignment: Path, target: Path, *, force: bool = False) -> list[Path]:
    """Write every notebook of an assignment's folder for otter, with what lies beside them; the paths.

    NotFoundError if there is no notebook in it, ConflictError if something is there already and `force` does not say to write over it.
    """
    notebooks = sorted(assignment.glob("*.ipynb"))
    if not notebooks:
        raise NotFoundError(
            f"there is no assignment in {assignment}", hint="an assignment is a folder with notebooks, source/NAME of a course"
        )
    beside = [path for path in others(assignment) if path not in notebooks]
    names = [str(path.relative_to(assignment)) for path in beside]
    texts = {path.name: as_text(exported(read(path), path.stem, names)) for path in notebooks}
    written = [target / REQUIREMENTS, *(target / name for name in texts), *(target / name for name in names)]
    there = [path for path in written if path.exists()]
    if there and not force:
        raise ConflictError(f"{there[0]} is there already", hint="--force writes over it")
    for path in written:
        path.parent.mkdir(parents=True, exist_ok=True)
    (target / REQUIREMENTS).write_text("jupyter-dockerlab\n", encoding="utf-8")
    for name, text in texts.items():
        (target / name).write_text(text, encoding="utf-8")
    for path, name in zip(beside, names, strict=True):
        (target / name).write_bytes(path.read_bytes())
    return written


def _raw(words: str, config: Json | None = None) -> Json:
    """One of otter's own cells; JSON is YAML."""
    lines = [f"# {words}", *(f"{key}: {json.dumps(value)}" for key, value in (config or {}).items())]
    return {"cell_type": "raw", "metadata": {}, "source": "\n".join(lines)}


def _plain(cell: Json) -> Json:
    return {key: value for key, value in cell.get("metadata", {}).items() if key not in ("nbgrader", "deletable", "editable")}


def _tested(exercise: Exercise, answered: list[Json], number: int) -> list[Json]:
    cases = list(_cases(exercise, number))
    begin = _raw("BEGIN QUESTION", {"name": exercise.name, "points": exercise.points})
    tests = [_raw("BEGIN TESTS"), *map(_code, cases), _raw("END TESTS")]
    return [begin, *_solutions(answered), *tests, _raw("END QUESTION")]


def _by_hand(exercise: Exercise, cell: Json) -> list[Json]:
    begin = _raw("BEGIN QUESTION", {"name": exercise.name, "points": exercise.points, "manual": True})
    inside = _solutions([cell]) if grader(cell).get("solution") else [cell]
    return [begin, *inside, _raw("END QUESTION")]


def _question(answered: list[Json]) -> list[Json]:
    """Answers that no test asks for: otter takes a solution only inside a question."""
    if not answered:
        return []
    name = next(grader(cell)["grade_id"] for cell in answered if grader(cell).get("solution"))
    return [_raw("BEGIN QUESTION", {"name": name, "points": 0}), *_solutions(answered), _raw("END QUESTION")]


def _solutions(cells: list[Json]) -> list[Json]:
    """From the first answer to the last one, other cells between them too, which keep their text: only what is marked is taken out."""
    out: list[Json] = []
    for cell in cells:
        text = "\n".join(line.replace("###", "#") if " SOLUTION" in line else line for line in cell["source"].split("\n"))
        answer = grader(cell).get("solution")
        if answer and cell["cell_type"] == "code" and "BEGIN SOLUTION" not in text:
            text = f"# BEGIN SOLUTION\n{text}\n# END SOLUTION"
        if answer:
            out += [_raw("BEGIN SOLUTION"), {**cell, "source": text}, _raw("END SOLUTION")]
        else:
            out.append(cell)
    return out


def _code(source: str) -> Json:
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}


def _cases(exercise: Exercise, number: int) -> Iterator[str]:
    """Its test cases, each with its points."""
    count = max(1, math.ceil(exercise.points / _STEP))
    if exercise.kind == CHECK:
        for at in range(1, count + 1):
            yield _case(
                f"from dockerlab.course import points_of\nassert points_of({exercise.check!r}) >= {exercise.points * at / count:g}",
                exercise.points / count,
                hidden=False,
            )
        return
    public = "\n".join(line for at, line in enumerate(exercise.source.split("\n"), 1) if at not in exercise.hidden)
    if exercise.hidden and _parsed(public) and public.strip():
        yield _case(public, 0, hidden=False)
    tree = _parsed(exercise.source)
    if tree is None or not tree.body:
        raise ReleaseError(
            f"cell {number}: the tests {exercise.name} are no plain Python, and otter takes nothing else", excerpt=exercise.source
        )
    last = tree.body[-1]
    if not isinstance(last, ast.Expr):
        yield _case(ast.unparse(tree), exercise.points, hidden=bool(exercise.hidden))
        return
    before = ast.unparse(ast.Module(tree.body[:-1], []))
    for at in range(1, count + 1):
        # a number is so many points, and anything else all of them, as in nbgrader
        asked = f"value = {ast.unparse(last.value)}\nassert type(value) not in (int, float) or value >= {exercise.points * at / count:g}"
        yield _case(f"{before}\n{asked}".strip(), exercise.points / count, hidden=bool(exercise.hidden))


def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return None


def _case(source: str, points: float, *, hidden: bool) -> str:
    return f'""" # BEGIN TEST CONFIG\npoints: {points:g}\nhidden: {json.dumps(hidden)}\n""" # END TEST CONFIG\n{source}'
