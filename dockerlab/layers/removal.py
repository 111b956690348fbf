"""Taking a folder of ours away, whatever an image has put into it."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 100
"""Levels that are gone down at once; what lies deeper is lifted up before, since each level holds a descriptor open."""
_ROUNDS = 10_000
_NOT_EMPTY = (errno.ENOTEMPTY, errno.EEXIST)


def remove_tree(path: Path | str) -> None:
    """Remove a folder of ours, or a file, whatever the modes in it, and never what a link in it leads to; what is not there is no error."""
    for _ in range(_ROUNDS):
        try:
            os.rmdir(path)  # most have nothing in them
            return
        except FileNotFoundError:
            return
        except NotADirectoryError:
            with suppress(FileNotFoundError):
                os.unlink(path)
            return
        except OSError as error:
            if error.errno not in _NOT_EMPTY:
                raise
        with suppress(FileNotFoundError):
            top = _opened(str(path), None)
            try:
                _clear(top, top, 0)
            finally:
                os.close(top)
    os.rmdir(path)


def _clear(folder: int, top: int, depth: int) -> None:
    """Empty an open folder; what is too deep goes to `top`, to be met again there. Others may be doing the same."""
    for name in os.listdir(folder):
        with suppress(FileNotFoundError):
            try:
                os.unlink(name, dir_fd=folder)
            except IsADirectoryError:
                if _rmdir(name, folder):  # many have nothing in them
                    continue
                if depth == _DEEPEST:
                    os.rename(name, os.urandom(8).hex(), src_dir_fd=folder, dst_dir_fd=top)
                else:
                    _remove(name, folder, top, depth + 1)


def _remove(name: str, folder: int, top: int, depth: int) -> None:
    inner = _opened(name, folder)
    try:
        _clear(inner, top, depth)
    finally:
        os.close(inner)
    _rmdir(name, folder)  # where somebody still writes there: the next round


def _rmdir(name: str, folder: int) -> bool:
    """False where there is something in it."""
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError as error:
        if error.errno not in _NOT_EMPTY:
            raise
        return False
    return True


def _opened(name: str, parent: int | None) -> int:
    """A folder, open and ours to write in, if its mode can be made so."""
    try:
        fd = os.open(name, os.O_RDONLY | _FOLDER, dir_fd=parent)
    except PermissionError:
        there = os.open(name, os.O_PATH | _FOLDER, dir_fd=parent)
        try:
            os.chmod(f"/proc/self/fd/{there}", 0o700)
            return os.open(f"/proc/self/fd/{there}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        finally:
            os.close(there)
    if not os.access(f"/proc/self/fd/{fd}", os.W_OK | os.X_OK, effective_ids=True):
        os.fchmod(fd, 0o700)
    return fd
