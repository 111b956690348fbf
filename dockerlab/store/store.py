"""The store as a whole: where it lies, what keeps it whole, what may be swept away."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dockerlab.layers import remove_tree
from dockerlab.store.files import Lock, explained, unique
from dockerlab.store.journal import Journal
from dockerlab.store.layers import BORROWED, SHARED, Layer, LayerStore
from dockerlab.store.rootfs import POINT

if TYPE_CHECKING:
    from dockerlab.oci import ImageConfig
    from dockerlab.store.bases import Base
    from dockerlab.store.blob_origins import Origins
    from dockerlab.store.cache import BuildCache
    from dockerlab.store.cache_mounts import CacheMounts
    from dockerlab.store.images import ImageStore
    from dockerlab.store.indices import Indices
    from dockerlab.store.snapshots import Snapshotter

_FOLDERS = ("blobs/sha256", "layers", "names", "images", "cache", "snapshots", "containers", "container-names", "volumes", "tmp", POINT)
_FORGOTTEN = 3600  # seconds after which nobody is still writing a file that was written aside


def default_home() -> Path:
    """DOCKERLAB_HOME, else the user's data folder (XDG base directory specification)."""
    if home := os.environ.get("DOCKERLAB_HOME"):
        return Path(home).absolute()
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return Path(data) / "dockerlab"


class Store:
    """The store at `home`; many processes may hold it open at once. What most commands don't need is loaded by the first who does."""

    def __init__(self, home: Path, bases: Sequence[Base] = ()) -> None:
        self.home, self.bases = home, tuple(bases)
        self.lends_bytes: Callable[[], bool] = lambda: False
        """Whether a container can have files of ours whose bytes lie in a base store (`layers.borrowed`); handed in by who knows the machine."""
        self.layers = self._layers()
        self.journal = Journal(home)
        self.containers_dir = home / "containers"
        self.container_names = home / "container-names"
        self.volumes_dir = home / "volumes"

    def _layers(self) -> LayerStore:
        if not self.bases:
            return LayerStore(self.home)
        from dockerlab.store.above import LayersAbove

        return LayersAbove(self.home, self.bases, self.tmp, lambda: self.lends_bytes())

    @cached_property
    def images(self) -> ImageStore:
        """The images, and their names."""
        if not self.bases:
            from dockerlab.store.images import ImageStore

            return ImageStore(self.home)
        from dockerlab.store.above import ImagesAbove

        return ImagesAbove(self.home, self.bases, self.layers.remember)

    @cached_property
    def cache(self) -> BuildCache:
        """What builds remember."""
        from dockerlab.store.cache import BuildCache

        return BuildCache(self.home)

    @cached_property
    def cache_mounts(self) -> CacheMounts:
        """What RUN --mount=type=cache keeps."""
        from dockerlab.store.cache_mounts import CacheMounts

        return CacheMounts(self.home)

    @cached_property
    def indices(self) -> Indices:
        """What was found out about layers."""
        from dockerlab.store.indices import Indices

        return Indices(self.home)

    @cached_property
    def blob_origins(self) -> Origins:
        """Where layers have been as blobs of registries."""
        from dockerlab.store.blob_origins import Origins

        return Origins(self.home)

    @cached_property
    def snapshots(self) -> Snapshotter:
        """Root file systems in the making."""
        from dockerlab.store.snapshots import Snapshotter

        return Snapshotter(self.home, self.layers)

    @classmethod
    def open(cls, home: Path | str | None = None, *, bases: str | None = None) -> Store:
        """Open the store, made where missing, above the base stores of `bases` (as DOCKERLAB_BASE_STORES names them, which is asked if that is None).

        StoreError that says what to do if that folder can't be written.
        """
        path = Path(home).absolute() if home is not None else default_home()
        with explained(path, making=True):
            if not (path / POINT).is_dir():
                for name in _FOLDERS:
                    (path / name).mkdir(parents=True, exist_ok=True)
                os.chmod(path, 0o700)  # an image may hold programs with set-ID bits, and files that others here should not read
        if not (os.environ.get("DOCKERLAB_BASE_STORES") if bases is None else bases):
            return cls(path)
        from dockerlab.store.bases import named_bases

        return cls(path, named_bases(path, bases))

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
            path = self.home / "tmp" / unique()
            lock = Lock(f"{path}.lock")
            path.mkdir()
        try:
            with explained(self.home):
                yield path
        finally:
            remove_tree(path)
            Path(f"{path}.lock").unlink(missing_ok=True)
            lock.release()

    @contextmanager
    def scratch(self) -> Iterator[Callable[[], Path]]:
        """As `tmp`, but the folder is made when somebody first asks for it."""
        with explained(self.home), ExitStack() as opened:
            made: list[Path] = []

            def folder() -> Path:
                if not made:
                    made.append(opened.enter_context(self.tmp()))
                return made[0]

            yield folder

    def layers_of(self, config: ImageConfig) -> list[Layer]:
        """The layers of an image, the lowest first."""
        return self.layers.stack(config.diff_ids)

    def containers(self) -> Iterator[dict[str, Any]]:
        """What is written down of every container."""
        for folder in self.containers_dir.iterdir():
            try:
                yield json.loads((folder / "config.json").read_bytes())
            except (OSError, ValueError):
                continue

    def needed_layers(self) -> set[str]:
        """The diff IDs that an image, a container or the build cache refers to."""
        needed = {diff_id for image in self.images.own.all() for diff_id in image.config.diff_ids}
        needed.update(str(record["layer"]) for record in self.cache.values() if record.get("layer"))
        needed.update(diff_id for container in self.containers() for diff_id in container.get("layers", ()))
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
            self.images.sweep({str(container.get("image")) for container in self.containers()})
            needed, freed = self.needed_layers(), 0
            for diff_id in set(self.layers.all(whole=False)) - needed:
                freed += self.layers.size(diff_id)
                self.layers.remove(diff_id)
            self._sweep_of_others(needed)
            self.indices.sweep(needed)
            self.blob_origins.sweep(needed)
            return freed

    def _sweep_of_others(self, needed: set[str]) -> None:
        """What was made of layers in base stores, and, of a store that is shared, for others."""
        for folder, kept in ((BORROWED, needed), (SHARED, set(self.layers.all()))):
            for path in (self.home / folder).iterdir() if (self.home / folder).is_dir() else ():
                if f"sha256:{path.name}" not in kept and not _held(path / "lock"):
                    remove_tree(path)

    def abandoned(self) -> Iterator[Path]:
        """What killed processes left, half made. For who holds the store's lock alone: what somebody is just making looks the same."""
        for folder in (self.home / "tmp", self.home / "snapshots"):
            yield from (path for path in folder.iterdir() if path.suffix != ".lock" and not _held(Path(f"{path}.lock")))
        yield from (path for path in self.containers_dir.iterdir() if not (path / "config.json").exists())
        yield from (path for path in self.volumes_dir.iterdir() if path.name.endswith("~"))
        yield from (self.layers.tree(diff_id).parent for diff_id in self.layers.all(whole=False) if not self.layers.has(diff_id))

    def _sweep_abandoned(self) -> None:
        for path in list(self.abandoned()):
            remove_tree(path)
            Path(f"{path}.lock").unlink(missing_ok=True)
        for name in ("tmp", "snapshots"):
            for path in (self.home / name).glob("*.lock"):
                if not path.with_suffix("").exists() and _forgotten(path) and not _held(path):
                    path.unlink(missing_ok=True)
        for folder in (self.home / name for name in ("blobs/sha256", "names", "images", "cache", "cache-mounts", "indices")):
            for path in list(folder.iterdir()) if folder.is_dir() else ():
                if path.name.endswith("~") and _forgotten(path):
                    remove_tree(path)


def _held(path: Path) -> bool:
    """Whether a living process has the lock; one that nobody ever made is held by nobody."""
    if not path.exists():
        return False
    try:
        Lock(path, wait=False).release()
    except BlockingIOError:
        return True
    return False


def _forgotten(path: Path) -> bool:
    try:
        return path.lstat().st_mtime + _FORGOTTEN < time.time()
    except FileNotFoundError:
        return False
