"""What the runtime is asked to run: plain data, made by the engine and the builder."""

from __future__ import annotations

import select
from typing import Any

from dockerlab.data import dataclass
from dockerlab.store.rootfs import RootFs


@dataclass(frozen=True)
class Mount:
    """A bind of a folder or file of this machine, or a tmpfs (`source` then holds its options, such as `size=64m`)."""

    source: str
    target: str
    readonly: bool = False
    kind: str = "bind"


@dataclass(frozen=True)
class Port:
    """A published port, "tcp" or "udp". An empty `host_ip` is loopback only (or $DOCKERLAB_PUBLISH_ADDRESS); `host_port` 0 lets the kernel choose."""

    host_ip: str
    host_port: int
    container_port: int
    protocol: str = "tcp"


@dataclass(frozen=True)
class ProcessSpec:
    """One process. IDs are numbers: names are looked up by whoever reads the image. `env` holds `K=V` entries."""

    args: tuple[str, ...]
    env: tuple[str, ...] = ()
    cwd: str = "/"
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    terminal: bool = False


@dataclass(frozen=True)
class Dns:
    """What resolv.conf says instead of the machine's own: name servers, domains to search ("." is none), options."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """What the processes of a container may use together; 0 is no limit. Bytes, and microseconds; `swap` is memory and swap together, -1 as much as there is.

    `no_oom_kill`: who wants more memory waits instead of being killed. `disk` is the writable layer's size. `shares` are weights against others.
    """

    memory: int = 0
    swap: int = 0
    reservation: int = 0
    no_oom_kill: bool = False
    pids: int = 0
    quota: int = 0
    period: int = 0
    shares: int = 0
    disk: int = 0


@dataclass(frozen=True)
class HealthPlan:
    """A command that tells whether a container is well. Seconds; `shown_timeout` as Go prints it; `log` is what came of former checks."""

    args: tuple[str, ...]
    interval: float
    timeout: float
    start_period: float
    start_interval: float
    retries: int
    shown_timeout: str
    log: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class BoxSpec:
    """A root file system and the process in it.

    `network`: "host" shares this machine's; "none" has only loopback; "private" has loopback and the published `ports`.
    `hosts` are further lines of /etc/hosts, as (address, name). `timeout` is in seconds: what runs longer is killed.
    `rlimits` are (number, soft, hard) of setrlimit, -1 for none; `shm_size` is that of /dev/shm in bytes.
    `restart`: docker's policy for a container whose program has ended, and how many times it is restarted at most (0: any number).
    `logged`: what a container prints is kept, all of it. `together`: where its output and its errors go to one pipe, they share one from the start, in the
    order in which they are written, and nobody can tell them apart afterwards.
    `init`: process 1 is not the program but an init of ours, which reaps and passes signals on.
    `like_container`: a build's RUN gets docker's own files below its writable layer, as a container does, and keeps mount points; BuildKit takes both away.
    """

    rootfs: RootFs
    process: ProcessSpec
    hostname: str = ""
    domainname: str = ""
    dns: Dns = Dns()
    network: str = "host"
    ports: tuple[Port, ...] = ()
    mounts: tuple[Mount, ...] = ()
    readonly: bool = False
    hosts: tuple[tuple[str, str], ...] = ()
    timeout: float | None = None
    nproc: int = 0
    open_stdin: bool = False
    logged: bool = True
    together: bool = False
    init: bool = False
    limits: Limits | None = None
    rlimits: tuple[tuple[int, int, int], ...] = ()
    shm_size: int = 1 << 26
    restart: tuple[str, int] | None = None
    health: HealthPlan | None = None
    like_container: bool = False


@dataclass(frozen=True)
class Waiting:
    """A process has nothing to say for the moment: come back when one of these descriptors can be read, or after so many seconds."""

    fds: tuple[int, ...]
    seconds: float | None = None

    def wait(self) -> None:
        """Sleep until then, for a caller that has nothing else to do."""
        poll = select.poll()
        for fd in self.fds:
            poll.register(fd, select.POLLIN)
        poll.poll(None if self.seconds is None else self.seconds * 1000)
