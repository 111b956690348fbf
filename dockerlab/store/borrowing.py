"""A layer of a base store whose files are another user's, made our own: as inodes whose contents stay in the base where the kernel can join the two, else copied."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from dockerlab.errors import StoreError
from dockerlab.layers import Entry, Owners, Tree, remove_tree, tree_entries, write_layer
from dockerlab.layers.borrowed import follow, forget
from dockerlab.layers.plain import plain_entries, root_mode, transcribe
from dockerlab.oci.digest import hex_of
from dockerlab.store.bases import OURS, RECORDED, UNUSABLE, Base
from dockerlab.store.files import Lock, boot_id, write_atomically
from dockerlab.store.layers import SHARED

Entries = Iterator[tuple[Entry, str]]
_MADE = "made.json"


def made_ours(
    base: Base, diff_id: str, canonical: str, folder: Path, tmp: Callable[[], AbstractContextManager[Path]], *, lends: bool
) -> tuple[Path, str]:
    """(the folder in which the layer's tree and owners.json lie, where its contents lie if not there). Made where it was not made before.

    In `folder` there may be two: `lent`, whose contents lie in the base, and `whole`. Neither is ever replaced while it can be used: a container may run on it.
    """
    for kind in ("lent", "whole") if lends else ("whole",):
        if (there := _usable(folder / kind, base, canonical)) is not None:
            return folder / kind, there
    folder.mkdir(parents=True, exist_ok=True)
    kind = "lent" if lends and is_lowest(base, diff_id) else "whole"
    with Lock(folder / "lock"):
        if _usable(folder / kind, base, canonical) is None:  # else another process was first
            with tmp() as aside:
                _make(base, diff_id, canonical, aside, lends=kind == "lent")
                remove_tree(folder / kind)
                os.rename(aside, folder / kind)
        there = _usable(folder / kind, base, canonical)
    assert there is not None
    return folder / kind, there


def spoilt(diff_id: str, base: Base) -> StoreError:
    """What a base store holds is not what it says."""
    return StoreError(f"layer {diff_id} in the base store {base} is not what its digest says", hint=UNUSABLE)


def _usable(folder: Path, base: Base, canonical: str) -> str | None:
    """Where the contents lie of what was made before ("" if with it), or None if that can't be used: its base was another, or the machine went down."""
    try:
        made = json.loads((folder / _MADE).read_bytes())
        there, boot = str(made["bytes"]), str(made["boot"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if there and Path(there).parent != base.path:
        return None
    if there:
        follow(folder / "tree", there)
    if boot != boot_id():
        if write_layer(folder / "tree").diff_id != canonical:
            return None
        write_atomically(folder / _MADE, json.dumps({"boot": boot_id(), "bytes": there}).encode())
    return there


def _make(base: Base, diff_id: str, canonical: str, folder: Path, *, lends: bool) -> None:
    """The layer in `folder`: tree, owners.json, made.json. StoreError if it is not what its digest says."""
    source, entries = readable_form(base, diff_id)
    folder_of_bytes = str(base.path / SHARED) if lends and source.is_relative_to(base.path / SHARED) else ""
    with Tree(folder / "tree") as tree:
        borrowed = transcribe(entries, tree, bytes_of=folder_of_bytes)
    os.chmod(folder / "tree", root_mode(source))
    if borrowed:
        follow(folder / "tree", folder_of_bytes)
    try:
        if write_layer(folder / "tree").diff_id != canonical:
            raise spoilt(diff_id, base)
    finally:
        forget(folder / "tree")
    (folder / _MADE).write_text(json.dumps({"boot": boot_id(), "bytes": folder_of_bytes if borrowed else ""}))


def is_lowest(base: Base, diff_id: str) -> bool:
    """Whether the layer is the lowest of all images of `base` that have it.

    Of files whose contents lie elsewhere the kernel only shows those that have no layer below: in one it would look for the contents first, which
    it does for nobody but root. (Linux 6.18: fs/overlayfs/namei.c, ovl_check_follow_redirect)
    """
    return not any(diff_id in image.config.diff_ids[1:] for image in base.images.all())


def readable_form(base: Base, diff_id: str) -> tuple[Path, Entries]:
    """(a tree of the layer in `base` that we can read without a change of any mode, what is in it). StoreError if there is none."""
    plain, own = base.path / SHARED / hex_of(diff_id) / "tree", base.path / "layers" / hex_of(diff_id) / "tree"
    if base.form == OURS and is_readable(own):
        return own, tree_entries(own)
    if plain.is_dir():
        return plain, plain_entries(plain)
    if base.form == RECORDED:
        return own, tree_entries(own, Owners(real=False))
    raise StoreError(
        f"layer {diff_id} in the base store {base} has files that can't be read without a change of their modes",
        hint=f"its owner makes a copy that can: DOCKERLAB_HOME={base} dockerlab share",
    )


def is_readable(tree: Path) -> bool:
    """Whether all of a tree can be read as it is. Where it can't, its owner would lend the mode (`layers.lending`), which is a change of what is not ours to change."""
    root = os.geteuid() == 0
    for folder, _, names in os.walk(tree):
        for path in (folder, *(f"{folder}/{name}" for name in names)):
            st = os.lstat(path)
            wanted = 0o500 if stat.S_ISDIR(st.st_mode) else 0o400 if stat.S_ISREG(st.st_mode) else 0
            if st.st_mode & wanted != wanted and not (root and not os.listxattr(path, follow_symlinks=False)):
                return False
    return True
