"""Which notebook runs, where its folder is, the words of a magic's line, and what a cell's default build context leaves out."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from dockerlab.errors import UsageError

CHECKPOINTS = ".ipynb_checkpoints"


def notebook_path(shell: Any) -> str:
    """The running notebook's path, or "" where the kernel is not told (then every notebook of the folder is meant)."""
    for value in (shell.user_ns.get("__vsc_ipynb_file__"), os.environ.get("JPY_SESSION_NAME")):
        if value and str(value).endswith(".ipynb"):
            name = os.path.basename(str(value))
            return name if os.path.exists(name) else str(value)
    return ""


def split(line: str) -> list[str]:
    """The words of a magic's line, quotes as in a shell. UsageError for a quote that is not closed."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"{error}: {line}", hint="close the quote") from None


def left_out(shell: Any, folder: str) -> list[str]:
    """What a cell's default build context goes without: the running notebook, which changes at every save and would break the cache of COPY."""
    name = os.path.basename(notebook_path(shell))
    if name and os.path.exists(os.path.join(folder, name)):
        notebooks = [name]
    else:
        notebooks = sorted(entry for entry in os.listdir(folder) if entry.endswith(".ipynb"))
    return [*notebooks, CHECKPOINTS]


def patterns(names: Iterable[str]) -> tuple[str, ...]:
    """The names as lines of an ignore file; checkpoints wherever they lie."""
    return (*map(_literal, names), f"**/{CHECKPOINTS}")


def _literal(name: str) -> str:
    return "".join("\\" + letter if letter in "*?[]\\!#" else letter for letter in name)


def unanswered(text: str) -> bool:
    """Whether the cell still holds what a course tool left in place of an answer."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    return lines in (["raise NotImplementedError()"], ["..."], [])


def in_cell(excerpt: str, above: int) -> str:
    """An error's excerpt with its place in the cell, in which so many lines are above the Dockerfile."""
    return re.sub(r"(?m)^Dockerfile:(\d+)$", lambda found: f"cell:{int(found[1]) + above} (Dockerfile:{found[1]})", excerpt, count=1)


@contextmanager
def only_looking() -> Iterator[None]:
    """For what takes a build's options and builds nothing: its mistakes are not told as a build's failure."""
    try:
        yield
    except UsageError as error:
        error.message = error.message.removeprefix("ERROR: failed to build: ")
        raise


def first_difference(old: str, new: str, name: str) -> str:
    """Where a file and a cell first differ, in three lines."""
    before, after = old.splitlines(), new.splitlines()
    at = next((n for n in range(max(len(before), len(after))) if before[n : n + 1] != after[n : n + 1]), 0)
    return (
        f"{name}:{at + 1}\n  file: {(before[at : at + 1] or ['(end of file)'])[0]}\n  cell: {(after[at : at + 1] or ['(end of cell)'])[0]}"
    )
