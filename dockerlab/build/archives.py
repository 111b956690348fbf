"""Archives for ADD: one is known by its first bytes, not by its name."""

from __future__ import annotations

import io
import tarfile
from typing import IO

from dockerlab.build.sources import Source
from dockerlab.errors import StoreError
from dockerlab.layers.packed import entries, unpacked


def open_plain(source: Source) -> IO[bytes]:
    """Its bytes as they are."""
    if source.node is not None:
        return io.BufferedReader(source.node.open())
    return open(source.file, "rb") if source.file else io.BytesIO(source.data)


def is_archive(source: Source) -> bool:
    """Whether it is a tar, packed or not, by its content."""
    if source.node is not None and (source.node.is_dir or source.node.entry.kind != "file"):
        return False
    try:
        with open_plain(source) as stream:
            return next(entries(unpacked(stream)), None) is not None
    except (tarfile.TarError, OSError, EOFError, ValueError, StoreError):
        return False
