"""BuildKit's trace of a build, in the two forms in which it comes: messages of Protocol Buffers (from a daemon), and lines of JSON (from docker's client).

(BuildKit: api/services/control/control.proto, StatusResponse; client/graph.go, SolveStatus; the encoding: protobuf.dev/programming-guides/encoding)
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from dockerlab.data import dataclass, field
from dockerlab.oci.timestamps import to_seconds

Field = int | bytes


@dataclass(frozen=True)
class Vertex:
    """A step: its digest, those of the steps it builds on, its name, when it began and ended (seconds since 1970, 0 for not yet), why it failed."""

    digest: str
    inputs: tuple[str, ...]
    name: str
    cached: bool
    started: float
    completed: float
    error: str


@dataclass(frozen=True)
class Log:
    """What a step's process wrote to 1, standard output, or 2, standard error."""

    vertex: str
    stream: int
    data: bytes


@dataclass(frozen=True)
class Warned:
    """A build check's warning: `short` is `Rule: what is wrong`."""

    short: str
    url: str
    line: int


@dataclass(frozen=True)
class Status:
    """One message of the trace."""

    vertexes: list[Vertex] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)


def read_status(data: bytes) -> Status:
    """A StatusResponse. ValueError for bytes that are none."""
    status = Status()
    for number, value in _fields(data):
        if not isinstance(value, bytes):
            continue
        if number == 1:
            status.vertexes.append(_vertex(value))
        elif number == 3:
            status.logs.append(_log(value))
        elif number == 4:
            status.warnings.append(_warning(value))
    return status


def status_of(told: dict[str, Any]) -> Status:
    """A line of `--progress rawjson`. ValueError, TypeError, KeyError for an object that is none."""
    return Status(
        [
            Vertex(
                one["digest"],
                tuple(one.get("inputs") or ()),
                one.get("name", ""),
                bool(one.get("cached")),
                to_seconds(one["started"]) if one.get("started") else 0.0,
                to_seconds(one["completed"]) if one.get("completed") else 0.0,
                one.get("error", ""),
            )
            for one in told.get("vertexes") or ()
        ],
        [Log(one["vertex"], int(one["stream"]), b64decode(one.get("data") or "")) for one in told.get("logs") or ()],
        [
            Warned(
                b64decode(one["short"]).decode("utf-8", "replace"),
                one.get("url", ""),
                next((int(span["start"]["line"]) for span in one.get("range") or ()), 0),
            )
            for one in told.get("warnings") or ()
        ],
    )


def _vertex(data: bytes) -> Vertex:
    found = _grouped(data)
    return Vertex(
        _text(found, 1),
        tuple(value.decode("utf-8", "replace") for value in found.get(2, ()) if isinstance(value, bytes)),
        _text(found, 3),
        bool(found.get(4)),
        _time(found, 5),
        _time(found, 6),
        _text(found, 7),
    )


def _log(data: bytes) -> Log:
    found = _grouped(data)
    stream = found.get(3, [1])[-1]
    message = found.get(4, [b""])[-1]
    return Log(_text(found, 1), stream if isinstance(stream, int) else 1, message if isinstance(message, bytes) else b"")


def _warning(data: bytes) -> Warned:
    found = _grouped(data)
    line = 0
    for span in found.get(7, ())[:1]:
        if isinstance(span, bytes):
            start = _grouped(span).get(1, [b""])[0]
            number = _grouped(start).get(1, [0])[0] if isinstance(start, bytes) else 0
            line = number if isinstance(number, int) else 0
    return Warned(_text(found, 3), _text(found, 5), line)


def _text(found: dict[int, list[Field]], number: int) -> str:
    value = found.get(number, [b""])[-1]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _time(found: dict[int, list[Field]], number: int) -> float:
    """google.protobuf.Timestamp: seconds and nanoseconds."""
    value = found.get(number, [b""])[-1]
    if not isinstance(value, bytes) or not value:
        return 0.0
    parts = _grouped(value)
    seconds, nanoseconds = parts.get(1, [0])[-1], parts.get(2, [0])[-1]
    return (seconds if isinstance(seconds, int) else 0) + (nanoseconds if isinstance(nanoseconds, int) else 0) / 1e9


def _grouped(data: bytes) -> dict[int, list[Field]]:
    found: dict[int, list[Field]] = {}
    for number, value in _fields(data):
        found.setdefault(number, []).append(value)
    return found


def _fields(data: bytes) -> Iterator[tuple[int, Field]]:
    """(number, value) of each field: an integer, or bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        size = {1: 8, 5: 4}.get(kind, -1)
        if kind == 2:
            size, at = _varint(data, at)
        if size < 0 or at + size > len(data):
            raise ValueError("this is no message of a build's trace")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError("this is no message of a build's trace")
