"""Somebody who types at a terminal: a command whose streams are a PTY of ours, of which it is the foreground."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence

from tests.parts import ROOT

DOCKERLAB = (sys.executable, "-m", "dockerlab")


class Typist:
    """`seen` is what the terminal has shown. Leaving the block kills the command."""

    def __init__(self, words: Sequence[str], rows: int = 24, columns: int = 80) -> None:
        self.leader, follower = pty.openpty()
        self.seen = ""
        self.resizes(rows, columns)

        def sit_down() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            words, stdin=follower, stdout=follower, stderr=follower, env=environment, preexec_fn=sit_down, close_fds=True
        )
        os.close(follower)

    def __enter__(self) -> Typist:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.leader)

    def _reads(self, seconds: float) -> bool:
        if not select.select([self.leader], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.leader, 65536)
        except OSError:  # the last one has let go of the other end
            return False
        self.seen += data.decode("utf-8", "replace")
        return bool(data)

    def waits_for(self, text: str, limit: float = 30.0) -> None:
        """Read until the terminal has shown it after what was typed last."""
        end = time.monotonic() + limit
        while text not in self.seen[self.typed_at :]:
            assert self._reads(0.1) or text in self.seen[self.typed_at :], self.seen
            assert time.monotonic() < end, f"no {text!r} in {self.seen!r}"

    typed_at = 0

    def types(self, text: str) -> None:
        """Press these keys."""
        self.typed_at = len(self.seen)
        os.write(self.leader, text.encode())

    def resizes(self, rows: int, columns: int) -> None:
        """Make the window larger or smaller."""
        fcntl.ioctl(self.leader, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def closes_the_window(self) -> None:
        """The terminal is gone, and who sits in it gets SIGHUP."""
        os.close(self.leader)
        self.leader = os.open(os.devnull, os.O_RDONLY)

    def ends(self, limit: float = 30.0) -> int:
        """Its exit code, when it has ended by itself."""
        end = time.monotonic() + limit
        while self._reads(0.05) and self.process.poll() is None:
            assert time.monotonic() < end, self.seen
        code = self.process.wait(timeout=limit)
        while select.select([self.leader], [], [], 0)[0] and self._reads(0):
            pass
        return code
