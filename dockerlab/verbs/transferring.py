"""Verbs that speak to registries: pull, push."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, cast

from dockerlab.errors import UsageError
from dockerlab.oci import Reference
from dockerlab.oci.reference import is_pointed
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.units import human_size

if TYPE_CHECKING:
    from collections.abc import Generator

    from dockerlab.engine import Engine
    from dockerlab.transfer.registry import Progress

_BAR = 50
_CELL = 2.0
"""Seconds between two lines about one layer in a notebook, which can't write over a line."""


class Lines:
    """Docker's lines of a pull or a push: at a terminal one a layer, written over with its bar; elsewhere one for each thing that happened."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._rows: dict[str, int] = {}
        self._told: dict[str, float] = {}

    def show(self, event: Progress) -> None:
        """One event."""
        if not self._terminal.is_terminal:
            if event.line:
                self._terminal.line(event.line)
            elif self._terminal.mixes and time.monotonic() - self._told.setdefault(event.id, time.monotonic()) >= _CELL:
                self._told[event.id] = time.monotonic()
                self._terminal.line(f"{event.id}: {event.status} {human_size(event.current)}/{human_size(event.total)}")
            return
        text = f"{event.id}: {event.status}{bar(event)}" if event.id else event.status
        if not event.id or event.status.startswith("Pulling from"):
            self._rows.clear()  # what comes below is about other layers
            self._terminal.line(text)
        elif (row := self._rows.get(event.id)) is None:
            self._rows[event.id] = len(self._rows)
            self._terminal.line(text)
        else:
            up = len(self._rows) - row
            self._terminal.say(f"\x1b[{up}A\x1b[2K\r{text}\r\x1b[{up}B")


def bar(event: Progress) -> str:
    """`  [==>   ]  1.2MB/3.4MB`, or "" where nothing is counted."""
    if not event.total:
        return ""
    done = min(_BAR, event.current * _BAR // event.total)
    arrow = ("=" * done + ">")[:_BAR].ljust(_BAR)
    return f"  [{arrow}]  {human_size(event.current)}/{human_size(event.total)}"


def _followed(events: Iterator[Progress], terminal: Terminal, *, quiet: bool) -> None:
    lines = Lines(terminal)
    with closing(cast("Generator[Progress, None, None]", events)) as going:
        for event in going:
            if not quiet:
                lines.show(event)


def pull(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker pull [-a] [-q] [--platform OS/ARCH] NAME[:TAG|@DIGEST]`."""
    name, quiet, every = parsed.words[0], parsed.on("quiet"), parsed.on("all-tags")
    reference = Reference.parse(name)
    if every and is_pointed(name):
        raise UsageError("tag can't be used with --all-tags/-a", exit_code=1)
    if not every and not is_pointed(name) and not quiet:
        terminal.line("Using default tag: latest")
    _followed(engine.pull(name, parsed.text("platform"), all_tags=every), terminal, quiet=quiet)
    terminal.line(f"{reference.domain}/{reference.path}" if every else str(reference.pinned))
    return 0


def push(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker push [-a] [-q] NAME[:TAG]`."""
    name, quiet, every = parsed.words[0], parsed.on("quiet"), parsed.on("all-tags")
    reference = Reference.parse(name)
    if reference.digest:
        raise UsageError("cannot push a digest reference", exit_code=1)
    if every and is_pointed(name):
        raise UsageError("tag can't be used with --all-tags/-a", exit_code=1)
    if parsed.text("platform"):
        raise UsageError("docker push --platform is not done here: an image is of one platform", hint="leave it away", exit_code=1)
    if not every and not is_pointed(name) and not quiet:
        terminal.line("Using default tag: latest")
    _followed(engine.push(name, all_tags=every), terminal, quiet=quiet)
    if quiet:
        terminal.line(f"{reference.domain}/{reference.path}" if every else str(reference))
    return 0
