"""What `RUN --mount=type=cache` keeps between builds: folders that no layer holds, by their id."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from dockerlab.layers import remove_tree
from dockerlab.store.files import Lock, explained, unique


class CacheMounts:
    """`cache-mounts/ID/tree` for each, `ID.2` and so on for those of one id that were asked for at the same time and not to be shared."""

    def __init__(self, home: Path) -> None:
        self._home, self._root = home, home / "cache-mounts"

    def take(self, identifier: str, sharing: str) -> tuple[Path, Lock] | None:
        """Where the cache of this id lies, or will lie, and what keeps it; None while somebody else has it.

        `sharing`: "shared" with others that share it, "locked" by one at a time, "private" to one, the others get caches of their own.
        """
        name = _name(identifier)
        locks = self._root / ".locks"
        with explained(self._home):
            locks.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            own = name if number == 1 else f"{name}.{number}"
            try:
                with explained(self._home):
                    return self._root / own, Lock(locks / own, exclusive=sharing != "shared", wait=False)
            except BlockingIOError:
                if sharing != "private":
                    return None
        raise AssertionError("there is always a next number")

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
            aside = self._root / f"{unique()}~"
            aside.mkdir()
            try:
                yield aside
                os.rename(aside, folder)
            except BaseException:
                remove_tree(aside)
                raise
        finally:
            lock.release()

    def forget(self, identifier: str) -> None:
        """The next who asks for this id gets a new cache. Who has the old one keeps it to his end."""
        name = _name(identifier)
        if not self._root.is_dir():
            return
        with explained(self._home):
            lock = Lock(self._root / ".lock")
            try:
                for path in self.all():
                    if path.name.partition(".")[0] == name:
                        aside = self._root / f"{unique()}~"
                        os.rename(path, aside)
                        self._remove(aside, path.name)
            finally:
                lock.release()

    def all(self) -> list[Path]:
        """The folders of all of them."""
        if not self._root.is_dir():
            return []
        return sorted(path for path in self._root.iterdir() if not path.name.startswith(".") and not path.name.endswith("~"))

    def clear(self) -> None:
        """Remove all of them but those that a step uses just now (`builder prune -af`)."""
        if self._root.is_dir():
            with explained(self._home):
                lock = Lock(self._root / ".lock")
                try:
                    for path in self._root.iterdir():
                        if not path.name.startswith("."):
                            self._remove(path, path.name)
                finally:
                    lock.release()

    def _remove(self, path: Path, name: str) -> None:
        """Unless somebody has the cache of that name."""
        held = self._root / ".locks" / name
        try:
            lock = Lock(held, wait=False) if held.exists() else None
        except BlockingIOError:
            return
        remove_tree(path)
        if lock is not None:
            lock.release()


def _name(identifier: str) -> str:
    return quote(identifier, safe="").replace(".", "%2E")
