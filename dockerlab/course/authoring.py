"""From one bilingual text to two notebooks: prose in its language, code and exercises the same in both, so that they can't drift apart.

The text (labs/text/NAME.md) is a row of blocks:

    === markdown           --- en … --- ko …     prose
    === predict NAME       --- en … --- ko …     a question with choices, before an experiment
    === compare NAME       what was guessed beside what happened
    === code               a cell
    === failing            a cell that may fail while the exercises are open (nobody stops there)
    === answer ID          a cell for the learner, with # BEGIN SOLUTION … # END SOLUTION
    === check NAME POINTS  a locked cell that checks an exercise
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from dockerlab.data import dataclass

LANGUAGES = ("en", "ko")
KINDS = ("markdown", "predict", "compare", "code", "failing", "answer", "check")
Json = dict[str, Any]


@dataclass(frozen=True)
class Block:
    """One block of the text: its kind, its words after the kind, its body."""

    kind: str
    words: tuple[str, ...]
    body: str


def read_blocks(text: str) -> list[Block]:
    """The blocks of a lab's text. ValueError for a kind that there is none of."""
    out = []
    for part in re.split(r"(?m)^=== ", text)[1:]:
        head, _, body = part.partition("\n")
        kind, *words = head.split()
        if kind not in KINDS:
            raise ValueError(f"=== {head}: no such kind of block")
        out.append(Block(kind, tuple(words), body.strip("\n")))
    return out


def in_language(body: str, language: str) -> str:
    """The prose of one language. ValueError if it is missing."""
    parts = dict((name, text.strip("\n")) for name, text in re.findall(r"(?ms)^--- (\w+)\n(.*?)(?=^--- \w+\n|\Z)", body))
    if language not in parts:
        raise ValueError(f"a block has no text in {language}: {body[:60]!r}")
    return str(parts[language])


def _grader(grade_id: str, *, solution: bool, points: float | None = None) -> Json:
    out: Json = {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": points is not None,
        "solution": solution,
        "locked": not solution,
        "task": False,
    }
    if points is not None:
        out["points"] = points
    return {"nbgrader": out}


def _cell(block: Block, language: str, number: int, name: str) -> Json:
    identifier = hashlib.sha256(f"{name} {number}".encode()).hexdigest()[:8]
    if block.kind == "markdown":
        return {"cell_type": "markdown", "id": identifier, "metadata": {}, "source": in_language(block.body, language)}
    metadata: Json = {}
    source = block.body
    if block.kind == "answer":
        metadata = _grader(block.words[0], solution=True)
    elif block.kind == "check":
        source = f"%check {block.words[0]}"
        metadata = _grader(block.words[0], solution=False, points=float(block.words[1]))
    elif block.kind == "predict":
        source = f"%%predict {block.words[0]}\n{in_language(block.body, language)}"
    elif block.kind == "compare":
        source = f"%compare {block.words[0]}"
    elif block.kind == "failing":
        metadata = {"tags": ["raises-exception"]}
    return {"cell_type": "code", "execution_count": None, "id": identifier, "metadata": metadata, "outputs": [], "source": source}


def notebook(text: str, language: str, name: str) -> Json:
    """The instructor's notebook, with the solutions."""
    cells = [_cell(block, language, number, name) for number, block in enumerate(read_blocks(text))]
    return {
        "cells": cells,
        "metadata": {
            "dockerlab": {"lab": name, "language": language},
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def as_text(notebook: Json) -> str:
    """A notebook as a file, sources line by line as Jupyter writes them."""
    out = {**notebook, "cells": [{**cell, "source": cell["source"].splitlines(keepends=True)} for cell in notebook["cells"]]}
    return json.dumps(out, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def paths(labs: Path, name: str) -> dict[str, Path]:
    """Where the notebooks of a lab lie: one course tree a language, one notebook an assignment."""
    return {"en": labs / "source" / name / f"{name}.ipynb", "ko": labs / "ko" / "source" / name / f"{name}.ipynb"}


def write_all(labs: Path) -> list[Path]:
    """Write every notebook of every text anew; their paths."""
    out = []
    for text in sorted((labs / "text").glob("*.md")):
        for language, path in paths(labs, text.stem).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(as_text(notebook(text.read_text(encoding="utf-8"), language, text.stem)), encoding="utf-8")
            out.append(path)
    return out
