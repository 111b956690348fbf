"""Reading what a mode forbids: an image may hold folders and files that not even their owner may read, and an ordinary user is no root.

The mode is changed for as long as it takes and put back; a chmod leaves the times that go into a layer alone.

All of these take paths that are held (`held`) too, and then what they do they do to that one inode.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from dockerlab.layers import borrowed
from dockerlab.layers.held import Held, hold


@contextmanager
def lent(path: str, bits: int = stat.S_IRUSR | stat.S_IXUSR) -> Iterator[None]:
    """While it lasts, we may read the folder (or file) at `path`, whatever its mode says."""
    if _status(path).st_mode & bits == bits:
        yield
        return
    held = path if isinstance(path, Held) else hold(path, follow=False)  # a link that is put there meanwhile leads no chmod elsewhere
    mode = stat.S_IMODE(os.fstat(held.fd).st_mode)
    os.chmod(held, mode | bits)
    try:
        yield
    finally:
        os.chmod(held, mode)


def _status(path: str) -> os.stat_result:
    return os.fstat(path.fd) if isinstance(path, Held) else os.lstat(path)


def inner(folder: str, name: str) -> str:
    """The path of a name in a folder, held if the folder is; only then FileNotFoundError where there is none."""
    if not isinstance(folder, Held):
        return f"{folder}/{name}"
    try:
        return folder.step(name)
    except PermissionError:
        with lent(folder, stat.S_IXUSR):
            return folder.step(name)


def locked_folders(path: str) -> list[str]:
    """The folders on the way to `path` that we own and may not search, the outermost first."""
    out: list[str] = []
    folder = os.path.dirname(path)
    while folder not in ("", "/"):
        try:
            st = os.lstat(folder)
        except PermissionError:
            folder = os.path.dirname(folder)
            continue
        if st.st_uid == os.geteuid() and not st.st_mode & stat.S_IXUSR:
            out.append(folder)
        folder = os.path.dirname(folder)
    return list(reversed(out))


@contextmanager
def reached(path: str) -> Iterator[None]:
    """While it lasts, the folders of ours on the way to `path` may be searched, whatever their modes say."""
    if isinstance(path, Held):
        yield
        return
    with ExitStack() as stack:
        for folder in iter(lambda: (locked_folders(path) or [""])[0], ""):
            stack.enter_context(lent(folder))
        yield


def open_lent(path: str, flags: int = os.O_RDONLY) -> int:
    """Open a file of ours for reading, through folders and a mode that forbid it. OSError as os.open where it is not ours.

    Of what is held only a regular file is opened, ENXIO for all else: a pipe would let us wait, and a device may do anything.
    """
    if isinstance(path, Held):
        return _open_held(path, flags | os.O_CLOEXEC)
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(path, flags)
    except PermissionError:
        with reached(path), lent(path, stat.S_IRUSR):
            fd = os.open(path, flags)
    return borrowed.opened(fd, path, flags) if borrowed.places else fd


def _open_held(path: Held, flags: int) -> int:
    if not stat.S_ISREG(os.fstat(path.fd).st_mode):
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO), path.named)
    try:
        return os.open(path, flags)
    except PermissionError:
        with lent(path, stat.S_IRUSR):
            return os.open(path, flags)


def lstat_lent(path: str) -> os.stat_result:
    """os.lstat through folders of ours that may not be searched."""
    try:
        return _status(path)
    except PermissionError:
        with reached(path):
            return os.lstat(path)


def names_lent(folder: str) -> list[str]:
    """os.listdir of a folder of ours, whatever its mode."""
    try:
        return os.listdir(folder)
    except PermissionError:
        with reached(folder), lent(folder):
            return os.listdir(folder)


def link_target(path: str) -> str:
    """os.readlink through folders of ours that may not be searched."""
    if isinstance(path, Held):
        return path.target()
    try:
        return os.readlink(path)
    except PermissionError:
        with reached(path):
            return os.readlink(path)


def attribute(path: str, name: str) -> bytes:
    """os.getxattr, a link not followed."""
    return os.getxattr(path, name, follow_symlinks=isinstance(path, Held))
