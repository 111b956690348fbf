"""An archive as it arrives: packed with gzip, bzip2, xz or zstd, or not; and how much of it may be believed and kept.

A few kilobytes may unpack to terabytes. So nothing is unpacked as a whole in memory, what tells of one entry has a limit, and so has all that an archive
may take of the disk.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from dockerlab.errors import DockerlabError, StoreError

if TYPE_CHECKING:
    import tarfile

LARGEST = 64 << 30
"""Bytes that one archive may unpack to, wherever there is room for them."""
HEADERS = 4 << 20
"""Bytes that may tell of one entry: names, attributes, the map of a sparse file. Docker takes 1 MB for each of them."""
_RESERVE = 256 << 20
_BLOCK = 1 << 20
_HINT = "nothing of it was kept; an archive that grows like this is damaged, or made to fill the disk"


class _Unpacked(io.RawIOBase):
    """What a packed stream holds; damage in it is a StoreError."""

    def __init__(self, stream: IO[bytes], damage: tuple[type[Exception], ...]) -> None:
        self._stream, self._damage = stream, damage

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._stream.read(size)
        except EOFError as error:
            raise StoreError("unexpected EOF: the archive is cut short") from error
        except self._damage as error:
            if isinstance(error, OSError) and error.errno:
                raise  # the disk's, not the archive's
            raise StoreError(f"the archive is damaged: {error}") from error


class _Borrowed(io.RawIOBase):
    """A caller's stream, which stays open when what was put around it is gone."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def unpacked(source: IO[bytes]) -> IO[bytes]:
    """The stream behind gzip, bzip2, xz, zstd or nothing, by its first bytes. Where what is packed is damaged, a read raises StoreError; DockerlabError for zstd where that can't be read."""
    buffered: Any = source if hasattr(source, "peek") else io.BufferedReader(_Borrowed(source))
    head = buffered.peek(6)[:6]
    if head[:2] == b"\x1f\x8b":
        import gzip
        import zlib

        return _as_stream(gzip.GzipFile(fileobj=buffered), gzip.BadGzipFile, zlib.error)
    if head[:3] == b"BZh":
        import bz2

        return _as_stream(bz2.BZ2File(buffered), OSError, ValueError)
    if head[:6] == b"\xfd7zXZ\0":
        import lzma

        return _as_stream(lzma.LZMAFile(buffered), lzma.LZMAError)
    if head[:4] == b"\x28\xb5\x2f\xfd":
        try:
            import zstandard
        except ImportError:
            raise DockerlabError(
                "the archive is compressed with zstd, which needs the Python package zstandard", hint="pip install zstandard"
            ) from None
        return _as_stream(zstandard.ZstdDecompressor().stream_reader(buffered, read_across_frames=True), zstandard.ZstdError)
    return cast(IO[bytes], buffered)


def _as_stream(stream: Any, *damage: type[Exception]) -> IO[bytes]:
    return cast(IO[bytes], _Unpacked(stream, damage))


def room(folder: Path | str) -> int:
    """The bytes that an archive may unpack to in this folder: what is free on its disk but for a small reserve, and never more than `LARGEST`."""
    there = os.statvfs(folder)
    free, all_of_it = there.f_bavail * there.f_frsize, there.f_blocks * there.f_frsize
    return max(0, min(LARGEST, free - min(_RESERVE, all_of_it // 20)))


def too_large(most: int) -> StoreError:
    """The error of an archive that unpacks to more than `most` bytes."""
    if most >= LARGEST:
        return StoreError(f"the archive unpacks to more than {_shown(LARGEST)}, the most that is taken", hint=_HINT)
    return StoreError(f"the archive unpacks to more than the {_shown(most)} that are free on the store's disk", hint=_HINT)


def _shown(count: int) -> str:
    return f"{count / (1 << 30):.0f} GB" if count >= 10 << 30 else f"{count / (1 << 20):.0f} MB"


def copy_within(source: IO[bytes], write: Callable[[bytes], object], most: int) -> None:
    """Copy a stream to its end. StoreError as soon as it has more than `most` bytes."""
    total = 0
    while block := source.read(_BLOCK):
        total += len(block)
        if total > most:
            raise too_large(most)
        write(block)


class Metered:
    """The bytes of a tar, of which so many may be read at a time: what tells of an entry must fit in `HEADERS`."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._left = HEADERS

    def allow(self, more: int = 0) -> None:
        """From here on so many bytes of contents, and what tells of one entry."""
        self._left = HEADERS + more

    def read(self, size: int) -> bytes:
        """As of any file. StoreError for more than what is allowed."""
        if size > self._left:
            raise StoreError(
                f"the archive is damaged: what tells of one of its entries takes more than {_shown(HEADERS)}", hint="nothing of it was kept"
            )
        data = self._source.read(size)
        self._left -= len(data)
        return data

    def seek(self, position: int, whence: int = 0) -> int:
        """As of any file."""
        return self._source.seek(position, whence)

    def tell(self) -> int:
        """As of any file."""
        return self._source.tell()


def entries(source: IO[bytes]) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """(the tar, an entry) for each entry of a tar that comes as a stream; what tells of one is bounded, and none is remembered. Raises as tarfile does."""
    import tarfile

    metered = Metered(source)
    with tarfile.open(fileobj=cast(IO[bytes], metered), mode="r|", errorlevel=2) as tar:
        while (member := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # it would keep them all
            metered.allow(_contents(member))
            yield tar, member


def _contents(member: tarfile.TarInfo) -> int:
    """The bytes that follow the headers of an entry in its tar."""
    import tarfile

    if member.issparse():
        return min(member.size, sum(size for _, size in cast(list[tuple[int, int]], member.sparse)))
    return member.size if member.isreg() or member.type not in tarfile.SUPPORTED_TYPES else 0
