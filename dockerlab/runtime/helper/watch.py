"""Limits that nobody else keeps: the keeper looks at the container's memory and at its writable layer, and kills what is over.

Late by design: what is used between two looks is used. A look at the memory costs some microseconds a process, one at the layer a walk.
"""

from __future__ import annotations

import os
import stat
import time

from dockerlab.runtime.helper import kernel
from dockerlab.runtime.helper.loop import Loop

TYPE_CHECKING = False  # `typing` would cost the helper 5 ms; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Callable

MEMORY_INTERVAL, DISK_INTERVAL = 0.05, 0.2  # seconds
DISK_SHARE = 10  # a walk may take a tenth of the keeper's time


class MemoryWatch:
    """As the kernel does it: over the limit the largest process is killed, and the next one if that is not enough."""

    def __init__(self, loop: Loop, limit: int, namespace: str) -> None:
        """`namespace` is the link of the container's PID namespace. Our root is the container's: so is /proc, where it could mount one."""
        self._loop, self._limit, self._namespace = loop, limit, namespace
        self.killed = False
        self._look()

    def _look(self) -> None:
        self._loop.after(MEMORY_INTERVAL, self._look)
        sizes = {pid: resident(pid) for pid in self._members()}
        if sum(sizes.values()) <= self._limit:
            return
        sizes = {pid: proportional(pid, size) for pid, size in sizes.items()}  # pages that a fork shares count once
        total = sum(sizes.values())
        for pid in sorted(sizes, key=lambda pid: sizes[pid], reverse=True):
            if total <= self._limit:
                return
            if _kill(pid):
                self.killed = True
                total -= sizes[pid]

    def _members(self) -> list[str]:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
        if _link("/proc/1/ns/pid") == self._namespace or not _link("/proc/1/ns/pid"):
            return names
        return [
            name for name in names if _link(f"/proc/{name}/ns/pid") == self._namespace
        ]  # the outer /proc, where no other could be mounted


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _kilobytes(path: str, fields: tuple[str, ...]) -> int:
    total = 0
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if name in fields:
                total += int(rest.split()[0])
    return total * 1024


def resident(pid: str) -> int:
    """Bytes of a process that no file backs."""
    try:
        return _kilobytes(f"/proc/{pid}/status", ("RssAnon", "RssShmem"))
    except (OSError, ValueError):
        return 0  # it has ended


def proportional(pid: str, otherwise: int) -> int:
    """The same, with shared pages divided among those who share them."""
    try:
        return _kilobytes(f"/proc/{pid}/smaps_rollup", ("Pss_Anon", "Pss_Shmem"))
    except (OSError, ValueError):
        return otherwise


def _kill(pid: str) -> bool:
    try:
        fd = os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        kernel.signal_process(fd, kernel.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


class DiskWatch:
    """Calls `over` when the writable layer, a folder held as a descriptor, takes more bytes on the disk than `limit`.

    Where the root is a `copy`, that is what it has grown by: what is deleted of the image leaves room.
    """

    def __init__(self, loop: Loop, limit: int, layer: int, over: Callable[[], None], *, copy: int = -1) -> None:
        self._loop, self._limit, self._over = loop, limit, over
        self._layer = layer
        if copy >= 0:
            self._layer, self._limit = copy, limit + size_of(copy, ".") - size_of(layer, ".")
        self._look()

    def _look(self) -> None:
        began = time.monotonic()
        if size_of(self._layer, ".") > self._limit:
            self._over()
            return
        self._loop.after(max(DISK_INTERVAL, DISK_SHARE * (time.monotonic() - began)), self._look)


def size_of(parent: int, name: str) -> int:
    """Bytes on the disk of a folder's files, never following a link; a file of several names counts once."""
    total = 0
    seen: set[int] = set()
    open_folders: list[tuple[int, list[str]]] = []  # each with its folders that are still to be walked: as many descriptors as levels

    def walk(parent: int, name: str) -> None:
        nonlocal total
        try:
            folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        except OSError:
            return  # gone meanwhile
        folders = []
        for entry in os.listdir(folder):
            try:
                found = os.stat(entry, dir_fd=folder, follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(found.st_mode):
                folders.append(entry)
            elif found.st_nlink > 1:
                if found.st_ino in seen:
                    continue
                seen.add(found.st_ino)
            total += found.st_blocks * 512
        open_folders.append((folder, folders))

    walk(parent, name)
    while open_folders:
        folder, folders = open_folders[-1]
        if folders:
            walk(folder, folders.pop())
        else:
            os.close(open_folders.pop()[0])
    return total
