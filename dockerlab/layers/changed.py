"""What a layer does to the layers below it, as `docker diff` tells it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dockerlab.layers.entry import Change
from dockerlab.layers.lending import inner, lstat_lent, names_lent
from dockerlab.layers.owners import Owners, is_opaque, read_links
from dockerlab.layers.view import Node, TreeView, describe
from dockerlab.layers.whiteouts import is_whiteout


def changes(tree: Path | str, below: TreeView) -> Iterator[Change]:
    """Each added, changed or deleted path of a tree in upper format, sorted.

    A folder is listed when it differs itself or when something was added to it or deleted from it, as overlay2's diff does.
    """
    owners = Owners.here()
    links = {} if owners.real else read_links(tree)
    root = below.lookup("/", follow=False)
    top = tree if isinstance(tree, str) else str(tree)
    yield from sorted(_below(top, "", root, owners, links, below), key=lambda change: change.path)


def _below(
    folder: str, prefix: str, under: Node | None, owners: Owners, links: dict[str, tuple[int, int]], view: TreeView
) -> Iterator[Change]:
    names = sorted(names_lent(folder))
    opaque = under is not None and is_opaque(folder)
    if opaque and under is not None:
        for gone in sorted(set(view.names(under)) - set(names)):
            yield Change(f"/{prefix}{gone}", "D")
    for name in names:
        rel = prefix + name
        try:
            real = inner(folder, name)
            st = lstat_lent(real)
        except FileNotFoundError:
            continue  # it went meanwhile
        old = view.child(under, name) if under is not None and under.is_dir else None
        if is_whiteout(real, st):
            if old is not None and not opaque:
                yield Change("/" + rel, "D")
            continue
        entry = describe(real, rel, st, owners.get(real, st, links, rel), owners)
        within = (
            list(_below(real, rel + "/", old if old is not None and old.is_dir else None, owners, links, view))
            if stat.S_ISDIR(st.st_mode)
            else []
        )
        if old is None:
            yield Change("/" + rel, "A", entry)
        elif differs(st, old, entry.uid, entry.gid) or _touched(within, rel):
            yield Change("/" + rel, "C", entry)
        yield from within


def differs(st: os.stat_result, old: Node, uid: int, gid: int) -> bool:
    """Whether docker calls it changed: a copy-up alone is no change, and a folder's time says nothing."""
    if st.st_mode != old.st.st_mode or (uid, gid) != old.owner:
        return True
    return not stat.S_ISDIR(st.st_mode) and (st.st_size, st.st_mtime_ns) != (old.st.st_size, old.st.st_mtime_ns)


def _touched(within: list[Change], rel: str) -> bool:
    return any(change.kind in "ACD" and change.path.rpartition("/")[0] == "/" + rel for change in within)
