"""The grader's own files while a student's cells run: the kernel works on a copy, and the originals are watched.

A student's kernel runs as the user who grades, so it can write wherever the grader is installed. Without this, one cell that rewrites a check
would be worth every point, in this submission and in all that are graded after it. Nothing is put back: in a clone, the change may be somebody's work.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from dockerlab.errors import DockerlabError

PACKAGE = Path(__file__).resolve().parent.parent


def copy_package(folder: Path) -> Path:
    """This package under `folder`, for a kernel to import; `folder` itself, to be put on PYTHONPATH. The labs' sources stay behind."""
    shutil.copytree(PACKAGE, folder / PACKAGE.name, symlinks=True, ignore=lambda at, _: ["labs"] if Path(at) == PACKAGE else [])
    return folder


def _marks(folders: list[Path]) -> dict[Path, str]:
    """Every file below, by the hash of its bytes."""
    out = {}
    for folder in folders:
        for root, _, names in os.walk(folder):
            for path in (Path(root) / name for name in names):
                try:
                    out[path] = hashlib.sha256(path.read_bytes()).hexdigest()
                except OSError:
                    out[path] = ""
    return out


class Watch:
    """Begin before the cells run, `finish` afterwards, before anything more is imported."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders, self._before = folders, _marks(folders)

    def finish(self) -> None:
        """DockerlabError if a source was changed, added or removed. Bytecode that is new goes: it may be forged, and is made again."""
        after = _marks(self._folders)
        changed = sorted(path for path in after.keys() | self._before.keys() if after.get(path) != self._before.get(path))
        for path in changed:
            if path.suffix == ".pyc":
                path.unlink(missing_ok=True)
        sources = [str(path) for path in changed if path.suffix != ".pyc"]
        if sources:
            raise DockerlabError(
                f"the grader's own files changed while the cells ran, so nothing is graded: {', '.join(sources)}",
                hint="if a cell did it, install dockerlab anew before you grade on; if you did, grade again",
            )
