"""The end of all processes that began under one, where no PID namespace ends them: found by their parents, until none is left.

Whoever calls this is their reaper (PR_SET_CHILD_SUBREAPER): a process that forks twice, or makes itself a session, is still below us, and where its
parent dies it becomes our own child.
"""

from __future__ import annotations

import os
import time

from dockerlab.runtime.helper import kernel

PATIENCE = 30.0  # seconds: a process that waits for a dead disk does not even die of SIGKILL
PAUSE = 0.001


def _stat(pid: int | str) -> tuple[int, str]:
    """(parent, start time) of a process."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rsplit(b") ", 1)[1].split()
    return int(fields[1]), fields[19].decode("ascii")


def parent(pid: int) -> int:
    """The number of its parent; 0 where it has ended."""
    try:
        return _stat(pid)[0]
    except (OSError, IndexError):
        return 0


def below(top: int, spare: frozenset[int] = frozenset()) -> list[tuple[int, str]]:
    """(number, start time) of all that descend from `top`, parents before their children; not `spare`, nor what is below them."""
    children: dict[int, list[tuple[int, str]]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parent, began = _stat(name)
            except (OSError, IndexError):
                continue  # ended meanwhile
            children.setdefault(parent, []).append((int(name), began))
    found: list[tuple[int, str]] = []
    todo = [top]
    while todo:
        for pid, began in children.get(todo.pop(), ()):
            if pid not in spare:
                found.append((pid, began))
                todo.append(pid)
    return found


def end_all(spare: frozenset[int] = frozenset()) -> None:
    """Kill everything below this process and reap it; what forks meanwhile is found in the next round. Not `spare`, children of ours."""
    us, patience = os.getpid(), time.monotonic() + PATIENCE
    while True:
        reap()
        found = below(us, spare)
        if not found or time.monotonic() > patience:
            return
        for pid, began in found:
            send(pid, began, kernel.SIGKILL)
        time.sleep(PAUSE)


def reap() -> list[tuple[int, int]]:
    """(number, status) of each child that has ended."""
    ended: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not pid:
            return ended
        ended.append((pid, status))


def heeds(pid: int, number: int) -> bool:
    """Whether a signal would reach this process if it were process 1 of a PID namespace: the kernel keeps from that one what it does not handle."""
    if number in (kernel.SIGKILL, kernel.SIGSTOP):
        return True
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            handled = [
                int(line.split()[1], 16) for line in file if line.startswith(("SigCgt:", "SigBlk:"))
            ]  # what is blocked may be waited for: `--init`
    except OSError:
        return True  # it has ended
    return bool(number) and any(mask >> (number - 1) & 1 for mask in handled)


def send(pid: int, began: str, number: int) -> None:
    """A signal to a process that `below` found. The start time guards against a number that another process has by now."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if _stat(pid)[1] == began:
            kernel.signal_process(fd, number)
    except (OSError, IndexError):
        pass  # ended meanwhile
    finally:
        os.close(fd)
