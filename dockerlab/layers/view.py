"""Several trees, one above the other, as overlay would show them — read without a mount, so in every isolation.

A name is looked up layer by layer from the top: a whiteout ends the search, an opaque folder ends the merging, a symbolic link is followed inside
the image and never outside it. A tree in which processes may be at work meanwhile is given as a path that is held (`held`).
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from dockerlab.errors import DockerlabError
from dockerlab.layers.entry import KINDS, Entry, Inode
from dockerlab.layers.held import Held, hold
from dockerlab.layers.lending import inner, lent, link_target, lstat_lent, names_lent, open_lent, reached
from dockerlab.layers.owners import (
    CAPABILITY,
    DEVICE,
    KEPT,
    MODE,
    OURS,
    Links,
    Owners,
    is_opaque,
    plain_capability,
    read_links,
)
from dockerlab.layers.whiteouts import is_whiteout

_HOPS = 40


class Node(Inode):
    """A path that exists in a view; `layer` is the index of the tree that holds it (0 is the lowest)."""

    __slots__ = ("_view", "dirs", "layer")

    def __init__(
        self, view: TreeView, path: str, layer: int, real: str, st: os.stat_result, dirs: tuple[tuple[int, str], ...] = ()
    ) -> None:
        super().__init__(path, real, st)
        self._view, self.layer, self.dirs = view, layer, dirs

    @property
    def owner(self) -> tuple[int, int]:
        """(uid, gid) as the container sees them."""
        view = self._view
        return view.owners.get(self.real, self.st, {} if view.owners.real else view.links(self.layer), self.path[1:])

    @property
    def entry(self) -> Entry:
        """The path as a tar header would describe it."""
        return describe(self.real, self.path[1:], self.st, self.owner, self._view.owners)

    def open(self) -> io.FileIO:
        """A regular file, open for reading whatever its mode says."""
        return io.FileIO(open_lent(self.real))

    def read(self) -> bytes:
        """The bytes of a regular file."""
        with self.open() as file:
            return file.readall()


def describe(real: str, rel: str, st: os.stat_result, owner: tuple[int, int], owners: Owners) -> Entry:
    """The entry of one inode of a tree, marks of ours translated back."""
    try:
        return _describe(real, rel, st, owner)
    except PermissionError:
        with reached(real):
            return _describe(real, rel, st, owner)


def _describe(real: str, rel: str, st: os.stat_result, owner: tuple[int, int]) -> Entry:
    kind, mode, device = KINDS[stat.S_IFMT(st.st_mode)], stat.S_IMODE(st.st_mode), (0, 0)
    xattrs: dict[str, bytes] = {}
    if kind in ("file", "dir") and (marks := os.listxattr(real, follow_symlinks=isinstance(real, Held))):
        with lent(real, stat.S_IRUSR):
            kind, mode, device = _read_marks(real, marks, kind, mode, xattrs)
    elif kind in ("char", "block"):
        device = (os.major(st.st_rdev), os.minor(st.st_rdev))
    return Entry(
        rel,
        kind,
        mode,
        *owner,
        size=st.st_size if kind == "file" else 0,
        mtime=st.st_mtime_ns / 1_000_000_000,
        link=link_target(real) if kind == "symlink" else "",
        device=device,
        xattrs=xattrs,
    )


def _read_marks(real: str, marks: list[str], kind: str, mode: int, xattrs: dict[str, bytes]) -> tuple[str, int, tuple[int, int]]:
    """(kind, mode, device) behind our marks; attributes of the image itself go into `xattrs`."""
    device = (0, 0)
    for name in marks:
        if name == DEVICE:
            bits, major, minor = os.getxattr(real, name).decode().split(":")
            kind, device = KINDS[stat.S_IFMT(int(bits, 8))], (int(major), int(minor))
        elif name == MODE:
            mode = int(os.getxattr(real, name), 8)
        elif name.startswith(KEPT):
            xattrs[name.removeprefix(KEPT)] = os.getxattr(real, name)
        elif name == CAPABILITY:
            xattrs[name] = plain_capability(os.getxattr(real, name))
        elif name.startswith("user.") and not name.startswith(OURS):
            xattrs[name] = os.getxattr(real, name)
    return kind, mode, device


class TreeView:
    """The union of layer trees, the lowest first."""

    def __init__(self, trees: Sequence[Path | str]) -> None:
        self.trees = [tree if isinstance(tree, str) else str(tree) for tree in trees]
        self.owners = Owners.here()
        self._links: dict[int, Links] = {}
        self._tops = tuple((n, self.trees[n]) for n in reversed(range(len(self.trees))))

    def links(self, layer: int) -> Links:
        """owners.json of one tree."""
        if layer not in self._links:
            self._links[layer] = read_links(self.trees[layer])
        return self._links[layer]

    def child(self, folder: Node, name: str) -> Node | None:
        """What `name` is in a folder, or None; a link is not followed."""
        return self._step(folder.path, folder.dirs, name)

    def _step(self, folder: str, dirs: tuple[tuple[int, str], ...], name: str) -> Node | None:
        path = ("" if folder == "/" else folder) + "/" + name
        found: list[tuple[int, str]] = []
        first: os.stat_result | None = None
        for layer, real in dirs:
            try:
                child = inner(real, name)
                st = lstat_lent(child)
            except (FileNotFoundError, NotADirectoryError):
                continue
            if is_whiteout(child, st):
                break
            if not stat.S_ISDIR(st.st_mode):
                if first is None:
                    return Node(self, path, layer, child, st)
                break
            first = first or st
            found.append((layer, child))
            if is_opaque(child):
                break
        if first is None:
            return None
        return Node(self, path, found[0][0], found[0][1], first, tuple(found))

    def root(self) -> Node:
        """The root folder."""
        if not self._tops:
            raise DockerlabError("the image has no layer, so no file")
        layer, real = self._tops[0]
        return Node(self, "/", layer, real, lstat_lent(real), self._tops)

    def _walk_to(self, path: str, follow: bool) -> tuple[str, Node | None]:
        """(canonical path, node or None): links on the way are followed inside the image; what is missing stays as written."""
        todo = [part for part in path.split("/") if part and part != "."]
        here, dirs, node, hops = "/", self._tops, (self.root() if self.trees else None), 0
        while todo:
            name = todo.pop(0)
            if name == "..":
                here = os.path.dirname(here)
                found = self._lookup_plain(here)
                dirs, node = (found.dirs if found else ()), found
                continue
            child = self._step(here, dirs, name) if dirs else None
            if child is not None and child.is_link and (todo or follow):
                hops += 1
                if hops > _HOPS:
                    raise DockerlabError(f'"{path}": too many levels of symbolic links in the image')
                target = link_target(child.real)
                if target.startswith("/"):
                    here, dirs, node = "/", self._tops, self.root()
                todo = [part for part in target.split("/") if part and part != "."] + todo
                continue
            here = ("" if here == "/" else here) + "/" + name
            node, dirs = child, (child.dirs if child else ())
        return here, node

    def _lookup_plain(self, path: str) -> Node | None:
        node: Node | None = self.root() if self.trees else None
        for name in [part for part in path.split("/") if part]:
            node = self._step(node.path, node.dirs, name) if node and node.dirs else None
            if node is None:
                return None
        return node

    def lookup(self, path: str, *, follow: bool = True) -> Node | None:
        """What stands at this path of the image, or None; `follow` says whether a link at the end is followed."""
        return self._walk_to(path, follow)[1]

    def resolve(self, path: str, *, last: bool = True) -> str:
        """The canonical path, links followed inside the image (`last`: also one at the end); what does not exist stays as written.

        Raises DockerlabError where links go round in a circle.
        """
        return self._walk_to(path, last)[0]

    def listdir(self, path: str) -> list[str]:
        """The names in a folder, sorted. NotADirectoryError, FileNotFoundError as os.listdir."""
        node = self.lookup(path)
        if node is None:
            raise FileNotFoundError(path)
        if not node.is_dir:
            raise NotADirectoryError(path)
        return self.names(node)

    def names(self, node: Node) -> list[str]:
        """The names in a folder, sorted."""
        seen: dict[str, bool] = {}
        for _, real in node.dirs:
            for name in names_lent(real):
                if name not in seen:
                    try:
                        child = inner(real, name)
                        seen[name] = not is_whiteout(child, lstat_lent(child))
                    except FileNotFoundError:
                        continue  # it went meanwhile
        return sorted(name for name, shown in seen.items() if shown)

    def read(self, path: str) -> bytes:
        """The bytes of a file, links followed. FileNotFoundError, IsADirectoryError as open."""
        node = self.lookup(path)
        if node is None:
            raise FileNotFoundError(path)
        if node.is_dir:
            raise IsADirectoryError(path)
        return node.read()

    def walk(self, top: str | Node = "/") -> Iterator[Node]:
        """The node at a path, or one that was found there, then everything below it: parents first, names sorted, links not followed."""
        node = self.lookup(top, follow=False) if isinstance(top, str) else top
        if node is not None:
            yield from self._below(node)

    def _below(self, node: Node) -> Iterator[Node]:
        yield node
        if node.is_dir:
            for name in self.names(node):
                child = self.child(node, name)
                if child is not None:
                    yield from self._below(child)


def bytes_of_files(tree: Path | str) -> int:
    """The bytes of the regular files in a tree, in which processes may be at work; a file with several names counts once."""
    found: dict[tuple[int, int], int] = {}
    for node in TreeView([hold(tree)]).walk():
        if node.is_file:
            found[node.st.st_dev, node.st.st_ino] = node.st.st_size
    return sum(found.values())
