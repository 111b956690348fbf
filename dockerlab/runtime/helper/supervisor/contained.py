"""Signals of a container without a PID namespace: they reach its own processes only, and number 1 is its first one."""

from __future__ import annotations

import os

from dockerlab.runtime.helper import descendants, kernel
from dockerlab.runtime.helper.passage import is_part_of_one
from dockerlab.runtime.helper.supervisor.caller import Caller
from dockerlab.runtime.helper.supervisor.credentials import CONTINUE, refuse
from dockerlab.runtime.helper.supervisor.processes import ProcessCalls

ESRCH = 3
TYPE_CHECKING = False  # `typing` would cost the helper 5 ms; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Callable


class ContainedProcessCalls(ProcessCalls):
    """`special` tells the container's first process, and our own relay of its ports."""

    def __init__(self, special: Callable[[], tuple[int, int]]) -> None:
        self._special = special

    def _members(self) -> list[int]:
        relay = frozenset((self._special()[1],))
        return [pid for pid, _ in descendants.below(os.getpid(), relay) if not is_part_of_one(pid)]

    def _do_kill(self, caller: Caller, a: list[int]) -> int | None:
        pid, number = a[0] & 0xFFFFFFFF, a[1] & 0x7F
        first = self._special()[0]
        if pid == 1:
            self._signal(caller, first)
            if descendants.heeds(first, number):
                kernel.kill(first, number)
            return 0
        if pid == 0xFFFFFFFF:  # everybody but the first one and the caller
            others = [one for one in self._members() if one not in (first, caller.pid)]
            for one in others:
                try:
                    self._signal(caller, one)
                    kernel.kill(one, number)
                except PermissionError:
                    pass  # another user's
            if not others:
                raise refuse(ESRCH)
            return 0
        self._signal(caller, pid)
        if 0 < pid < 1 << 31 and not self._ours(pid):
            raise refuse(ESRCH)
        return CONTINUE

    _do_tkill = _do_tgkill = ProcessCalls._do_kill

    def _ours(self, pid: int) -> bool:
        keeper = os.getpid()
        if is_part_of_one(pid):
            return False
        while pid > 1:
            if pid == keeper:
                return True
            pid = descendants.parent(pid)
        return False
