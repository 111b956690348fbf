"""A container's output in a cell: through pipes, as it comes, to the cell's standard output.

Standard error goes there too: nbgrader gives no points to a cell that wrote to standard error, and a build's progress is no error.
"""

from __future__ import annotations

import codecs
import os
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dockerlab.notebook.words import as_magic, word
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.units import human_size

if TYPE_CHECKING:
    from dockerlab.engine.protocol import Attachment


_HELD = 1 << 16
"""Characters that are held back at most."""
_QUIET, _PATIENCE = 0.5, 3.0
"""Seconds without a word after which a program that was started at a terminal is taken to wait for keys, and how long it is watched at most."""
_CONTROLS = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?]*[A-Za-ln-z]|\x1b[=>()][0-9A-B]?")
"""What a program says to a terminal alone: where its cursor is, what its title. Colours are none of these."""
LONGEST, END = 2 << 20, 1 << 16
"""Characters that one cell shows of what a container or a build prints: of its beginning, and of its end if there is more."""


class _Bounded:
    """The text of one cell: its beginning and its end. A notebook that holds a gigabyte is never opened again."""

    def __init__(self) -> None:
        self._left = LONGEST
        self._end: deque[str] = deque()
        self._kept = self._dropped = 0
        self._lock = threading.Lock()

    def show(self, text: str) -> None:
        """As `show`, up to the limit; of what goes beyond it the end is kept for `finish`."""
        with self._lock:
            if len(text) <= self._left:
                self._left -= len(text)
                show(text)
                return
            show(text[: self._left])
            text, self._left = text[self._left :], 0
            self._end.append(text)
            self._kept += len(text)
            while self._kept - len(self._end[0]) >= END:
                gone = len(self._end.popleft())
                self._kept -= gone
                self._dropped += gone

    def finish(self) -> None:
        """The end, after a word of what is left out before it."""
        with self._lock:
            end = "".join(self._end)
            left_out = self._dropped + max(0, len(end) - END)
            if left_out:
                show("\n" + word("cut", size=human_size(left_out)) + "\n")
            show(end[-END:])
            self._end.clear()


class _Pump:
    """One pipe whose bytes become text of the cell; characters cut by a read are put together again."""

    def __init__(self, out: _Bounded, *, held: bool = False) -> None:
        """`held`: nothing is shown until `release`."""
        self._out = out
        self.reader, self.writer = os.pipe()
        self._muted = False
        self._held: list[str] | None = [] if held else None
        self._lock = threading.Lock()
        self.heard = time.monotonic()
        """When something came last."""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while data := os.read(self.reader, 65536):
            self._show(decoder.decode(data))
        self._show(decoder.decode(b"", True))
        os.close(self.reader)

    def _show(self, text: str) -> None:
        self.heard = time.monotonic()
        with self._lock:
            if self._held is None and not self._muted:
                self._out.show(text)
            elif self._held is not None:
                self._held.append(text)

    @property
    def full(self) -> bool:
        """Whether more is held back than somebody who waits for an answer would say."""
        return sum(map(len, self._held or ())) > _HELD

    def release(self) -> None:
        """Show what was held back, and from now on what comes."""
        with self._lock:
            text, self._held = "".join(self._held or ()), None
            self._out.show(text)

    def leave(self) -> None:
        """Show the whole lines of what was held back, without the prompt after them, and nothing that comes."""
        with self._lock:
            text, self._held, self._muted = "".join(self._held or ()), None, True
        text = _CONTROLS.sub("", text.replace("\r\n", "\n")).lstrip("\n")
        self._out.show(text[: text.rfind("\n") + 1].rstrip("\n") + "\n" * ("\n" in text))

    def close(self) -> None:
        os.close(self.writer)
        self._thread.join(timeout=5)


def show(text: str) -> None:
    """Text into the cell, at once; a terminal's CR LF becomes LF."""
    if text:
        sys.stdout.write(text.replace("\r\n", "\n"))
        sys.stdout.flush()


class CellTerminal(Terminal):
    """A terminal whose hints name magics."""

    pump: _Pump
    mixes = True
    left_running = False
    """Whether a program was left alone that waits for keys."""

    def waits_for(self, control: Attachment) -> bool:
        """Until it has ended, or is taken to wait for keys."""
        begun = time.monotonic()
        while not control.ends_within(0.02):
            now = time.monotonic()
            if self.pump.full:
                break
            if now - max(begun, self.pump.heard) > _QUIET or now - begun > _PATIENCE:
                self.left_running = True
                self.pump.leave()
                return False
        self.pump.release()
        return True

    def complain(self, text: str) -> None:
        """A line of the cell, however much was shown before."""
        from dockerlab.notebook.hints import told_in_language

        show(told_in_language(as_magic(text)) + "\n")


@contextmanager
def cell_terminal(*, held: bool = False) -> Iterator[CellTerminal]:
    """A terminal whose output is the running cell; it has no standard input. `held`: what a program says is shown when `waits_for` has decided."""
    out = _Bounded()
    pump = _Pump(out, held=held)

    def write(data: bytes) -> None:
        out.show(data.decode("utf-8", "replace"))

    try:
        terminal = CellTerminal(
            write,
            write,
            stdin=None,
            stdout=pump.writer,
            stderr=pump.writer,
            cwd=os.getcwd(),
            environment=dict(os.environ),
            program="notebook",
        )
        terminal.pump = pump
        yield terminal
    finally:
        pump.release()
        pump.close()
        out.finish()


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
