"""Digests of files, so that a build that changes nothing reads nothing: remembered by what a change of content can't leave as it was.

That is inode, size and both times. Within the clock's grain even those can stay (a file that is written twice in one tick), so a file that was touched a
moment ago is read again, as git does with its index. What a context's files were is kept with the build cache, for the next process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dockerlab.oci.digest import Sha256
from dockerlab.store import Store

if TYPE_CHECKING:
    from dockerlab.build.context import ContextNode
    from dockerlab.layers import Node

_BLOCK = 1 << 20
_GRAIN = 2_000_000_000  # nanoseconds: no file system's clock is coarser
_KEPT = 200_000  # files of a context whose digests are kept

Known = Sequence[Any]
"""Inode, size, time of change of content and of anything, in nanoseconds; then the digest."""


class FileDigests:
    """Remembers for as long as it lives, and from one to the next for the context that is `opened`."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._root = "\0"  # the context that is open
        self._files: dict[str, Known] = {}  # what was kept of it, as it was read: few may be asked for
        self._news = False

    @contextmanager
    def opened(self, store: Store, root: str) -> Iterator[None]:
        """While it lasts the digests of the files below a folder are those of the last build; afterwards the new ones are kept."""
        key = f"digests:{os.path.realpath(root)}"
        if self._root != f"{root}/":
            kept = (store.cache.get(key) or {}).get("files")
            self._root, self._files = f"{root}/", kept if isinstance(kept, dict) else {}
        self._news = False
        try:
            yield
        finally:
            if self._news:
                start = len(self._root)
                self._files |= {path[start:]: known for path, known in self._known.items() if path.startswith(self._root)}
                if len(self._files) <= _KEPT:
                    store.cache.put(key, {"files": self._files})

    def of(self, node: ContextNode | Node) -> str:
        """The digest of a file's bytes."""
        st, real = node.st, node.real
        known = self._known.get(real)
        if known is None and real.startswith(self._root):
            known = self._files.get(real[len(self._root) :])
        if known is not None and _is_of(known, st):
            return str(known[4])
        digest = Sha256()
        begun = time.time_ns()
        with node.open() as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        if max(st.st_mtime_ns, st.st_ctime_ns) + _GRAIN < begun:
            self._known[real] = (st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns, digest.hexdigest())
            self._news = True
        return digest.hexdigest()


def _is_of(known: Known, st: os.stat_result) -> bool:
    """Whether what is known is of this very content; what was kept may have been damaged."""
    try:
        return bool(
            known[2] == st.st_mtime_ns
            and known[0] == st.st_ino
            and known[1] == st.st_size
            and known[3] == st.st_ctime_ns
            and len(known) == 5
        )
    except (IndexError, KeyError, TypeError):
        return False
