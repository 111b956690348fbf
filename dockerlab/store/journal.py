"""What happened in the store, for `docker events`: a line of JSON each, appended by every process that does something.

A line is written in one piece at the end of the file, so that several may write at once. The journal has two parts; when the newer one is full it
takes the older one's place.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from typing import Any

from dockerlab.store.files import Lock

Json = dict[str, Any]
_FULL = 1 << 20
"""Bytes of one part; Docker itself remembers the last 256 events."""


def note(kind: str, action: str, actor: str, attributes: Mapping[str, str], at: float | None = None) -> bytes:
    """A line for the journal: what happened to whom, now or at a time (seconds since 1970)."""
    record = {
        "Type": kind,
        "Action": action,
        "Actor": {"ID": actor, "Attributes": dict(sorted(attributes.items()))},
        "timeNano": time.time_ns() if at is None else round(at * 1_000_000) * 1000,
    }
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


class Journal:
    """The journal of the store at `home`."""

    def __init__(self, home: Path) -> None:
        self.path = home / "events"
        self.older = home / "events.1"

    def add(self, *notes: bytes) -> None:
        """Write down what happened. A disk that is full, or read-only, loses the notes and nothing else."""
        try:
            fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(fd, b"".join(notes))
                if os.fstat(fd).st_size > _FULL:
                    self._turn(fd)
            finally:
                os.close(fd)
        except OSError:
            pass  # what was done is done, noted or not

    def _turn(self, fd: int) -> None:
        try:
            lock = Lock(f"{self.path}.lock", wait=False)
        except BlockingIOError:
            return  # somebody else is doing it
        with lock:
            if os.path.samestat(os.fstat(fd), os.stat(self.path)):
                os.replace(self.path, self.older)

    def reader(self) -> Reader:
        """Reads all of it, then what comes."""
        return Reader(self)


class Reader:
    """Reads a journal from its beginning, and goes on when it turns a page."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._parts: dict[tuple[int, int], _Part] = {}

    def new(self) -> list[Json]:
        """What was added since the last call, by its time."""
        found: list[Json] = []
        seen: dict[tuple[int, int], _Part] = {}
        for path in (self._journal.older, self._journal.path, self._journal.older):  # twice: the page may turn between two looks
            try:
                file = open(path, "rb", buffering=0)
            except FileNotFoundError:
                continue
            st = os.fstat(file.fileno())
            key = st.st_dev, st.st_ino
            part = seen.setdefault(key, self._parts.get(key) or _Part(file))
            found += part.records()
        self._parts = seen
        return sorted(found, key=lambda record: int(record["timeNano"]))


class _Part:
    """One file of a journal, held open: as long as it is, no other file gets its number."""

    def __init__(self, file: FileIO) -> None:
        self._file, self._rest = file, b""

    def records(self) -> list[Json]:
        *lines, self._rest = (self._rest + self._file.readall()).split(b"\n")
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except ValueError:
                continue  # cut short: the machine went down, or its disk was full
        return found
