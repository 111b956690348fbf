"""A room from outside: made, spoken to, and gone with all that is in it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dockerlab.course.room.allowance import Allowance
from dockerlab.course.room.keeper import keep
from dockerlab.course.room.kernel import KernelSpec
from dockerlab.course.room.walls import INSIDE, Plan, identities
from dockerlab.errors import DockerlabError
from dockerlab.runtime.helper.limits import Groups

Event = tuple[Any, ...]
_PATIENCE = 30.0  # seconds for the keeper to do what it was told
NOT_ASKED = "this machine has no namespaces, or they were not to be used (--no-walls, DOCKERLAB_ISOLATION)"
HOLD_SECONDS, JUDGE_SECONDS = 60.0, 600.0
"""Until what the cells began is ended after all, and for the whole: what is looked at may be large, and containers are started for it."""


class Room:
    """One room. `identity` is "" where walls could not be had, and `why` says why not; `inside` is where its folder lies for those inside."""

    def __init__(self, plan: Plan, allowance: Allowance) -> None:
        """OSError if there can't be a process at all."""
        self.plan, self.allowance = plan, allowance
        chosen = identities() if allowance.walls else ()
        self.why = "" if chosen else NOT_ASKED
        self._groups: Groups | None = None
        for identity in (*chosen, ""):
            self._begin(identity)
            answer = self.heard(_PATIENCE)
            if answer and answer[0] == "ready":
                break
            self.why = self.why or str(answer[1] if answer else "its first process ended at once")
            self.close()
        else:
            raise DockerlabError(f"no kernel can be kept here: {self.why}")
        self.identity = identity
        self.inside = INSIDE if identity else plan.scratch

    def _begin(self, identity: str) -> None:
        ours, theirs = Pipe()
        read, write = Pipe(duplex=False)
        if identity and self._groups is None:
            self._groups = _groups(self.allowance)
        self._keeper = os.fork()
        if self._keeper == 0:
            try:
                ours.close()
                read.close()
                keep(self.plan, identity, self.allowance, theirs, write, self._groups.doors if self._groups else [])
            finally:
                os._exit(0)
        theirs.close()
        write.close()
        self._commands, self._verdicts = ours, read

    def given(self, name: str) -> Path:
        """Where one of the plan's given folders lies for those inside."""
        return self.inside / name if self.identity else self.plan.given[name]

    @property
    def events(self) -> Connection:
        """Where what happens is told; `heard` reads it."""
        return self._commands

    def heard(self, seconds: float = 0) -> Event | None:
        """The next that happened; None if nothing does for so long, or the keeper is gone."""
        try:
            return self._commands.recv() if self._commands.poll(seconds) else None
        except (EOFError, OSError):
            return None

    def tell(self, *words: Any) -> None:
        """Tell the keeper. DockerlabError if it is gone."""
        try:
            self._commands.send(words)
        except OSError as error:
            raise DockerlabError(f"the process that kept this submission's cells is gone: {error}") from None

    def start_kernel(self, connection: Path, folder: Path, environment: dict[str, str]) -> None:
        """Fork a kernel that serves on that connection file and begins in that folder; both paths as they are inside."""
        self.tell("kernel", KernelSpec(connection, folder, environment, self.identity))

    def settle(self) -> bool:
        """End the kernel and hold everything else that it began; whether that could be done without killing it."""
        self.tell("settle")
        answer = self._until("settled", _PATIENCE)
        return bool(answer and answer[1])

    def _until(self, name: str, seconds: float) -> Event | None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            answer = self.heard(left)
            if answer is None or answer[0] == name:
                return answer
        return None

    def judge(self, task: Any, hold: float = HOLD_SECONDS) -> Any:
        """What `judging.judge` finds, in a process of its own in here. DockerlabError if that process did not live to tell."""
        self.tell("judge", task)
        began, waits = time.monotonic(), [hold, JUDGE_SECONDS]
        while waits:
            came = wait([self._verdicts, self._commands], timeout=began + waits[0] - time.monotonic())
            if not came and time.monotonic() >= began + waits[0]:
                waits.pop(0)
                if waits:  # something that stands still holds what is needed, a lock of the store's
                    self.tell("clear")
            for ready in came:
                if ready is self._verdicts:
                    return json.loads(self._verdicts.recv_bytes())
                event = self.heard()
                if (event is None or event[0] == "judged") and not self._verdicts.poll():
                    raise DockerlabError("what the cells left could not be looked at: the process that did so was killed")
        raise DockerlabError(f"what the cells left could not be looked at within {JUDGE_SECONDS:g} seconds")

    def out_of_memory(self) -> bool:
        """Whether the machine's kernel has killed a process in here for its memory."""
        return bool(self._groups and self._groups.out_of_memory())

    def close(self) -> None:
        """End everything in here."""
        self._commands.close()
        self._verdicts.close()
        _ended(self._keeper)
        if self._groups:
            self._groups.remove()
            for fd in self._groups.doors:
                os.close(fd)
            self._groups = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _groups(allowance: Allowance) -> Groups | None:
    """Control groups for memory and processes, where we may make them."""
    limits = dict.fromkeys(("memory", "swap", "reservation", "no_oom_kill", "pids", "quota", "period", "shares", "disk"), 0)
    limits.update(memory=allowance.memory, swap=allowance.memory, pids=allowance.processes)
    groups = Groups(f"grade-{os.getpid()}", limits)
    return groups if groups.folders else None


def _ended(pid: int, seconds: float = _PATIENCE, kill: Callable[[int, int], None] = os.kill) -> None:
    """Wait for a child that is about to end; it is killed if it does not."""
    end = time.monotonic() + seconds
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            kill(pid, 9)
        time.sleep(0.002)
