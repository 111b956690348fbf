"""From a container as it is written down to what the runtime is asked to run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dockerlab.engine.environment import process_environment
from dockerlab.engine.health import plan_of
from dockerlab.engine.limits import RLIMITS, limits_of
from dockerlab.engine.records import Record
from dockerlab.layers import TreeView, find_user
from dockerlab.runtime.etc import etc_files
from dockerlab.runtime.helper import ADDRESS
from dockerlab.runtime.spec import BoxSpec, Dns, Mount, Port, ProcessSpec
from dockerlab.store.rootfs import RootFs

Json = dict[str, Any]


def box_of(record: Record, folder: Path, rootfs: RootFs, view: TreeView, together: bool = False) -> BoxSpec:
    """`folder` is the container's; `view` its file system, where its user is looked up."""
    config, host = record.config, record.host
    user = find_user(view, config["User"])
    mounts = [Mount(mount["Source"], mount["Destination"], not mount["RW"], "bind") for mount in record.mounts]
    mounts += [Mount(options, path, "ro" in options.split(","), "tmpfs") for path, options in (host.get("Tmpfs") or {}).items()]
    network = _network(record)
    return BoxSpec(
        rootfs=rootfs,
        process=ProcessSpec(
            args=(record.path, *record.args),
            env=process_environment(config, user.home, terminal=config["Tty"]),
            cwd=config["WorkingDir"] or "/",
            uid=user.uid,
            gid=user.gid,
            groups=user.groups,
            terminal=config["Tty"],
        ),
        open_stdin=config["OpenStdin"],
        logged=host["LogConfig"]["Type"] != "none",
        together=together or host["AutoRemove"],  # whose log nobody reads afterwards
        init=bool(host.get("Init")),
        timeout=host.get("Timeout"),
        limits=limits_of(host),
        rlimits=tuple((RLIMITS[one["Name"]], one["Soft"], one["Hard"]) for one in host["Ulimits"]),
        shm_size=host["ShmSize"],
        restart=_policy(host["RestartPolicy"]),
        health=plan_of(config, folder),
        hostname=config["Hostname"],
        domainname=config["Domainname"],
        dns=_dns(record),
        network=network,
        ports=tuple(_ports(record)) if network == "private" else (),
        mounts=tuple(mounts),
        readonly=host["ReadonlyRootfs"],
        hosts=_hosts(record),
    )


def etc_of(record: Record) -> dict[str, bytes]:
    """What the runtime mounts into /etc of the container when it starts: name -> contents."""
    network = _network(record)
    return etc_files(
        record.config["Hostname"],
        _hosts(record),
        own_network=network != "host",
        build=False,
        address=ADDRESS if network == "private" else "127.0.0.1",
        domainname=record.config["Domainname"],
        dns=_dns(record),
    )


def _network(record: Record) -> str:
    return {"host": "host", "none": "none"}.get(record.host["NetworkMode"], "private")


def _dns(record: Record) -> Dns:
    return Dns(tuple(record.host["Dns"]), tuple(record.host["DnsSearch"]), tuple(record.host["DnsOptions"]))


def _hosts(record: Record) -> tuple[tuple[str, str], ...]:
    return tuple((address, name) for name, _, address in (entry.partition(":") for entry in record.host["ExtraHosts"] or []))


def _ports(record: Record) -> Iterator[Port]:
    wanted = record.host["PortBindings"] or {}
    for key, bindings in wanted.items():
        number, _, protocol = key.partition("/")
        for one in bindings:
            yield Port(one["HostIp"], int(one["HostPort"] or 0), int(number), protocol)
    if record.host["PublishAllPorts"]:
        for key in record.config.get("ExposedPorts") or {}:
            number, _, protocol = key.partition("/")
            if key not in wanted and protocol in ("tcp", "udp"):
                yield Port("", 0, int(number), protocol)


def _policy(host: Json) -> tuple[str, int] | None:
    name = host["Name"]
    return (name, int(host["MaximumRetryCount"])) if name not in ("", "no") else None
