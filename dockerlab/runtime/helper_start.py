"""The helper's process itself: begun as early as possible, with nothing imported that would keep it waiting (`subprocess` costs 8 ms).

A command that is going to need it calls `begin` before it imports anything else: the helper's interpreter then starts beside the rest of ours.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys

from dockerlab.runtime.helper import wire

_MAIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "helper", "helper_main.py")
_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "LC_CTYPE", "DOCKERLAB_HOME")
"""All that the helper knows of our environment. Process 1 of a container is a fork of it for a while, or for good (`--init`), and a notebook's environment holds tokens."""
_PATIENCE = 2000  # milliseconds for the helper to end after its socket was closed
_SIGKILL, _SIGPIPE, _SIGXFSZ = 9, 13, 25


class Helper:
    """A helper that was started. `socket` is our end; closing it ends the helper, but no container."""

    def __init__(self) -> None:
        self.socket, theirs = wire.pair()
        try:
            end = fcntl.fcntl(theirs.fileno(), fcntl.F_DUPFD_CLOEXEC, 4)  # out of the way of 0 to 3
        finally:
            theirs.close()
        nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0)
        given = [(os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2), (os.POSIX_SPAWN_DUP2, end, 3)]
        try:
            self._pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", "-E", _MAIN, "3"],
                {name: os.environ[name] for name in _KEPT if name in os.environ},
                file_actions=[nothing, *given],
                setsid=True,  # a terminal's or a notebook's interrupt is not for it
                setsigdef=[_SIGPIPE, _SIGXFSZ],  # which an interpreter ignores
            )
        finally:
            os.close(end)
        self._pidfd = os.pidfd_open(self._pid)

    @property
    def has_ended(self) -> bool:
        """Whether it is gone: killed from outside."""
        return self._wait(0)

    def end(self) -> None:
        """Close the socket and wait for the end of the process."""
        self.socket.close()
        if self._pidfd >= 0 and not self._wait(_PATIENCE):
            os.kill(self._pid, _SIGKILL)
            self._wait(-1)

    def _wait(self, milliseconds: int) -> bool:
        if self._pidfd >= 0:
            poll = select.poll()
            poll.register(self._pidfd, select.POLLIN)
            if not poll.poll(milliseconds):
                return False
            os.close(self._pidfd)
            self._pidfd = -1
            try:
                os.waitpid(self._pid, 0)
            except ChildProcessError:
                pass  # somebody else waits for all of this process's children
        return True


_begun: list[Helper] = []


def begin() -> None:
    """Start a helper for whoever takes it first."""
    try:
        _begun.append(Helper())
    except OSError:
        pass  # the one who needs it will say so


def taken() -> Helper:
    """The helper that was begun, or a new one."""
    return _begun.pop() if _begun else Helper()
