"""The build cache: what a step would make, by the key of everything that it depends on.

A step that is done again replaces a record by another of its size, and to a file system that is the dearest way of writing a hundred bytes: ext4
flushes a new file before it takes an old one's name. So small records have a size that stays, and are written over where they lie.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from dockerlab.layers import remove_tree
from dockerlab.oci.digest import digest_of, hex_of
from dockerlab.store.files import explained, write_atomically

_SECTOR = 512  # bytes that a disk writes whole or not at all
_GRAIN = 64  # small records are a multiple of it


class BuildCache:
    """Key (any text) to a small JSON object; an object's "layer" (a diff ID) keeps that layer in the store."""

    def __init__(self, home: Path) -> None:
        self._home, self._root = home, home / "cache"

    def _path(self, key: str) -> Path:
        return self._root / hex_of(digest_of(key.encode()))

    def get(self, key: str) -> dict[str, Any] | None:
        """What was put under this key, or None; a damaged record counts as none."""
        try:
            value = json.loads(_read(self._path(key)))
        except (FileNotFoundError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def put(self, key: str, value: dict[str, Any]) -> None:
        """Remember; what was there before is replaced."""
        path, data = self._path(key), json.dumps(value).encode()
        if small := len(data) <= _SECTOR:
            data += b" " * (-len(data) % _GRAIN)
        with explained(self._home):
            if not (_written_over(path, data) if small else _touched(path, data)):
                write_atomically(path, data)

    def records(self) -> list[tuple[str, dict[str, Any], float]]:
        """(name, record, seconds since 1970 when it was put) of each, by name."""
        out = []
        for path in sorted(self._root.iterdir()):
            if path.name.endswith("~"):
                continue  # somebody is just writing it
            try:
                value, changed = json.loads(_read(path)), path.stat().st_mtime
            except (OSError, ValueError):
                continue
            if isinstance(value, dict):
                out.append((path.name, value, changed))
        return out

    def values(self) -> list[dict[str, Any]]:
        """Every record."""
        return [value for _, value, _ in self.records()]

    def forget(self, name: str) -> None:
        """Remove one record."""
        (self._root / name).unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget everything (`builder prune -af`); what another process is just writing it may finish."""
        for path in list(self._root.iterdir()):
            if not path.name.endswith("~"):
                remove_tree(path)


def _read(path: Path) -> bytes:
    with open(path, "rb", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # a small record may be written over
        return file.read()


def _written_over(path: Path, data: bytes) -> bool:
    """Whether there was a record of this size, that is now `data`; nobody sees half of it, not even after a power cut."""
    try:
        with open(path, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # readers could keep us waiting
            if os.fstat(file.fileno()).st_size != len(data):
                return False
            file.write(data)
            return os.fstat(file.fileno()).st_nlink > 0  # else somebody has pruned it meanwhile
    except (FileNotFoundError, BlockingIOError):
        return False


def _touched(path: Path, data: bytes) -> bool:
    """Whether these very bytes are there already: the record is as good as new."""
    try:
        if path.read_bytes() == data:
            os.utime(path)
            return True
    except FileNotFoundError:
        pass
    return False
