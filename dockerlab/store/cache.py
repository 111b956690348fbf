"""The build cache: what a step would make, by the key of everything that it depends on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from dockerlab.layers import remove_tree
from dockerlab.oci.digest import digest_of, hex_of
from dockerlab.store.files import explained, write_atomically


class BuildCache:
    """Key (any text) to a small JSON object; an object's "layer" (a diff ID) keeps that layer in the store."""

    def __init__(self, home: Path) -> None:
        self._home, self._root = home, home / "cache"

    def _path(self, key: str) -> Path:
        return self._root / hex_of(digest_of(key.encode()))

    def get(self, key: str) -> dict[str, Any] | None:
        """What was put under this key, or None; a damaged record counts as none."""
        try:
            value = json.loads(self._path(key).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def put(self, key: str, value: dict[str, Any]) -> None:
        """Remember; what was there before is replaced."""
        path, data = self._path(key), json.dumps(value).encode()
        with explained(self._home):
            try:
                if path.read_bytes() == data:
                    os.utime(path)
                    return
            except FileNotFoundError:
                pass
            write_atomically(path, data)

    def records(self) -> list[tuple[str, dict[str, Any], float]]:
        """(name, record, seconds since 1970 when it was put) of each, by name."""
        out = []
        for path in sorted(self._root.iterdir()):
            try:
                value, changed = json.loads(path.read_bytes()), path.stat().st_mtime
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
