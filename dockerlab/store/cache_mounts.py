"""What `RUN --mount=type=cache` keeps between builds: folders that no layer holds, by their id."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from dockerlab.layers import remove_tree
from dockerlab.store.files import Lock, explained


class CacheMounts:
    """`cache-mounts/ID/tree` for each; every build that names the id shares it (sharing=shared, whatever was asked)."""

    def __init__(self, home: Path) -> None:
        self._home, self._root = home, home / "cache-mounts"

    def folder(self, identifier: str) -> Path:
        """Where the cache of this id lies, or will lie."""
        return self._root / quote(identifier, safe="").replace(".", "%2E")

    @contextmanager
    def making(self, folder: Path) -> Iterator[Path | None]:
        """A folder to fill, which becomes `folder` at the end; None if that is there already. Nothing is left if filling fails."""
        with explained(self._home):
            self._root.mkdir(exist_ok=True)
            lock = Lock(self._root / ".lock")
        try:
            if folder.exists():
                yield None
                return
            aside = self._root / f"{secrets.token_hex(8)}~"
            aside.mkdir()
            try:
                yield aside
                os.rename(aside, folder)
            except BaseException:
                remove_tree(aside)
                raise
        finally:
            lock.release()

    def clear(self) -> None:
        """Remove all of them (`builder prune -af`)."""
        if self._root.is_dir():
            with explained(self._home):
                lock = Lock(self._root / ".lock")
                try:
                    for path in self._root.iterdir():
                        if path.name != ".lock":
                            remove_tree(path)
                finally:
                    lock.release()
