"""Health checks: the keeper runs a command in the container from time to time and writes down what came of it.

health.json beside the container's state holds Docker's Health object. Nothing here waits: the keeper may be the one who has to answer the
command's system calls.
"""

from __future__ import annotations

import os
import time
from _socket import socket as Socket

from dockerlab.runtime.helper import kernel, limits, records, wire
from dockerlab.runtime.helper.becoming import become_process, prepare
from dockerlab.runtime.helper.init import StartError

TYPE_CHECKING = False  # `typing` would cost the helper 5 ms; type checkers know this name
if TYPE_CHECKING:
    from dockerlab.runtime.helper.keeper import Keeper

LOG_ENTRIES, LONGEST_OUTPUT = 5, 4096  # as Docker keeps them (moby: daemon/health.go)
NO_CODE = -1


class Checks:
    """The health checks of one run. `plan`: args, interval, timeout, start_period, start_interval (seconds), retries, log (what came of former ones)."""

    def __init__(self, keeper: Keeper, plan: wire.Message) -> None:
        self._keeper = keeper
        self._process: wire.Message = {**keeper.process, "args": plan["args"], "terminal": False, "init": False}
        self._interval, self._timeout = float(str(plan["interval"])), float(str(plan["timeout"]))
        self._start_period, self._start_interval = float(str(plan["start_period"])), float(str(plan["start_interval"]))
        self._retries = int(str(plan["retries"]))
        self._shown_timeout = str(plan["shown_timeout"])
        self._log: list[object] = list(plan["log"])  # type: ignore[call-overload]
        self._status, self._streak = "starting", 0
        self._started = time.monotonic()
        self._child = 0
        self._write()
        self._later()

    def _later(self) -> None:
        beginning = self._status == "starting" and time.monotonic() - self._started < self._start_period
        self._keeper.loop.after(self._start_interval if beginning else self._interval, self._begin)

    def _write(self) -> None:
        health = {"Status": self._status, "FailingStreak": self._streak, "Log": self._log}
        records.write_record(self._keeper.folder, "health.json", health)

    # ------------------------------------------------------------------ one check

    def _begin(self) -> None:
        if self._paused():
            self._later()
            return
        self._began, self._began_at = time.monotonic(), records.timestamp()
        self._note_begin()
        self._output, self._failure, self._late = b"", "", False
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._sync, theirs = wire.pair()
        null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        self._child = os.fork()
        if self._child == 0:
            self._enter(theirs, [null, writer, writer])
        theirs.close()
        os.close(writer)
        os.close(null)
        self._child_fd = os.pidfd_open(self._child)
        loop = self._keeper.loop
        loop.watch(self._reader, lambda _events: self._read())
        loop.watch(self._sync.fileno(), lambda _events: self._from_process())
        loop.watch(self._child_fd, lambda _events: self._ended())
        loop.after(self._timeout, self._too_late)

    def _note_begin(self) -> None:
        """Docker tells of its checks as of any other exec."""
        words: list[str] = list(self._process["args"])  # type: ignore[call-overload]
        self._identifier = os.urandom(32).hex()
        for action in ("exec_create", "exec_start"):
            records.note(self._keeper.folder, f"{action}: {words[0]} {' '.join(words[1:])}", self._began_at, execID=self._identifier)

    def _paused(self) -> bool:
        try:
            os.stat("paused", dir_fd=self._keeper.folder)
        except FileNotFoundError:
            return False
        return True

    def _enter(self, sync: Socket, stdio: list[int]) -> None:
        """In the child: into the PID namespace, which takes a fork; then wait for the command's end. Never returns."""
        keeper = self._keeper
        code = 125
        try:
            kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
            os.close(keeper.lock)
            kernel.setns(keeper.init_fd, kernel.CLONE_NEWPID)
            command = os.fork()
            if command == 0:
                kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
                os.setsid()
                if keeper.groups:
                    limits.enter(keeper.groups.doors)
                prepare(self._process, keeper.identity, nproc=keeper.nproc())
                become_process(self._process, keeper.identity, sync, stdio, create_cwd=False)
            sync.close()
            for fd in set(stdio):
                os.close(fd)
            code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
            code = 128 - code if code < 0 else code
        except StartError as error:
            wire.send(sync, {"event": "failed", "message": error.message})
        except BaseException as error:
            wire.send(sync, {"event": "failed", "message": f"{type(error).__name__}: {error}"})
        finally:
            os._exit(code)

    def _from_process(self) -> None:
        message, fds = wire.receive(self._sync)
        if message is None:
            self._keeper.loop.forget(self._sync.fileno())
        elif message["event"] == "listener":
            assert self._keeper.supervisor is not None
            self._keeper.supervisor.add(fds[0])
            wire.send(self._sync, {"event": "go"})
        elif message["event"] == "failed":
            self._failure = f"OCI runtime exec failed: exec failed: unable to start container process: {message['message']}"
        else:
            wire.send(self._sync, {"event": "go"})

    def _read(self) -> None:
        try:
            while data := os.read(self._reader, 1 << 16):
                self._output = (self._output + data)[: LONGEST_OUTPUT + 1]
        except BlockingIOError:
            return
        self._keeper.loop.forget(self._reader)

    def _too_late(self) -> None:
        self._late = True
        kernel.signal_process(self._child_fd, kernel.SIGKILL)

    def _ended(self) -> None:
        self._from_process_rest()
        _, status = os.waitpid(self._child, 0)
        self._read()
        self._forget()
        code = os.waitstatus_to_exitcode(status)
        text = self._output[:LONGEST_OUTPUT].decode("utf-8", "replace") + ("..." if len(self._output) > LONGEST_OUTPUT else "")
        if self._late:
            code, text = NO_CODE, f"Health check exceeded timeout ({self._shown_timeout})" + (f": {text}" if text else "")
        elif self._failure:
            code, text = NO_CODE, self._failure
        self._take(code, text)
        self._later()

    def _from_process_rest(self) -> None:
        """What the process said before it ended may be unread."""
        if self._keeper.loop.watches(self._sync.fileno()):
            self._from_process()

    def _forget(self) -> None:
        loop = self._keeper.loop
        loop.cancel(self._too_late)
        for fd in (self._reader, self._sync.fileno(), self._child_fd):
            loop.forget(fd)
        os.close(self._reader)
        os.close(self._child_fd)
        self._sync.close()
        self._child = 0

    def _take(self, code: int, output: str) -> None:
        """Docker's reckoning: a success makes healthy at once, failures only in a row, and those of the start period do not count."""
        result = {"Start": self._began_at, "End": records.timestamp(), "ExitCode": code, "Output": output}
        self._log = [*self._log, result][-LOG_ENTRIES:]
        before = self._status
        if code == 0:
            self._status, self._streak = "healthy", 0
        elif self._status != "starting" or self._began - self._started >= self._start_period:
            self._streak += 1
            if self._streak >= self._retries:
                self._status = "unhealthy"
        self._write()
        records.note(self._keeper.folder, "exec_die", execID=self._identifier, exitCode=str(code))
        if self._status != before:
            records.note(self._keeper.folder, f"health_status: {self._status}")

    def finish(self) -> None:
        """The container has ended."""
        self._keeper.loop.cancel(self._begin)
        if self._child:
            kernel.signal_process(self._child_fd, kernel.SIGKILL)
            os.waitpid(self._child, 0)
            self._forget()
