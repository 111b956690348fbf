"""What was found out about layers once and never changes: kept until the layer is swept, made again by whoever finds it gone or damaged.

    indices/LAYER-CHAIN.paths-1   hex of the diff ID, hex of the chain ID: what the layer does above these very layers (`layers.index`)
    indices/LAYER-CHAIN.image-1   what the layers up to this one come to, as an image: totals, efficiency, hidden bytes

Both are lines of JSON, packed by zlib, whose checksum tells what is damaged.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from dockerlab.errors import StoreError
from dockerlab.oci import chain_ids
from dockerlab.oci.digest import hex_of
from dockerlab.store.files import write_atomically

PATHS, IMAGE = "paths-1", "image-1"
"""The kinds, with the number of their form: another form gets another number, and what is of none is swept."""
_BLOCK = 8 << 10


class Indices:
    """The indices of the store at `home`."""

    def __init__(self, home: Path) -> None:
        self._root = home / "indices"

    def _path(self, diff_ids: Sequence[str], kind: str) -> Path:
        return self._root / f"{hex_of(diff_ids[-1])}-{hex_of(chain_ids(diff_ids)[-1])}.{kind}"

    def read(self, diff_ids: Sequence[str], kind: str) -> bytes | None:
        """What is kept of the last of these layers above the others, packed; None if nothing is, or if it is damaged."""
        try:
            data = self._path(diff_ids, kind).read_bytes()
        except OSError:
            return None
        return data if _is_whole(data) else None

    def keep(self, diff_ids: Sequence[str], kind: str, data: bytes) -> None:
        """Keep it, packed. A store that can't be written loses nothing but time."""
        with suppress(OSError):
            self._root.mkdir(mode=0o700, exist_ok=True)
            write_atomically(self._path(diff_ids, kind), data)

    def all(self) -> list[Path]:
        """The files, without those that are just being written."""
        return [path for path in self._root.iterdir() if not path.name.endswith("~")] if self._root.is_dir() else []

    def is_sound(self, path: Path, layers: Collection[str]) -> bool:
        """Whether it can be read, and tells of one of these layers."""
        try:
            known = path.suffix[1:] in (PATHS, IMAGE) and f"sha256:{path.name.partition('-')[0]}" in layers
            return known and _is_whole(path.read_bytes())
        except OSError:
            return not path.exists()

    def sweep(self, layers: Collection[str]) -> None:
        """Remove what tells of none of these layers, and what is damaged."""
        for path in self.all():
            if not self.is_sound(path, layers):
                path.unlink(missing_ok=True)


def pack(lines: Iterable[bytes]) -> bytes:
    """Lines as they are kept."""
    packer, out = zlib.compressobj(1), bytearray()
    for line in lines:
        out += packer.compress(line)
    return bytes(out + packer.flush())


def unpack(data: bytes) -> Iterator[bytes]:
    """The lines again, each with its end. StoreError for what is damaged."""
    rest = b""
    for block in blocks(data):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield line + b"\n"


def blocks(data: bytes) -> Iterator[bytes]:
    """The text of all lines, in pieces. StoreError for what is damaged."""
    unpacker = zlib.decompressobj()
    try:
        for at in range(0, len(data), _BLOCK):
            yield unpacker.decompress(data[at : at + _BLOCK])
        if not unpacker.eof:
            raise zlib.error("it is cut short")
    except zlib.error as error:
        raise StoreError(f"the index of a layer is damaged: {error}", hint="dockerlab fsck --repair removes it; it is made again") from None


def _is_whole(data: bytes) -> bool:
    try:
        for _ in blocks(data):
            pass
    except StoreError:
        return False
    return True
