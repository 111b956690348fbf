"""What the processes of a container use of the machine, added up from /proc: an ordinary user's containers have no control group of their own."""

from __future__ import annotations

import os
from collections.abc import Iterable

from dockerlab.data import dataclass


@dataclass(frozen=True)
class Usage:
    """`cpu`: seconds since the start, of processes that have ended too; `memory`: bytes, shared pages by their share; `tasks`: threads;
    bytes over the network (loopback left out) and from and to disks."""

    cpu: float = 0.0
    memory: int = 0
    tasks: int = 0
    received: int = 0
    sent: int = 0
    read: int = 0
    written: int = 0


def measure(pids: Iterable[int], *, own_network: bool) -> Usage:
    """The use of these processes, process 1 first. Who ends meanwhile is left out."""
    tick = os.sysconf("SC_CLK_TCK")
    cpu, memory, tasks, read, written = 0.0, 0, 0, 0, 0
    received = sent = 0
    for n, pid in enumerate(pids):
        try:
            stat = _text(pid, "stat").rsplit(") ", 1)[1].split()
        except OSError:
            continue
        cpu += sum(int(stat[at]) for at in range(11, 15)) / tick
        tasks += int(stat[17])
        memory += _memory(pid, int(stat[21]))
        fields = _fields(pid, "io")
        read, written = read + fields.get("read_bytes", 0), written + fields.get("write_bytes", 0)
        if n == 0 and own_network:
            received, sent = _network(pid)
    return Usage(cpu, memory, tasks, received, sent, read, written)


def _text(pid: int, name: str) -> str:
    with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as file:
        return file.read()


def _fields(pid: int, name: str) -> dict[str, int]:
    """`name: 12 kB` lines as numbers, as they are written; nothing where this machine does not let us look."""
    try:
        lines = _text(pid, name).splitlines()
    except OSError:
        return {}
    found = (line.partition(":") for line in lines)
    return {key: int(value.split()[0]) for key, _, value in found if value.split() and value.split()[0].isdigit()}


def _memory(pid: int, pages: int) -> int:
    shared = _fields(pid, "smaps_rollup")
    return shared["Pss"] * 1024 if "Pss" in shared else pages * os.sysconf("SC_PAGE_SIZE")


def _network(pid: int) -> tuple[int, int]:
    try:
        lines = _text(pid, "net/dev").splitlines()[2:]
    except OSError:
        return 0, 0
    cards = [line.partition(":")[2].split() for line in lines if line.partition(":")[0].strip() != "lo"]
    return sum(int(card[0]) for card in cards), sum(int(card[8]) for card in cards)
