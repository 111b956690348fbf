"""The embedded engine: Docker's verbs on our own store and runtime, in this process, as whoever you are.

Everything is opened on first use: `docker images` must not wait for the runtime, nor a build for the catalogue.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from dockerlab.engine.images import Images
from dockerlab.engine.records import Record, Records
from dockerlab.errors import ConflictError, DockerlabError
from dockerlab.store import Image, Store

if TYPE_CHECKING:
    from dockerlab.build import Builder, BuildEvent
    from dockerlab.build.context_report import ContextReport
    from dockerlab.build.outline import Offer, Outline
    from dockerlab.dockerfile.checks import BuildCheck
    from dockerlab.engine.containers import Containers
    from dockerlab.engine.specs import BuildOptions, ContainerSpec, ExecSpec, Streams
    from dockerlab.engine.volumes import Volumes
    from dockerlab.layers import TreeView
    from dockerlab.oci import Reference
    from dockerlab.runtime.container import ProcessRow
    from dockerlab.runtime.runtime import Control, Runtime
    from dockerlab.transfer.catalogue import Catalogue

Json = dict[str, Any]


class EmbeddedEngine:
    """Docker's verbs with no daemon (see `Engine` for what each does)."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store.open()
        self.records = Records(self.store)
        self.images_ = Images(self.store, self.records, self._from_catalogue, lambda record: self.containers_.running(record))
        self.notice: Callable[[str], None] = lambda text: None
        """Where a sentence goes that nobody asked for: which image answered, what is being composed."""

    @cached_property
    def runtime(self) -> Runtime:
        """Starts processes; probed and started on first use."""
        from dockerlab.runtime.capabilities import Capabilities
        from dockerlab.runtime.runtime import Runtime

        return Runtime(Capabilities.load(self.store.home / "capabilities.json"))

    @cached_property
    def catalogue(self) -> Catalogue:
        """The base images that can be composed here."""
        from dockerlab.transfer.catalogue import Catalogue

        return Catalogue(self.store)

    @cached_property
    def volumes_(self) -> Volumes:
        """The volumes of the store."""
        from dockerlab.engine.volumes import Volumes

        return Volumes(self.store)

    @cached_property
    def containers_(self) -> Containers:
        """The containers of the store."""
        from dockerlab.engine.containers import Containers

        return Containers(self.store, self.records, self.images_, self.volumes_, lambda: self.runtime)

    @cached_property
    def builder(self) -> Builder:
        """Remembers the digests of files for as long as the engine lives."""
        from dockerlab.build import Builder

        return Builder(self.store, lambda: self.runtime, self.resolve)

    def warm_up(self) -> None:
        """Start the helper, whose interpreter then begins beside ours."""
        self.runtime.warm_up()

    def close(self) -> None:
        """Let the helper process go; started containers go on."""
        if "runtime" in self.__dict__:
            self.runtime.close()

    # --- names

    def _from_catalogue(self, reference: Reference) -> Image | None:
        """An image that the store has not, from the catalogue; it gets the name it was asked for by."""
        if self.catalogue.find(reference) is None:
            return None
        self.notice(f"{reference.familiar}: not in the store, taken from the catalogue (composed from Debian packages)")
        image = self.catalogue.image(reference, lambda text: None if ": fetched " in text else self.notice(text))
        self.store.images.tag(image.id, reference)
        return image

    def resolve(self, reference: Reference) -> Image:
        """FROM: the store first, then the catalogue."""
        return self.images_.find(reference.familiar)

    def resolve_name(self, name: str) -> str:
        """The ID of the image that FROM would take for this name."""
        return self.images_.find(name).id

    # --- images

    def build(self, options: BuildOptions) -> Iterator[BuildEvent]:
        """Build; the tags are set before `Built` is yielded."""
        from dockerlab.engine.building import build

        return build(self.store, self._pulling() if options.pull else self.builder, options)

    def _pulling(self) -> Builder:
        from dockerlab.build import Builder
        from dockerlab.engine.pulling import Pulling

        builder = Builder(self.store, lambda: self.runtime, Pulling(self.store, self.catalogue, self.resolve, self.notice))
        builder.digests = self.builder.digests
        return builder

    def check(self, options: BuildOptions) -> tuple[str, str, list[BuildCheck], DockerlabError | None]:
        """`build --check`: (the Dockerfile's text, its name, warnings, the error at which looking stopped)."""
        from dockerlab.engine.building import check

        return check(self.store, self.builder, options)

    def context_report(self, options: BuildOptions) -> ContextReport:
        from dockerlab.engine.building import context_report

        return context_report(self.store, options)

    def targets(self, options: BuildOptions) -> tuple[str, list[Offer]]:
        from dockerlab.engine.building import targets

        return targets(self.store, options)

    def outline(self, options: BuildOptions) -> tuple[str, Outline]:
        from dockerlab.engine.building import outlined

        return outlined(self.store, options)

    def images(self, *, all: bool = False) -> list[Json]:
        return self.images_.summaries()

    def image_inspect(self, name: str) -> Json:
        return self.images_.inspect(name)

    def history(self, name: str) -> list[Json]:
        return self.images_.history(name)

    def tag(self, source: str, target: str) -> None:
        self.images_.tag(source, target)

    def image_remove(self, name: str, *, force: bool = False, prune: bool = True) -> list[Json]:
        return self.images_.remove(name, force, prune)

    def image_prune(self, *, all: bool = False) -> list[Json]:
        return self.images_.prune(all)

    def save(self, names: Iterable[str], out: IO[bytes]) -> None:
        self.images_.save(names, out)

    def load(self, source: IO[bytes]) -> list[str]:
        return self.images_.load(source)

    def import_(self, source: IO[bytes], reference: str = "", *, changes: Iterable[str] = (), message: str = "") -> str:
        return self.images_.import_(source, reference, changes, message)

    def _image_view(self, name: str) -> TreeView:
        from dockerlab.layers import TreeView

        image = self.images_.local(name)
        return TreeView([layer.tree for layer in self.store.layers_of(image.config)])

    def export_image(self, name: str, target: str) -> None:
        """`build -o type=local`: the image's file system as a folder of this machine."""
        from dockerlab.engine import copying

        os.makedirs(target, exist_ok=True)
        view = self._image_view(name)
        if view.trees:
            copying.copy_out(view, name, "/.", target)

    def export_image_tar(self, name: str, out: IO[bytes]) -> None:
        """`build -o type=tar`: the image's file system as a tar."""
        from dockerlab.engine import copying

        copying.export(self._image_view(name), out)

    def prune_build_cache(self) -> int:
        self.store.cache.clear()
        self.store.cache_mounts.clear()
        return self.store.sweep()

    # --- containers

    def create(self, spec: ContainerSpec) -> str:
        return self.containers_.create(spec)

    def start(self, container: str, streams: Streams | None = None) -> None:
        if (started := self.containers_.start(self.records.find(container), streams)) is not None:
            started.control.close()

    def start_attached(self, container: str, streams: Streams) -> Control | None:
        """Start and keep the channel that tells its end and takes window sizes and signals."""
        started = self.containers_.start(self.records.find(container), streams)
        return started.control if started is not None else None

    def attach(self, container: str, streams: Streams) -> None:
        """`docker attach`: its output from now on, until it ends."""
        self.containers_.process(self.records.find(container)).attach(stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr)

    def top(self, container: str) -> list[ProcessRow]:
        """Its processes."""
        return self.containers_.top(self.records.find(container))

    def wait(self, container: str) -> int:
        return self.containers_.wait(self.records.find(container))

    def stop(self, container: str, timeout: int | None = None) -> None:
        self.containers_.stop(self.records.find(container), timeout)

    def kill(self, container: str, signal: str = "KILL") -> None:
        self.containers_.kill(self.records.find(container), signal)

    def pause(self, container: str) -> None:
        """Hold every process of it still."""
        self.containers_.pause(self.records.find(container))

    def unpause(self, container: str) -> None:
        """Let its processes go on."""
        self.containers_.unpause(self.records.find(container))

    def remove(self, container: str, *, force: bool = False, volumes: bool = False) -> None:
        self.containers_.remove(self.records.find(container), force=force, volumes=volumes)

    def rename(self, container: str, name: str) -> None:
        self.containers_.rename(self.records.find(container), name)

    def containers(self, *, all: bool = False) -> list[Json]:
        self.containers_.reap()
        found = [self.containers_.inspect(record) for record in self.records.all()]
        return [one for one in found if all or one["State"]["Running"]]

    def container_inspect(self, container: str) -> Json:
        return self.containers_.inspect(self.records.find(container))

    def logs(self, container: str, *, follow: bool = False, tail: int | None = None) -> Iterator[tuple[float, str, bytes]]:
        return self.containers_.logs(self.records.find(container), follow=follow, tail=tail)

    def exec(self, container: str, spec: ExecSpec, streams: Streams) -> int:
        return self.containers_.exec(self.records.find(container), spec, streams)

    def commit(self, container: str, reference: str = "", *, message: str = "", author: str = "", changes: Iterable[str] = ()) -> str:
        from dockerlab.oci import Reference

        name = Reference.parse(reference) if reference else None
        with self.store.using():
            identifier = self.containers_.commit(self.records.find(container), message=message, author=author, changes_=tuple(changes))
            if name is not None:
                self.store.images.tag(identifier, name)
        return identifier

    def diff(self, container: str) -> list[Json]:
        return self.containers_.diff(self.records.find(container))

    def changes(self, container: str) -> list[Json]:
        """As `diff`, with where each path came from (see Containers.changes)."""
        return self.containers_.changes(self.records.find(container))

    def export(self, container: str, out: IO[bytes]) -> None:
        from dockerlab.engine import copying

        copying.export(self.containers_.view(self.records.find(container)), out)

    def _target(self, record: Record) -> Any:
        from dockerlab.engine.copying import Target

        if record.host["ReadonlyRootfs"]:
            raise ConflictError("container rootfs is marked read-only")
        view = self.containers_.view(record)
        folder = self.records.folder(record)
        now = self.containers_.process(record).state()
        live = now.running
        root = Path(f"/proc/{now.pid}/root") if live else folder / "diff"
        return Target(record.name, view, root, live)

    def copy_in(self, container: str, source: str, path: str, *, follow: bool = False) -> None:
        from dockerlab.engine import copying

        copying.copy_in(self._target(self.records.find(container)), source, path, follow=follow)

    def unpack_in(self, container: str, source: IO[bytes], path: str) -> None:
        """`docker cp - CONTAINER:PATH`."""
        from dockerlab.engine import copying

        copying.unpack_in(self._target(self.records.find(container)), source, path)

    def copy_out(self, container: str, path: str, target: str, *, follow: bool = False) -> None:
        from dockerlab.engine import copying

        record = self.records.find(container)
        copying.copy_out(self.containers_.view(record), record.name, path, target, follow=follow)

    def archive_out(self, container: str, path: str, out: IO[bytes], *, follow: bool = False) -> None:
        """`docker cp CONTAINER:PATH -`."""
        from dockerlab.engine import copying

        record = self.records.find(container)
        copying.archive_out(self.containers_.view(record), record.name, path, out, follow=follow)

    def prune_containers(self, keep: Callable[[Json], bool] = lambda item: False) -> list[str]:
        gone = []
        for record in self.records.all():
            if not self.containers_.running(record) and not keep(self.containers_.inspect(record)):
                self.containers_.remove(record)
                gone.append(record.id)
        return gone

    # --- the rest

    def volumes(self) -> list[Json]:
        return self.volumes_.all()

    def volume_create(self, name: str = "") -> str:
        """A volume; its name, made up if none is given. One that exists is left as it is."""
        return self.volumes_.create(name)

    def volume_prune(self, *, all: bool = False) -> tuple[list[str], int]:
        """Remove volumes that no container uses (those with a name only with `all`); their names, and the bytes set free."""
        used = {str(mount.get("Name")) for record in self.records.all() for mount in record.mounts}
        return self.volumes_.prune(used, all)

    def volume_remove(self, name: str) -> None:
        """Remove a volume that no container mounts."""
        self.volumes_.remove(name, self.records.all())

    def info(self) -> Json:
        import platform

        self.containers_.reap()
        states = [self.containers_.state(record) for record in self.records.all()]
        count = {status: sum(state["Status"] == status for state in states) for status in ("running", "paused")}
        return {
            "Containers": len(states),
            "ContainersRunning": count["running"],
            "ContainersPaused": count["paused"],
            "ContainersStopped": len(states) - count["running"] - count["paused"],
            "Images": len(self.store.images.all()),
            "Driver": "overlay2",
            "LoggingDriver": "json-file",
            "DockerRootDir": str(self.store.home),
            "OSType": "linux",
            "OperatingSystem": platform.platform(),
            "KernelVersion": platform.release(),
            "Architecture": platform.machine(),
            "NCPU": os.cpu_count() or 1,
            "MemTotal": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            "Name": platform.node(),
            "ServerVersion": _version(),
            "Swarm": {"LocalNodeState": "inactive"},
            "Engine": "dockerlab, embedded: no daemon",
            "Isolation": self.runtime.capabilities.isolation,
        }


def _version() -> str:
    from dockerlab import __version__

    return __version__
