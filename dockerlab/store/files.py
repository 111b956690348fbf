"""Writing files so that nobody ever sees half of one, and saying kindly why that did not work."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from dockerlab.errors import StoreError

_WHY = {
    errno.ENOSPC: (
        "there is no space left on its disk",
        "remove what you don't need (`dockerlab rmi`, `dockerlab builder prune -af`), or move the store: DOCKERLAB_HOME=/a/larger/folder",
    ),
    errno.EDQUOT: (
        "your disk quota is used up",
        "remove what you don't need (`dockerlab rmi`, `dockerlab builder prune -af`), or move the store: DOCKERLAB_HOME=/a/larger/folder",
    ),
    errno.EFBIG: (
        "a file may not grow that large there",
        "see `ulimit -f`, or move the store: DOCKERLAB_HOME=/a/larger/folder",
    ),
    errno.EROFS: (
        "its file system is read-only",
        "set DOCKERLAB_HOME to a folder that you may write, for example DOCKERLAB_HOME=/tmp/dockerlab",
    ),
    errno.EACCES: (
        "you may not write there",
        "set DOCKERLAB_HOME to a folder that you may write, for example DOCKERLAB_HOME=/tmp/dockerlab",
    ),
    errno.EPERM: (
        "you may not write there",
        "set DOCKERLAB_HOME to a folder that you may write, for example DOCKERLAB_HOME=/tmp/dockerlab",
    ),
}

FULL = {number: _WHY[number] for number in (errno.ENOSPC, errno.EDQUOT)}
"""What a disk that is full says → (why, what to do)."""


@contextmanager
def explained(home: Path | str, *, making: bool = False) -> Iterator[None]:
    """Turn the errors of a disk that is full, read-only or somebody else's into one sentence about the store; `making`: it is being made."""
    try:
        yield
    except OSError as error:
        if making and error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise StoreError(f"the store at {home} can't be made: no folder can be made there", hint=_WHY[errno.EACCES][1]) from error
        if error.errno not in _WHY or _elsewhere(error, str(home)):
            raise
        why, remedy = _WHY[error.errno]
        raise StoreError(f"the store at {home} can't be written: {why} ({error.filename or home})", hint=remedy) from error


def _elsewhere(error: OSError, home: str) -> bool:
    """Whether a file outside of the store is to blame: one of a build context, the target of a copy."""
    return isinstance(error.filename, str) and not f"{error.filename}/".startswith(home.rstrip("/") + "/")


def write_atomically(path: Path | str, data: bytes, *, durable: bool = False) -> None:
    """Replace `path` by these bytes in one step; `durable` survives a power cut: for what was promised to somebody, and what nothing else could tell again."""
    aside = f"{path}.{unique(4)}~"
    try:
        with open(aside, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        try:
            os.unlink(aside)
        except OSError:
            pass
        raise


def folder_size(folder: Path | str) -> int:
    """The bytes of the files below a folder; what may not be read counts nothing."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(where, name)).st_size
            except OSError:
                continue  # gone meanwhile
    return total


def unique(size: int = 8) -> str:
    """A name that nobody else has: so many random bytes, in hexadecimal. (`secrets` costs 8 ms to import.)"""
    return os.urandom(size).hex()


class Lock:
    """A flock on a file: the kernel lets go of it however its holder ends."""

    def __init__(self, path: Path | str, *, exclusive: bool = True, wait: bool = True) -> None:
        """Take the lock. BlockingIOError if `wait` is false and somebody else holds it."""
        self.path = str(path)
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.fd, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB))
        except BaseException:
            os.close(self.fd)
            raise

    def release(self) -> None:
        """Let go; a second time is no error."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


@cache
def boot_id() -> str:
    """What is new with every boot of the machine: what was not written to disk before it may be lost."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
