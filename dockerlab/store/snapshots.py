"""Root file systems in the making: what a build step changes lies in `diff`, above the layers it began with."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from dockerlab.layers import remove_tree
from dockerlab.store.files import Lock, explained, unique
from dockerlab.store.layers import Layer, LayerStore
from dockerlab.store.rootfs import RootFs


class Snapshot:
    """A folder with `diff`, `work` and `merged`, locked while it is in use; discarded at the end of a `with` unless it was sealed."""

    def __init__(self, path: Path, layers: Sequence[Layer], lock: Lock) -> None:
        self.path, self.layers, self._lock = path, tuple(layers), lock

    @property
    def rootfs(self) -> RootFs:
        """What the runtime mounts."""
        return rootfs_at(self.path, self.layers)

    def discard(self) -> None:
        """Remove it, whatever is in it."""
        remove_tree(self.path)
        Path(str(self.path) + ".lock").unlink(missing_ok=True)
        self._lock.release()

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()


def rootfs_at(folder: Path, layers: Sequence[Layer]) -> RootFs:
    """The root file system of these layers (bottom first) whose changes lie in folder/diff; the folders are made."""
    for name in ("diff", "work", "merged"):
        if not (folder / name).is_dir():
            (folder / name).mkdir()
            (folder / name).chmod(0o755)  # whatever the umask: the topmost is the root folder that processes see
    # overlay refuses the same folder twice; of equal layers the upper one hides the lower
    lowers = dict.fromkeys(str(layer.tree) for layer in reversed(layers))
    return RootFs(tuple(lowers), str(folder / "diff"), str(folder / "work"), str(folder / "merged"))


class Snapshotter:
    """Makes snapshots and turns them into layers."""

    def __init__(self, home: Path, layers: LayerStore) -> None:
        self._home, self._root, self._layers = home, home / "snapshots", layers

    def prepare(self, layers: Sequence[Layer]) -> Snapshot:
        """A new root file system above these layers, the lowest first."""
        with explained(self._home):
            path = self._root / unique()
            lock = Lock(f"{path}.lock")
            path.mkdir()
            snapshot = Snapshot(path, layers, lock)
            if layers:  # the root folder of the change set is that of the image, not a new one
                top = os.lstat(layers[-1].tree)
                (path / "diff").mkdir()
                os.chmod(path / "diff", stat.S_IMODE(top.st_mode))
            return snapshot

    def seal(self, snapshot: Snapshot, *, links: bool = False) -> Layer:
        """What the snapshot changed, as a layer (`links`: see `LayerStore.seal`); the snapshot can't be used afterwards."""
        folder = snapshot.path
        with explained(self._home):
            os.rename(folder / "diff", folder / "tree")
            layer = self._layers.seal(folder, links=links)
        snapshot.discard()
        return layer
