"""A change set, copied as it is: whiteouts, marks, hard links, owners and times with it.

A container goes on writing into its own (which is held then), so `docker commit` needs another; Python's shutil knows nothing of half of this, and cp can't read what an
image's mode forbids an ordinary user.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dockerlab.layers.lending import inner, lent, link_target, lstat_lent, names_lent, open_lent, reached
from dockerlab.layers.owners import CAPABILITY, KEPT, plain_capability
from dockerlab.layers.pouring import copy_bytes


def copy_tree(source: Path | str, target: Path | str) -> None:
    """Copy the tree at `source` to `target`, which is not there yet. Sockets are left out: no layer can hold one."""
    _Copy(os.geteuid() == 0).node(source if isinstance(source, str) else str(source), str(target))


class _Copy:
    def __init__(self, owners: bool) -> None:
        self._owners = owners
        self._first: dict[tuple[int, int], str] = {}
        """Files with several names, by device and inode: where the first of them was written."""

    def node(self, source: str, target: str) -> None:
        st = lstat_lent(source)
        mode = st.st_mode
        if stat.S_ISSOCK(mode):
            return
        shared = st.st_nlink > 1 and not stat.S_ISDIR(mode)
        if shared and (first := self._first.setdefault((st.st_dev, st.st_ino), target)) != target:
            os.link(first, target, follow_symlinks=False)
            return
        if stat.S_ISREG(mode):
            self._file(source, target, st)
            return
        if stat.S_ISDIR(mode):
            os.mkdir(target, 0o700)
            for name in names_lent(source):
                try:
                    child = inner(source, name)
                except FileNotFoundError:  # it went meanwhile
                    continue
                self.node(child, f"{target}/{name}")
        elif stat.S_ISLNK(mode):
            os.symlink(link_target(source), target)
        else:
            os.mknod(target, mode, st.st_rdev)
        if self._owners:
            os.chown(target, st.st_uid, st.st_gid, follow_symlinks=False)
        if stat.S_ISDIR(mode):
            _copy_xattrs(source, target)
        if not stat.S_ISLNK(mode):
            os.chmod(target, stat.S_IMODE(mode))
        os.utime(target, ns=(st.st_atime_ns, st.st_mtime_ns), follow_symlinks=False)

    def _file(self, source: str, target: str, st: os.stat_result) -> None:
        read = open_lent(source)
        try:
            write = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                copy_bytes(read, write, st.st_size)
                if self._owners:
                    os.chown(write, st.st_uid, st.st_gid)
                _copy_xattrs(source, target)  # after the owner: a new one takes a file's capabilities away
                os.chmod(write, stat.S_IMODE(st.st_mode))
                os.utime(write, ns=(st.st_atime_ns, st.st_mtime_ns))
            finally:
                os.close(write)
        finally:
            os.close(read)


def _copy_xattrs(source: str, target: str) -> None:
    try:
        names = os.listxattr(source)
    except PermissionError:
        with reached(source):
            names = os.listxattr(source)
    if not names:
        return
    with reached(source), lent(source, stat.S_IRUSR):
        for name in names:
            value = os.getxattr(source, name)
            try:
                os.setxattr(target, name, value)
            except PermissionError:  # what only root may set: kept under our own name, or the machine's own business
                if name == CAPABILITY:
                    os.setxattr(target, KEPT + name, plain_capability(value))
