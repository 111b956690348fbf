"""A union of layers, laid out into one folder: what a process works in where no overlay can be mounted. For root only: owners are real.

Every file is a copy (blocks are shared where the file system can), never a hard link: a write in place would change the layer. Names that are one
inode in a layer become files of their own, as overlay makes them when one of them is written.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable

from dockerlab.layers.owners import DEVICE
from dockerlab.layers.tree import copy_bytes, made_device
from dockerlab.layers.view import Node, TreeView

_OVERLAYS_OWN = "user.overlay."


def lay_out(view: TreeView, target: str, apart: Iterable[str] = ()) -> None:
    """Make the empty folder `target` what `view` shows, without the paths of `apart` ("dev") and what lies below them."""
    if view.trees:
        _Laying(view, target, frozenset("/" + path for path in apart)).folder(view.root())


class _Laying:
    def __init__(self, view: TreeView, target: str, apart: frozenset[str]) -> None:
        self._view, self._target, self._apart = view, target, apart

    def folder(self, node: Node) -> None:
        place = self._target + (node.path if node.path != "/" else "")
        for name in self._view.names(node):
            child = self._view.child(node, name)
            if child is None or child.path in self._apart:
                continue
            there = self._target + child.path
            if child.is_dir:
                os.mkdir(there, 0o700)
                self.folder(child)
            else:
                put_copy(child.real, there, child.st)
        put_attributes(node.real, place, node.st)


def put_copy(source: str, target: str, st: os.stat_result) -> None:
    """A copy of what is no folder, with its attributes; `st` is what lstat says of `source`."""
    mode = st.st_mode
    if stat.S_ISREG(mode):
        read = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            write = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                copy_bytes(read, write)
            finally:
                os.close(write)
        finally:
            os.close(read)
    elif stat.S_ISLNK(mode):
        os.symlink(os.readlink(source), target)
    else:
        make_node(target, mode, st.st_rdev)
    put_attributes(source, target, st)


def make_node(path: str, mode: int, device: int) -> None:
    """A pipe, a socket or a device. Who may not make the last gets an empty file with a mark, so that the layer's tar is true."""
    if not stat.S_ISCHR(mode) and not stat.S_ISBLK(mode):
        os.mknod(path, mode)
        return
    numbers = os.major(device), os.minor(device)
    if not made_device(path, mode, numbers):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.setxattr(path, DEVICE, b"%o:%d:%d" % (mode, *numbers))


def put_attributes(source: str, target: str, st: os.stat_result) -> None:
    """Owner, extended attributes, mode, time: in this order, since a new owner takes capabilities and set-ID bits away."""
    os.chown(target, st.st_uid, st.st_gid, follow_symlinks=False)
    if stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode):
        _put_xattrs(source, target)
    if not stat.S_ISLNK(st.st_mode):
        os.chmod(target, stat.S_IMODE(st.st_mode))
    os.utime(target, ns=(st.st_atime_ns, st.st_mtime_ns), follow_symlinks=False)


def _put_xattrs(source: str, target: str) -> None:
    for name in os.listxattr(source, follow_symlinks=False):
        if name.startswith(_OVERLAYS_OWN):
            continue
        value = os.getxattr(source, name, follow_symlinks=False)
        try:
            os.setxattr(target, name, value, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EACCES, errno.ENOTSUP):
                raise
