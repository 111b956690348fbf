"""A container's folder, read from any process: its state, its end, its log, its processes.

The lock is the truth: the keeper holds `lock` for as long as it lives, and the kernel drops it however the keeper ends. The files beside
it (state.json, exit.json, log) tell the rest. Nothing here needs the one who started the container.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import time
from _signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, pidfd_send_signal  # type: ignore[import-not-found]  # `signal` would cost a millisecond
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dockerlab.data import dataclass
from dockerlab.errors import ConflictError, NotFoundError
from dockerlab.runtime.helper import WITHOUT_NAMESPACES, wire
from dockerlab.runtime.helper.records import READERS_HOLD, STOPPED, lock_within, start_time
from dockerlab.runtime.log import FOLLOW_INTERVAL, LogLine, read_log

KILLED = 137  # what docker reports for a container whose keeper left no word: 128 + SIGKILL
TYPE_CHECKING = False  # `typing` would cost whoever reads a container 15 ms
if TYPE_CHECKING:
    from _socket import socket as Socket

    from dockerlab.runtime.control import Control
    from dockerlab.runtime.usage import Usage


@dataclass(frozen=True)
class ContainerState:
    """`status` is docker's: created, running, paused, restarting, exited. Times are RFC 3339, empty where there is none.

    `restarts` counts the runs that a restart policy has begun; `may_restart`: it has one.
    """

    status: str
    exit_code: int = 0
    pid: int = 0
    started_at: str = ""
    finished_at: str = ""
    error: str = ""
    signal: int = 0
    oom: bool = False
    ports: tuple[tuple[str, int, int, str], ...] = ()
    terminal: bool = False
    restarts: int = 0
    may_restart: bool = False

    @property
    def running(self) -> bool:
        """Whether there are processes, or soon will be again: a paused container runs, and one that is restarting."""
        return self.status in ("running", "paused", "restarting")


@dataclass(frozen=True)
class ProcessRow:
    """One process of a container, with this machine's numbers. `began` is in seconds since 1970, `seconds` what it had of a processor."""

    pid: int
    uid: int
    command: str
    parent: int = 0
    began: float = 0.0
    seconds: float = 0.0
    terminal: str = ""


class ContainerDirectory:
    """What is known of the container whose records lie in `folder` (which its creator has made)."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    # ------------------------------------------------------------------ life

    @property
    def alive(self) -> bool:
        """Whether the keeper lives."""
        try:
            with self._lock() as fd:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except NotFoundError:
            pass
        return False

    @contextmanager
    def _lock(self) -> Iterator[int]:
        try:
            fd = os.open(f"{self.folder}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:
            raise NotFoundError(f"No such container: {self.folder.name}") from None
        try:
            yield fd
        finally:
            os.close(fd)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """While it lasts nobody removes the container; one that runs nobody removes anyway."""
        with self._lock() as fd:
            with suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """While it lasts nobody starts the container, so that it can be taken away. ConflictError if it runs or is just being started."""
        with self._lock() as fd:
            if not lock_within(fd, fcntl.LOCK_EX, READERS_HOLD):
                raise ConflictError("the container is running")
            yield

    def _record(self, name: str) -> dict[str, object]:
        try:
            with open(f"{self.folder}/{name}", "rb", buffering=0) as file:
                record: dict[str, object] = json.loads(file.readall())
        except FileNotFoundError:
            return {}
        return record

    def is_this_machines(self) -> bool:
        """Whether its processes, which run, have no namespaces of their own."""
        return self._record("state.json").get("isolation") in WITHOUT_NAMESPACES

    def state(self) -> ContainerState:
        """The state now. A container whose keeper was killed has exited with 137."""
        alive = self.alive
        record, end = self._record("state.json"), self._record("exit.json")
        last = self._record("restart.json") if not record or record.get("restarts") else {}
        may_restart = bool(last or record.get("restarts"))
        restarts = int(last.get("count", 0))  # type: ignore[call-overload]
        if alive and not end and last and not record:
            return _at_end("restarting", last, str(last["started_at"]), restarts, may_restart=True)
        if not record and last:  # it was stopped between two runs, or could not be started once more
            return _at_end("exited", end or last, str(last["started_at"]), restarts, may_restart=True)
        if not record:  # never ran: perhaps it could not be started, and `error` says why
            return ContainerState("created", int(end.get("code", 0)), error=str(end.get("error", "")))  # type: ignore[call-overload]
        ports: list[tuple[str, int, int, str]] = [tuple(port) for port in record.get("ports", [])]  # type: ignore[attr-defined]
        began, terminal = str(record.get("started_at", "")), bool(record.get("terminal"))
        if alive and not end:
            pid = int(record["init"])  # type: ignore[call-overload]
            status = "paused" if os.path.exists(f"{self.folder}/paused") else "running"
            before = str(last.get("finished_at", ""))
            return ContainerState(
                status, 0, pid, began, before, ports=tuple(ports), terminal=terminal, restarts=restarts, may_restart=may_restart
            )
        return _at_end("exited", end, began, restarts, terminal=terminal, may_restart=may_restart)

    def wait(self, timeout: float | None = None) -> int | None:
        """Sleep until the container has ended; its exit code, or None after `timeout` seconds. KeyboardInterrupt passes through."""
        with self._lock() as fd:
            if timeout is None:
                fcntl.flock(fd, fcntl.LOCK_SH)
            elif not lock_within(fd, fcntl.LOCK_SH, timeout):
                return None
            return self.state().exit_code  # while the lock is shared nobody takes the container away

    def wait_for_run(self) -> int:
        """As `wait`, but the end of one run is enough, where a restart policy begins another. 0 for one that never ran."""
        before = self.state()
        if before.status == "created":
            return 0
        if not before.may_restart:
            with self._lock() as fd:
                fcntl.flock(fd, fcntl.LOCK_SH)
                return (self.state() if before.running else before).exit_code
        while True:
            now = self.state()
            if now.restarts > before.restarts:
                return int(str(self._record("restart.json")["code"]))
            if not now.running:
                return now.exit_code
            time.sleep(FOLLOW_INTERVAL)

    def _no_more_runs(self) -> bool:
        """Whatever the restart policy says, this run is the last; True if it has ended. Asked between two runs there is none any more, or just one."""
        if not self.state().may_restart:
            return False
        (self.folder / STOPPED).touch()
        while (now := self.state()).status == "restarting":
            time.sleep(0.005)
        return not now.running

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

    def check_alive(self) -> None:
        """ConflictError unless process 1 lives: then its number has named nobody else since it was read."""
        with self._init():
            pass

    def kill(self, number: int = SIGKILL, *, last: bool = True) -> None:
        """Send a signal to process 1; `last`: its restart policy is over. ConflictError where the container is not running."""
        if last and self._no_more_runs():
            return
        with self._init() as fd:
            self._signal_init(fd, number)
        if number == SIGKILL:
            (self.folder / "paused").unlink(missing_ok=True)

    def _signal_init(self, pidfd: int, number: int) -> None:
        """A signal to process 1, or what is called so where there is no PID namespace: it too is kept from what it doesn't handle."""
        record = self._record("state.json")
        if record.get("isolation") in WITHOUT_NAMESPACES:
            from dockerlab.runtime.helper.descendants import heeds

            if not heeds(int(record["init"]), number):  # type: ignore[call-overload]
                return
        _send(pidfd, number)

    def stop(self, number: int = SIGTERM, grace: float | None = 10.0, *, told: Callable[[int], None] = lambda number: None) -> int:
        """Signal, wait `grace` seconds (None: for ever), then SIGKILL; the exit code. As in Docker, process 1 ignores what it doesn't handle.

        `told` hears of each signal before it is sent.
        """
        self._no_more_runs()
        try:
            with self._init() as fd:
                if (self.folder / "paused").exists():
                    self.unpause()
                told(number)
                self._signal_init(fd, number)
                if not select.select([fd], [], [], grace)[0]:
                    told(SIGKILL)
                    _send(fd, SIGKILL)
        except ConflictError:
            pass  # it has ended meanwhile
        code = self.wait()
        assert code is not None
        return code

    # ------------------------------------------------------------------ processes

    def _members(self, *, tracers: bool = False) -> list[int]:
        """The machine's numbers of all processes of the container, process 1 first: its PID namespace, or where it has none what is below its keeper.

        `tracers`: also, before all others, what proot needs beside them.
        """
        record = self._record("state.json")
        with self._init():
            init = int(record["init"])  # type: ignore[call-overload]
            if record.get("isolation") in WITHOUT_NAMESPACES:
                from dockerlab.runtime.helper.descendants import below
                from dockerlab.runtime.helper.passage import is_part_of_one

                relay = frozenset((int(record["relay"]),))  # type: ignore[call-overload]
                others = [pid for pid, _ in below(int(record["keeper"]), relay) if pid != init]  # type: ignore[call-overload]
                beside = {pid for pid in others if is_part_of_one(pid)}
                return [*(beside if tracers else ()), init, *(pid for pid in others if pid not in beside)]
            namespace = os.readlink(f"/proc/{record['entrance'][0]}/ns/pid")  # type: ignore[index]
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
        tick, boot = os.sysconf("SC_CLK_TCK"), time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        for pid in self._members():
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
                command = command or f"[{Path(f'/proc/{pid}/comm').read_text().strip()}]"
                stat = Path(f"/proc/{pid}/stat").read_text(errors="replace").rsplit(") ", 1)[1].split()
                began, seconds = boot + int(stat[19]) / tick, (int(stat[11]) + int(stat[12])) / tick
                rows.append(ProcessRow(pid, os.stat(f"/proc/{pid}").st_uid, command, int(stat[1]), began, seconds, _terminal(int(stat[4]))))
            except OSError:
                pass  # ended meanwhile
        return rows

    def usage(self) -> Usage:
        """What its processes use of the machine."""
        from dockerlab.runtime.usage import measure

        members = self._members()
        return measure(members, own_network=os.readlink(f"/proc/{members[0]}/ns/net") != os.readlink("/proc/self/ns/net"))

    def pause(self) -> None:
        """Stop every process (SIGSTOP, where docker has the freezer: a parent that waits for its children may notice)."""
        if (self.folder / "paused").exists():
            raise ConflictError("the container is already paused")
        (self.folder / "paused").touch()
        seen: set[int] = set()
        while new := [pid for pid in self._members(tracers=True) if pid not in seen]:
            # what was forked meanwhile is stopped in the next round
            _signal_all(new, SIGSTOP)
            seen.update(new)

    def unpause(self) -> None:
        """Let every process go on."""
        if not (self.folder / "paused").exists():
            raise ConflictError("the container is not paused")
        _signal_all(self._members(tracers=True)[::-1], SIGCONT)
        (self.folder / "paused").unlink(missing_ok=True)

    # ------------------------------------------------------------------ what it says

    def logs(self, *, follow: bool = False, tail: int | None = None, since: str = "") -> Iterator[LogLine]:
        """The log, oldest first; `tail` counts lines from its end, `since` is an RFC 3339 time in UTC. `follow` ends with the container."""
        return read_log(self.folder / "log", lambda: follow and self.alive, tail=tail, since=since)

    def attach(self, *, stdin: int | None = None, stdout: int | None = None, stderr: int | None = None) -> None:
        """From now on, copy the output of a running container to these descriptors too."""
        self._attach(stdin=stdin, stdout=stdout, stderr=stderr).close()

    def attached(
        self, *, stdin: int | None = None, stdout: int | None = None, stderr: int | None = None, detach_keys: bytes = b""
    ) -> Control:
        """As `attach`, until the channel is closed. What its `wait` gives is no exit code; ask the container."""
        from dockerlab.runtime.control import Control

        return Control(self._attach(detach_keys, stdin=stdin, stdout=stdout, stderr=stderr))

    def _attach(self, detach_keys: bytes | None = None, **fds: int | None) -> Socket:
        from _socket import AF_UNIX, SOCK_SEQPACKET
        from _socket import socket as Socket

        given = {name: fd for name, fd in fds.items() if fd is not None}
        folder = os.open(self.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            channel = Socket(AF_UNIX, SOCK_SEQPACKET)
            try:
                channel.connect(f"/proc/self/fd/{folder}/control")  # a socket's path may have no more than 107 bytes
            except (FileNotFoundError, ConnectionRefusedError):
                channel.close()
                raise ConflictError("the container is not running") from None
            wire.send(channel, {"event": "attach", "names": list(given), "detach_keys": detach_keys}, list(given.values()))
            wire.receive(channel)
            return channel
        finally:
            os.close(folder)


def _at_end(
    status: str, end: dict[str, object], began: str, restarts: int, *, terminal: bool = False, may_restart: bool = False
) -> ContainerState:
    return ContainerState(
        status,
        int(end.get("code", KILLED)),  # type: ignore[call-overload]
        0,
        began,
        str(end.get("finished_at", "")),
        str(end.get("error", "")),
        int(end.get("signal", SIGKILL)),  # type: ignore[call-overload]
        oom=bool(end.get("oom")),
        terminal=terminal,
        restarts=restarts,
        may_restart=may_restart,
    )


def _send(pidfd: int, number: int) -> None:
    try:
        pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        pass  # it has ended, which is what most signals are for


def _terminal(number: int) -> str:
    """`pts/0`; "" for none, or one of another kind."""
    major, minor = os.major(number), os.minor(number)
    return f"pts/{(major - 136) * 256 + minor}" if 136 <= major <= 143 else ""


def _signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
