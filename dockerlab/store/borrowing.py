"""A layer of a base store whose files are another user's, made our own: as inodes whose contents stay in the base where the kernel can join the two, else copied."""

from __future__ import annotations

import os
from pathlib import Path

from dockerlab.errors import StoreError
from dockerlab.layers import Owners, Tree, tree_entries
from dockerlab.layers.plain import plain_entries, root_mode, transcribe
from dockerlab.oci.digest import hex_of
from dockerlab.store.bases import RECORDED, Base
from dockerlab.store.layers import SHARED


def borrow(base: Base, diff_id: str, folder: Path, *, lends: bool) -> str:
    """Make folder/tree, and owners.json beside it, of a layer of `base`; the folder that its contents are borrowed from, "" if they are copies.

    StoreError if there is nothing that we could read as it is.
    """
    plain = base.path / SHARED / hex_of(diff_id) / "tree"
    if plain.is_dir():
        source, entries = plain, plain_entries(plain)
    elif base.form == RECORDED:
        source = base.layers.tree(diff_id)
        entries = tree_entries(source, Owners(real=False))
    else:
        raise StoreError(
            f"layer {diff_id} in the base store {base} has files that can't be read without a change of their modes",
            hint=f"its owner makes a copy that can: DOCKERLAB_HOME={base} dockerlab share",
        )
    folder_of_bytes = str(base.path / SHARED) if lends and source is plain else ""
    with Tree(folder / "tree") as tree:
        borrowed = transcribe(entries, tree, bytes_of=folder_of_bytes)
    os.chmod(folder / "tree", root_mode(source))
    return folder_of_bytes if borrowed else ""
