"""Process 1 of a room: forks its kernel and its judge, looks at what they all use, and takes everything with it when it ends.

Forked by the grader, which has imported everything and read nothing of the submission nor of the instructor's notebook, so neither has the kernel. It never
runs a cell itself. Where there are no walls it is the reaper of what the kernel starts (PR_SET_CHILD_SUBREAPER), and ends it by its descent.

    ("kernel", KernelSpec)   → ("ended", exit status) in the end
    ("interrupt",) ("kill",)
    ("settle",)              → ("settled", whether what the cells began stands still; else it was killed)
    ("clear",)               what stands still is ended
    ("judge", task)          → on a connection of its own, what `judging.judge` returns, as JSON; then ("judged", exit status)
    …                        → ("over", "memory" | "disk" | "processes") whenever that is so
"""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from dockerlab.course.room.allowance import Allowance
from dockerlab.course.room.kernel import become
from dockerlab.course.room.usage import Usage
from dockerlab.course.room.walls import Plan, furnish, leave, step_aside
from dockerlab.runtime.helper import descendants, kernel

LOOK = 0.2  # seconds between two looks at what is used
STANDSTILL = 5.0  # seconds for all processes to stop


def keep(plan: Plan, identity: str, allowance: Allowance, commands: Connection, verdicts: Connection, doors: list[int]) -> None:
    """In a child of the grader's: raise the walls, be the parent of process 1, end with it. Without an `identity` there are no walls."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
    for fd in doors:
        os.write(fd, b"0")
    if identity:
        try:
            leave(identity, with_network=plan.network)
        except OSError as error:
            commands.send(("refused", str(error)))
            return
    else:
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        Keeper(plan, "", allowance, commands, verdicts).serve()
        return
    child = os.fork()
    if child == 0:
        code = 1
        try:
            kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
            kernel.prctl(kernel.PR_SET_DUMPABLE, 0)  # nobody inside looks into this process
            try:
                furnish(plan)
            except OSError as error:
                commands.send(("refused", str(error)))
                return
            Keeper(plan, identity, allowance, commands, verdicts).serve()
            code = 0
        finally:
            os._exit(code)
    commands.close()
    verdicts.close()
    os.waitpid(child, 0)


class Keeper:
    """The loop of process 1."""

    def __init__(self, plan: Plan, identity: str, allowance: Allowance, commands: Connection, verdicts: Connection) -> None:
        self._identity, self._allowance = identity, allowance
        self._commands, self._verdicts = commands, verdicts
        self._usage = Usage(plan.scratch if not identity else None, allowance)
        self._kernel = self._judge = 0
        self._watching = False

    def serve(self) -> None:
        """Until the grader closes its end."""
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._commands.send(("ready", os.getpid()))
        looked = time.monotonic()
        while True:
            ready = wait([self._commands, reader], timeout=LOOK if self._watching else None)
            if reader in ready:
                os.read(reader, 4096)
                self._reap()
            if self._commands in ready:
                try:
                    name, *arguments = self._commands.recv()
                except EOFError:
                    break
                getattr(self, f"_do_{name}")(*arguments)
            if self._watching and time.monotonic() - looked >= LOOK:
                self._look()
                looked = time.monotonic()
        if not self._identity:
            descendants.end_all()

    def _reap(self) -> None:
        for pid, status in descendants.reap():
            if pid == self._kernel:
                self._signal(signal.SIGKILL)  # what it has forked goes with it; containers have keepers of their own
                self._kernel = 0
                self._say("ended", os.waitstatus_to_exitcode(status))
            elif pid == self._judge:
                self._judge = 0
                self._say("judged", os.waitstatus_to_exitcode(status))

    def _say(self, *words: Any) -> None:
        with suppress(OSError):  # the grader is gone, as we soon are
            self._commands.send(words)

    def _do_kernel(self, spec: Any) -> None:
        self._usage.begin()
        self._kernel = os.fork()
        if self._kernel == 0:
            become(spec, self._allowance)
        self._watching = True

    def _do_interrupt(self) -> None:
        self._signal(signal.SIGINT)

    def _do_kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        """To the kernel and what stands in its group."""
        if self._kernel:
            with suppress(ProcessLookupError):
                os.killpg(self._kernel, number)

    def _do_settle(self) -> None:
        self._watching = False
        self._do_kill()
        still = self._stop_all()
        if not still:
            descendants.end_all()
        self._say("settled", still)

    def _stop_all(self) -> bool:
        """Whether everything below us stands still: containers go on to exist, and nothing does anything while they are looked at."""
        end = time.monotonic() + STANDSTILL
        while time.monotonic() < end:
            self._reap()
            moving = [pid for pid, _ in descendants.below(os.getpid()) if _state(pid) not in "TtZX"]
            if not moving:
                return True
            for pid in moving:
                kernel.kill(pid, signal.SIGSTOP)
            time.sleep(0.002)
        return False

    def _do_clear(self) -> None:
        """End what stands still, containers too; the judge and what it has started go on."""
        for pid, _ in descendants.below(os.getpid(), frozenset({self._judge})):
            kernel.kill(pid, signal.SIGKILL)

    def _do_judge(self, task: Any) -> None:
        self._judge = os.fork()
        if self._judge:
            return
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            self._commands.close()
            if self._identity:
                step_aside(self._identity)
                kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
            from dockerlab.course.judging import judge

            self._verdicts.send_bytes(json.dumps(judge(task)).encode())
            code = 0
        finally:
            os._exit(code)

    def _look(self) -> None:
        for what in self._usage.over():
            self._say("over", what)


def _state(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return chr(file.read().rsplit(b") ", 1)[1][0])
    except (OSError, IndexError):
        return "X"  # it has ended
