"""What the tests of base stores share: images of small layers, names."""

from __future__ import annotations

from dockerlab.layers import Tree
from dockerlab.oci import HistoryEntry, ImageConfig, Reference
from dockerlab.store import Image, Layer, Store


def sealed(store: Store, name: str = "f", data: bytes = b"data", mode: int = 0o644) -> Layer:
    with store.tmp() as folder:
        with Tree(folder / "tree") as tree:
            tree.write(name, data, mode, mtime=5)
        return store.layers.seal(folder)


def image(store: Store, name: str, *layers: Layer) -> Image:
    config = ImageConfig()
    for layer in layers or (sealed(store, name.replace(":", "-")),):
        config = config.with_history(HistoryEntry(created_by="x"), layer.diff_id)
    made = store.images.add(config)
    store.images.tag(made.id, Reference.parse(name))
    return made


def names(store: Store) -> list[str]:
    return sorted(name.familiar for found in store.images.all_names().values() for name in found)
