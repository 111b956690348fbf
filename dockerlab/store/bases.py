"""Base stores: stores of somebody else's, or one's own, that this store looks into and never writes to. A class on one server holds each base image once.

    DOCKERLAB_BASE_STORES=/srv/dockerlab:/mnt/labs   →  named_bases(home) → (Base(/srv/dockerlab), Base(/mnt/labs)), in this order after one's own store

    FROM nginx    no such name in one's own store; /srv/dockerlab/names has it → sha256:ab…, configuration in its blobs   (`above.ImagesAbove`)
    its layer cd… not in one's own layers; /srv/dockerlab has it → Layer(cd…, path=/srv/dockerlab/layers/cd…)             (`above.LayersAbove`)
    remembered    borrowed/cd…/base.json of one's own store: {"base": "/srv/dockerlab", "boot": …, "size": …}
    the new image one's own, and so is every layer above; its configuration lists cd… like any other

Whose files a base holds decides how its layers can be used. An overlay is a root file system only for who may give the files of its lower layers away:
the kernel copies no file up whose owner its user namespace does not know (Linux: fs/overlayfs/copy_up.c).

    ours      its files are those of this user, or of root where we are root: a layer's tree lies below ours as it is
    shared    they are somebody else's, who made `shared/` beside them (`sharing`): the same layers as anybody may read them
    recorded  they are an ordinary user's, and we are root, who may read them all

A layer of the last two is made one's own when its files are first needed (`borrowing`): inodes of our own, with our kind of owner records.

Nothing is ever written into a base, no lock is taken there and no mode is lent. So nobody keeps its owner from removing what others use; adding is safe,
since a layer appears by one rename before the image that needs it, and an image before its name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from dockerlab.errors import StoreError
from dockerlab.store.images import ImageStore
from dockerlab.store.layers import SHARED, LayerStore

VARIABLE = "DOCKERLAB_BASE_STORES"
OURS, RECORDED = "ours", "recorded"
UNUSABLE = f"its owner brings the image there again, or take it out of {VARIABLE}"
_OTHERS = f"or take it out of {VARIABLE}"


class Base:
    """One base store. StoreError that says which, and why, from all but `path` if it is not there, or not for us."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    @cached_property
    def form(self) -> str:
        """OURS, SHARED or RECORDED (above)."""
        try:
            owner = os.stat(self.path / "layers").st_uid
            if owner == os.geteuid():
                return OURS
            if (self.path / SHARED).is_dir():
                return SHARED
        except FileNotFoundError:
            what = "holds no store" if self.path.is_dir() else "is not there"
            raise StoreError(f"the base store {self} {what}", hint=f"mount it, or make it, {_OTHERS}") from None
        except OSError as error:
            raise self._closed(error) from None
        if os.geteuid() == 0:
            return RECORDED
        raise StoreError(
            f"the base store {self} is another user's, who has not shared it",
            hint=f"its owner does: DOCKERLAB_HOME={self} dockerlab share; {_OTHERS}",
        )

    @cached_property
    def layers(self) -> LayerStore:
        """Its layers, to be looked at only."""
        return LayerStore(self.path, SHARED if self.form == SHARED else "layers")

    @cached_property
    def images(self) -> ImageStore:
        """Its images, to be looked at only."""
        assert self.form
        return ImageStore(self.path)

    @contextmanager
    def looked_into(self) -> Iterator[None]:
        """What may not be read there is told in one sentence."""
        try:
            yield
        except PermissionError as error:
            raise self._closed(error) from error

    def _closed(self, error: OSError) -> StoreError:
        return StoreError(
            f"the base store {self} can't be read: {error.strerror} ({error.filename or self})",
            hint=f"its owner opens it to everybody: DOCKERLAB_HOME={self} dockerlab share; {_OTHERS}",
        )


def named_bases(home: Path, text: str | None = None) -> tuple[Base, ...]:
    """The base stores that DOCKERLAB_BASE_STORES (or `text`) names for the store at `home`, which is none of its own."""
    named = os.environ.get(VARIABLE, "") if text is None else text
    paths = dict.fromkeys(os.path.abspath(path) for path in named.split(os.pathsep) if path)
    return tuple(Base(Path(path)) for path in paths if os.path.realpath(path) != os.path.realpath(home))
