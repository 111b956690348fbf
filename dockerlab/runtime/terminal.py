"""The client's own terminal while a container's terminal is attached to it: raw, restored afterwards, its size passed on."""

from __future__ import annotations

import os
import signal
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol


class Resizable(Protocol):
    """What takes a window's size: `Control` does."""

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of the terminal inside."""


@contextmanager
def attached_terminal(control: Resizable, fd: int = 0) -> Iterator[None]:
    """While the block runs, `fd` is raw and every change of its size is told to `control`. Does nothing where `fd` is no terminal.

    Main thread only (it handles SIGWINCH). The terminal is restored however the block ends.
    """
    if not os.isatty(fd):
        yield
        return

    def tell(_number: int = 0, _frame: FrameType | None = None) -> None:
        columns, rows = os.get_terminal_size(fd)
        control.resize(rows, columns)

    before = termios.tcgetattr(fd)
    handler = signal.signal(signal.SIGWINCH, tell)
    try:
        tty.setraw(fd)
        tell()
        yield
    finally:
        signal.signal(signal.SIGWINCH, handler)
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
