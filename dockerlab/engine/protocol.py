"""What an engine can do: Docker's verbs as methods, Docker's JSON as answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from dockerlab.build import BuildEvent

Json = dict[str, Any]


@dataclass(frozen=True)
class Streams:
    """File descriptors that a container's process is attached to; None is /dev/null."""

    stdin: int | None = None
    stdout: int | None = None
    stderr: int | None = None


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
    init: bool = False
    pull: str = "missing"
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
    environment: Mapping[str, str] = field(default_factory=dict)
    """The client's environment: where `--build-arg NAME` and the proxies take their values."""


class Engine(Protocol):
    """Docker's verbs. Every method raises a DockerlabError that says what, where, why and what to do."""

    notice: Callable[[str], None]
    """Where a sentence goes that nobody asked for; set it to show them."""

    # images
    def build(self, options: BuildOptions) -> Iterator[BuildEvent]:
        """Build; events as they happen, the last one is `Built`, after the tags are set."""

    def images(self, *, all: bool = False) -> list[Json]:
        """One object an image: Id, RepoTags, Created (seconds), Size, Labels, ParentId; newest first."""

    def image_inspect(self, name: str) -> Json:
        """`docker image inspect`: Id, RepoTags, Config, RootFS …"""

    def history(self, name: str) -> list[Json]:
        """Newest first: Id, Created (seconds), CreatedBy, Size, Comment, Tags, EmptyLayer."""

    def tag(self, source: str, target: str) -> None:
        """Give an image another name."""

    def image_remove(self, name: str, *, force: bool = False, prune: bool = True) -> list[Json]:
        """`docker rmi`: what was {"Untagged": name} and {"Deleted": id}, in order; `prune`: its parents too that nobody names or needs."""

    def image_prune(self, *, all: bool = False) -> list[Json]:
        """Remove images without a name (`all`: those that no container uses)."""

    def save(self, names: Iterable[str], out: IO[bytes]) -> None:
        """Write a docker archive."""

    def load(self, source: IO[bytes]) -> list[str]:
        """Read a docker archive; the names, or IDs ("sha256:…") of images without one."""

    def import_(self, source: IO[bytes], reference: str = "", *, changes: Iterable[str] = (), message: str = "") -> str:
        """An image of one layer from a tar of a file system; its ID."""

    def prune_build_cache(self) -> int:
        """Forget the build cache; bytes set free."""

    # containers
    def create(self, spec: ContainerSpec) -> str:
        """Make a container; its ID."""

    def start(self, container: str, streams: Streams | None = None) -> None:
        """Start its process; with streams it is attached to them."""

    def wait(self, container: str) -> int:
        """Wait for its end; the exit code."""

    def stop(self, container: str, timeout: int | None = None) -> None:
        """Send the stop signal, then KILL after `timeout` seconds (10)."""

    def kill(self, container: str, signal: str = "KILL") -> None:
        """Send a signal to process 1."""

    def remove(self, container: str, *, force: bool = False, volumes: bool = False) -> None:
        """`docker rm`."""

    def rename(self, container: str, name: str) -> None:
        """Another name for a container."""

    def containers(self, *, all: bool = False) -> list[Json]:
        """The `docker inspect` object of each, newest first."""

    def container_inspect(self, container: str) -> Json:
        """`docker container inspect`."""

    def logs(self, container: str, *, follow: bool = False, tail: int | None = None) -> Iterator[tuple[float, str, bytes]]:
        """(seconds since 1970, "stdout" or "stderr", bytes) of what it printed."""

    def exec(
        self,
        container: str,
        command: tuple[str, ...],
        streams: Streams,
        *,
        env: tuple[str, ...] = (),
        workdir: str | None = None,
        user: str | None = None,
        tty: bool = False,
        detach: bool = False,
    ) -> int:
        """Run another process in a running container; its exit code."""

    def commit(self, container: str, reference: str = "", *, message: str = "", author: str = "", changes: Iterable[str] = ()) -> str:
        """The container's layer above its image's, as a new image; its ID."""

    def diff(self, container: str) -> list[Json]:
        """Path and Kind ("A", "C", "D") of each change in the container's layer, sorted by path."""

    def copy_in(self, container: str, source: str, path: str, *, archive: bool = False, follow: bool = False) -> None:
        """`docker cp SOURCE CONTAINER:PATH`."""

    def copy_out(self, container: str, path: str, target: str, *, follow: bool = False) -> None:
        """`docker cp CONTAINER:PATH TARGET`."""

    def export(self, container: str, out: IO[bytes]) -> None:
        """The container's whole file system as a tar."""

    def prune_containers(self, keep: Callable[[Json], bool] = ...) -> list[str]:
        """Remove every container that does not run and that `keep` does not want kept; their IDs."""

    # the rest
    def info(self) -> Json:
        """`docker info`."""

    def volumes(self) -> list[Json]:
        """`docker volume ls`."""


Notice = Callable[[str], None]
