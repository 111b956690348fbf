"""The exercises of an instructor's notebook, and who judges each: nbgrader's cell metadata, read as nbgrader reads it.

check   `%check NAME`: one of our own, looked at from outside the kernel
apart   a cell that names only what it imports itself, in the words of checks (docs/checks.md): run outside the kernel, on what the cells left
cell    any other test: it asks for the student's Python values, so it runs in the student's kernel
hand    an answer, or a task, that a person grades
"""

from __future__ import annotations

import ast
import builtins
import re
import symtable
from typing import Any

from dockerlab.course.material import grader
from dockerlab.data import dataclass

Json = dict[str, Any]
CHECK, APART, CELL, HAND = "check", "apart", "cell", "hand"
_CHECK = re.compile(r"%check\s+(\S+)\s*")
_WORDS = "dockerlab.course.vocabulary"
_BEGIN, _END = "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"


@dataclass(frozen=True)
class Exercise:
    """One cell that is worth points. `check` is the name of our own check, `source` what the cell says; `hidden`: the numbers of its lines that learners don't see."""

    name: str
    points: float
    kind: str
    check: str = ""
    source: str = ""
    hidden: tuple[int, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What stands in its hidden lines, without blank and very short ones."""
        lines = self.source.split("\n")
        return tuple(text for number in self.hidden if len(text := lines[number - 1].strip()) >= 8)


def exercises_of(notebook: Json) -> list[Exercise]:
    """What a notebook gives points for, in its order."""
    return [_exercise(cell) for cell in notebook["cells"] if grader(cell).get("grade") or grader(cell).get("task")]


def _exercise(cell: Json) -> Exercise:
    mark, source = grader(cell), str(cell["source"])
    name, points = str(mark.get("grade_id", "")), float(mark.get("points") or 0)
    if mark.get("task") or mark.get("solution") or cell["cell_type"] != "code":
        return Exercise(name, points, HAND, source=source)
    if check := check_named(source):
        return Exercise(name, points, CHECK, check)
    return Exercise(name, points, APART if _stands_alone(source) else CELL, source=source, hidden=hidden_lines(source))


def check_named(source: str) -> str:
    """The check of ours that a cell runs, if that is all it does."""
    found = _CHECK.fullmatch("\n".join(line for line in source.split("\n") if not line.startswith("#")).strip())
    return found[1] if found else ""


def hidden_lines(source: str) -> tuple[int, ...]:
    """The lines from BEGIN HIDDEN TESTS to END HIDDEN TESTS, counted from 1."""
    found, inside = [], False
    for number, line in enumerate(source.split("\n"), 1):
        inside = inside or _BEGIN in line
        if inside:
            found.append(number)
        inside = inside and _END not in line
    return tuple(found)


def _stands_alone(source: str) -> bool:
    """Whether it asks in our words, and for nothing that another cell has made."""
    try:
        tree, table = ast.parse(source), symtable.symtable(source, "cell", "exec")
    except (SyntaxError, ValueError):
        return False
    if not any(isinstance(node, ast.ImportFrom) and node.module == _WORDS for node in ast.walk(tree)):
        return False
    own = {one.get_name() for one in table.get_symbols() if one.is_assigned() or one.is_imported()}
    return _asked(table) <= own | set(dir(builtins)) | {"__name__"}


def _asked(table: symtable.SymbolTable) -> set[str]:
    """The global names that a block and those inside it refer to."""
    top = table.get_type() == "module"
    names = {one.get_name() for one in table.get_symbols() if one.is_referenced() and (top or one.is_global())}
    return names.union(*(_asked(child) for child in table.get_children()))
