"""Where an image goes: a tar that is a stream, or a folder; and its layers as the tars that go there."""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Protocol

from dockerlab.errors import DockerlabError
from dockerlab.layers import remove_tree
from dockerlab.layers.writer import Sink as Bytes
from dockerlab.oci.digest import Sha256, hex_of
from dockerlab.store import Store

Write = Callable[[Bytes], object]
"""Writes all bytes of something into what it is given."""


class Sink(Protocol):
    """Takes files by their names, each once."""

    def add(self, name: str, data: bytes) -> None:
        """A small file."""

    def add_from(self, name: str, size: int, write: Write) -> None:
        """A file of so many bytes, which `write` writes."""

    def has(self, name: str) -> bool:
        """Whether there is one of this name already."""

    def close(self) -> None:
        """All is there."""

    def abandon(self) -> None:
        """It will never be: take away what can be."""


class TarSink:
    """A tar, written as it comes."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out, self._names = out, set[str]()

    def has(self, name: str) -> bool:
        """Whether there is one of this name already."""
        return name in self._names

    def add(self, name: str, data: bytes) -> None:
        """A small file."""
        self.add_from(name, len(data), lambda out: out.write(data))

    def add_from(self, name: str, size: int, write: Write) -> None:
        """A file of so many bytes, which `write` writes. DockerlabError if it writes another number."""
        self._names.add(name)
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o644
        self._out.write(member.tobuf(tarfile.PAX_FORMAT))
        counted = _Counted(self._out)
        write(counted)
        if counted.count != size:
            raise DockerlabError(f"{name} has {counted.count} bytes, not the {size} that it had a moment ago", hint="do it again")
        self._out.write(bytes(-size % tarfile.BLOCKSIZE))

    def close(self) -> None:
        """The end of the tar."""
        self._out.write(bytes(2 * tarfile.BLOCKSIZE))

    def abandon(self) -> None:
        """What was written to a stream is written."""


class FolderSink:
    """A folder, which is made, or is empty. DockerlabError for one that holds something."""

    def __init__(self, folder: Path | str) -> None:
        self._folder = Path(folder)
        self._made = not self._folder.exists()
        self._folder.mkdir(parents=True, exist_ok=True)
        if any(self._folder.iterdir()):
            raise DockerlabError(f"{folder} is not empty", hint="name a folder that is, or that is not there yet")

    def has(self, name: str) -> bool:
        """Whether there is one of this name already."""
        return (self._folder / name).exists()

    def add(self, name: str, data: bytes) -> None:
        """A small file."""
        self.add_from(name, len(data), lambda out: out.write(data))

    def add_from(self, name: str, size: int, write: Write) -> None:
        """A file, which `write` writes."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(f"{path}~", "wb") as file:
            write(file)
        os.replace(f"{path}~", path)

    def close(self) -> None:
        """Nothing is left to write."""

    def abandon(self) -> None:
        """The folder is empty again, or gone if it was made."""
        for path in self._folder.iterdir():
            remove_tree(path)
        if self._made:
            self._folder.rmdir()


class _Counted:
    def __init__(self, out: IO[bytes]) -> None:
        self._out, self.count = out, 0

    def write(self, data: bytes) -> None:
        self.count += len(data)
        self._out.write(data)


class _Packing:
    """Packs what is written, and knows digest and size of what comes out."""

    def __init__(self, out: IO[bytes], packer: Any) -> None:
        self._out, self._packer, self._digest, self.size = out, packer, Sha256(), 0

    def write(self, data: bytes) -> None:
        self._keep(self._packer.compress(data))

    def _keep(self, data: bytes) -> None:
        if data:
            self._digest.update(data)
            self.size += len(data)
            self._out.write(data)

    def end(self) -> str:
        """The digest of it all."""
        self._keep(self._packer.flush())
        return "sha256:" + self._digest.hexdigest()


def _packer(kind: str) -> Any:
    if kind == "gzip":
        return zlib.compressobj(6, wbits=31)  # no time, no name: the same bytes each time
    try:
        import zstandard
    except ImportError:
        raise DockerlabError("zstd needs the Python package zstandard", hint="pip install zstandard, or take gzip") from None
    return zstandard.ZstdCompressor(level=3).compressobj()


class Tars:
    """The layers of a store as tars: as they are (`packing` ""), or packed with "gzip" or "zstd"."""

    def __init__(self, store: Store, scratch: Path, packing: str = "") -> None:
        self._store, self._scratch, self.packing = store, scratch, packing
        self._known: dict[str, tuple[str, int]] = {}

    def put(self, sink: Sink, diff_id: str, name_of: Callable[[str], str]) -> tuple[str, int]:
        """Let the sink have the layer; (digest, size) of what it got. StoreError if the layer is not what it was."""
        if diff_id not in self._known:
            self._known[diff_id] = self._packed(sink, diff_id, name_of) if self.packing else self._plain(sink, diff_id, name_of)
        return self._known[diff_id]

    def _plain(self, sink: Sink, diff_id: str, name_of: Callable[[str], str]) -> tuple[str, int]:
        layers = self._store.layers
        layer = layers.get(diff_id)
        size = layers.tar_size(layer)
        sink.add_from(name_of(diff_id), size, lambda out: layers.open_tar(layer, out))
        return diff_id, size

    def _packed(self, sink: Sink, diff_id: str, name_of: Callable[[str], str]) -> tuple[str, int]:
        """Through a file, since its size and its name are known at its end."""
        file = self._scratch / hex_of(diff_id)
        with open(file, "wb") as out:
            packing = _Packing(out, _packer(self.packing))
            self._store.layers.open_tar(self._store.layers.get(diff_id), packing)
            digest = packing.end()
        with open(file, "rb") as again:

            def write(out: Bytes) -> None:
                while block := again.read(1 << 20):
                    out.write(block)

            sink.add_from(name_of(digest), packing.size, write)
        file.unlink()
        return digest, packing.size
