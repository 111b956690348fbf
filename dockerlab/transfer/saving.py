"""`docker save`: images out, as an archive that is a stream, or as a folder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

from dockerlab.data import dataclass
from dockerlab.errors import DockerlabError, UsageError
from dockerlab.oci import Reference
from dockerlab.store import Image, Store
from dockerlab.transfer.sinks import FolderSink, Tars, TarSink

FORMATS = ("docker-archive", "oci-archive", "oci-dir", "docker-dir")
"""What podman calls them."""
PACKINGS = ("", "gzip", "zstd")


@dataclass(frozen=True)
class Saving:
    """How images are saved: one of FORMATS, their layers packed with one of PACKINGS ("" for plain tars)."""

    format: str = "docker-archive"
    packing: str = ""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, and no stream."""
        return self.format.endswith("-dir")

    def check(self, count: int = 1) -> None:
        """UsageError for what can't be done, with so many images."""
        if self.format not in FORMATS:
            raise UsageError(f'unknown format "{self.format}"', hint=", ".join(FORMATS), exit_code=125)
        if self.packing not in PACKINGS:
            raise UsageError(f'unknown compression format "{self.packing}"', hint="gzip or zstd", exit_code=125)
        if self.packing and self.format == "docker-archive":
            raise UsageError(
                "the layers of a docker-archive are not compressed", hint="--format oci-archive, or a pipe: | gzip", exit_code=125
            )
        if self.packing == "zstd" and self.format == "docker-dir":
            raise UsageError("Docker's own manifests know no zstd", hint="--format oci-dir, or gzip", exit_code=125)
        if self.format == "docker-dir" and count > 1:
            raise UsageError("a docker-dir holds one image", hint="--format oci-dir holds several", exit_code=125)


def save(store: Store, images: Iterable[tuple[Image, Reference | None]], out: IO[bytes] | str, saving: Saving = Saving()) -> None:  # noqa: B008 - it is frozen
    """Write images with their names (None: by ID) to a stream, or into a folder that is made or empty. Layers that they share are written once.

    StoreError if a layer is not what it was: what was written until then is of no use.
    """
    asked: dict[str, tuple[Image, bytes, list[Reference]]] = {}
    for image, name in images:
        names = asked.setdefault(image.id, (image, store.images.raw(image.id), []))[2]
        if name is not None and name not in names:
            names.append(name)
    saving.check(len(asked))
    if isinstance(out, str) is not saving.is_folder:
        raise DockerlabError(f"{saving.format} is {'a folder' if saving.is_folder else 'an archive'}", hint="name one with -o")
    from dockerlab.transfer.docker_archive import write_archive
    from dockerlab.transfer.oci_writing import write_docker_folder, write_layout

    with store.using(), store.tmp() as scratch:
        sink = FolderSink(out) if isinstance(out, str) else TarSink(out)
        tars = Tars(store, scratch, saving.packing)
        try:
            if saving.format == "docker-archive":
                write_archive(sink, tars, asked.values())
            elif saving.format == "docker-dir":
                for image, raw, _ in asked.values():
                    write_docker_folder(sink, tars, image, raw)
            else:
                write_layout(sink, tars, asked.values())
            sink.close()
        except BaseException:
            sink.abandon()
            raise
