"""Digests of files, so that a build that changes nothing reads nothing: remembered by what a change of content can't leave as it was.

That is inode, size and both times. Within the clock's grain even those can stay (a file that is written twice in one tick), so a file that was touched a
moment ago is read again, as git does with its index. What a context's files were is kept with the build cache, for the next process.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dockerlab.store import Store

if TYPE_CHECKING:
    from dockerlab.build.context import ContextNode
    from dockerlab.layers import Node

_BLOCK = 1 << 20
_GRAIN = 2_000_000_000  # nanoseconds: no file system's clock is coarser
_KEPT = 200_000  # files of a context whose digests are kept

Mark = tuple[int, int, int, int]
"""Inode, size, time of change of content and of anything, in nanoseconds."""


class FileDigests:
    """Remembers for as long as it lives, and from one to the next for the context that is `opened`."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Mark, str]] = {}
        self._news = False

    @contextmanager
    def opened(self, store: Store, root: str) -> Iterator[None]:
        """While it lasts the digests of the files below a folder are those of the last build; afterwards the new ones are kept."""
        key = f"digests:{os.path.realpath(root)}"
        if not any(path.startswith(root + "/") for path in self._known):
            for rel, (*mark, digest) in ((store.cache.get(key) or {}).get("files") or {}).items():
                self._known[f"{root}/{rel}"] = (tuple(mark), digest)
        self._news = False
        try:
            yield
        finally:
            if self._news:
                own = {
                    path[len(root) + 1 :]: [*mark, digest] for path, (mark, digest) in self._known.items() if path.startswith(root + "/")
                }
                if len(own) <= _KEPT:
                    store.cache.put(key, {"files": own})

    def of(self, node: ContextNode | Node) -> str:
        """The digest of a file's bytes."""
        st = node.st
        mark = (st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns)
        known = self._known.get(node.real)
        if known is not None and known[0] == mark:
            return known[1]
        digest = hashlib.sha256()
        begun = time.time_ns()
        with node.open() as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        if max(st.st_mtime_ns, st.st_ctime_ns) + _GRAIN < begun:
            self._known[node.real] = (mark, digest.hexdigest())
            self._news = True
        return digest.hexdigest()
