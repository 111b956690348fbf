"""Cells of the "Docker lab" kernel that are builds as they stand: they start with a Dockerfile instruction or a parser directive. All others are Python.

    FROM nginx                       →  %%dockerfile --whole-cell
    COPY index.html /srv/               FROM nginx …

A comment at the top that is a docker command gives the options: `# docker build -t site:1 --no-cache .`
"""

from __future__ import annotations

import ast
import re

from dockerlab.dockerfile import KEYWORDS

_COMMAND = re.compile(r"#\s*docker\s+(?:buildx\s+|image\s+)?build\b(.*)")
_DIRECTIVE = re.compile(r"#\s*(?:syntax|escape|check)\s*=", re.IGNORECASE)
_FIRST = re.compile(r"([A-Z]+)\s")


def is_build(cell: str) -> bool:
    """Whether the cell is a Dockerfile. What Python can read is Python's: `ENV = 1` is an assignment."""
    lines = [line.strip() for line in cell.splitlines()]
    code = [line for line in lines if line and not line.startswith("#")]
    if not code or not (first := _FIRST.match(code[0] + " ")):
        return False
    if first[1] not in KEYWORDS and not any(line.split(" ", 1)[0] in KEYWORDS for line in code[1:4]):
        return False  # a typo in the first word, with an instruction below it, gets the builder's answer
    try:
        ast.parse(cell)
    except (SyntaxError, ValueError):
        return True
    return bool(_DIRECTIVE.match(lines[0]))


def options(cell: str) -> str:
    """The options and the PATH that a comment at the top asks for."""
    for line in cell.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            break
        if found := _COMMAND.match(line.strip()):
            return found[1].strip()
    return ""


def transform(lines: list[str]) -> list[str]:
    """IPython's hook: a build cell becomes one of the magic."""
    cell = "".join(lines)
    if not is_build(cell):
        return lines
    return [f"%%dockerfile --whole-cell {options(cell)}".rstrip() + "\n", *lines]
