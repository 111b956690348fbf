"""What an engine is asked for: streams, a container to be, a process in one, a build. Plain data in Docker's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from dockerlab.data import dataclass, field


@dataclass(frozen=True)
class Streams:
    """File descriptors that a container's process is attached to; None is /dev/null. The keys, typed at a terminal, let go of it.

    `together`: where output and errors go to one pipe, they come in the order in which they are written, and the log does not tell them apart.
    """

    stdin: int | None = None
    stdout: int | None = None
    stderr: int | None = None
    detach_keys: bytes = b"\x10\x11"
    together: bool = False


@dataclass(frozen=True)
class PortBinding:
    """`-p 127.0.0.1:8080:80/tcp`; host_port 0 lets the kernel choose, host_ip "" is docker's default."""

    container_port: int
    protocol: str = "tcp"
    host_ip: str = ""
    host_port: int = 0


@dataclass(frozen=True)
class ContainerSpec:
    """What `docker create` was asked for; None means "as the image says"."""

    image: str
    command: tuple[str, ...] = ()
    name: str = ""
    entrypoint: tuple[str, ...] | None = None
    env: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    workdir: str | None = None
    user: str | None = None
    hostname: str = ""
    domainname: str = ""
    tty: bool = False
    open_stdin: bool = False
    attached: bool = True
    auto_remove: bool = False
    binds: tuple[str, ...] = ()
    tmpfs: tuple[str, ...] = ()
    volumes_from: tuple[str, ...] = ()
    ports: tuple[PortBinding, ...] = ()
    expose: tuple[str, ...] = ()
    publish_all: bool = False
    network: str = "bridge"
    read_only: bool = False
    stop_signal: str | None = None
    stop_timeout: int | None = None
    init: bool | None = None
    health: Mapping[str, Any] = field(default_factory=dict)
    """Docker's Healthcheck as far as it was asked for; what it leaves open is the image's."""
    pull: str = "missing"
    step: str = ""
    """A step of the image's build (`2`, or `STAGE:2`): the container begins in the state after it."""
    extra_host_config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BuildOptions:
    """What `docker build` was asked for. `context` is a folder, or a tar stream, or None; `dockerfile_text` beats `dockerfile`."""

    context: str | IO[bytes] | None = None
    dockerfile: str = ""
    dockerfile_text: str | None = None
    tags: tuple[str, ...] = ()
    build_args: Mapping[str, str | None] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()
    network: str = "default"
    platform: str = ""
    secrets: Mapping[str, bytes] = field(default_factory=dict)
    add_hosts: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    """Patterns left out of the context besides .dockerignore, relative to it (a notebook leaves itself out)."""
    contexts: Mapping[str, str] = field(default_factory=dict)
    """--build-context: a name → a folder, or docker-image://NAME."""
    trace: bool = False
    """Tell what each step changes."""
    pull: bool = False
    """Ask again for base images, even where the store has them."""
    apart: bool = False
    """Tell what a RUN writes to standard error from what it writes to standard output."""
    classic: bool = False
    """Build as Docker did before BuildKit."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The client's environment: where `--build-arg NAME` and the proxies take their values."""


@dataclass(frozen=True)
class ExecSpec:
    """What `docker exec` starts: a command in a running container. None is the container's own."""

    command: tuple[str, ...]
    env: tuple[str, ...] = ()
    workdir: str | None = None
    user: str | None = None
    tty: bool = False
    detach: bool = False
    ends_on_interrupt: bool = False
    """An interrupt of who waits for it ends it too; docker would let it go on."""
