"""The way to a path inside a container's tree, folder by folder, each held open.

Links are followed as the container would follow them, by us, never by the kernel: a hostile image may hold `etc -> /etc`, and a container that runs
may swap a folder of a volume for a link while another one with the same volume is mounted together.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

MOST_LINKS = 40
_HELD = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Descent:
    """Where one path led. Nothing that anybody renames meanwhile changes what is held; `close` lets go."""

    def __init__(self, root: str) -> None:
        self._held = [os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
        self._names: list[str] = []

    def go(self, path: str, missing: Callable[[int, str, bool], None]) -> None:
        """Go to `path`. Where nothing is, `missing(folder, name, is_last)` makes it. OSError where a file is on the way, ELOOP for links without end."""
        todo = _parts(path)
        links = 0
        while todo:
            part = todo.pop(0)
            if part == "..":
                if self._names:
                    self._names.pop()
                    os.close(self._held.pop())
                continue
            try:
                fd = os.open(part, _HELD, dir_fd=self._held[-1])
            except FileNotFoundError:
                missing(self._held[-1], part, not todo)
                fd = os.open(part, _HELD, dir_fd=self._held[-1])
            try:
                target = os.readlink("", dir_fd=fd)
            except OSError:  # no link
                self._held.append(fd)
                self._names.append(part)
                continue
            os.close(fd)
            links += 1
            if links > MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            if target.startswith("/"):
                self._names.clear()
                while len(self._held) > 1:
                    os.close(self._held.pop())
            todo = _parts(target) + todo

    @property
    def path(self) -> str:
        """The real path, as the container would write it."""
        return "/" + "/".join(self._names)

    @property
    def fd(self) -> int:
        """What is there (O_PATH)."""
        return self._held[-1]

    @property
    def held(self) -> str:
        """A path that leads to it and nowhere else."""
        return f"/proc/self/fd/{self.fd}"

    def look_again(self) -> None:
        """Hold what has been mounted there since."""
        fd = os.open(self._names[-1], _HELD, dir_fd=self._held[-2])
        os.close(self._held[-1])
        self._held[-1] = fd

    def close(self) -> None:
        """Let go of all that is held."""
        while self._held:
            os.close(self._held.pop())


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]
