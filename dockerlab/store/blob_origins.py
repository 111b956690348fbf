"""Where a layer has been as a blob: under which digest, in which repositories. A push finds it there again instead of packing and sending it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dockerlab.data import dataclass
from dockerlab.oci.digest import hex_of, is_digest
from dockerlab.store.files import explained, write_atomically

_FOLDER = "blob-origins"
_MOST = 50
"""Repositories that are remembered of one layer, the newest."""


@dataclass(frozen=True)
class Origin:
    """A layer as a blob in a repository (`path`) of a registry (`domain`)."""

    domain: str
    path: str
    digest: str
    size: int
    media_type: str


class Origins:
    """What a store knows of where its layers came from and went to. Only a hint: a registry is always asked."""

    def __init__(self, home: Path) -> None:
        self._home, self._folder = home, home / _FOLDER

    def of(self, diff_id: str) -> list[Origin]:
        """What is known of a layer, the newest first."""
        try:
            rows: Any = json.loads((self._folder / hex_of(diff_id)).read_bytes())
            return [
                Origin(str(domain), str(path), digest, int(size), str(kind))
                for domain, path, digest, size, kind in rows
                if is_digest(digest)
            ]
        except (OSError, ValueError, TypeError, IndexError, RecursionError):
            return []

    def add(self, diff_id: str, domain: str, path: str, digest: str, size: int, media_type: str) -> None:
        """Remember one more."""
        new = Origin(domain, path, digest, size, media_type)
        before = self.of(diff_id)
        if before[:1] == [new]:
            return
        rows = [new, *(one for one in before if (one.domain, one.path) != (domain, path))][:_MOST]
        with explained(self._home):
            self._folder.mkdir(exist_ok=True)
            data = [[one.domain, one.path, one.digest, one.size, one.media_type] for one in rows]
            write_atomically(self._folder / hex_of(diff_id), json.dumps(data).encode())

    def sweep(self, needed: set[str]) -> None:
        """Forget the layers that nobody needs."""
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if f"sha256:{path.name}" not in needed:
                path.unlink(missing_ok=True)
