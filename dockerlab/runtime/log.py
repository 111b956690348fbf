"""A container's log, as its keeper writes it: a line of JSON for each line of output."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from dockerlab.data import dataclass

TYPE_CHECKING = False  # `typing` would cost whoever reads a log 15 ms
if TYPE_CHECKING:
    from typing import BinaryIO

FOLLOW_INTERVAL = 0.05  # seconds: nobody tells us of a new line


@dataclass(frozen=True)
class LogLine:
    """One record of the log: a line with its line feed, or the end of output that had none."""

    time: str
    stream: str
    data: bytes


def read_log(path: Path, goes_on: Callable[[], bool], *, tail: int | None = None, since: str = "") -> Iterator[LogLine]:
    """Its lines, the oldest first, and those that are added while it `goes_on`; `tail` counts from the end, `since` is an RFC 3339 time in UTC."""
    try:
        file = open(path, "rb")
    except FileNotFoundError:
        return
    with file:
        last, rest = not goes_on(), b""
        present: Iterable[bytes] = _present(file, os.fstat(file.fileno()).st_size)  # a container may write faster than anybody reads
        for raw in present if tail is None else deque(present, min(tail, sys.maxsize)):
            line = _parse(raw)
            if line is not None and line.time >= since:
                yield line
            rest = b"" if raw.endswith(b"\n") else raw
        while not last:
            last = not goes_on()
            for raw in file:
                rest += raw
                if rest.endswith(b"\n"):
                    line, rest = _parse(rest), b""
                    if line is not None and line.time >= since:
                        yield line
            if not last:
                time.sleep(FOLLOW_INTERVAL)


def _present(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The lines of the first `size` bytes."""
    while size > 0 and (raw := file.readline()):
        size -= len(raw)
        yield raw


def _parse(raw: bytes) -> LogLine | None:
    """None for what is no line: the machine went down while it was written."""
    try:
        record = json.loads(raw)
        return LogLine(record["time"], record["stream"], record["log"].encode("utf-8", "surrogateescape"))
    except (ValueError, KeyError, TypeError):
        return None
