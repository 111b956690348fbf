"""Root file systems in the making: what a build step changes lies where the layer's tree will, above the layers it began with."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dockerlab.layers import remove_tree
from dockerlab.store.files import Lock, explained, unique
from dockerlab.store.layers import Layer, LayerStore
from dockerlab.store.rootfs import RootFs, rootfs_at


class Snapshot:
    """A folder with `work` and `layer/tree`, locked while it is in use; discarded at the end of a `with` unless it was sealed."""

    def __init__(self, home: Path, path: Path, layers: Sequence[Layer], lock: Lock) -> None:
        self._home, self.path, self.layers, self._lock = home, path, tuple(layers), lock
        self.sealed = False

    @property
    def rootfs(self) -> RootFs:
        """What the runtime mounts."""
        return rootfs_at(self._home, self.path, self.layers, self.tree)

    @property
    def layer(self) -> Path:
        """The folder that becomes the layer's."""
        return self.path / "layer"

    @property
    def tree(self) -> Path:
        """What was changed so far."""
        return self.layer / "tree"

    def discard(self) -> None:
        """Remove it, whatever is in it."""
        remove_tree(self.path)
        Path(str(self.path) + ".lock").unlink(missing_ok=True)
        self._lock.release()

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.sealed:
            self.discard()


class Snapshotter:
    """Makes snapshots and turns them into layers."""

    def __init__(self, home: Path, layers: LayerStore) -> None:
        self._home, self._root, self._layers = home, home / "snapshots", layers
        self._sealed: list[Snapshot] = []
        self._blank: list[Snapshot] = []

    def prepare(self, layers: Sequence[Layer]) -> Snapshot:
        """A new root file system above these layers, the lowest first."""
        with explained(self._home):
            try:
                snapshot = self._blank.pop()
            except IndexError:
                snapshot = self._made()
            snapshot.layers = tuple(layers)
            if layers:  # the root folder of the change set is that of the image, not a new one
                os.chmod(snapshot.tree, stat.S_IMODE(os.lstat(layers[-1].tree).st_mode))
            return snapshot

    def _made(self) -> Snapshot:
        path = self._root / unique()
        snapshot = Snapshot(self._home, path, (), Lock(f"{path}.lock"))
        snapshot.layer.mkdir(parents=True)
        assert snapshot.rootfs
        return snapshot

    def seal(self, snapshot: Snapshot, *, links: bool = False) -> Layer:
        """What the snapshot changed, as a layer (`links`: see `LayerStore.seal`); what is left of the snapshot goes with the next `tidy`."""
        with explained(self._home):
            layer = self._layers.seal(snapshot.layer, links=links)
        snapshot.sealed = True
        self._sealed.append(snapshot)
        return layer

    def tidy(self, *, ahead: bool = False) -> None:
        """Discard what is left of sealed snapshots: for a moment in which there is nothing else to do, and for the end.

        `ahead`: there will be more, so that the next is made too.
        """
        with suppress(IndexError):  # another thread may be faster
            while self._sealed:
                self._sealed.pop().discard()
            while self._blank and not ahead:
                self._blank.pop().discard()
        if ahead and not self._blank:
            with explained(self._home):
                self._blank.append(self._made())
