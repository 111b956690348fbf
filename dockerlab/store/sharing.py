"""A store that others may name as a base: its layers once more as anybody may read them, everything else that is nobody's business closed.

share(store)   →  shared/HEX/{tree, owners.json, layer.json, layer.tar} of each layer (`layers.plain`); from then on a new layer is published before
                  it appears, so that whoever finds an image finds what it is made of
open to all    blobs, names, images, shared, the catalogue's memory
closed         layers (programs with set-ID bits, devices, what only some may read), containers, volumes, the build cache, everything else
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dockerlab.errors import StoreError
from dockerlab.layers import remove_tree, tree_entries
from dockerlab.layers.plain import PlainTree, root_mode, set_plain_mode, transcribe
from dockerlab.oci.digest import hex_of
from dockerlab.store.files import explained
from dockerlab.store.layers import BORROWED, SHARED
from dockerlab.store.rootfs import POINT
from dockerlab.store.store import Store

_OPEN = ("blobs", "blobs/sha256", "names", "images", "catalogue", "catalogue/images")
_CLOSED = ("layers", "cache", "snapshots", "containers", "container-names", "volumes", "tmp", POINT, "cache-mounts", "indices", BORROWED)


def share(store: Store) -> Iterator[str]:
    """Let everybody on this machine read the store's images; yields the layers that are published. What was shared already stays as it is."""
    home = store.home
    with explained(home), store.using():
        for name in _CLOSED:
            (home / name).mkdir(exist_ok=True)
            os.chmod(home / name, 0o700)
        (home / SHARED).mkdir(exist_ok=True)
        for diff_id in store.layers.all():
            if not (home / SHARED / hex_of(diff_id) / "layer.json").exists():
                with store.tmp() as scratch:
                    _publish(home, store.layers.tree(diff_id).parent, diff_id, scratch / "plain")
                yield diff_id
        for name in (*_OPEN, SHARED):
            if (home / name).is_dir():
                os.chmod(home / name, 0o755)
        for name in ("blobs/sha256", "names", "images", "catalogue/images"):
            for path in (home / name).iterdir() if (home / name).is_dir() else ():
                with suppress(FileNotFoundError):  # it was just being written, or removed
                    os.chmod(path, 0o644)
        os.chmod(home, 0o755)


def publish(home: Path, folder: Path, diff_id: str) -> None:
    """The layer that is about to appear in a store that is shared; `folder` is what will be its own."""
    _publish(home, folder, diff_id, folder / "plain")


def _publish(home: Path, layer: Path, diff_id: str, aside: Path) -> None:
    aside.mkdir()
    with PlainTree(aside / "tree") as tree:
        transcribe(tree_entries(layer / "tree"), tree)
    set_plain_mode(str(aside / "tree"), root_mode(layer / "tree"))
    (aside / "layer.json").write_text(json.dumps(json.loads((layer / "layer.json").read_bytes())))
    if (layer / "layer.tar").exists():
        shutil.copyfile(layer / "layer.tar", aside / "layer.tar")
    for path in aside.iterdir():
        os.chmod(path, 0o755 if path.is_dir() else 0o644)
    os.chmod(aside, 0o755)
    target = home / SHARED / hex_of(diff_id)
    if not (target / "layer.json").exists():
        remove_tree(target)  # half of it, that a killed process left
        with suppress(OSError):
            os.rename(aside, target)
    remove_tree(aside)  # if another process was first: others may be reading what it made
    if not (target / "layer.json").exists():
        raise StoreError(
            f"layer {diff_id} can't be shared: {target} can't be written", hint="see who may write there, and run dockerlab share again"
        )
