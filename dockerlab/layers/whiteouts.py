"""What hides a name of the layers below, in both of the kernel's forms. (Linux: Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories")

Most file systems take a character device 0/0. A file system that is an overlay itself, as the disk of most pods is, keeps those for itself; there it is
an empty file with the xattr `user.overlay.whiteout`, in a folder that `user.overlay.opaque` = `x` marks, as it marks the tree's top (Linux 6.7 mounts both).
"""

from __future__ import annotations

import errno
import os
import stat

from dockerlab.layers.lending import attribute, lent, reached
from dockerlab.layers.owners import OPAQUE

WHITEOUT = "user.overlay.whiteout"
_MODE = stat.S_IFREG | stat.S_IRUSR
"""Rare enough that a look at the xattr costs nothing, and its owner may take that look."""


def is_whiteout(path: str, st: os.stat_result) -> bool:
    """Whether the inode at `path`, of which lstat says `st`, hides a name of the layers below."""
    if st.st_mode == _MODE:
        return not st.st_size and _is_marked(path)
    return is_whiteout_device(st)


def is_whiteout_device(st: os.stat_result) -> bool:
    """The form that a process may make by hand, too."""
    return stat.S_ISCHR(st.st_mode) and st.st_rdev == 0


def _is_marked(path: str) -> bool:
    try:
        try:
            attribute(path, WHITEOUT)
        except PermissionError:
            with reached(path):
                attribute(path, WHITEOUT)
    except OSError:
        return False
    return True


def may_hold_marks(folder: str) -> bool:
    """Whether whiteouts of the second form may lie in a folder: it is marked then, and costs one call instead of one a file."""
    try:
        attribute(folder, OPAQUE)
    except OSError as error:
        return error.errno != errno.ENODATA
    return True


def put_whiteout(path: str, top: str) -> None:
    """Hide the name of `path`, where nothing is, in the tree that begins at `top`."""
    try:
        os.mknod(path, stat.S_IFCHR, os.makedev(0, 0))
    except PermissionError:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, stat.S_IMODE(_MODE)))
        os.chmod(path, stat.S_IMODE(_MODE) | stat.S_IWUSR)  # whatever the umask; a mark is set by who may write
        os.setxattr(path, WHITEOUT, b"y")
        os.chmod(path, stat.S_IMODE(_MODE))
        for folder in {os.path.dirname(path), top}:
            _mark_folder(folder)


def _mark_folder(folder: str) -> None:
    try:
        os.setxattr(folder, OPAQUE, b"x", os.XATTR_CREATE)
    except FileExistsError:
        pass  # it is marked already, or hides all that is below
    except PermissionError:
        with lent(folder, stat.S_IWUSR):
            os.setxattr(folder, OPAQUE, b"x")
