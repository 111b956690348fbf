"""An image that was found in an archive, and how it comes into the store: all layers first, each compared with its digest, then the images, then their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, cast

from dockerlab.data import dataclass
from dockerlab.errors import InvalidReferenceError, StoreError
from dockerlab.layers.packed import unpacked
from dockerlab.oci import ImageConfig, Reference
from dockerlab.oci.digest import Sha256, hex_of
from dockerlab.store import Store
from dockerlab.store.depth import HINT, MOST_LAYERS
from dockerlab.transfer.members import NOTHING, Members

_BLOCK = 1 << 20
Opener = Callable[[], IO[bytes]]
"""Opens a layer's tar, out of whatever it is packed in."""


@dataclass(frozen=True)
class Found:
    """An image as it lies there: its configuration, those very bytes, its layers (the lowest first), its names."""

    config: ImageConfig
    raw: bytes
    layers: Sequence[Opener]
    names: Sequence[str]


def configuration(raw: bytes, name: str, what: str) -> ImageConfig:
    """A configuration that somebody else wrote. StoreError if it is none."""
    try:
        config = ImageConfig.from_outside(raw)
        for diff_id in config.diff_ids:
            hex_of(diff_id)
    except ValueError as error:
        raise StoreError(f"the configuration {name} in the {what} is no JSON of an image: {error}") from error
    return config


def known_name(name: str, what: str) -> str:
    """The name that some image shall get, as docker shows it. StoreError if it is none."""
    try:
        return Reference.parse(name).familiar
    except InvalidReferenceError as error:
        raise StoreError(f'the {what} names an image "{name}", which is no name: {error.message}') from error


def take_in(store: Store, images: Sequence[Found], scratch: Path, what: str) -> list[str]:
    """Keep them; their names, or their IDs. A name never moves for an archive that is damaged further on."""
    for number, found in enumerate(images):
        diff_ids = found.config.diff_ids
        if len(diff_ids) != len(found.layers):
            raise StoreError(f"the {what} lists {len(found.layers)} layers, the image's configuration {len(diff_ids)}")
        if len(diff_ids) > MOST_LAYERS:
            raise StoreError(
                f"max depth exceeded: an image of the {what} has {len(diff_ids)} layers, and {MOST_LAYERS} are the most that Docker loads",
                hint=HINT,
            )
        for at, (diff_id, opened) in enumerate(zip(diff_ids, found.layers, strict=True)):
            if not store.layers.has(diff_id):
                folder = scratch / f"{number}-{at}"
                folder.mkdir()
                with opened() as source:
                    store.layers.arrive(source, folder, diff_id)
    said: list[str] = []
    for found in images:
        image = store.images.add(found.config, found.raw)
        for name in found.names:
            store.images.tag(image.id, Reference.parse(name))
        said += found.names or [image.id]
    return said


class Checked:
    """A blob that is read to its end and compared with its digest there. StoreError from the last read if it is not what it should be."""

    def __init__(self, file: IO[bytes], digest: str, what: str) -> None:
        self._file, self._digest, self._what, self._hash = file, digest, what, Sha256()

    def readable(self) -> bool:
        """As of any file."""
        return True

    def read(self, size: int = -1) -> bytes:
        """As of any file."""
        data = self._file.read(size)
        self._hash.update(data)
        if not data and size and (found := "sha256:" + self._hash.hexdigest()) != self._digest:
            raise StoreError(
                f"the {self._what}'s blob {self._digest} has the digest {found}: it is damaged, or was tampered with", hint=NOTHING
            )
        return data

    def close(self) -> None:
        """As of any file."""
        self._file.close()


class Content:
    """What a blob holds, unpacked. At its end the rest of the blob is read too, so that all of it is compared: a packed stream may end before its file does."""

    def __init__(self, blob: Checked) -> None:
        self._blob, self._stream = blob, unpacked(cast(IO[bytes], blob))

    def readable(self) -> bool:
        """As of any file."""
        return True

    def read(self, size: int = -1) -> bytes:
        """As of any file."""
        data = self._stream.read(size)
        if not data and size:
            while self._blob.read(_BLOCK):
                pass
        return data

    def __enter__(self) -> Content:
        return self

    def __exit__(self, *_: object) -> None:
        self._blob.close()


def blob_of(digest: str, members: Members) -> str:
    """The name of a blob in an OCI layout. StoreError for what is no digest: no path is ever made of it."""
    try:
        return f"blobs/sha256/{hex_of(digest)}"
    except ValueError:
        raise StoreError(f"the {members.what} names a blob {digest[:100]!r}, which is no digest of sha256", hint=NOTHING) from None
