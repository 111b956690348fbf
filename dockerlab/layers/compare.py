"""What differs between two file trees: a path that only one of them has, or that is another thing, holds other bytes, or belongs to somebody else.

Times are not compared: two builds of the same files at different hours are the same here. What both have from the very same layers is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from dockerlab.data import dataclass
from dockerlab.layers.entry import Entry
from dockerlab.layers.view import Node, TreeView

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Difference:
    """A path that differs. `change`: "A" only the second has it, "D" only the first, "C" both; `what` says how they differ then: "kind", "content",
    "mode", "owner", "link", "device", "attributes"."""

    path: str
    change: str
    first: Entry | None
    second: Entry | None
    what: tuple[str, ...] = ()


def differences(first: TreeView, second: TreeView) -> Iterator[Difference]:
    """Every path that differs, parents first, the names of a folder sorted."""
    if not first.trees or not second.trees:
        for view, change in ((first, "D"), (second, "A")):
            if view.trees:
                yield from _alone(view, view.root(), change, itself=False)
        return
    way = [_pair(first, first.root(), second, second.root())]
    while way:
        for found, inside in way[-1]:
            if found is not None:
                yield found
            if inside is not None:
                way.append(inside)
                break
        else:
            way.pop()


_Step = tuple["Difference | None", "Iterator[_Step] | None"]


def _pair(first: TreeView, one: Node, second: TreeView, other: Node) -> Iterator[_Step]:
    """The differences in a folder that both have."""
    if [real for _, real in one.dirs] == [real for _, real in other.dirs]:
        return
    here, there = first.names(one), second.names(other)
    both = set(here).intersection(there)
    for name in sorted({*here, *there}):
        old = first.child(one, name) if name in here else None
        new = second.child(other, name) if name in there else None
        if name not in both or old is None or new is None:
            view, node, change = (first, old, "D") if old is not None else (second, new, "A")
            if node is not None:
                yield from ((found, None) for found in _alone(view, node, change))
            continue
        found = _compared(old, new)
        inside = None
        if old.is_dir and new.is_dir:
            inside = _pair(first, old, second, new)
        elif old.is_dir or new.is_dir:
            yield found, None
            if old.is_dir:
                yield from ((gone, None) for gone in _alone(first, old, "D", itself=False))
            else:
                yield from ((added, None) for added in _alone(second, new, "A", itself=False))
            continue
        yield found, inside


def _alone(view: TreeView, node: Node, change: str, *, itself: bool = True) -> Iterator[Difference]:
    for one in view.walk(node):
        if itself or one is not node:
            yield Difference(one.path, "D", one.entry, None) if change == "D" else Difference(one.path, "A", None, one.entry)


def _compared(old: Node, new: Node) -> Difference | None:
    if old.real == new.real and not old.is_dir:
        return None
    before, after = old.entry, new.entry
    what = [
        name
        for name, differs in (
            ("kind", before.kind != after.kind),
            ("content", before.kind == after.kind == "file" and not _same_bytes(old, new)),
            ("mode", before.mode != after.mode),
            ("owner", (before.uid, before.gid) != (after.uid, after.gid)),
            ("link", before.link != after.link),
            ("device", before.device != after.device),
            ("attributes", before.xattrs != after.xattrs),
        )
        if differs
    ]
    return Difference(new.path, "C", before, after, tuple(what)) if what else None


def _same_bytes(old: Node, new: Node) -> bool:
    if (old.st.st_dev, old.st.st_ino) == (new.st.st_dev, new.st.st_ino):
        return True
    if old.st.st_size != new.st.st_size:
        return False
    with old.open() as one, new.open() as other:
        while True:
            block, its = one.read(_BLOCK) or b"", other.read(_BLOCK) or b""
            if block != its:
                return False
            if not block:
                return True
