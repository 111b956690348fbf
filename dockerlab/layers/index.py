"""What one layer does to the paths below it, path after path, as lines of JSON: what is computed once and kept, since a layer never changes.

    index(tree of the layer, view of the layers below)  →  Indexed("/etc/motd", "C", "file", 12, "0644", 0, 0, hides={"1": 286}), …
    lines(…)  →  {"path":"/etc/motd","change":"C","kind":"file","size":12,"mode":"0644","uid":0,"gid":0,"hides":{"1":286}}

The order is that of the layer's tar: parents first, the names of a folder sorted. Nothing of it is kept in memory but the folders on the way.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from typing import Any

from dockerlab.data import dataclass, field
from dockerlab.errors import StoreError
from dockerlab.layers.changed import differs
from dockerlab.layers.entry import KINDS
from dockerlab.layers.lending import link_target, lstat_lent, names_lent
from dockerlab.layers.owners import Owners, is_opaque, read_links
from dockerlab.layers.view import Node, TreeView, describe
from dockerlab.layers.whiteouts import is_whiteout

_BATCH = 500  # lines that are read at once


@dataclass(frozen=True)
class Indexed:
    """A path that a layer holds or removes.

    `change`: "A" added, "C" changed (or written again as it was), "D" removed, "" for an empty folder that is held as it was below. `kind` is that of
    `Entry`, of what is removed that below; `size` the bytes of a file in this layer; `mode` in octal ("" where removed). `link`: where a symbolic or
    hard link points. `hides`: layer number → bytes of it that nobody sees any more because of this. `whole`: removed with all else that an opaque
    folder hides, not by a whiteout of its own.
    """

    path: str
    change: str
    kind: str
    size: int = 0
    mode: str = ""
    uid: int = 0
    gid: int = 0
    link: str = ""
    hides: dict[str, int] = field(default_factory=dict)
    whole: bool = False


_Step = tuple[Indexed, "Iterator[_Step] | None"]
"""A path, and where it is a folder what lies in it."""


def index(tree: Path | str, below: TreeView) -> Iterator[Indexed]:
    """Every path of a layer's tree, in upper format, above what lies below it."""
    return _Walk(str(tree), below).all()


class _Walk:
    def __init__(self, tree: str, below: TreeView) -> None:
        self._tree, self._below, self._owners = tree, below, Owners.here()
        self._links = {} if self._owners.real else read_links(tree)
        self._first: dict[tuple[int, int], str] = {}
        """The first name of each file that has several."""

    def all(self) -> Iterator[Indexed]:
        """Depth first, without recursion: a generator in a generator hands on each path once a level."""
        way = [self._folder(self._tree, "", self._below.root() if self._below.trees else None)]
        while way:
            for found, inside in way[-1]:
                yield found
                if inside is not None:
                    way.append(inside)
                    break
            else:
                way.pop()

    def _folder(self, place: str, path: str, under: Node | None) -> Iterator[_Step]:
        """What lies in one folder, and for each folder of it a step into that; `under` is the folder of that name below, if there is one."""
        here = names_lent(place)
        there: set[str] = set()
        hidden: set[str] = set()
        if under is not None:
            there = {name for _, real in under.dirs for name in names_lent(real)}
            if is_opaque(place):
                hidden = there.difference(here)
        for name in sorted([*here, *hidden]):
            old = self._below.child(under, name) if under is not None and name in there else None
            if name in hidden:
                if old is not None:
                    yield self._removed(old, whole=True), None
                continue
            yield from self._one(f"{place}/{name}", f"{path}/{name}", old)

    def _one(self, real: str, path: str, old: Node | None) -> Iterator[_Step]:
        st = lstat_lent(real)
        if is_whiteout(real, st):
            if old is not None:
                yield self._removed(old), None
            return
        kind, mode, (uid, gid), link = self._described(real, path[1:], st)
        if kind == "socket":
            return  # no tar has them
        size = st.st_size if kind == "file" else 0
        if st.st_nlink > 1 and kind != "dir":
            first = self._first.setdefault((st.st_dev, st.st_ino), path)
            if first != path:
                kind, size, link = "hardlink", 0, first
        change = "A" if old is None else "C"
        hides = self._bytes_of(old) if old is not None and not (kind == "dir" and old.is_dir) else {}
        inside = None
        if kind == "dir":
            under = old if old is not None and old.is_dir else None
            inside = self._folder(real, path, under)
            if under is not None and not (names_lent(real) or is_opaque(real) or differs(st, under, uid, gid)):
                change = ""
        yield Indexed(path, change, kind, size, f"{mode:04o}", uid, gid, link, hides), inside

    def _described(self, real: str, rel: str, st: os.stat_result) -> tuple[str, int, tuple[int, int], str]:
        """(kind, mode, owner, where a symbolic link points)."""
        owner = self._owners.get(real, st, self._links, rel)
        if self._owners.real:  # root's trees have no marks, and to ask each file for them takes as long as all else
            kind = KINDS[stat.S_IFMT(st.st_mode)]
            return kind, stat.S_IMODE(st.st_mode), owner, link_target(real) if kind == "symlink" else ""
        entry = describe(real, rel, st, owner, self._owners)
        return entry.kind, entry.mode, owner, entry.link

    def _removed(self, old: Node, *, whole: bool = False) -> Indexed:
        kind = self._described(old.real, old.path[1:], old.st)[0]
        return Indexed(old.path, "D", kind, hides=self._bytes_of(old), whole=whole)

    def _bytes_of(self, old: Node) -> dict[str, int]:
        """The bytes of files below a path, by the number of the layer that holds them; a file with several names counts once."""
        found: dict[str, int] = {}
        seen: set[tuple[int, int]] = set()
        for node in self._below.walk(old) if old.is_dir else (old,):
            if not node.is_file or not node.st.st_size:
                continue
            if node.st.st_nlink > 1:
                if (key := (node.st.st_dev, node.st.st_ino)) in seen:
                    continue
                seen.add(key)
            number = str(node.layer + 1)
            found[number] = found.get(number, 0) + node.st.st_size
        return found


def lines(entries: Iterable[Indexed]) -> Iterator[bytes]:
    """Each entry as a line of JSON in ASCII; what is empty is left out. A byte of a name that is no UTF-8 is a lone surrogate (PEP 383)."""
    for one in entries:
        text = f'{{"path":{quoted(one.path)},"change":"{one.change}","kind":"{one.kind}"'
        if one.mode:
            text += f',"size":{one.size},"mode":"{one.mode}","uid":{one.uid},"gid":{one.gid}'
        if one.link:
            text += f',"link":{quoted(one.link)}'
        if one.hides:
            text += f',"hides":{json.dumps(one.hides, separators=(",", ":"))}'
        if one.whole:
            text += ',"whole":true'
        yield (text + "}\n").encode("ascii")


def read_lines(source: Iterable[bytes]) -> Iterator[Indexed]:
    """The entries of such lines. StoreError for what `lines` never wrote."""
    batch: list[bytes] = []
    for line in source:
        batch.append(line)
        if len(batch) == _BATCH:
            yield from _parsed(batch)
            batch.clear()
    yield from _parsed(batch)


def _parsed(batch: list[bytes]) -> Iterator[Indexed]:
    try:
        found: list[dict[str, Any]] = json.loads(b"[" + b",".join(batch) + b"]")
        yield from [Indexed(**one) for one in found]
    except (ValueError, TypeError) as error:
        raise StoreError(f"the index of a layer is damaged: {error}", hint="dockerlab fsck --repair removes it; it is made again") from None
