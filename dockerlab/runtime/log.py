"""A container's log, as its keeper writes it: a line of JSON for each line of output."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dockerlab.data import dataclass

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
        lines = list(file) if tail is not None else []
        for raw in lines[len(lines) - tail if tail and tail < len(lines) else 0 :] if tail else ():
            line = _parse(raw)
            if line.time >= since:
                yield line
        rest = b""
        while True:
            alive = goes_on()
            for raw in file:
                rest += raw
                if rest.endswith(b"\n"):
                    line, rest = _parse(rest), b""
                    if line.time >= since:
                        yield line
            if not alive:
                return
            time.sleep(FOLLOW_INTERVAL)


def _parse(raw: bytes) -> LogLine:
    record = json.loads(raw)
    return LogLine(record["time"], record["stream"], record["log"].encode("utf-8", "surrogateescape"))
