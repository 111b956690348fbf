"""What the engine tells of itself, and of what containers use of the machine; the networks that are always there."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dockerlab.data import asdict
from dockerlab.engine.happenings import NETWORKS, network_id
from dockerlab.engine.records import Record
from dockerlab.errors import ConflictError
from dockerlab.oci.timestamps import rfc3339
from dockerlab.runtime.container import ContainerDirectory
from dockerlab.runtime.usage import Usage
from dockerlab.store import Store

if TYPE_CHECKING:
    from dockerlab.runtime.capabilities import Capabilities

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


_EMULATES = {
    "chroot": "processes, /proc and the network are this machine's",
    "proot": "users, owners and modes are emulated (true for teaching, no border for security), processes and the network are this machine's",
}


def tell_once(store: Store, isolation: str, notice: Callable[[str], None]) -> None:
    """Where a container is less than Docker's, its store's first user hears of it."""
    try:
        os.close(os.open(store.home / f"told-{isolation}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
    except OSError:
        return  # told, or nothing can be written
    notice(
        f"NOTICE: no namespaces here, so containers run by {isolation}: {_EMULATES[isolation]}; `dockerlab doctor` lists all that differs (told once)"
    )


def info(store: Store, states: list[str], machine: Capabilities) -> Json:
    """`docker info`; `states` are those of all containers. The driver that copies is called vfs, as Docker's own. `Emulated` are doctor's findings."""
    from dockerlab import __version__

    emulated = {item.name: item.emulated for item in machine.items if item.emulated and not item.available}
    running, paused = states.count("running"), states.count("paused")
    return {
        "Containers": len(states),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": len(states) - running - paused,
        "Images": len(store.images.all()),
        "Driver": "vfs" if machine.snapshots == "copy" else "overlay2",
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
        "Isolation": machine.isolation,
        "Emulated": emulated,
        "Warnings": [f"WARNING: {name}: {how}" for name, how in emulated.items()],
    }


def version() -> Json:
    """The Server of `docker version`: as which Docker we speak."""
    from dockerlab import __version__
    from dockerlab.oci import own_architecture

    common = {"ApiVersion": "1.51", "Arch": own_architecture(), "BuildTime": "", "GitCommit": "", "GoVersion": "", "Os": "linux"}
    details = {**common, "Experimental": "false", "KernelVersion": platform.release(), "MinAPIVersion": "1.24"}
    return {
        **common,
        "Version": __version__,
        "MinAPIVersion": "1.24",
        "KernelVersion": platform.release(),
        "Platform": {"Name": "dockerlab, embedded engine (no daemon)"},
        "Components": [{"Name": "Engine", "Version": __version__, "Details": details}],
    }


def networks(store: Store, running: list[Json]) -> list[Json]:
    """The networks that Docker always has, as `docker network inspect` shows them; `running` are the containers that are in one now.

    No address is told: here a container's bridge is a network of its own, with loopback and what is published.
    """
    made = rfc3339((store.home / "blobs").stat().st_mtime)
    out = []
    for name, driver in NETWORKS.items():
        inside = [item for item in running if name in item["NetworkSettings"]["Networks"]]
        out.append(
            {
                "Name": name,
                "Id": network_id(store, name),
                "Created": made,
                "Scope": "local",
                "Driver": driver,
                "EnableIPv4": True,
                "EnableIPv6": False,
                "IPAM": {"Driver": "default", "Options": None, "Config": []},
                "Internal": False,
                "Attachable": False,
                "Ingress": False,
                "ConfigFrom": {"Network": ""},
                "ConfigOnly": False,
                "Containers": {
                    item["Id"]: {"Name": item["Name"][1:], "EndpointID": "", "MacAddress": "", "IPv4Address": "", "IPv6Address": ""}
                    for item in inside
                },
                "Options": {},
                "Labels": {},
            }
        )
    return out
