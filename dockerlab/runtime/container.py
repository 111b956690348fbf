"""A container's folder, read from any process: its state, its end, its log, its processes.

The lock is the truth: the keeper holds `lock` for as long as it lives, and the kernel drops it however the keeper ends. The files beside
it (state.json, exit.json, log) tell the rest. Nothing here needs the one who started the container.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from dockerlab.data import dataclass
from dockerlab.errors import ConflictError
from dockerlab.runtime.helper import wire
from dockerlab.runtime.helper.records import start_time

KILLED = 137  # what docker reports for a container whose keeper left no word: 128 + SIGKILL
_FOLLOW_INTERVAL = 0.05


@dataclass(frozen=True)
class ContainerState:
    """`status` is docker's: created, running, paused, exited. Times are RFC 3339, empty where there is none."""

    status: str
    exit_code: int = 0
    pid: int = 0
    started_at: str = ""
    finished_at: str = ""
    error: str = ""
    signal: int = 0
    ports: tuple[tuple[str, int, int], ...] = ()
    terminal: bool = False

    @property
    def running(self) -> bool:
        """Whether there are processes: a paused container runs."""
        return self.status in ("running", "paused")


@dataclass(frozen=True)
class LogLine:
    """One record of the log: a line with its line feed, or the end of output that had none."""

    time: str
    stream: str
    data: bytes


@dataclass(frozen=True)
class ProcessRow:
    """One process of a container, with this machine's number for it."""

    pid: int
    uid: int
    command: str


class ContainerDirectory:
    """What is known of the container whose records lie in `folder` (which its creator has made)."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    # ------------------------------------------------------------------ life

    @property
    def alive(self) -> bool:
        """Whether the keeper lives."""
        with self._lock() as fd:
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    @contextmanager
    def _lock(self) -> Iterator[int]:
        fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            yield fd
        finally:
            os.close(fd)

    def _record(self, name: str) -> dict[str, object]:
        try:
            record: dict[str, object] = json.loads((self.folder / name).read_text())
        except FileNotFoundError:
            return {}
        return record

    def state(self) -> ContainerState:
        """The state now. A container whose keeper was killed has exited with 137."""
        alive = self.alive
        record, end = self._record("state.json"), self._record("exit.json")
        if not record:  # never ran: perhaps it could not be started, and `error` says why
            return ContainerState("created", int(end.get("code", 0)), error=str(end.get("error", "")))  # type: ignore[call-overload]
        ports: list[tuple[str, int, int]] = [tuple(port) for port in record.get("ports", [])]  # type: ignore[attr-defined]
        began, terminal = str(record.get("started_at", "")), bool(record.get("terminal"))
        if alive and not end:
            pid = int(record["init"])  # type: ignore[call-overload]
            status = "paused" if (self.folder / "paused").exists() else "running"
            return ContainerState(status, 0, pid, began, ports=tuple(ports), terminal=terminal)
        return ContainerState(
            "exited",
            int(end.get("code", KILLED)),  # type: ignore[call-overload]
            0,
            began,
            str(end.get("finished_at", "")),
            str(end.get("error", "")),
            int(end.get("signal", signal.SIGKILL)),  # type: ignore[call-overload]
            terminal=terminal,
        )

    def wait(self, timeout: float | None = None) -> int | None:
        """Sleep until the container has ended; its exit code, or None after `timeout` seconds. KeyboardInterrupt passes through."""
        with self._lock() as fd:
            if timeout is None:
                fcntl.flock(fd, fcntl.LOCK_SH)
            else:
                end = time.monotonic() + timeout
                while True:
                    try:
                        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
                        break
                    except BlockingIOError:
                        if time.monotonic() >= end:
                            return None
                        time.sleep(0.005)
        return self.state().exit_code

    @contextmanager
    def _init(self) -> Iterator[int]:
        """A pidfd of process 1. The start time guards against a number that another process has by now."""
        record = self._record("state.json")
        if not self.alive or not record:
            raise ConflictError("the container is not running")
        pid = int(record["init"])  # type: ignore[call-overload]
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            raise ConflictError("the container is not running") from None
        try:
            if start_time(pid) != record["began"]:
                raise ConflictError("the container is not running")
            yield fd
        except FileNotFoundError:
            raise ConflictError("the container is not running") from None
        finally:
            os.close(fd)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to process 1. ConflictError where the container is not running."""
        with self._init() as fd:
            self._signal_init(fd, number)
        if number == signal.SIGKILL:
            (self.folder / "paused").unlink(missing_ok=True)

    def _signal_init(self, pidfd: int, number: int) -> None:
        """A signal to process 1, or what is called so where there is no PID namespace: it too is kept from what it doesn't handle."""
        record = self._record("state.json")
        if record.get("isolation") == "chroot":
            from dockerlab.runtime.helper.descendants import heeds

            if not heeds(int(record["init"]), number):  # type: ignore[call-overload]
                return
        _send(pidfd, number)

    def stop(self, number: int = signal.SIGTERM, grace: float | None = 10.0) -> int:
        """Signal, wait `grace` seconds (None: for ever), then SIGKILL; the exit code. As in Docker, process 1 ignores what it doesn't handle."""
        try:
            with self._init() as fd:
                if (self.folder / "paused").exists():
                    self.unpause()
                self._signal_init(fd, number)
                if not select.select([fd], [], [], grace)[0]:
                    _send(fd, signal.SIGKILL)
        except ConflictError:
            pass  # it has ended meanwhile
        code = self.wait()
        assert code is not None
        return code

    # ------------------------------------------------------------------ processes

    def _members(self) -> list[int]:
        """The machine's numbers of all processes of the container, process 1 first: its PID namespace, or where it has none what is below its keeper."""
        record = self._record("state.json")
        with self._init():
            init = int(record["init"])  # type: ignore[call-overload]
            if record.get("isolation") == "chroot":
                from dockerlab.runtime.helper.descendants import below

                relay = frozenset((int(record["relay"]),))  # type: ignore[call-overload]
                others = [pid for pid, _ in below(int(record["keeper"]), relay) if pid != init]  # type: ignore[call-overload]
                return [init, *others]
            namespace = os.readlink(f"/proc/{init}/ns/pid")
            members = [init]
            for name in os.listdir("/proc"):
                try:
                    if name.isdigit() and int(name) != init and os.readlink(f"/proc/{name}/ns/pid") == namespace:
                        members.append(int(name))
                except OSError:
                    pass  # ended meanwhile, or another user's
            return members

    def top(self) -> list[ProcessRow]:
        """The processes, for `docker top`. Where users are emulated their IDs are read as the supervisor keeps them: as one user's."""
        rows = []
        for pid in self._members():
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
                rows.append(
                    ProcessRow(pid, os.stat(f"/proc/{pid}").st_uid, command or f"[{Path(f'/proc/{pid}/comm').read_text().strip()}]")
                )
            except OSError:
                pass  # ended meanwhile
        return rows

    def pause(self) -> None:
        """Stop every process (SIGSTOP, where docker has the freezer: a parent that waits for its children may notice)."""
        if (self.folder / "paused").exists():
            raise ConflictError("the container is already paused")
        (self.folder / "paused").touch()
        seen: set[int] = set()
        while new := [pid for pid in self._members() if pid not in seen]:  # what was forked meanwhile is stopped in the next round
            _signal_all(new, signal.SIGSTOP)
            seen.update(new)

    def unpause(self) -> None:
        """Let every process go on."""
        if not (self.folder / "paused").exists():
            raise ConflictError("the container is not paused")
        _signal_all(self._members(), signal.SIGCONT)
        (self.folder / "paused").unlink(missing_ok=True)

    # ------------------------------------------------------------------ what it says

    def logs(self, *, follow: bool = False, tail: int | None = None, since: str = "") -> Iterator[LogLine]:
        """The log, oldest first; `tail` counts lines from its end, `since` is an RFC 3339 time in UTC. `follow` ends with the container."""
        try:
            file = open(self.folder / "log", "rb")
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
                alive = follow and self.alive
                for raw in file:
                    rest += raw
                    if rest.endswith(b"\n"):
                        line, rest = _parse(rest), b""
                        if line.time >= since:
                            yield line
                if not alive:
                    return
                time.sleep(_FOLLOW_INTERVAL)

    def attach(self, *, stdin: int | None = None, stdout: int | None = None, stderr: int | None = None) -> None:
        """From now on, copy the output of a running container to these descriptors too."""
        from _socket import AF_UNIX, SOCK_SEQPACKET
        from _socket import socket as Socket

        given = {name: fd for name, fd in (("stdin", stdin), ("stdout", stdout), ("stderr", stderr)) if fd is not None}
        folder = os.open(self.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with closing(Socket(AF_UNIX, SOCK_SEQPACKET)) as channel:
                try:
                    channel.connect(f"/proc/self/fd/{folder}/control")  # a socket's path may have no more than 107 bytes
                except (FileNotFoundError, ConnectionRefusedError):
                    raise ConflictError("the container is not running") from None
                wire.send(channel, {"event": "attach", "names": list(given)}, list(given.values()))
                wire.receive(channel)
        finally:
            os.close(folder)


def _send(pidfd: int, number: int) -> None:
    try:
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        pass  # it has ended, which is what most signals are for


def _signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def _parse(raw: bytes) -> LogLine:
    record = json.loads(raw)
    return LogLine(record["time"], record["stream"], record["log"].encode("utf-8", "surrogateescape"))
