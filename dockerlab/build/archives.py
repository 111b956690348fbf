"""Archives for ADD: one is known by its first bytes, not by its name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from typing import IO, cast

from dockerlab.build.sources import Source
from dockerlab.errors import BuildError


def open_plain(source: Source) -> IO[bytes]:
    """Its bytes as they are."""
    if source.node is not None:
        return io.BufferedReader(source.node.open())
    return open(source.file, "rb") if source.file else io.BytesIO(source.data)


def _decompressed(stream: IO[bytes]) -> IO[bytes]:
    head = stream.read(6)
    stream.seek(0)
    if head[:2] == b"\x1f\x8b":
        return cast(IO[bytes], gzip.GzipFile(fileobj=stream))
    if head[:3] == b"BZh":
        return cast(IO[bytes], bz2.BZ2File(stream))
    if head[:6] == b"\xfd7zXZ\0":
        return cast(IO[bytes], lzma.LZMAFile(stream))
    if head[:4] == b"\x28\xb5\x2f\xfd":
        try:
            import zstandard
        except ImportError:
            raise BuildError(
                "the archive is compressed with zstd, which needs the Python package zstandard", hint="pip install zstandard"
            ) from None
        return cast(IO[bytes], zstandard.ZstdDecompressor().stream_reader(stream))
    return stream


def open_archive(source: Source) -> IO[bytes]:
    """The plain tar inside."""
    return _decompressed(open_plain(source))


def is_archive(source: Source) -> bool:
    """Whether it is a tar, packed or not, by its content."""
    if source.node is not None and (source.node.is_dir or source.node.entry.kind != "file"):
        return False
    try:
        with open_archive(source) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            return tar.next() is not None
    except (tarfile.TarError, OSError, EOFError, lzma.LZMAError, ValueError):
        return False
