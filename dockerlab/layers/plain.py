"""A change set as anybody may read it: what a store that is shared holds of each layer beside the tree that its own containers are made of.

    tree/usr/bin/passwd   04755, root's             →  plain/usr/bin/passwd   0755, user.dockerlab.mode = 4755
    tree/etc/shadow       0640, root:shadow         →  plain/etc/shadow       0644, user.dockerlab.mode = 640, user.dockerlab.owner = 0:42
    tree/dev/sda          block 8:0                 →  plain/dev/sda          an empty file with user.dockerlab.device
    tree/etc/motd         a whiteout                →  plain/etc/motd         the same for the device 0/0, since the other kind of whiteout can't be read by all

So nobody on the machine gets at a program with set-ID bits or at a device by way of an image (a root's /var/lib/docker is closed for that reason), and who
reads it learns of each file what it is in the image. It is no layer to mount: the modes on disk are not the image's.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from dockerlab.layers.borrowed import marks
from dockerlab.layers.entry import Entry
from dockerlab.layers.lending import open_lent
from dockerlab.layers.owners import DEVICE, MODE, Owners
from dockerlab.layers.tree import Tree
from dockerlab.layers.writer import tree_entries

_HIDES, _HIDES_ALL = ".wh.", ".wh..wh..opq"
_LARGE = 16 << 10
"""Bytes from which a file's contents are borrowed: what is smaller takes hardly more of a disk than the inode that would point to it."""


class PlainTree(Tree):
    """As `Tree`, for a tree that all may read."""

    def __init__(self, root: Path | str) -> None:
        super().__init__(root, Owners(real=False))

    def _finish(
        self, path: str, mode: int | None, uid: int, gid: int, mtime: float | None, *, fresh: bool = True, fd: int | None = None
    ) -> None:
        super()._finish(path, None, uid, gid, mtime, fresh=fresh, fd=fd)
        if mode is not None:
            set_plain_mode(path, mode & 0o7777)

    def mkdir(self, rel: str, mode: int = 0o755, uid: int = 0, gid: int = 0, mtime: float | None = None) -> None:
        """A folder with these properties; one that exists keeps what it holds."""
        super().mkdir(rel, mode, uid, gid, mtime)
        self._modes.pop(target := self.path(rel), None)
        set_plain_mode(target, mode & 0o7777)

    def whiteout(self, rel: str) -> None:
        """Hide this path of the layers below."""
        path = self._clear(rel)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
        os.setxattr(path, DEVICE, b"%o:0:0" % stat.S_IFCHR)
        os.chmod(path, 0o644)


def set_plain_mode(path: str, mode: int) -> None:
    """Let everybody read the file or folder that lies there, and note the mode that it has in the image."""
    kind = os.lstat(path).st_mode
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        os.chmod(path, mode & 0o777)
        return
    plain = 0o755 if stat.S_ISDIR(kind) or mode & 0o111 else 0o644
    if plain != mode:
        os.setxattr(path, MODE, b"%o" % mode)
    elif MODE in os.listxattr(path):
        os.removexattr(path, MODE)
    os.chmod(path, plain)


def plain_entries(root: Path) -> Iterator[tuple[Entry, str]]:
    """As `tree_entries`, of a plain tree."""
    for entry, real in tree_entries(root, Owners(real=False)):
        if entry.kind == "char" and entry.device == (0, 0):
            above, _, name = entry.path.rpartition("/")
            yield Entry(f"{above}/{_HIDES}{name}".lstrip("/"), "file", 0o600, mtime=int(entry.mtime)), ""
        else:
            yield entry, real


def transcribe(entries: Iterable[tuple[Entry, str]], tree: Tree, *, bytes_of: str = "") -> bool:
    """Write what entries describe, as `tree` writes owners and modes. Whether anything of it is only borrowed.

    `bytes_of`: the folder that holds the trees of all layers of a base, HEX/tree/…, from which contents are borrowed; without it they are copied.
    """
    borrowed = False
    for entry, real in entries:
        folder, _, name = entry.path.rpartition("/")
        if not real and name == _HIDES_ALL:
            tree.opaque(folder)
        elif not real and name.startswith(_HIDES):
            hidden = f"{folder}/{name.removeprefix(_HIDES)}".lstrip("/")
            tree.whiteout(hidden)
            os.utime(tree.path(hidden), (entry.mtime, entry.mtime), follow_symlinks=False)  # it is part of the digest
        elif entry.kind == "hardlink":
            tree.hardlink(entry.path, entry.link)
        elif bytes_of and entry.kind == "file" and entry.size >= _LARGE:
            tree.write_hole(entry.path, entry, marks(real, bytes_of))
            borrowed = True
        else:
            tree.put(entry.path, entry, lambda real=real: io.FileIO(open_lent(real)))  # type: ignore[misc]
    return borrowed


def root_mode(tree: Path) -> int:
    """The mode that the root of a tree, which is in no entry, has in the image: it shows as that of a container's root."""
    try:
        return int(os.getxattr(tree, MODE), 8)
    except OSError:
        return stat.S_IMODE(os.lstat(tree).st_mode)
