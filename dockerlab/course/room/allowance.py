"""How much a submission may use."""

from __future__ import annotations

from dockerlab.data import dataclass


@dataclass(frozen=True)
class Allowance:
    """Seconds for a cell and for all of them; bytes of memory, and on the disk beyond the base images; processes at a time; whether there is a network; whether walls are raised."""

    cell_seconds: float = 120
    seconds: float = 1800
    memory: int = 2 << 30
    disk: int = 4 << 30
    processes: int = 512
    network: bool = False
    walls: bool = True
