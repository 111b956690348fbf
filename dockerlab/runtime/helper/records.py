"""The files that a keeper leaves beside its container: state.json, exit.json, the log, what happened. Written without the `json` module (start-up)."""

from __future__ import annotations

import fcntl
import os
import time
from _json import encode_basestring_ascii as _quoted

STOPPED = "stopped"  # a file of whoever stops a container: its restart policy is over
READERS_HOLD = 0.2  # seconds: who asks whether a container lives shares its lock for a moment (a `ps`, a `wait`, a `logs -f`)
LONGEST_LINE = 16 * 1024  # docker's copier cuts here too
BURST = 8 * 1024  # bytes of whole lines that are read at once: what prints so fast knows no time between two of them
ROOM = 4096  # bytes
HAPPENED = "happened"  # what nobody has told in the journal of events yet: whoever looks next does
MOST_HAPPENED = 1 << 17  # bytes of it; then the older part is forgotten, as Docker remembers the last 256 events only
_second = (0, "")  # the one that was last written: a line of the log is written in a few microseconds


def json_text(value: object) -> str:
    """JSON of dictionaries, lists, strings, numbers, booleans and None. Bytes that are no UTF-8 survive as lone surrogates."""
    if isinstance(value, str):
        return str(_quoted(value))
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json_text(str(k))}: {json_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(json_text, value)) + "]"
    raise TypeError(f"no JSON for {type(value).__name__}")


def timestamp() -> str:
    """RFC 3339 with nanoseconds, UTC, as docker writes times."""
    global _second
    seconds, rest = divmod(time.time_ns(), 10**9)
    if seconds != _second[0]:
        _second = seconds, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{_second[1]}.{rest:09d}Z"


def write_record(folder: int, name: str, value: object) -> None:
    """Write aside, then rename: a reader sees the whole file or none. `folder` is a descriptor, since the keeper's paths have moved."""
    write_aside(folder, name, value)
    publish(folder, name)


def write_aside(folder: int, name: str, value: object) -> None:
    """Write a record that nobody reads before it is published."""
    data = json_text(value).encode("ascii") + b"\n"
    fd = os.open(f"{name}~", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644, dir_fd=folder)
    try:
        if os.write(fd, data) < len(data):
            raise OSError(28, os.strerror(28))
        os.ftruncate(fd, len(data))
    finally:
        os.close(fd)


def publish(folder: int, name: str) -> None:
    """From now on others read what was written aside."""
    os.rename(f"{name}~", name, src_dir_fd=folder, dst_dir_fd=folder)


def reserve(folder: int, name: str) -> None:
    """Take the room on the disk that a record will need: when its time has come, the container may have filled the disk."""
    fd = os.open(f"{name}~", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644, dir_fd=folder)
    try:
        os.write(fd, b" " * ROOM)
    finally:
        os.close(fd)


def note(folder: int, action: str, at: str = "", **more: object) -> None:
    """Write down what happened, at a time or now, for who will tell it. Where the disk is full it is lost, and nothing else."""
    line = json_text({"action": action, "at": at or timestamp(), **more}).encode("ascii") + b"\n"
    try:
        fd = os.open(HAPPENED, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644, dir_fd=folder)
        try:
            lock_within(fd, fcntl.LOCK_EX, READERS_HOLD)
            if os.fstat(fd).st_size > MOST_HAPPENED:
                os.ftruncate(fd, 0)
            os.write(fd, line)
        finally:
            os.close(fd)
    except OSError:
        pass


def remove(folder: int, name: str) -> None:
    """Unlink, if it is there."""
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass


def lock_within(fd: int, how: int, seconds: float) -> bool:
    """Take a flock that somebody else may hold for that long; False if he holds it longer."""
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(fd, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.005)
        else:
            return True


def start_time(pid: int, proc: str = "/proc") -> int:
    """Clock ticks since boot at which the process began: with the PID it names a process for ever."""
    fd = os.open(f"{proc}/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(fd, 4096).rsplit(b") ", 1)[1].split()[19])
    finally:
        os.close(fd)


class Log:
    """Docker's json-file format: one object a line of output, cut where a line is longer than 16 KB. To be opened before there is any."""

    def __init__(self) -> None:
        self._fd = -1
        self._rest: dict[str, bytes] = {}

    def open(self, folder: int) -> None:
        """Go on with the log of the container in this folder."""
        self._fd = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644, dir_fd=folder)

    def write(self, stream: str, data: bytes) -> None:
        """Empty `data` is the end of the stream: what has no line feed yet is written."""
        text = self._rest.pop(stream, b"") + data
        records, at = self._burst(stream, text)
        while at < len(text):
            end = text.find(b"\n", at, at + LONGEST_LINE) + 1
            if not end:
                if data and len(text) - at < LONGEST_LINE:
                    self._rest[stream] = text[at:]
                    break
                end = at + LONGEST_LINE
            line, at = text[at:end], end
            records.append(f'{{"log":{_quoted(line.decode("utf-8", "surrogateescape"))},"stream":"{stream}","time":"{timestamp()}"}}\n')
        if records:
            self._append("".join(records).encode("ascii"))

    def _burst(self, stream: str, text: bytes) -> tuple[list[str], int]:
        """The records of many lines that came at once, and how far they go: of one time, made as one text, since a gigabyte has ten million."""
        end = text.rfind(b"\n") + 1
        if end < BURST or b"\\" in text or len(max(text.split(b"\n"), key=len)) >= LONGEST_LINE:
            return [], 0
        begin, rest = '{"log":"', f'\\n","stream":"{stream}","time":"{timestamp()}"}}\n'
        lines = _quoted(text[:end].decode("utf-8", "surrogateescape"))[1:-1]  # without a backslash in them, \n is a line feed
        return [begin + lines.replace("\\n", rest + begin)[: -len(begin)]], end

    def _append(self, lines: bytes) -> None:
        """On a full disk lines are lost, but never a part of one, and the container goes on: as in Docker."""
        try:
            written = os.write(self._fd, lines)
            if written < len(lines):
                half = written - (lines.rfind(b"\n", 0, written) + 1)
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - half)
        except OSError:
            pass
