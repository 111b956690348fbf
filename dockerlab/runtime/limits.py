"""Who keeps a container's limits on this machine: its kernel by control groups, resource limits, or the keeper's looks."""

from __future__ import annotations

import os

from dockerlab.data import dataclass
from dockerlab.runtime.helper import WITHOUT_NAMESPACES
from dockerlab.runtime.helper.limits import tops


@dataclass(frozen=True)
class LimitKeeper:
    """`keeps`: whether anything does; `why`: what it is, or why there is nothing."""

    keeps: bool
    why: str


def keepers(isolation: str = "namespaces") -> dict[str, LimitKeeper]:
    """memory, pids, cpu, disk and time → who keeps it here, found out by making a folder for control groups where we may."""
    if isolation in WITHOUT_NAMESPACES:
        nobody = LimitKeeper(False, "refused: without namespaces the container's processes are this machine's")
        return {**dict.fromkeys(("memory", "pids", "cpu", "disk"), nobody), "time": LimitKeeper(True, "the keeper ends the container")}
    root = os.geteuid() == 0
    groups = tops() if root else {}
    none = "no control groups may be made" + (" in /sys/fs/cgroup" if root else " by an ordinary user")
    kept = {name: LimitKeeper(True, f"the kernel, by a control group (version {version})") for name, (_, version) in groups.items()}
    kept.setdefault(
        "memory",
        LimitKeeper(True, "the keeper looks twenty times a second and kills the largest process: what is used between two looks is used"),
    )
    if root:
        kept.setdefault("pids", LimitKeeper(False, f"{none}, and RLIMIT_NPROC does not bind root"))
    else:
        kept["pids"] = LimitKeeper(
            True,
            "the kernel, by RLIMIT_NPROC in the container's user namespace; whoever is in it by `exec` counts twice, and a connection to a published port as two",
        )
    kept.setdefault("cpu", LimitKeeper(False, none))
    kept["disk"] = LimitKeeper(True, "the keeper looks up to five times a second, as the layer's size allows, and ends the container")
    kept["time"] = LimitKeeper(True, "the keeper ends the container")
    return kept


def memory_may_wait() -> bool:
    """Whether a process that wants more memory than there is can be made to wait, instead of being killed: control groups of version 1 can."""
    return os.geteuid() == 0 and tops().get("memory", ("", 2))[1] == 1
