"""Restart policies: one process that holds the container's lock for its whole life, and a keeper of its own for each run of the program.

A run has fresh namespaces and mounts, as in Docker. Between two runs the container is restarting: restart.json says so, how often and how the
last run ended. Whoever stops the container makes a file `stopped` first; then there is no next run.
"""

from __future__ import annotations

import fcntl
import os
import time
from _socket import socket as Socket

from dockerlab.runtime.helper import kernel, records, wire
from dockerlab.runtime.helper.init import StartError

TYPE_CHECKING = False  # `typing` would cost the helper 5 ms; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Callable

    from dockerlab.runtime.helper.keeper import Keeper

FIRST_DELAY, LONGEST_DELAY = 0.1, 60.0  # seconds, doubled from run to run (moby: restartmanager)
LONG_RUN = 10.0  # seconds: after a run of that length the delay begins anew
GLANCE = 0.02


def take_lock(folder: int) -> int:
    """The lock is the truth about the container's life: the kernel drops it when its last holder dies, whatever killed it."""
    lock = os.open("lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644, dir_fd=folder)
    if records.lock_within(lock, fcntl.LOCK_EX, records.READERS_HOLD):
        return lock
    os.close(lock)
    raise StartError(125, "the container is running already, or another process commits or removes it just now")


def was_stopped(folder: int) -> bool:
    """Whether somebody has asked for the end."""
    try:
        os.stat(records.STOPPED, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def note_run(folder: int, began: str) -> None:
    """A run has begun: if it is not the first, which is told by who started it."""
    try:
        os.stat("restart.json", dir_fd=folder)
    except FileNotFoundError:
        return
    records.note(folder, "start", began)


class Policy:
    """docker's restart policy: its name, and how many times at most (0: no matter)."""

    def __init__(self, name: str, most: int) -> None:
        self._name, self._most, self._delay = name, most, 0.0

    def next_delay(self, code: int, count: int, ran: float) -> float | None:
        """Seconds to wait before the next run, or None where there is none. `count` were there already; the last one took `ran` seconds."""
        if self._name == "on-failure" and (code == 0 or (self._most and count >= self._most)):
            return None
        if ran >= LONG_RUN:
            self._delay = 0.0
        self._delay = min(self._delay * 2, LONGEST_DELAY) if self._delay else FIRST_DELAY
        return self._delay


class Runs:
    """The runs of one container, one after the other."""

    def __init__(self, request: wire.Message, keeper: Callable[[wire.Message, Socket | None, dict[str, int], Socket, int], Keeper]) -> None:
        """A keeper of a run tells its end over the socket, and waits for an answer before anybody else hears of it."""
        self._request, self._keeper, self._lock = request, keeper, -1
        name, most = request["box"]["restart"]  # type: ignore[index]
        self._policy = Policy(str(name), int(most))

    def serve(self, control: Socket, stdio: dict[str, int]) -> None:
        """From the first run to the last one's end."""
        folder = os.open(str(self._request["folder"]), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._lock = take_lock(folder)
        except StartError as error:
            wire.send(control, {"event": "failed", "code": error.code, "message": error.message, "kind": "start"})
            return
        for name in (records.STOPPED, "restart.json", "exit.json"):
            records.remove(folder, name)
        client: Socket | None = control
        count = 0
        while True:
            began = time.monotonic()
            end, sync = self._one(client, stdio)
            client, stdio = None, {}
            ran = time.monotonic() - began
            delay = None
            if end["ran"] and not was_stopped(folder):
                delay = self._policy.next_delay(int(end["code"]), count, ran)  # type: ignore[call-overload]
            if delay is not None:
                count += 1
                records.write_record(folder, "restart.json", {"count": count, **end})
                records.note(folder, "die", str(end["finished_at"]), began=end["started_at"], code=end["code"], oom=end["oom"])
                records.remove(folder, "state.json")
                _let_go(sync)
                if _wait(delay, folder):
                    continue
            records.write_record(folder, "exit.json", end)
            if delay is None:
                _let_go(sync)
            return

    def _one(self, client: Socket | None, stdio: dict[str, int]) -> tuple[wire.Message, Socket]:
        """One run: how it ended, and the socket on which its keeper waits to be let go."""
        ours, theirs = wire.pair()
        child = os.fork()
        if child == 0:
            try:
                kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
                ours.close()
                self._keeper(self._request, client, stdio, theirs, self._lock).run()
            finally:
                os._exit(0)
        theirs.close()
        if client is not None:
            client.close()
        for fd in stdio.values():
            os.close(fd)
        end, _ = wire.receive(ours)
        if end is None:  # it was killed, and everything with it
            os.waitpid(child, 0)
            now = records.timestamp()
            end = {"code": 137, "finished_at": now, "error": "", "signal": kernel.SIGKILL, "oom": False, "ran": True, "started_at": now}
        return end, ours


def _let_go(sync: Socket) -> None:
    wire.send(sync, {"event": "go"})
    wire.receive(sync)  # until it has ended: it holds the ports, and the control socket
    sync.close()
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        pass


def _wait(delay: float, folder: int) -> bool:
    """Let the time pass; False as soon as somebody stops the container."""
    end = time.monotonic() + delay
    while (left := end - time.monotonic()) > 0:
        if was_stopped(folder):
            return False
        time.sleep(min(GLANCE, left))
    return not was_stopped(folder)
