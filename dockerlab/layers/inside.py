"""What one layer does to the files below it, folder by folder: nobody waits for what is not looked at.

    LayerInside(trees of the layers below, the layer's tree).folder("/etc")  →  [InsideEntry("passwd", "/etc/passwd", "C", "file", 1205, …), …]

A folder costs as much as its own entries; totals and a search walk the layer once, and remember it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from dockerlab.data import dataclass
from dockerlab.errors import DockerlabError
from dockerlab.layers.changed import changes, differs
from dockerlab.layers.entry import Change, Entry
from dockerlab.layers.lending import lstat_lent, names_lent, open_lent
from dockerlab.layers.owners import Owners, is_opaque, read_links
from dockerlab.layers.view import Node, TreeView, describe
from dockerlab.layers.whiteouts import is_whiteout, may_hold_marks


@dataclass(frozen=True)
class InsideEntry:
    """A path that a layer holds or deletes.

    `change` is "A", "C" or "D" as in `docker diff`, or "" for a folder that only leads to what is changed; `size` are a file's bytes in this layer, of
    what it deletes those below.
    """

    name: str
    path: str
    change: str
    kind: str
    size: int
    mode: int = 0
    owner: tuple[int, int] = (0, 0)
    link: str = ""


@dataclass(frozen=True)
class Listing:
    """The names in a folder: so many `folders` first."""

    names: list[str]
    folders: int


_KEPT = 8  # listings


class LayerInside:
    """One layer above those below it, the lowest first. Its files are not hostile by now: nobody writes into the store's trees."""

    def __init__(self, below: Sequence[Path | str], tree: Path | str) -> None:
        self._below, self._tree = TreeView(below), str(tree)
        self._owners = Owners.here()
        self._links = {} if self._owners.real else read_links(self._tree)
        self._listed: dict[str, Listing | list[InsideEntry]] = {}
        """What was asked for last, by folder."""

    # --- a folder

    def folder(self, path: str = "/") -> list[InsideEntry]:
        """What this layer holds or deletes in one of its folders, folders first. DockerlabError where the layer has no such folder."""
        place = self._place(path)
        if not stat.S_ISDIR(lstat_lent(place).st_mode):
            raise DockerlabError(f"{path} is no folder in this layer")
        under = self._under(path)
        names = names_lent(place)
        out = [entry for name in names if (entry := self._entry(path, place, name, under)) is not None]
        if under is not None and is_opaque(place):
            gone = set(self._below.names(under)).difference(names)
            out += [deleted for name in gone if (deleted := self._deleted(path, name, under)) is not None]
        return sorted(out, key=lambda entry: (entry.kind != "dir", entry.name))

    def listing(self, path: str = "/") -> Listing:
        """The names of `folder`, in its order, which takes a call a folder instead of several a file. DockerlabError as there."""
        found = self._listed.get(path)
        if found is None:
            while len(self._listed) >= _KEPT:
                self._listed.pop(next(iter(self._listed)))
            found = self._listed[path] = self._plain_listing(path) or self.folder(path)
        if isinstance(found, Listing):
            return found
        return Listing([entry.name for entry in found], sum(entry.kind == "dir" for entry in found))

    def some(self, path: str, first: int, last: int) -> list[InsideEntry]:
        """Those entries of `folder` from one place of its listing to another."""
        names = self.listing(path).names[first:last]
        found = self._listed[path]
        if not isinstance(found, Listing):
            return found[first:last]
        place, under = self._place(path), self._under(path)
        return [entry for name in names if (entry := self._entry(path, place, name, under)) is not None]

    def _plain_listing(self, path: str) -> Listing | None:
        """None for a folder that hides something: what its names stand for is not to be seen from outside."""
        place = self._place(path)
        if may_hold_marks(place):
            return None
        folders, others = [], []
        try:
            with os.scandir(place) as found:
                for one in found:
                    if one.is_dir(follow_symlinks=False):
                        folders.append(one.name)
                    elif not one.is_file(follow_symlinks=False) and not one.is_symlink():
                        return None
                    else:
                        others.append(one.name)
        except OSError:
            return None  # no folder, or one that has to be lent
        return Listing([*sorted(folders), *sorted(others)], len(folders))

    def _place(self, path: str) -> str:
        """Where a path of the layer lies; a link on the way leads nowhere."""
        place = self._tree
        for part in [part for part in path.split("/") if part]:
            if part in (".", "..") or not stat.S_ISDIR(lstat_lent(place).st_mode):
                raise DockerlabError(f"{path} is not in this layer")
            place = f"{place}/{part}"
            try:
                lstat_lent(place)
            except FileNotFoundError:
                raise DockerlabError(f"{path} is not in this layer") from None
        return place

    def _under(self, path: str) -> Node | None:
        node = self._below.lookup(path, follow=False) if self._below.trees else None
        return node if node is not None and node.is_dir else None

    def _entry(self, folder: str, place: str, name: str, under: Node | None) -> InsideEntry | None:
        real, path = f"{place}/{name}", _join(folder, name)
        st = lstat_lent(real)
        if is_whiteout(real, st):
            return self._deleted(folder, name, under)
        old = self._below.child(under, name) if under is not None else None
        entry = self._described(real, path, st)
        change = "A" if old is None else "C" if differs(st, old, entry.uid, entry.gid) else "" if entry.kind == "dir" else "C"
        return InsideEntry(name, path, change, entry.kind, entry.size, entry.mode, (entry.uid, entry.gid), entry.link)

    def _described(self, real: str, path: str, st: os.stat_result) -> Entry:
        rel = path.lstrip("/")
        return describe(real, rel, st, self._owners.get(real, st, self._links, rel), self._owners)

    def _deleted(self, folder: str, name: str, under: Node | None) -> InsideEntry | None:
        """None for a whiteout that hides nothing."""
        old = self._below.child(under, name) if under is not None else None
        if old is None:
            return None
        entry = old.entry
        return InsideEntry(name, _join(folder, name), "D", entry.kind, entry.size, entry.mode, old.owner, entry.link)

    def says(self, path: str) -> str:
        """What this layer says to who looks for a path: "holds" it, "hides" what lies below, or nothing ("")."""
        place = self._tree
        for part in [part for part in path.split("/") if part]:
            opaque = is_opaque(place)
            place = f"{place}/{part}"
            try:
                st = lstat_lent(place)
            except NotADirectoryError:
                return "hides"  # what leads there is no folder any more
            except OSError:
                return "hides" if opaque else ""
            if is_whiteout(place, st):
                return "hides"
        return "holds"

    def entry(self, path: str) -> InsideEntry | None:
        """What the layer holds at a path, or the entry of what it hides there; None if it says nothing of it, or hides nothing."""
        folder, _, name = path.rstrip("/").rpartition("/")
        said = self.says(path)
        if not name or not said:
            return None
        under = self._under(folder or "/")
        return (
            self._entry(folder or "/", self._place(folder), name, under) if said == "holds" else self._deleted(folder or "/", name, under)
        )

    # --- the whole layer

    @cached_property
    def _changes(self) -> list[Change]:
        return list(changes(self._tree, self._below))

    def counts(self) -> dict[str, int]:
        """How many paths were added ("A"), changed ("C") and deleted ("D"), as `docker diff` counts."""
        kinds = [change.kind for change in self._changes]
        return {kind: kinds.count(kind) for kind in "ACD"}

    @cached_property
    def _totals(self) -> dict[str, int]:
        totals: dict[str, int] = {}

        def below(place: str, path: str) -> int:
            total = 0
            for name in names_lent(place):
                st = lstat_lent(f"{place}/{name}")
                if stat.S_ISDIR(st.st_mode):
                    total += below(f"{place}/{name}", _join(path, name))
                elif stat.S_ISREG(st.st_mode):
                    total += st.st_size
            totals[path] = total
            return total

        below(self._tree, "/")
        return totals

    def sizes(self, path: str = "/") -> dict[str, int]:
        """The bytes below each folder in a folder: name → bytes."""
        place = self._place(path)
        return {name: self._totals[_join(path, name)] for name in names_lent(place) if _join(path, name) in self._totals}

    def find(self, text: str, most: int = 200) -> tuple[list[InsideEntry], int]:
        """The first `most` added, changed and deleted paths that hold a text, whatever the case; and how many there are."""
        wanted = text.lower()
        found = [change for change in self._changes if wanted in change.path.lower()]
        return [self._found(change) for change in found[:most]], len(found)

    def _found(self, change: Change) -> InsideEntry:
        folder, _, name = change.path.rpartition("/")
        if change.entry is not None:
            entry = change.entry
            return InsideEntry(name, change.path, change.kind, entry.kind, entry.size, entry.mode, (entry.uid, entry.gid), entry.link)
        return self._deleted(folder or "/", name, self._under(folder or "/")) or InsideEntry(name, change.path, "D", "file", 0)

    # --- a file

    def open(self, path: str) -> BinaryIO:
        """A file that this layer holds. DockerlabError for what is no file, or not in this layer."""
        place = self._place(path)
        st = lstat_lent(place)
        if is_whiteout(place, st):
            raise DockerlabError(f"{path} is not in this layer")
        return _opened(place, st, path)

    def read(self, path: str, most: int) -> bytes:
        """The first bytes of a file of this layer, or of one that it deletes, as it was below. DockerlabError for what is no file."""
        try:
            place = self._place(path)
            st = lstat_lent(place)
            if not is_whiteout(place, st):
                return _head(place, st, path, most)
        except DockerlabError:
            pass  # hidden by a folder that is opaque
        node = self._below.lookup(path, follow=False) if self._below.trees else None
        if node is None:
            raise DockerlabError(f"{path} is not in this layer")
        return _head(node.real, node.st, path, most)


def _head(place: str, st: os.stat_result, path: str, most: int) -> bytes:
    with _opened(place, st, path) as file:
        return file.read(most)


def _opened(place: str, st: os.stat_result, path: str) -> BinaryIO:
    if not stat.S_ISREG(st.st_mode):
        raise DockerlabError(f"{path} is no file")
    return os.fdopen(open_lent(place), "rb")


def _join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"
