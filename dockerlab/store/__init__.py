"""The content-addressed store on disk, shared by every kernel of a user (the package's README shows the folders).

Three rules keep it whole without a daemon and through kill -9: an object is written aside and appears by one rename; what is being written holds a
flock, so that anybody may remove what nobody holds; removing what is not needed takes the store's lock alone, everything else shares it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockerlab.lazy import exported

if TYPE_CHECKING:
    from dockerlab.store.images import Image, ImageStore
    from dockerlab.store.layers import Layer, LayerStore
    from dockerlab.store.rootfs import RootFs
    from dockerlab.store.snapshots import Snapshot
    from dockerlab.store.store import Store, default_home

_HOMES = {
    "Image": "images",
    "ImageStore": "images",
    "Layer": "layers",
    "LayerStore": "layers",
    "RootFs": "rootfs",
    "Snapshot": "snapshots",
    "Store": "store",
    "default_home": "store",
}
__all__ = [
    "Image",
    "ImageStore",
    "Layer",
    "LayerStore",
    "RootFs",
    "Snapshot",
    "Store",
    "default_home",
]
__getattr__ = exported(__name__, _HOMES)
