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
def raw_terminal(fd: int = 0) -> Iterator[None]:
    """While the block runs, `fd` is raw: what is typed goes to the terminal inside, which echoes it. Restored however the block ends.

    To be entered before the process starts, whose first words would be changed otherwise. Does nothing where `fd` is no terminal.
    """
    if not os.isatty(fd):
        yield
        return
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd, termios.TCSADRAIN)  # what was typed already is not thrown away
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


@contextmanager
def attached_terminal(control: Resizable, fd: int = 0) -> Iterator[None]:
    """While the block runs, every change of the size of `fd` is told to `control`. Does nothing where `fd` is no terminal.

    Main thread only (it handles SIGWINCH).
    """
    if not os.isatty(fd):
        yield
        return

    def tell(_number: int = 0, _frame: FrameType | None = None) -> None:
        told = None
        while (size := os.get_terminal_size(fd)) != told:  # a change while we tell of one must be the last that is told
            control.resize(size.lines, size.columns)
            told = size

    handler = signal.signal(signal.SIGWINCH, tell)
    try:
        tell()
        yield
    finally:
        signal.signal(signal.SIGWINCH, handler)
