"""What the engine tells of itself, and of what containers use of the machine."""

from __future__ import annotations

import os
import platform
from typing import Any

from dockerlab.data import asdict
from dockerlab.engine.records import Record
from dockerlab.errors import ConflictError
from dockerlab.runtime.container import ContainerDirectory
from dockerlab.runtime.usage import Usage
from dockerlab.store import Store

Json = dict[str, Any]


def stats(record: Record, process: ContainerDirectory) -> Json:
    """What a container uses of the machine: see `Engine.stats`."""
    try:
        usage = asdict(process.usage())
    except (ConflictError, OSError):  # it does not run, or no longer
        usage = {**asdict(Usage()), "cpu": None}
    return {"id": record.id, "name": record.name, "limit": record.host["Memory"] or _memory(), **usage}


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def info(store: Store, states: list[str], isolation: str) -> Json:
    """`docker info`; `states` are those of all containers."""
    from dockerlab import __version__

    running, paused = states.count("running"), states.count("paused")
    return {
        "Containers": len(states),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": len(states) - running - paused,
        "Images": len(store.images.all()),
        "Driver": "overlay2",
        "LoggingDriver": "json-file",
        "DockerRootDir": str(store.home),
        "OSType": "linux",
        "OperatingSystem": platform.platform(),
        "KernelVersion": platform.release(),
        "Architecture": platform.machine(),
        "NCPU": os.cpu_count() or 1,
        "MemTotal": _memory(),
        "Name": platform.node(),
        "ServerVersion": __version__,
        "Swarm": {"LocalNodeState": "inactive"},
        "Engine": "dockerlab, embedded: no daemon",
        "Isolation": isolation,
    }
