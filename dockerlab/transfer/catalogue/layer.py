"""A layer being put together: writes go into it, reads also see the layers below; Debian's merged /usr is kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from dockerlab.layers import Node, Tree, TreeView

_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libo32", "libx32")


class LayerDraft:
    """The layer in `folder`, above the trees `below` (the lowest first).

    Folders that a layer below has keep their mode and owner there; every folder gets one time in the end, so that the order of writing can't show.
    """

    def __init__(self, folder: Path, below: Sequence[Path], *, merged_usr: bool) -> None:
        self.tree = Tree(folder / "tree")
        self.mtime = 0
        self._merged_usr = merged_usr
        self._below = TreeView(list(below))
        self._all = TreeView([*below, folder / "tree"])
        self._folders = {""}

    def place(self, path: str) -> str:
        """Where a path of a package lies: `/bin/sh` is `usr/bin/sh` where /bin is a link to it."""
        first, _, rest = path.strip("/").partition("/")
        return f"usr/{first}/{rest}" if rest and self.is_merged(first) else path.strip("/")

    def is_merged(self, path: str) -> bool:
        """Whether packages ship this as a folder, but in the image it is a link into /usr."""
        return self._merged_usr and path.strip("/") in _MERGED

    def node(self, path: str) -> Node | None:
        """What stands at a path, here or below."""
        return self._all.lookup("/" + self.place(path))

    def names(self, path: str) -> list[str]:
        """What a folder holds, here or below, sorted; nothing if there is none."""
        return self._all.listdir("/" + self.place(path)) if self.node(path) is not None else []

    def read(self, path: str) -> bytes:
        """The bytes of a file, here or below; nothing if there is none."""
        node = self.node(path)
        return node.read() if node is not None else b""

    def folder(self, path: str, mode: int = 0o755, uid: int = 0, gid: int = 0, *, keep: bool = False) -> None:
        """A folder; `keep`: one that exists already keeps its mode and owner, as dpkg has it."""
        rel = self.place(path)
        if keep and rel in self._folders:
            return
        self._parents(rel)
        if keep and (node := self._known(rel)) is not None:
            mode, (uid, gid) = node.entry.mode, node.owner
        self._folders.add(rel)
        self.tree.mkdir(rel, mode, uid, gid)

    def _known(self, rel: str) -> Node | None:
        node = self._below.lookup("/" + rel, follow=False)
        return node if node is not None and node.is_dir else None

    def _parents(self, rel: str) -> None:
        parent = os.path.dirname(rel)
        if parent not in self._folders:
            self.folder("/" + parent, keep=True)

    def write(self, path: str, data: bytes, mode: int = 0o644, uid: int = 0, gid: int = 0, mtime: int | None = None) -> None:
        """A file with these bytes; without a time of its own it has the layer's."""
        rel = self.place(path)
        self._parents(rel)
        self.tree.write(rel, data, mode, uid, gid, self.mtime if mtime is None else mtime)

    def write_from(self, path: str, source: BinaryIO, size: int, mode: int, uid: int, gid: int, mtime: int) -> None:
        """A file with the next `size` bytes of an open file."""
        rel = self.place(path)
        self._parents(rel)
        self.tree.write_from(rel, source, mode, uid, gid, mtime, size=size)

    def symlink(self, path: str, target: str, uid: int = 0, gid: int = 0, mtime: int | None = None) -> None:
        """A symbolic link."""
        rel = self.place(path)
        self._parents(rel)
        self.tree.symlink(rel, target, uid, gid, self.mtime if mtime is None else mtime)

    def hardlink(self, path: str, existing: str) -> None:
        """Another name for a file of this layer."""
        rel = self.place(path)
        self._parents(rel)
        self.tree.hardlink(rel, self.place(existing))

    def close(self) -> None:
        """Give every folder the layer's time and write what the tree still has to say."""
        self.tree.close()
        for folder, _, _ in os.walk(self.tree.root):
            os.utime(folder, (self.mtime, self.mtime))
