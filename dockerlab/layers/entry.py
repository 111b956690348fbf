"""The nouns of a layer: one path of a file tree, and what happened to it."""

from __future__ import annotations

import os
import stat

from dockerlab.data import dataclass, field

KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


class Inode:
    """What lies at a path: `path` is canonical ("/a/b"), `real` where its bytes lie, `st` what lstat said."""

    __slots__ = ("path", "real", "st")

    def __init__(self, path: str, real: str, st: os.stat_result) -> None:
        self.path, self.real, self.st = path, real, st

    @property
    def is_dir(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.st.st_mode)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.st.st_mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.st.st_mode)


@dataclass(frozen=True)
class Entry:
    """One path as a tar header would describe it. `path` has no leading slash, the root is ""; `size` in bytes, `mtime` in seconds."""

    path: str
    kind: str
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime: float = 0
    link: str = ""
    device: tuple[int, int] = (0, 0)
    xattrs: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """What a layer does to one path: "A" added, "C" changed, "D" deleted; `entry` is what stands there now (None if deleted)."""

    path: str
    kind: str
    entry: Entry | None = None


@dataclass(frozen=True)
class LayerSummary:
    """A layer written as a tar: the digest of the tar, the bytes of its regular files, how many entries it has, the bytes of its links' targets."""

    diff_id: str
    size: int
    entries: int
    links: int = 0
