"""Paths that can't come to mean something else, for trees in which a hostile process may be at work.

Between two looks at a name such a process may put a symbolic link to a folder of this machine where a folder was. So a name is looked up once, in a
folder that is open, and no link is followed; what was found is open too, and `/proc/self/fd/N` leads to it and nowhere else.

Other trees are those of layers: nothing runs there, and plain strings name what lies in them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


class Held(str):
    """`/proc/self/fd/N`; N is open for as long as the string is there. `named` is the path by which it was found.

    To a system call that follows links it is the thing itself, even if that is a symbolic link; others must not be given it.
    """

    fd: int
    named: str

    def __new__(cls, fd: int, name: str) -> Held:
        """Takes the descriptor over."""
        self = super().__new__(cls, f"/proc/self/fd/{fd}")
        self.fd, self.named = fd, name
        return self

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        close(self.fd)

    def step(self, name: str) -> Held:
        """What a name in this folder stands for, a link not followed. FileNotFoundError, PermissionError as os.open."""
        path = f"{self.named}/{name}"
        try:
            return Held(os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.fd), path)
        except OSError as error:
            error.filename = path
            raise

    def target(self) -> str:
        """Where it points, if it is a symbolic link."""
        return os.readlink("", dir_fd=self.fd)


class Inside(str):
    """A name in a folder that is held, whatever it stands for: for system calls that do not follow a link there."""

    folder: Held
    name: str

    def __new__(cls, folder: Held, name: str) -> Inside:
        """Holds the folder too."""
        self = super().__new__(cls, f"{folder}/{name}")
        self.folder, self.name = folder, name
        return self

    @property
    def named(self) -> str:
        """The path by which the folder was found, and the name."""
        return f"{self.folder.named}/{self.name}"


def hold(path: Path | str, *, follow: bool = True) -> Held:
    """What lies at a path now; `follow`: also through a symbolic link at its end."""
    return Held(os.open(path, os.O_PATH | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)), named(path))


def named(path: Path | str) -> str:
    """The path by which something was found, held or not."""
    return path.named if isinstance(path, Held | Inside) else str(path)


def means_nothing(path: object) -> bool:
    """Whether the file name in an OSError is one that tells nobody which file it was: that of a descriptor, or of the root of a process."""
    return isinstance(path, str) and path.startswith("/proc/")
