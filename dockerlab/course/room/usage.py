"""What a room's processes use: memory, the disk, their own number. Whoever is over is killed here, as the machine's kernel would.

Late by design: what is used between two looks is used. Where control groups can be had they keep memory and processes as well, and at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from dockerlab.course.room.allowance import Allowance
from dockerlab.course.room.walls import INSIDE
from dockerlab.runtime.helper import descendants, kernel
from dockerlab.runtime.helper.watch import proportional, resident, size_of

_SHARE = 16
"""The folder is walked when its disk's free space has gone down by this part of what may be used."""


class Usage:
    """Looks at everything below this process."""

    def __init__(self, folder: Path | None, allowance: Allowance) -> None:
        self._folder, self._allowance = folder or INSIDE, allowance
        self._before = self._free = -1

    def begin(self) -> None:
        """What lies there now is no part of what is used."""
        if self._before < 0:
            self._before, self._free = self._size(), self._left()

    def over(self) -> Iterator[str]:
        """What there is too much of. The largest process is killed for its memory, all of them for the disk or for their number."""
        pids = [str(pid) for pid, _ in descendants.below(os.getpid())]
        if len(pids) > self._allowance.processes:
            self._kill_all()
            yield "processes"
            return
        if self._too_much_memory(pids):
            yield "memory"
        if self._too_much_on_disk():
            self._kill_all()
            yield "disk"

    def _too_much_memory(self, pids: list[str]) -> bool:
        sizes = {pid: resident(pid) for pid in pids}
        if sum(sizes.values()) <= self._allowance.memory:
            return False
        sizes = {pid: proportional(pid, size) for pid, size in sizes.items()}  # pages that a fork shares count once
        if sum(sizes.values()) <= self._allowance.memory:
            return False
        kernel.kill(int(max(sizes, key=lambda pid: sizes[pid])), kernel.SIGKILL)
        return True

    def _too_much_on_disk(self) -> bool:
        left = self._left()
        if self._free - left < self._allowance.disk / _SHARE:
            return False
        self._free = left
        return self._size() - self._before > self._allowance.disk

    def _left(self) -> int:
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize

    def _size(self) -> int:
        folder = os.open(self._folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return size_of(folder, ".")
        finally:
            os.close(folder)

    @staticmethod
    def _kill_all() -> None:
        for _ in range(100):
            pids = [pid for pid, _ in descendants.below(os.getpid())]
            if os.getpid() == 1:
                if pids:
                    os.kill(-1, kernel.SIGKILL)  # all but ourselves, at once
                return
            for pid in pids:
                kernel.kill(pid, kernel.SIGKILL)
            if not pids:
                return
