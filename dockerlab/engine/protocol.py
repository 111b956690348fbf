"""What an engine can do: Docker's verbs as methods, Docker's JSON as answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from dockerlab.build import BuildEvent
    from dockerlab.build.context_report import ContextReport
    from dockerlab.build.outline import Offer, Outline
    from dockerlab.build.variables import Timeline
    from dockerlab.dockerfile.checks import BuildCheck
    from dockerlab.engine.inside import ImageInside
    from dockerlab.engine.specs import BuildOptions, ContainerSpec, ExecSpec, Streams
    from dockerlab.errors import DockerlabError
    from dockerlab.layers import TreeView
    from dockerlab.layers.inside import LayerInside
    from dockerlab.runtime.container import ProcessRow
    from dockerlab.transfer.registry import Progress
    from dockerlab.transfer.registry.credentials import Credentials
    from dockerlab.transfer.saving import Saving

Json = dict[str, Any]


class Attachment(Protocol):
    """What whoever started a container with streams, or attached to one, holds of it."""

    error: str
    """Why the container was ended, where one of our own limits did it."""

    def wait(self) -> int:
        """The exit code; KeyboardInterrupt passes through and leaves the container running. Detached if the detach keys were typed."""

    def ends_within(self, seconds: float) -> bool:
        """Wait so long at most for the end, which `wait` then tells at once."""

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of its terminal."""

    def close(self) -> None:
        """Detach: the container goes on."""

    def __enter__(self) -> Attachment: ...

    def __exit__(self, *_: object) -> None: ...


class Engine(Protocol):
    """Docker's verbs. Every method raises a DockerlabError that says what, where, why and what to do."""

    notice: Callable[[str], None]
    """Where a sentence goes that nobody asked for; set it to show them."""

    # images
    def build(self, options: BuildOptions) -> Iterator[BuildEvent]:
        """Build; events as they happen, the last one is `Built`, after the tags are set."""

    def check(self, options: BuildOptions) -> tuple[str, str, list[BuildCheck], DockerlabError | None]:
        """`build --check`: (the Dockerfile's text, its name, warnings, the error at which looking stopped)."""

    def context_report(self, options: BuildOptions) -> ContextReport:
        """What the context holds, what is left out by which pattern, its largest files, what each COPY takes."""

    def targets(self, options: BuildOptions) -> tuple[str, list[Offer]]:
        """`build --call targets`: (the Dockerfile's text, its stages)."""

    def outline(self, options: BuildOptions) -> tuple[str, Outline]:
        """`build --call outline`: (the Dockerfile's text, the arguments, secrets and agents that its target takes)."""

    def variables(self, options: BuildOptions) -> Timeline:
        """What ARG and ENV are worth at each line of a Dockerfile, in the container and in the history, with nothing built."""

    def resolve_name(self, name: str) -> str:
        """The ID of the image that FROM would take for this name."""

    def images(self, *, all: bool = False) -> list[Json]:
        """One object an image: Id, RepoTags, Created (seconds), Size, Labels, ParentId; newest first."""

    def image_inspect(self, name: str) -> Json:
        """`docker image inspect`: Id, RepoTags, Config, RootFS …"""

    def history(self, name: str) -> list[Json]:
        """Newest first: Id, Created (seconds), CreatedBy, Size, Comment, Tags, EmptyLayer."""

    def image_inside(self, name: str) -> ImageInside:
        """An image's layers as trees, what each of them did, and what their room is used for."""

    def layer_inside(self, image: str, number: int) -> LayerInside:
        """What an image's layer (1 is the lowest) does to the files below it."""

    def image_files(self, name: str) -> TreeView:
        """The file system that a container of it would begin with."""

    def tag(self, source: str, target: str) -> None:
        """Give an image another name."""

    def image_remove(self, name: str, *, force: bool = False, prune: bool = True) -> list[Json]:
        """`docker rmi`: what was {"Untagged": name} and {"Deleted": id}, in order; `prune`: its parents too that nobody names or needs."""

    def image_prune(self, *, all: bool = False, keep: Callable[[Json], bool] = ...) -> tuple[list[Json], int]:
        """Remove images without a name (`all`: those that no container uses) that `keep` does not want kept: what was untagged and deleted, bytes set free."""

    def save(self, names: Iterable[str], out: IO[bytes] | str, saving: Saving | None = None, *, platform: str = "") -> None:
        """Write a docker archive, or what `saving` says, to a stream or (where that is a folder) into this folder. `platform`: they must be for that."""

    def pull(self, name: str, platform: str = "", *, all_tags: bool = False) -> Iterator[Progress]:
        """Bring an image from its registry, what happens as it happens. Closing the iterator ends it; there is an image or there is none."""

    def push(self, name: str, *, all_tags: bool = False) -> Iterator[Progress]:
        """Bring an image to the registry that its name says, what happens as it happens."""

    def login(self, domain: str, credentials: Credentials) -> None:
        """Show a registry a name and a password. RegistryError if it does not take them."""

    def load(self, source: IO[bytes] | str, *, platform: str = "") -> list[str]:
        """Read a docker archive or an OCI layout from a stream or a folder; the names, or IDs ("sha256:…") of images without one.

        `platform`: which to take where there are several.
        """

    def import_(self, source: IO[bytes], reference: str = "", *, changes: Iterable[str] = (), message: str = "") -> str:
        """An image of one layer from a tar of a file system; its ID."""

    def export_image(self, name: str, target: str) -> None:
        """`build -o type=local`: the image's file system as a folder of this machine."""

    def export_image_tar(self, name: str, out: IO[bytes]) -> None:
        """`build -o type=tar`: the image's file system as a tar."""

    def prune_build_cache(self, *, all: bool = False) -> tuple[list[Json], int]:
        """Forget what the build cache holds for no image (`all`: all of it): its records as in `disk_usage`, and the bytes set free."""

    # containers
    def create(self, spec: ContainerSpec) -> str:
        """Make a container; its ID."""

    def start(self, container: str, streams: Streams | None = None) -> None:
        """Start its process; with streams it is attached to them."""

    def wait(self, container: str) -> int:
        """Wait for its end; the exit code."""

    def stop(self, container: str, timeout: int | None = None) -> None:
        """Send the stop signal, then KILL after `timeout` seconds (10)."""

    def restart(self, container: str, timeout: int | None = None) -> None:
        """`docker restart`: stop, then start."""

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

    def container_sizes(self, container: str) -> tuple[int, int]:
        """Bytes in its own layer, and with the image's layers."""

    def logs(self, container: str, *, follow: bool = False, tail: int | None = None) -> Iterator[tuple[float, str, bytes]]:
        """(seconds since 1970, "stdout" or "stderr", bytes) of what it printed."""

    def exec(self, container: str, spec: ExecSpec, streams: Streams) -> int:
        """Run another process in a running container; its exit code (0 at once if it is detached). Detached if the detach keys were typed."""

    def start_attached(self, container: str, streams: Streams) -> Attachment | None:
        """Start with these streams and keep the channel that tells its end and takes window sizes and signals; None if it runs already."""

    def attach(self, container: str, streams: Streams) -> Attachment:
        """`docker attach`: its output from now on, until it ends or the channel is closed. The exit code is `wait`'s to tell."""

    def pause(self, container: str) -> None:
        """Hold every process of it still."""

    def unpause(self, container: str) -> None:
        """Let its processes go on."""

    def top(self, container: str) -> list[ProcessRow]:
        """Its processes."""

    def stats(self, container: str) -> Json:
        """What it uses of the machine: id, name, cpu (seconds since its start; None if it does not run), memory and its limit (bytes), tasks,
        received, sent, read, written (bytes)."""

    def commit(
        self, container: str, reference: str = "", *, message: str = "", author: str = "", changes: Iterable[str] = (), pause: bool = True
    ) -> str:
        """The container's layer above its image's, as a new image; its ID."""

    def diff(self, container: str) -> list[Json]:
        """Path and Kind ("A", "C", "D") of each change in the container's layer, sorted by path."""

    def changes(self, container: str) -> list[Json]:
        """As `diff`, with what copy-on-write did: Size, Below (bytes copied up), Folder, Layer (the number of the layer that held it; 1 is the lowest)."""

    def copy_in(self, container: str, source: str, path: str, *, follow: bool = False) -> None:
        """`docker cp SOURCE CONTAINER:PATH`."""

    def copy_out(self, container: str, path: str, target: str, *, follow: bool = False) -> None:
        """`docker cp CONTAINER:PATH TARGET`."""

    def unpack_in(self, container: str, source: IO[bytes], path: str) -> None:
        """`docker cp - CONTAINER:PATH`: a tar into a folder of it."""

    def archive_out(self, container: str, path: str, out: IO[bytes], *, follow: bool = False) -> None:
        """`docker cp CONTAINER:PATH -`: a tar of it."""

    def export(self, container: str, out: IO[bytes]) -> None:
        """The container's whole file system as a tar."""

    def prune_containers(self, keep: Callable[[Json], bool] = ...) -> tuple[list[str], int]:
        """Remove every container that does not run and that `keep` does not want kept; their IDs, and the bytes set free."""

    # the rest
    def events(self, since: float | None = None, until: float | None = None) -> Iterator[Json]:
        """`docker events`: messages of that time (seconds since 1970), and then those that come, without an end where there is no `until`."""

    def info(self) -> Json:
        """`docker info`."""

    def version(self) -> Json:
        """The Server of `docker version`."""

    def volumes(self) -> list[Json]:
        """`docker volume ls`."""

    def networks(self) -> list[Json]:
        """`docker network inspect` of each: bridge, host and none."""

    def disk_usage(self) -> Json:
        """What images, containers, volumes and the build cache take of the disk (see `engine.disk`)."""

    def volume_create(self, name: str = "", labels: dict[str, str] | None = None) -> str:
        """A volume; its name, made up if none is given. One that exists is left as it is."""

    def volume_remove(self, name: str) -> None:
        """Remove a volume that no container mounts."""

    def volume_prune(self, *, all: bool = False, keep: Callable[[Json], bool] = ...) -> tuple[list[str], int]:
        """Remove volumes that no container uses (those with a name only with `all`) and that `keep` does not want kept; their names, and the bytes set free."""

    def warm_up(self) -> None:
        """A process will be started soon: get ready for it, beside whatever comes first."""

    def close(self) -> None:
        """Let go of what this process holds; started containers go on."""
