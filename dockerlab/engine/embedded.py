"""The embedded engine: Docker's verbs on our own store and runtime, in this process, as whoever you are.

Everything is opened on first use: `docker images` must not wait for the runtime, nor a build for the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any

from dockerlab.engine.foresight import Foresight
from dockerlab.engine.happenings import happened, tell_container, tell_sizes
from dockerlab.engine.looking import Looking
from dockerlab.engine.records import Records
from dockerlab.engine.transfers import Transfers
from dockerlab.store import Store
from dockerlab.store.journal import note

if TYPE_CHECKING:
    from dockerlab.build import Builder, BuildEvent
    from dockerlab.engine.containers import Containers
    from dockerlab.engine.copying import Target
    from dockerlab.engine.images import Images
    from dockerlab.engine.specs import BuildOptions, ContainerSpec, ExecSpec, Streams
    from dockerlab.engine.volumes import Volumes
    from dockerlab.runtime.container import ProcessRow
    from dockerlab.runtime.control import Control
    from dockerlab.runtime.runtime import Runtime

Json = dict[str, Any]
_DEATH = 10.0
"""Seconds that a killed container may take to end."""


class EmbeddedEngine(Transfers, Foresight, Looking):
    """Docker's verbs with no daemon (see `Engine` for what each does)."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store.open()
        if self.store.bases:
            self.store.lends_bytes = self._lends_bytes
        self.records = Records(self.store)
        self.notice: Callable[[str], None] = lambda text: None
        """Where a sentence goes that nobody asked for: which image answered, what is being composed."""

    @cached_property
    def images_(self) -> Images:
        """The images of the store."""
        from dockerlab.engine.images import Images

        return Images(
            self.store,
            self.records,
            self._from_elsewhere,
            lambda reference: self._anew(strict=True)(reference),
            lambda record: self.containers_.running(record),
        )

    @cached_property
    def runtime(self) -> Runtime:
        """Starts processes; probed and started on first use."""
        from dockerlab.runtime.capabilities import Capabilities
        from dockerlab.runtime.runtime import Runtime

        machine = Capabilities.load(self.store.home / "capabilities.json")
        if machine.isolation in ("chroot", "proot"):
            from dockerlab.engine.about import tell_once

            tell_once(self.store, machine.isolation, self.notice)
        return Runtime(machine)

    def _lends_bytes(self) -> bool:
        from dockerlab.runtime.capabilities import Capabilities

        machine = Capabilities.load(self.store.home / "capabilities.json")
        return machine.snapshots == "copy" or bool((item := machine.get("borrowed_bytes")) and item.available)

    @cached_property
    def volumes_(self) -> Volumes:
        """The volumes of the store."""
        from dockerlab.engine.volumes import Volumes

        return Volumes(self.store)

    @cached_property
    def containers_(self) -> Containers:
        """The containers of the store."""
        from dockerlab.engine.containers import Containers

        return Containers(self.store, self.records, lambda: self.images_, lambda: self.volumes_, lambda: self.runtime)

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

    # --- images

    def resolve_name(self, name: str) -> str:
        return self.images_.find(name).id

    def build(self, options: BuildOptions) -> Iterator[BuildEvent]:
        from dockerlab.engine.building import build

        return build(self.store, self._pulling() if options.pull else self.builder, options)

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

    def image_prune(self, *, all: bool = False, keep: Callable[[Json], bool] = lambda item: False) -> tuple[list[Json], int]:
        done, freed = self.images_.prune(all, keep)
        self.store.journal.add(note("image", "prune", "", {"reclaimed": str(freed)}))
        return done, freed

    def prune_build_cache(self, *, all: bool = False) -> tuple[list[Json], int]:
        from dockerlab.engine.disk import prune_build_cache

        return prune_build_cache(self.store, all=all)

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

    def attach(self, container: str, streams: Streams) -> Control:
        """`docker attach`: its output from now on, until it ends."""
        record = self.records.find(container)
        tell_container(self.store, record, "attach")
        control = self.containers_.process(record).attached(
            stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr, detach_keys=streams.detach_keys
        )
        return tell_sizes(self.store, record, control)

    def top(self, container: str) -> list[ProcessRow]:
        """Its processes."""
        record = self.records.find(container)
        rows = self.containers_.top(record)
        tell_container(self.store, record, "top")
        return rows

    def stats(self, container: str) -> Json:
        from dockerlab.engine.about import stats

        record = self.records.find(container)
        return stats(record, self.containers_.process(record))

    def wait(self, container: str) -> int:
        return self.containers_.wait(self.records.find(container))

    def stop(self, container: str, timeout: int | None = None) -> None:
        self.containers_.stop(self.records.find(container), timeout)

    def restart(self, container: str, timeout: int | None = None) -> None:
        self.stop(container, timeout)
        self.start(container)
        tell_container(self.store, self.records.find(container), "restart")

    def kill(self, container: str, signal: str = "KILL") -> None:
        from dockerlab.oci.signals import signal_number

        record = self.records.find(container)
        self.containers_.kill(record, signal)
        if signal_number(signal or "KILL") == signal_number("KILL"):
            self.containers_.process(record).wait(_DEATH)  # as the daemon does: who removes it next finds it ended

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

    def container_sizes(self, container: str) -> tuple[int, int]:
        from dockerlab.engine.disk import container_sizes

        return container_sizes(self.store, self.container_inspect(container))

    def logs(self, container: str, *, follow: bool = False, tail: int | None = None) -> Iterator[tuple[float, str, bytes]]:
        return self.containers_.logs(self.records.find(container), follow=follow, tail=tail)

    def exec(self, container: str, spec: ExecSpec, streams: Streams) -> int:
        return self.containers_.exec(self.records.find(container), spec, streams)

    def commit(
        self, container: str, reference: str = "", *, message: str = "", author: str = "", changes: Iterable[str] = (), pause: bool = True
    ) -> str:
        from dockerlab.oci import Reference

        name = Reference.parse(reference) if reference else None
        with self.store.using():
            record = self.records.find(container)
            return self.containers_.commit(record, name, message=message, author=author, changes_=tuple(changes), pause=pause)

    def diff(self, container: str) -> list[Json]:
        return [{"Path": change["Path"], "Kind": change["Kind"]} for change in self.changes(container)]

    def changes(self, container: str) -> list[Json]:
        """As `diff`, with where each path came from (see `container_files.changed`)."""
        from dockerlab.engine.container_files import changed

        record = self.records.find(container)
        return changed(self.store, record, self.containers_.settled(record))

    def export(self, container: str, out: IO[bytes]) -> None:
        from dockerlab.engine import copying
        from dockerlab.engine.container_files import looked_at

        record = self.records.find(container)
        with looked_at(self.store, record, self.containers_.settled(record), {}, {}) as view:
            copying.export(view, record.name, out)
        tell_container(self.store, record, "export")

    @contextmanager
    def _target(self, container: str) -> Iterator[Target]:
        from dockerlab.engine.container_files import own_tree
        from dockerlab.engine.copying import Target

        record = self.records.find(container)
        tree, live = own_tree(self.containers_.process(record))
        with self.containers_.files(record) as view:
            yield Target(record.name, view, tree, live, record.mounts, readonly=record.host["ReadonlyRootfs"])
        tell_container(self.store, record, "extract-to-dir")

    def copy_in(self, container: str, source: str, path: str, *, follow: bool = False) -> None:
        from dockerlab.engine import copying

        with self._target(container) as target:
            copying.copy_in(target, source, path, follow=follow)

    def unpack_in(self, container: str, source: IO[bytes], path: str) -> None:
        """`docker cp - CONTAINER:PATH`."""
        from dockerlab.engine import copying

        with self._target(container) as target:
            copying.unpack_in(target, source, path)

    def copy_out(self, container: str, path: str, target: str, *, follow: bool = False) -> None:
        from dockerlab.engine import copying

        record = self.records.find(container)
        with self.containers_.files(record) as view:
            copying.copy_out(view, record.name, path, target, follow=follow)
        tell_container(self.store, record, "archive-path")

    def archive_out(self, container: str, path: str, out: IO[bytes], *, follow: bool = False) -> None:
        """`docker cp CONTAINER:PATH -`."""
        from dockerlab.engine import copying

        record = self.records.find(container)
        with self.containers_.files(record) as view:
            copying.archive_out(view, record.name, path, out, follow=follow)
        tell_container(self.store, record, "archive-path")

    def prune_containers(self, keep: Callable[[Json], bool] = lambda item: False) -> tuple[list[str], int]:
        from dockerlab.engine.disk import prune_containers

        gone, freed = prune_containers(self.containers_, self.records, keep)
        self.store.journal.add(note("container", "prune", "", {"reclaimed": str(freed)}))
        return gone, freed

    # --- the rest

    def networks(self) -> list[Json]:
        from dockerlab.engine.about import networks

        return networks(self.store, self.containers(all=False))

    def disk_usage(self) -> Json:
        from dockerlab.engine.disk import disk_usage

        return disk_usage(self.store, self.images(), self.containers(all=True), self.volumes())

    def events(self, since: float | None = None, until: float | None = None) -> Iterator[Json]:
        return happened(self.store, self.containers_.note_deaths, since, until)

    def volumes(self) -> list[Json]:
        return self.volumes_.all()

    def volume_create(self, name: str = "", labels: dict[str, str] | None = None) -> str:
        return self.volumes_.create(name, labels)

    def volume_prune(self, *, all: bool = False, keep: Callable[[Json], bool] = lambda item: False) -> tuple[list[str], int]:
        used = {str(mount.get("Name")) for record in self.records.all() for mount in record.mounts}
        gone, freed = self.volumes_.prune(used, all, keep)
        self.store.journal.add(note("volume", "prune", "", {"reclaimed": str(freed)}))
        return gone, freed

    def volume_remove(self, name: str) -> None:
        """Remove a volume that no container mounts."""
        self.volumes_.remove(name, self.records.all())

    def version(self) -> Json:
        from dockerlab.engine.about import version

        return version()

    def info(self) -> Json:
        from dockerlab.engine.about import info

        self.containers_.reap()
        states = [self.containers_.state(record)["Status"] for record in self.records.all()]
        return info(self.store, states, self.runtime.capabilities)
