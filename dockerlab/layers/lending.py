"""Reading what a mode forbids: an image may hold folders and files that not even their owner may read, and an ordinary user is no root.

The mode is changed for as long as it takes and put back; a chmod leaves the times that go into a layer alone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def lent(path: str, bits: int = stat.S_IRUSR | stat.S_IXUSR) -> Iterator[None]:
    """While it lasts, we may read the folder (or file) at `path`, whatever its mode says."""
    mode = stat.S_IMODE(os.lstat(path).st_mode)
    if mode & bits == bits:
        yield
        return
    os.chmod(path, mode | bits)
    try:
        yield
    finally:
        os.chmod(path, mode)


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
    with ExitStack() as stack:
        for folder in iter(lambda: (locked_folders(path) or [""])[0], ""):
            stack.enter_context(lent(folder))
        yield


def open_lent(path: str, flags: int = os.O_RDONLY) -> int:
    """Open a file of ours for reading, through folders and a mode that forbid it. OSError as os.open where it is not ours."""
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags)
    except PermissionError:
        with reached(path), lent(path, stat.S_IRUSR):
            return os.open(path, flags)


def lstat_lent(path: str) -> os.stat_result:
    """os.lstat through folders of ours that may not be searched."""
    try:
        return os.lstat(path)
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
