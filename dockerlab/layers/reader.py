"""From a tar to a tree: a layer that comes from outside, or an archive that ADD unpacks. Every byte of it may be hostile.

Paths can't leave the tree (`Tree` sees to that), links may point anywhere since nobody follows them outside a container, and what
a tar says of itself is believed only as far as it was read.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from dockerlab.errors import StoreError
from dockerlab.layers.owners import CAPABILITY, OURS
from dockerlab.layers.packed import entries, room, too_large, unpacked
from dockerlab.layers.tree import Tree

if TYPE_CHECKING:
    import tarfile

_IMPOSSIBLE = (errno.ENAMETOOLONG, errno.EINVAL, errno.ERANGE, errno.E2BIG)  # what no disk could hold, as opposed to a full one
WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
INODE = 256  # bytes that the smallest entry takes of a disk


def _clean(name: str) -> str:
    parts = [part for part in name.split("/") if part and part != "."]
    if ".." in parts:
        raise StoreError(f'the archive holds the path "{name}", which leads out of it', hint="nothing of it was kept")
    return "/".join(parts)


def _xattrs(member: tarfile.TarInfo) -> dict[str, bytes]:
    prefix = "SCHILY.xattr."
    found = {key[len(prefix) :]: value for key, value in member.pax_headers.items() if key.startswith(prefix)}
    return {
        name: value.encode("utf-8", "surrogateescape")
        for name, value in found.items()
        if name == CAPABILITY or (name.startswith("user.") and not name.startswith(OURS))
    }


def read_tar(source: IO[bytes] | Any, tree: Tree, *, as_layer: bool = True, owner: tuple[int, int] | None = None, prefix: str = "") -> int:
    """Unpack a tar (packed or not; a stream will do) into a tree; the number of entries.

    `as_layer`: `.wh.` names are whiteouts. `owner` overrides the recorded owners. `prefix` is a folder of the tree to unpack into.
    Raises StoreError for a damaged archive, a path that leads out, or more than there is room for.
    """
    return read_entries(unpacked(source), tree, as_layer=as_layer, owner=owner, prefix=prefix)


def read_entries(source: IO[bytes], tree: Tree, *, as_layer: bool = True, owner: tuple[int, int] | None = None, prefix: str = "") -> int:
    """The same of a tar that is not packed, from wherever in it an entry begins."""
    count, total, most = 0, 0, room(tree.root)
    with damage_told(lambda: count):
        for tar, member in entries(source):
            total += INODE + (member.size if member.isreg() else 0)
            if total > most:
                raise too_large(most)
            _one(tar, member, tree, as_layer, owner, prefix)
            count += 1
    return count


@contextmanager
def damage_told(count: Callable[[], int]) -> Iterator[None]:
    """What is wrong with an archive as a StoreError, with the number of the entry: `count` of them are in order."""
    import tarfile

    try:
        yield
    except tarfile.TarError as error:
        raise StoreError(f"the archive is damaged: {error}") from error
    except EOFError as error:
        raise StoreError("the archive is cut short") from error
    except (OverflowError, ValueError) as error:
        raise StoreError(f"the archive is damaged: entry {count() + 1} has an impossible value ({error})") from error
    except OSError as error:
        if error.errno not in _IMPOSSIBLE:
            raise
        raise StoreError(f"entry {count() + 1} of the archive can't be kept here: {os.strerror(error.errno).lower()}") from error


def _one(tar: tarfile.TarFile, member: tarfile.TarInfo, tree: Tree, as_layer: bool, owner: tuple[int, int] | None, prefix: str) -> None:
    rel = _clean(member.name)
    name = rel.rpartition("/")[2]
    if prefix:
        rel = f"{prefix}/{rel}" if rel else prefix
    if as_layer and name.startswith(WHITEOUT):
        folder = rel[: -len(name)].rstrip("/")
        if name == _OPAQUE:
            tree.opaque(folder)
        elif not name.startswith(".wh..wh."):  # aufs kept its own notes under that prefix
            tree.whiteout(f"{folder}/{name[len(WHITEOUT) :]}".lstrip("/"))
        return
    uid, gid = owner if owner is not None else (member.uid, member.gid)
    mode, mtime = member.mode & 0o7777, int(member.mtime)
    if member.isdir():
        tree.mkdir(rel, mode, uid, gid, mtime)
    elif member.isreg():
        file = tar.extractfile(member)
        if file is None:
            raise StoreError(f'the archive says "{member.name}" is a file, but holds no bytes of it')
        tree.write_from(rel, file, mode, uid, gid, mtime, size=member.size)
    elif member.issym():
        tree.symlink(rel, member.linkname, uid, gid, mtime)
    elif member.islnk():
        target = _clean(member.linkname)
        tree.hardlink(rel, f"{prefix}/{target}" if prefix else target)
        return
    elif member.ischr() or member.isblk():
        tree.device(rel, "char" if member.ischr() else "block", mode, (member.devmajor, member.devminor), uid, gid, mtime)
    elif member.isfifo():
        tree.fifo(rel, mode, uid, gid, mtime)
    else:
        return
    for key, value in _xattrs(member).items():
        tree.set_xattr(rel, key, value)
