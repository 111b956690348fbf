"""The base images of a class: one copy of them, which every submission's store has below it as a read-only base store, and which is watched.

    kept = BaseImages.copied(folder)     once a class: the images that labs begin with, from the grader's own store, every byte compared with its digest
    a submission's store                 above kept.folder (`store.bases`): nothing is copied for it
    kept.untouched()                     afterwards: whether all of it is as it was made

Why a copy, and why a plain one. The cells run as whoever grades, so what they can name they can write; the folder of the base store stands in their
environment. Were that the grader's own store, a cell that writes there would change the measure of its own checks, and be found out too late for the
store. Hard links would share the inodes with it, and so every write through one; a mode or a read-only mount can be taken back by who set it. A copy
costs half a second of a class (86 MB in 8,000 files) and can be thrown away.

Why watching. All submissions of a class share the copy, so one that changes it could move the measure of others. Each submission looks before its cells
run, after them, and after the checks, at what no process can set: the time at which the kernel last changed each inode (ctime). Whoever finds the
copy changed throws its verdict away, and is graded once more by itself, above a copy that no other has: the copy of the class may have been changed by
another that ran beside it. If that is changed too, it is its own doing. (`classes.grade_one`)

What stays at risk is what the grader's user may do: see `grading`. Its own store is looked at only before the cells of a class run, and, if a copy has to be
made again, once more with all digests, which begin with image IDs that were learnt before.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from dockerlab.course.labs import USUAL
from dockerlab.data import dataclass
from dockerlab.errors import DockerlabError
from dockerlab.layers import copy_tree
from dockerlab.oci import Reference
from dockerlab.store import Layer, Store


class BaseChangedError(DockerlabError):
    """Something wrote into the base images while cells ran above them."""


@dataclass(frozen=True)
class BaseImages:
    """A store that holds the base images and nothing else. `images` are (name, image ID); `mark` is what it looked like when it was made."""

    folder: Path
    images: tuple[tuple[str, str], ...]
    mark: str

    @classmethod
    def copied(cls, folder: Path, images: tuple[tuple[str, str], ...] = (), *, names: tuple[str, ...] = USUAL) -> BaseImages:
        """A copy in `folder` of what the grader's own store has, where it is composed on first use; of these `images`, if they are known already, else of these `names`.

        StoreError, DockerlabError if that was damaged.
        """
        from dockerlab.engine.embedded import EmbeddedEngine
        from dockerlab.store.fsck import examine

        own, fresh = EmbeddedEngine(), Store.open(folder, bases="")
        try:
            images = images or tuple((name, own.resolve_name(name)) for name in names)
            for name, identifier in images:
                image = own.store.images.get(identifier)
                for layer in own.store.layers_of(image.config):
                    if not fresh.layers.has(layer.diff_id):
                        _copy(own.store, layer, fresh)
                fresh.images.add(image.config, own.store.images.raw(identifier))
                fresh.images.tag(identifier, Reference.parse(name))
        finally:
            own.close()
        if not (found := examine(fresh)).sound:
            raise DockerlabError(f"the base images of the grader's own store are damaged: {found.problems[0]}", hint="dockerlab fsck")
        return cls(folder, images, marked(folder))

    def copied_again(self, folder: Path) -> BaseImages:
        """Another copy of the same images."""
        return self.copied(folder, self.images)

    def untouched(self) -> bool:
        """Whether nothing in it was changed, added or removed."""
        try:
            return marked(self.folder) == self.mark
        except OSError:
            return False

    def check(self) -> None:
        """BaseChangedError if something was."""
        if not self.untouched():
            raise BaseChangedError(
                "the base images changed while the cells ran, so nothing of the submission is graded",
                hint="a cell wrote into the base store",
            )

    def name_again(self, store: Store) -> None:
        """Let the names of the base images mean these in a store above them, and their layers be these: a submission may have made others of its own."""
        above = Store.open(store.home, bases="")
        for name, identifier in self.images:
            if above.images.named(reference := Reference.parse(name)) not in (None, identifier):
                above.images.untag(reference)
        for path in (self.folder / "layers").iterdir():
            if above.layers.has(diff_id := f"sha256:{path.name}"):
                above.layers.remove(diff_id)


def _copy(own: Store, layer: Layer, fresh: Store) -> None:
    if (layer.path / "layer.json").exists():
        copy_tree(layer.path, fresh.layers.tree(layer.diff_id).parent)
        return
    with fresh.tmp() as folder, open(folder / "tar", "w+b") as tar:  # a layer of a base store, whose files were made ours
        own.layers.open_tar(layer, tar)
        tar.seek(0)
        (folder / "layer").mkdir()
        fresh.layers.arrive(tar, folder / "layer", layer.diff_id)


def marked(folder: Path) -> str:
    """The hash of what lstat says of every inode below, but for the time of the last access. (Some 40 ms for 8,000.)"""
    digest = hashlib.sha256()

    def look(path: str) -> None:
        st = os.lstat(path)
        told = (st.st_dev, st.st_ino, st.st_mode, st.st_nlink, st.st_uid, st.st_gid, st.st_size, st.st_mtime_ns, st.st_ctime_ns)
        digest.update(f"{path!a}{told}".encode())

    def failed(error: OSError) -> None:
        raise error

    look(str(folder))
    for where, folders, names in os.walk(folder, onerror=failed):
        folders.sort()
        for name in sorted([*folders, *names]):
            look(f"{where}/{name}")
    return digest.hexdigest()


def clear(folder: Path) -> None:
    """Remove a folder, whatever modes lie in it. A worker that does so is about to end, and need not be told to."""
    from dockerlab.course.workers import clearing_up
    from dockerlab.layers import remove_tree

    clearing_up()
    remove_tree(folder)
    shutil.rmtree(folder, ignore_errors=True)
