"""The store as a whole: where it lies, what keeps it whole, what may be swept away."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dockerlab.layers import remove_tree
from dockerlab.oci import ImageConfig
from dockerlab.store.cache import BuildCache
from dockerlab.store.cache_mounts import CacheMounts
from dockerlab.store.files import Lock, explained
from dockerlab.store.images import ImageStore
from dockerlab.store.layers import Layer, LayerStore
from dockerlab.store.snapshots import Snapshotter

_FOLDERS = ("blobs/sha256", "layers", "names", "images", "cache", "snapshots", "containers", "container-names", "volumes", "tmp")


def default_home() -> Path:
    """DOCKERLAB_HOME, else the user's data folder (XDG base directory specification)."""
    if home := os.environ.get("DOCKERLAB_HOME"):
        return Path(home).absolute()
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return Path(data) / "dockerlab"


class Store:
    """The store at `home`; many processes may hold it open at once."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.layers = LayerStore(home)
        self.images = ImageStore(home)
        self.cache = BuildCache(home)
        self.cache_mounts = CacheMounts(home)
        self.snapshots = Snapshotter(home, self.layers)
        self.containers_dir = home / "containers"
        self.container_names = home / "container-names"
        self.volumes_dir = home / "volumes"

    @classmethod
    def open(cls, home: Path | str | None = None) -> Store:
        """Open the store, made where missing. StoreError that says what to do if that folder can't be written."""
        path = Path(home).absolute() if home is not None else default_home()
        with explained(path, making=True):
            if not (path / "tmp").is_dir():
                for name in _FOLDERS:
                    (path / name).mkdir(parents=True, exist_ok=True)
                os.chmod(path, 0o755)
        return cls(path)

    @contextmanager
    def using(self) -> Iterator[None]:
        """While it lasts nothing is swept away: hold it from finding a layer until something refers to it."""
        with explained(self.home):
            lock = Lock(self.home / "lock", exclusive=False)
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def tmp(self) -> Iterator[Path]:
        """A private folder on the store's file system, removed afterwards (what was moved out of it stays)."""
        with explained(self.home):
            path = self.home / "tmp" / secrets.token_hex(8)
            lock = Lock(f"{path}.lock")
            path.mkdir()
        try:
            with explained(self.home):
                yield path
        finally:
            remove_tree(path)
            Path(f"{path}.lock").unlink(missing_ok=True)
            lock.release()

    def layers_of(self, config: ImageConfig) -> list[Layer]:
        """The layers of an image, the lowest first."""
        return [self.layers.get(diff_id) for diff_id in config.diff_ids]

    def needed_layers(self) -> set[str]:
        """The diff IDs that an image, a container or the build cache refers to."""
        needed = {diff_id for image in self.images.all() for diff_id in image.config.diff_ids}
        for record in self.cache.values():
            if layer := record.get("layer"):
                needed.add(str(layer))
        for folder in self.containers_dir.iterdir():
            try:
                needed.update(json.loads((folder / "config.json").read_bytes()).get("layers", ()))
            except (OSError, ValueError):
                continue
        return needed

    def sweep(self) -> int:
        """Remove layers that nothing refers to and what killed processes left behind; the bytes of layers set free.

        Does nothing while another process uses the store.
        """
        try:
            lock = Lock(self.home / "lock", wait=False)
        except BlockingIOError:
            return 0
        with lock:
            self._sweep_abandoned()
            needed, freed = self.needed_layers(), 0
            for name in os.listdir(self.home / "layers"):
                diff_id = "sha256:" + name
                if diff_id not in needed:
                    try:
                        freed += self.layers.get(diff_id).size
                    except Exception:
                        pass
                    self.layers.remove(diff_id)
            return freed

    def _sweep_abandoned(self) -> None:
        for folder in (self.home / "tmp", self.home / "snapshots"):
            for path in list(folder.iterdir()):
                if path.suffix == ".lock":
                    continue
                try:
                    lock = Lock(f"{path}.lock", wait=False)
                except BlockingIOError:
                    continue
                remove_tree(path)
                Path(f"{path}.lock").unlink(missing_ok=True)
                lock.release()
