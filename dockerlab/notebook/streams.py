"""A container's output in a cell: through pipes, as it comes, to the cell's standard output.

Standard error goes there too: nbgrader gives no points to a cell that wrote to standard error, and a build's progress is no error.
"""

from __future__ import annotations

import codecs
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dockerlab.notebook.words import as_magic, word
from dockerlab.verbs.dispatch import Terminal

LONGEST = 2 << 20
"""Characters that one cell shows of what a container or a build prints."""


class _Bounded:
    """The text of one cell up to a limit, which BuildKit has for a step too: a notebook that holds a gigabyte is never opened again."""

    def __init__(self) -> None:
        self._left = LONGEST

    def show(self, text: str) -> None:
        """As `show`; what goes beyond the limit is dropped, and said to be once."""
        if len(text) > self._left >= 0:
            show(text[: self._left])
            show("\n" + word("cut", size=f"{LONGEST >> 20} MB") + "\n")
            self._left = -1
        elif self._left >= 0:
            self._left -= len(text)
            show(text)


class _Pump:
    """One pipe whose bytes become text of the cell; characters cut by a read are put together again."""

    def __init__(self, out: _Bounded) -> None:
        self._out = out
        self.reader, self.writer = os.pipe()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while data := os.read(self.reader, 65536):
            self._out.show(decoder.decode(data))
        self._out.show(decoder.decode(b"", True))
        os.close(self.reader)

    def close(self) -> None:
        os.close(self.writer)
        self._thread.join(timeout=5)


def show(text: str) -> None:
    """Text into the cell, at once; a terminal's CR LF becomes LF."""
    if text:
        sys.stdout.write(text.replace("\r\n", "\n"))
        sys.stdout.flush()


class _Cell(Terminal):
    """A terminal whose hints name magics."""

    def complain(self, text: str) -> None:
        show(as_magic(text) + "\n")


@contextmanager
def cell_terminal() -> Iterator[Terminal]:
    """A terminal whose output is the running cell; it has no standard input."""
    out = _Bounded()
    pump = _Pump(out)

    def write(data: bytes) -> None:
        out.show(data.decode("utf-8", "replace"))

    try:
        yield _Cell(
            write,
            write,
            stdin=None,
            stdout=pump.writer,
            stderr=pump.writer,
            cwd=os.getcwd(),
            environment=dict(os.environ),
            program="notebook",
        )
    finally:
        pump.close()


@contextmanager
def captured() -> Iterator[tuple[Terminal, list[bytes]]]:
    """A terminal that keeps what is written to it."""
    kept: list[bytes] = []
    yield (
        Terminal(
            kept.append,
            kept.append,
            stdin=None,
            stdout=None,
            stderr=None,
            cwd=os.getcwd(),
            environment=dict(os.environ),
            program="notebook",
        ),
        kept,
    )
