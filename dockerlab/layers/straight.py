"""A layer's tar laid out as it comes, in one pass, and whether it is the very tar that our writer makes of what was laid out.

Docker's builders write entries as we do, in the same order. As long as each header is, byte for byte, what `writer.header` gives for the entry that it tells of,
each path comes after the one before and below a folder that came, nothing has to be read again: the digest of what came is the digest of what would be written. The
first entry that is otherwise (a hard link, a whiteout, an attribute, another program's header) is `reader`'s, and so is all that follows; the tar is kept then, its
beginning made again of the headers, which are held, and of what was laid out.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol, cast

from dockerlab.data import dataclass
from dockerlab.errors import StoreError
from dockerlab.layers.entry import Entry
from dockerlab.layers.lending import open_lent
from dockerlab.layers.packed import room, too_large
from dockerlab.layers.reader import INODE, WHITEOUT, damage_told, read_entries
from dockerlab.layers.tree import Tree
from dockerlab.layers.writer import header

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
_KINDS = {b"0": "file", b"2": "symlink", b"5": "dir"}
_SMALL = 1 << 20
_SEVERAL, _MUCH = 512, 16 << 20
"""Files, and bytes of them, that are held until they are written together: two threads do in little more than half the time what one does."""
_NAMES = 64 << 10
"""Bytes of a pax header that may hold long names."""


class Source(Protocol):
    """Something that is read to its end."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""


@dataclass(frozen=True)
class LaidOut:
    """`entries` came; `straight`: the tar is what our writer makes of the tree, whose regular files and whose links' targets have so many bytes."""

    entries: int
    straight: bool
    size: int = 0
    links: int = 0


def lay_out(source: Source, tree: Tree, kept: Path) -> LaidOut:
    """Unpack a layer's tar, all of it, into an empty tree, which is closed afterwards. `kept` is written if it is not straight, and holds the tar then.

    Raises as `read_tar` does.
    """
    with open(f"{kept}.headers", "w+b") as headers:
        os.unlink(headers.name)
        layout = _Layout(_Exact(source), tree, headers, kept)
        with damage_told(lambda: layout.count):
            return layout.run()


class _Exact:
    """A source of which exactly so many bytes are taken, or looked at and put back."""

    def __init__(self, source: Source) -> None:
        self._source, self._held = source, memoryview(b"")
        self.copy: Callable[[bytes], object] = lambda data: None
        """Gets what is read by `read`."""

    def take(self, size: int) -> bytes:
        """So many bytes, fewer at the end."""
        if len(self._held) >= size:
            taken, self._held = self._held[:size], self._held[size:]
            return bytes(taken)
        parts, left = [bytes(self._held)], size - len(self._held)
        self._held = memoryview(b"")
        while left and (block := self._source.read(max(left, _SMALL))):
            parts.append(block[:left])
            if len(block) > left:
                self._held = memoryview(block)[left:]
            left -= len(parts[-1])
        return b"".join(parts)

    def read(self, size: int = -1) -> bytes:
        """As of any file: whatever is there."""
        if self._held:
            taken, self._held = bytes(self._held[:size]), self._held[size:]
        else:
            taken = self._source.read(size)
        self.copy(taken)
        return taken

    def put_back(self, data: bytes) -> None:
        """What was taken last is still to come."""
        self._held = memoryview(data + bytes(self._held))


class _Layout:
    def __init__(self, source: _Exact, tree: Tree, headers: IO[bytes], kept: Path) -> None:
        self._source, self._tree, self._headers, self._kept = source, tree, headers, kept
        self._most = room(tree.root)
        self.count = self._size = self._links = 0
        self._before: list[str] = []
        self._folders = {""}
        self._files: list[tuple[Entry, bytes]] = []
        self._waiting = 0

    def run(self) -> LaidOut:
        while True:
            entry, raw = _next(self._source)
            if entry is None or not self._follows(entry):
                break
            self._headers.write(raw)
            self._put(entry)
        self._write_files()
        end = raw == _ZEROS
        if end and (raw := raw + self._source.take(_BLOCK + 1)) == _ZEROS * 2:
            self._tree.close()
            return LaidOut(self.count, True, self._size, self._links)
        with open(self._kept, "wb") as kept:
            self._begin(kept)
            self._source.put_back(raw)
            self._source.copy = kept.write
            if not end:
                self.count += read_entries(cast(IO[bytes], self._source), self._tree)
            total = kept.tell()
            while block := self._source.read(_SMALL):
                total += len(block)
                if total > self._most:
                    raise too_large(self._most)
        self._tree.close()
        return LaidOut(self.count, False)

    def _begin(self, kept: IO[bytes]) -> None:
        """Write what came until now."""
        self._headers.seek(0)
        headers = _Exact(self._headers)
        for _ in range(self.count):
            entry, raw = _next(headers)
            assert entry is not None
            kept.write(raw)
            if entry.kind == "file":
                with open(open_lent(self._tree.path(entry.path)), "rb") as file:
                    while block := file.read(_SMALL):
                        kept.write(block)
                kept.write(bytes(-entry.size % _BLOCK))

    def _follows(self, entry: Entry) -> bool:
        """Whether our writer could come to it now: after what came before, in a folder that it has been in."""
        parts = entry.path.split("/")
        above = entry.path.rpartition("/")[0]
        if above not in self._folders or parts <= self._before or "" in parts or "." in parts or ".." in parts:
            return False
        if parts[-1].startswith(WHITEOUT):
            return False
        self._before = parts
        return True

    def _put(self, entry: Entry) -> None:
        path, mode, owner = entry.path, entry.mode, (entry.uid, entry.gid, entry.mtime)
        self.count += 1
        if self._size + entry.size + self.count * INODE > self._most:
            raise too_large(self._most)
        if entry.kind == "dir":
            self._tree.mkdir(path, mode, *owner)
            self._folders.add(path)
        elif entry.kind == "symlink":
            self._tree.symlink(path, entry.link, *owner)
            self._links += len(os.fsencode(entry.link))
        else:
            self._size += entry.size
            padded = entry.size + -entry.size % _BLOCK
            if padded <= _SMALL:
                data = self._source.take(padded)
                if len(data) != padded:
                    raise _cut_short()
                if any(data[entry.size :]):
                    raise StoreError("the archive is damaged: there is something between two of its entries")
                self._files.append((entry, data[: entry.size]))
                self._waiting += entry.size
                if len(self._files) >= _SEVERAL or self._waiting >= _MUCH:
                    self._write_files()
                return
            self._tree.write_from(path, cast(IO[bytes], self._source), mode, *owner, size=entry.size)
            if len(self._source.take(-entry.size % _BLOCK)) != -entry.size % _BLOCK:
                raise _cut_short()

    def _write_files(self) -> None:
        """What was read of small files becomes files."""
        files, self._files, self._waiting = self._files, [], 0
        self._tree.write_files(files)


def _next(source: _Exact) -> tuple[Entry | None, bytes]:
    """The next entry, or None if its header is not as we write it; and all the bytes that told of it."""
    raw = last = source.take(_BLOCK)
    names: dict[bytes, bytes] = {}
    if raw[156:157] == b"x":
        try:
            size = int(raw[124:135], 8)
        except ValueError:
            return None, raw
        if size > _NAMES:
            return None, raw
        raw += source.take(size + -size % _BLOCK)
        names = _pax(raw[_BLOCK : _BLOCK + size])
        last = source.take(_BLOCK)
        raw += last
    entry = _entry(last, names)
    return (entry if entry is not None and header(entry) == raw else None), raw


def _cut_short() -> StoreError:
    return StoreError("unexpected EOF: the archive is cut short")


def _pax(body: bytes) -> dict[bytes, bytes]:
    """The records of a pax header; what is none ends them, and shows when the header is compared."""
    found: dict[bytes, bytes] = {}
    while body:
        length, space, _ = body.partition(b" ")
        if not space or not length.isdigit() or not len(length) < int(length) <= len(body):
            break
        key, equals, value = body[len(length) + 1 : int(length) - 1].partition(b"=")
        if not equals:
            break
        found[key] = value
        body = body[int(length) :]
    return found


def _entry(block: bytes, names: dict[bytes, bytes]) -> Entry | None:
    """What a header tells, read as plainly as it can be: whoever calls compares it with the one that we would write."""
    kind = _KINDS.get(block[156:157])
    if kind is None or names.keys() - {b"path", b"linkpath"}:
        return None
    try:
        mode, uid, gid = int(block[100:107], 8), int(block[108:115], 8), int(block[116:123], 8)
        size, mtime = int(block[124:135], 8), int(block[136:147], 8)
    except ValueError:
        return None
    name = names.get(b"path") or block[:100].rstrip(b"\0")
    link = (names.get(b"linkpath") or block[157:257].rstrip(b"\0")) if kind == "symlink" else b""
    if kind == "dir":
        if not name.endswith(b"/"):
            return None
        name = name[:-1]
    if b"\0" in name or b"\0" in link or mode > 0o7777 or (kind != "file" and size):
        return None
    return Entry(os.fsdecode(name), kind, mode, uid, gid, size, mtime, os.fsdecode(link))
