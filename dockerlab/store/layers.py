"""Layers on disk: the extracted tree is the truth of a layer that was made here; one that came from outside keeps its tar beside it.

A power cut can lose files that a finished layer.json promises. Making each of 10,000 files durable would cost more than building them, so a layer
remembers the boot that made it: after another boot its first use reads it through once and compares the digest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dockerlab import layers
from dockerlab.data import dataclass
from dockerlab.errors import NotFoundError, StoreError
from dockerlab.oci.digest import hex_of, is_digest
from dockerlab.store.files import boot_id, explained, write_atomically

if TYPE_CHECKING:
    from dockerlab.layers.straight import Source

BORROWED, NOTE = "borrowed", "base.json"
"""The folder of what a store knows of layers that lie in base stores, and the file that says where one does."""
SHARED = "shared"
"""The folder of a store that holds its layers as anybody may read them; it is there if the store is shared (`sharing`)."""


@dataclass(frozen=True)
class Layer:
    """A layer in the store; `size` is what `docker history` shows: the bytes of its regular files, and of what links point to where docker counts these.

    `bytes` is the folder that holds the contents of its larger files, where the tree itself holds only their inodes (`layers.borrowed`), else "".
    """

    diff_id: str
    path: Path
    size: int
    bytes: str = ""

    @cached_property
    def tree(self) -> Path:
        """The change set in overlay's upper format."""
        return self.path / "tree"


class LayerStore:
    """The layers of a store, by diff ID."""

    def __init__(self, home: Path, folder: str = "layers") -> None:
        self._home, self._root = home, home / folder
        self._known: dict[str, Layer] = {}

    def _path(self, diff_id: str) -> Path:
        return self._root / hex_of(diff_id)

    def tree(self, diff_id: str) -> Path:
        """Where the change set of a layer lies, if it is here."""
        return self._path(diff_id) / "tree"

    def has(self, diff_id: str) -> bool:
        """Whether the layer is here and whole."""
        try:
            return (self._path(diff_id) / "layer.json").stat().st_size > 0  # empty: the machine went down
        except OSError:
            return False

    def get(self, diff_id: str) -> Layer:
        """The layer of this diff ID. NotFoundError if it is not here, StoreError if it was damaged."""
        if (known := self._known.get(diff_id)) is not None and known.path.exists():
            return known
        path = self._path(diff_id)
        try:
            record = self.record(diff_id)
        except FileNotFoundError:
            raise self.absent(diff_id) from None
        except ValueError:
            raise self._damaged(diff_id) from None
        if record["boot"] != boot_id():
            if layers.write_layer(path / "tree").diff_id != record["canonical"]:
                raise self._damaged(diff_id)
            write_atomically(path / "layer.json", json.dumps({**record, "boot": boot_id()}).encode())
        layer = Layer(diff_id, path, int(record["size"]))
        self._known[diff_id] = layer
        return layer

    def stack(self, diff_ids: Sequence[str]) -> list[Layer]:
        """The layers of these IDs, the lowest first, to be a root file system together."""
        return [self.get(diff_id) for diff_id in diff_ids]

    def record(self, diff_id: str) -> dict[str, Any]:
        """What was written down of the layer (the package's README). FileNotFoundError if it is not here, ValueError if that is damaged."""
        record: dict[str, Any] = json.loads((self._path(diff_id) / "layer.json").read_bytes())
        return record

    def base_of(self, diff_id: str) -> str:
        """The base store that holds the layer, or "" if it is one's own, or nowhere."""
        return ""

    def remember(self, diff_ids: Sequence[str]) -> None:
        """Note where those lie that are in base stores: an image of one's own is going to need them."""

    def absent(self, diff_id: str) -> NotFoundError:
        """Why it is not here; what came from a base store is remembered (`above`)."""
        try:
            base = json.loads((self._home / BORROWED / hex_of(diff_id) / NOTE).read_bytes())["base"]
        except (OSError, ValueError):
            return NotFoundError(f"the store has no layer {diff_id}")
        return NotFoundError(
            f"the store has no layer {diff_id}: it is one of the base store {base}", hint=f"name that again: DOCKERLAB_BASE_STORES={base}"
        )

    def _damaged(self, diff_id: str) -> StoreError:
        """The layer is taken away, and this is why."""
        layers.remove_tree(self._path(diff_id))
        return StoreError(
            f"layer {diff_id} was damaged, probably when the machine went down", hint="it was removed: build or load the image again"
        )

    def size(self, diff_id: str) -> int:
        """The bytes of its regular files as they were written down, without looking whether they are still there; 0 if nothing was."""
        try:
            return int(self.record(diff_id)["size"])
        except (OSError, ValueError, KeyError):
            return 0

    def all(self, *, whole: bool = True) -> list[str]:
        """The diff IDs of all layers; without `whole` of what a killed process left of one too."""
        found = ("sha256:" + path.name for path in self._root.iterdir())
        return sorted(diff_id for diff_id in found if is_digest(diff_id) and (not whole or self.has(diff_id)))

    def seal(self, folder: Path, *, links: bool = False) -> Layer:
        """Make `folder` (its tree/ and owners.json, on the store's file system) a layer; the folder is consumed.

        `links`: the size counts the targets of links too, as docker's does for what was committed, imported or loaded, but not for what was built.
        """
        with explained(self._home):
            summary = layers.write_layer(folder / "tree")
            size = summary.size + (summary.links if links else 0)
            return self._place(folder, summary.diff_id, summary.diff_id, size, summary.entries)

    def arrive(self, source: Source, folder: Path, expect: str, checked: Callable[[], object] = lambda: None) -> Layer:
        """Take in an uncompressed layer tar as it comes, in one pass, through the empty `folder`. StoreError if its digest is not `expect`.

        `checked` is called when all was read and its digest is right, and may refuse it still: only then is there a layer.
        """
        from dockerlab.layers.packed import room
        from dockerlab.layers.straight import lay_out
        from dockerlab.store.arriving import Arriving, digest_of_file

        kept = folder / "layer.tar"
        with explained(self._home):
            with Arriving(source, room(folder)) as arriving:
                laid = lay_out(arriving, layers.Tree(folder / "tree"), kept)
            if (diff_id := arriving.digest) != expect:
                raise StoreError(
                    f"a layer's content has the digest {diff_id}, but the image says {expect}",
                    hint="what came is damaged, or was tampered with; nothing of it was kept",
                )
            checked()
            if laid.straight:
                return self._place(folder, diff_id, diff_id, laid.size + laid.links, laid.entries)
            summary = layers.write_layer(folder / "tree")
            if summary.diff_id == diff_id:
                os.unlink(kept)
            elif digest_of_file(kept) != diff_id:
                raise StoreError(
                    f"layer {diff_id} could not be kept as it came", hint="this is a mistake of dockerlab: please tell us of the image"
                )
            return self._place(folder, diff_id, summary.diff_id, summary.size + summary.links, laid.entries)

    def _place(self, folder: Path, diff_id: str, canonical: str, size: int, entries: int) -> Layer:
        target = self._path(diff_id)
        if not self.has(diff_id):
            record = {"diff_id": diff_id, "canonical": canonical, "size": size, "entries": entries, "boot": boot_id()}
            (folder / "layer.json").write_text(json.dumps(record))
            for name in os.listdir(folder):
                if name not in ("tree", "owners.json", "layer.json", "layer.tar"):
                    layers.remove_tree(folder / name)
            os.chmod(folder, 0o755)
            if target.exists() and not self.has(diff_id):
                layers.remove_tree(target)
            if (self._home / SHARED).is_dir():
                from dockerlab.store.sharing import publish

                publish(self._home, folder, diff_id)
            try:
                os.rename(folder, target)
            except OSError:
                if not self.has(diff_id):  # another process may have placed the same layer first
                    raise
            else:
                self._known[diff_id] = Layer(diff_id, target, size)
        return self.get(diff_id)

    def open_tar(self, layer: Layer, out: Any) -> None:
        """Write the layer's tar: the bytes whose digest is the diff ID."""
        kept = self._tar(layer)
        if kept.exists():
            with open(kept, "rb") as source:
                while block := source.read(1 << 20):
                    out.write(block)
            return
        if layers.write_layer(layer.tree, out).diff_id != layer.diff_id:
            raise StoreError(
                f"layer {layer.diff_id} no longer has the content that it was named after",
                hint="something wrote into the store; remove the image and build it again",
            )

    def tar_size(self, layer: Layer) -> int:
        """The bytes of that tar, without writing it."""
        kept = self._tar(layer)
        if kept.exists():
            return kept.stat().st_size
        from dockerlab.layers.writer import length_of

        return length_of(layers.tree_entries(layer.tree))

    def _tar(self, layer: Layer) -> Path:
        """Where the tar lies that came from outside, if one did."""
        return layer.path / "layer.tar"

    def remove(self, diff_id: str) -> None:
        """Take the layer away; first its name, so that nobody finds half of it."""
        path = self._path(diff_id)
        self._known.pop(diff_id, None)
        (path / "layer.json").unlink(missing_ok=True)
        if (published := self._home / SHARED / path.name).exists():
            (published / "layer.json").unlink(missing_ok=True)
            layers.remove_tree(published)
        layers.remove_tree(path)
