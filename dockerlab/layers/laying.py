"""A union of layers, laid out into one folder: what a process works in where no overlay can be mounted.

Where we are root, owners are real. Where we are not, they stay in their xattrs, `laid_links` keeps those of what takes none, and modes are lent (`owners`).

Every file is a copy (blocks are shared where the file system can), never a hard link: a write in place would change the layer. Names that are one
inode in a layer become files of their own, as overlay makes them when one of them is written.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable

from dockerlab.layers.laid_links import LinkOwner, link_owner
from dockerlab.layers.lending import lent, link_target, open_lent, reached
from dockerlab.layers.owners import DEVICE, MODE, Owners, lent_mode, made_device, own_mode
from dockerlab.layers.pouring import copy_bytes
from dockerlab.layers.view import Node, TreeView

_OVERLAYS_OWN = "user.overlay."


def lay_out(view: TreeView, target: str, apart: Iterable[str] = ()) -> list[LinkOwner]:
    """Make the empty folder `target` what `view` shows, without the paths of `apart` ("dev") and what lies below them.

    Returns the owners that could not be written on disk.
    """
    laying = _Laying(view, target, frozenset("/" + path for path in apart))
    if view.trees:
        laying.folder(view.root())
    return laying.links


class _Laying:
    def __init__(self, view: TreeView, target: str, apart: frozenset[str]) -> None:
        self._view, self._target, self._apart = view, target, apart
        self._lend = not Owners.here().real
        self.links: list[LinkOwner] = []

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
                put_copy(child.real, there, child.st, stat.S_IMODE(child.st.st_mode), lend=self._lend)
                if self._lend and not stat.S_ISREG(child.st.st_mode) and child.owner != (0, 0):
                    self.links.append(link_owner(there, child.owner))
        put_attributes(node.real, place, node.st, stat.S_IMODE(node.st.st_mode), lend=self._lend)


def put_copy(source: str, target: str, st: os.stat_result, bits: int, *, lend: bool = False) -> None:
    """A copy of what is no folder, with its attributes; `st` is what lstat says of `source`, `bits` are its permissions (see `put_attributes`)."""
    mode = st.st_mode
    if stat.S_ISREG(mode):
        read = open_lent(source, os.O_RDONLY | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(read).st_mode):  # what a process has put there since it was looked at
                raise OSError(errno.ENXIO, os.strerror(errno.ENXIO), source)
            write = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                copy_bytes(read, write)
            finally:
                os.close(write)
        finally:
            os.close(read)
    elif stat.S_ISLNK(mode):
        os.symlink(link_target(source), target)
    else:
        make_node(target, mode, st.st_rdev)
    put_attributes(source, target, st, bits, lend=lend)


def make_node(path: str, mode: int, device: int) -> None:
    """A pipe, a socket or a device. Who may not make the last gets an empty file with a mark, so that the layer's tar is true."""
    if not stat.S_ISCHR(mode) and not stat.S_ISBLK(mode):
        os.mknod(path, mode)
        return
    numbers = os.major(device), os.minor(device)
    if not made_device(path, mode, numbers):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.setxattr(path, DEVICE, b"%o:%d:%d" % (mode, *numbers))


def put_attributes(source: str, target: str, st: os.stat_result, bits: int, *, lend: bool = False) -> None:
    """Owner, extended attributes, mode, time: in this order, since a new owner takes capabilities and set-ID bits away.

    `bits` are the permissions: `lend` those that they keep from the owner, where an ordinary user's processes will work.
    """
    if Owners.here().real:
        os.chown(target, st.st_uid, st.st_gid, follow_symlinks=False)
    marked = stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode)
    if marked:
        _put_xattrs(source, target)
    if not stat.S_ISLNK(st.st_mode):
        held = lent_mode(bits, folder=stat.S_ISDIR(st.st_mode)) if lend and marked else bits
        if held != bits:
            os.setxattr(target, MODE, b"%o" % bits)
        os.chmod(target, held)
    os.utime(target, ns=(st.st_atime_ns, st.st_mtime_ns), follow_symlinks=False)


def permissions(source: str, st: os.stat_result) -> int:
    """The permission bits of what lies in a copy, whatever was lent."""
    if Owners.here().real or not (stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode)):
        return stat.S_IMODE(st.st_mode)
    return own_mode(source, st)


def _put_xattrs(source: str, target: str) -> None:
    try:
        _copy_xattrs(source, target)
    except PermissionError:
        with reached(source), lent(source, stat.S_IRUSR):
            _copy_xattrs(source, target)


def _copy_xattrs(source: str, target: str) -> None:
    for name in os.listxattr(source, follow_symlinks=False):
        if name.startswith(_OVERLAYS_OWN) or name == MODE:
            continue
        value = os.getxattr(source, name, follow_symlinks=False)
        try:
            os.setxattr(target, name, value, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EACCES, errno.ENOTSUP):
                raise
