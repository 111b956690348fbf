"""Containers from their creation to their removal; the process itself is the runtime's."""

from __future__ import annotations

from _signal import SIGKILL  # type: ignore[import-not-found]  # `signal` would cost a millisecond
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dockerlab.engine import copies
from dockerlab.engine.happenings import tell_container, tell_death, tell_failed_start, tell_noted, tell_sizes, tell_start
from dockerlab.engine.health import health_of
from dockerlab.engine.records import Record, Records, new_id
from dockerlab.engine.specs import ContainerSpec, ExecSpec, Streams
from dockerlab.errors import (
    ConflictError,
    ContainerStartError,
    DockerlabError,
    InvalidReferenceError,
    NotFoundError,
    RuntimeUnavailableError,
    UsageError,
)
from dockerlab.layers import TreeView
from dockerlab.layers.held import hold
from dockerlab.oci.timestamps import to_seconds
from dockerlab.runtime.container import ContainerDirectory, ContainerState, ProcessRow
from dockerlab.store.depth import MOST_BELOW_A_CONTAINER, check_depth
from dockerlab.store.rootfs import rootfs_at

if TYPE_CHECKING:
    from dockerlab.engine.images import Images
    from dockerlab.engine.volumes import Volumes
    from dockerlab.oci import Reference
    from dockerlab.runtime.runtime import Runtime, StartedContainer
    from dockerlab.store import Image, Store

Json = dict[str, Any]


_AS_RUNC = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
"""What docker says before the reason why a process could not start."""
_AS_LIBNETWORK = "failed to set up container networking: driver failed programming external connectivity on endpoint"
"""What it says before the reason why a port could not be published: then come the container's name and the endpoint's ID, a new one each time."""


class Containers:
    """The containers of a store."""

    def __init__(
        self, store: Store, records: Records, images: Callable[[], Images], volumes: Callable[[], Volumes], runtime: Callable[[], Runtime]
    ) -> None:
        self._store, self._records, self._images, self._volumes, self._runtime = store, records, images, volumes, runtime

    # --- making and telling

    def create(self, spec: ContainerSpec) -> str:
        """`docker create`; nothing is left behind if it fails. What this machine can't give is refused before anything is made."""
        from dockerlab.engine.create import new_record
        from dockerlab.engine.names import check_name, take_name

        copies.refuse(spec, self._runtime)
        if spec.name:
            self.reap()
        with self._store.using():
            image = self._image_for(spec)
            check_depth(len(image.config.diff_ids), MOST_BELOW_A_CONTAINER)
            name = check_name(spec.name) if spec.name else ""
            record = new_record(spec, image, name)
            trees = [self._store.layers.get(diff_id).tree for diff_id in record.layers]
            view = TreeView(trees)
            name = take_name(self._records, name, record.id)
            try:
                mounts = self._volumes().mounts(record, self._borrowed(spec.volumes_from), spec.binds, view)
                record = Record(**{**record.__dict__, "name": name, "mounts": mounts})
                folder = self._records.folder(record)
                folder.mkdir()
                rootfs_at(self._store.home, folder, self._store.layers_of(image.config))
                self._match_root(folder, trees)
                self._records.write(record)
            except BaseException:
                self._records.remove(Record(**{**record.__dict__, "name": name}))
                raise
        tell_container(self._store, record, "create")
        return record.id

    def _image_for(self, spec: ContainerSpec) -> Image:
        if spec.step:
            return self._state_of_build(spec)
        images = self._images()
        return {"never": images.local, "always": images.newest}.get(spec.pull, images.find)(spec.image)

    def _state_of_build(self, spec: ContainerSpec) -> Image:
        """The state after a step of a build, as an image that is in no list; `spec.image` is an image, or the name of a build that failed."""
        from dockerlab.build.states import choose, recall

        try:
            name = self._images().local(spec.image).id
        except (NotFoundError, InvalidReferenceError):
            name = spec.image
        state = choose(recall(self._store, name, spec.image), spec.step, spec.image)
        return self._store.images.keep(state.image_config())

    def _borrowed(self, texts: tuple[str, ...]) -> list[Json]:
        """--volumes-from: what other containers mount, running or not."""
        out: list[Json] = []
        for text in texts:
            name, _, mode = text.partition(":")
            for mount in self._records.find(name).mounts:
                out.append({**mount, "Mode": mode, "RW": mount["RW"] and mode != "ro"})
        return out

    def _match_root(self, folder: Path, trees: list[Path]) -> None:
        if trees:
            (folder / "diff").chmod(trees[-1].stat().st_mode & 0o7777)

    def state(self, record: Record, now: ContainerState | None = None) -> Json:
        """Docker's State, as it is now, or as it was `now`."""
        from dockerlab.engine.inspect import state_json

        now = now or self.process(record).state()
        code, error = now.exit_code, now.error
        if now.status == "created" and (failure := self._records.failure(record)):
            code, error = failure
        health = None if now.status == "created" else health_of(self._records.folder(record), running=now.status == "running")
        return state_json(
            now.status,
            pid=now.pid,
            exit_code=code,
            error=error,
            started=now.started_at,
            finished=now.finished_at,
            oom=now.oom,
            health=health,
        )

    def process(self, record: Record) -> ContainerDirectory:
        """What the runtime wrote about its process."""
        return ContainerDirectory(self._records.folder(record))

    def inspect(self, record: Record) -> Json:
        """`docker container inspect`."""
        from dockerlab.engine.inspect import container_json

        folder = self._records.folder(record)
        trees = [str(self._store.layers.tree(diff_id)) for diff_id in record.layers]
        now = self.process(record).state()
        state = self.state(record, now)
        ports: Json = {}
        if state["Running"]:
            ports = {port: None for port in record.config.get("ExposedPorts") or {}}
            for address, host_port, container_port, protocol in now.ports:
                key = f"{container_port}/{protocol}"
                ports[key] = [*(ports.get(key) or []), {"HostIp": address, "HostPort": str(host_port)}]
        return container_json(record, state, str(folder), trees, ports, restarts=now.restarts)

    def running(self, record: Record) -> bool:
        """Whether its process lives."""
        return self.process(record).state().running

    def settled(self, record: Record) -> Path:
        """Its folder, whose `diff` is what it has changed until now."""
        return copies.settled(self._records.folder(record), lambda: self._store.layers.stack(record.layers))

    def view(self, record: Record) -> TreeView:
        """Its file system as it is now, read without a mount."""
        trees = [self._store.layers.get(diff_id).tree for diff_id in record.layers]
        upper = self.settled(record) / "diff"
        return TreeView([*trees, hold(upper)] if upper.exists() else trees)

    def files(self, record: Record) -> AbstractContextManager[TreeView]:
        """Its file system as `docker cp` sees it: with what is mounted."""
        from dockerlab.engine.container_files import looked_at, mounted_etc

        etc = mounted_etc(record, self.process(record).state(), folder := self.settled(record))
        mounts = {mount["Destination"]: mount["Source"] for mount in record.mounts}
        return looked_at(self._store, record, folder, mounts, etc)

    def note_deaths(self) -> None:
        """Note in the journal whose process has ended while nobody looked."""
        self.reap()
        for record in self._records.all():
            self._note_death(record, self.process(record).state())

    def _note_death(self, record: Record, now: ContainerState) -> None:
        folder = self._records.folder(record)
        tell_noted(self._store, record, folder)
        if now.status == "exited":
            tell_death(self._store, record, folder, began=now.started_at, ended=now.finished_at, code=now.exit_code, oom=now.oom)

    def reap(self) -> None:
        """Remove what was started with --rm and has ended while nobody looked: there is no daemon to do it at once."""
        for record in self._records.all():
            if record.host["AutoRemove"] and self.process(record).state().status == "exited":
                self.remove(record, volumes=True)

    # --- running

    def start(self, record: Record, streams: Streams | None = None) -> StartedContainer | None:
        """Start its process; None if it runs already. ContainerStartError (125, 126, 127) leaves the container as it was, with the message in its state."""
        from dockerlab.engine.box import box_of

        now = self.process(record).state()
        if now.running:
            if now.status == "paused":
                raise ConflictError("cannot start a paused container, try unpause instead", hint=f"dockerlab unpause {record.name}")
            return None
        folder = self._records.folder(record)
        attached = streams or Streams()
        self._note_death(record, now)
        if streams is not None:
            tell_container(self._store, record, "attach")
        try:
            rootfs = rootfs_at(self._store.home, folder, self._store.layers.stack(record.layers))
            box = box_of(record, folder, rootfs, self.view(record), attached.together)
            started = self._runtime().start(
                folder, box, stdin=attached.stdin, stdout=attached.stdout, stderr=attached.stderr, detach_keys=attached.detach_keys
            )
        except NotFoundError as error:  # USER names somebody whom the image does not know
            self._records.note_failure(record, 125, error.message)
            tell_failed_start(self._store, record)
            raise ContainerStartError(error.message, hint=error.hint, exit_code=125) from None
        except (ContainerStartError, RuntimeUnavailableError, FileNotFoundError) as error:
            if not self._records.exists(record):
                raise NotFoundError(f"No such container: {record.id}", hint="it was removed meanwhile") from None
            if not isinstance(error, ContainerStartError):
                raise
            if error.message.startswith(("Bind for", "listen ")):
                error.message = f"{_AS_LIBNETWORK} {record.name} ({new_id()}): {error.message}"
            else:
                error.message = _AS_RUNC + error.message
            self._records.note_failure(record, error.exit_code, error.message)
            tell_failed_start(self._store, record)
            raise
        tell_start(self._store, record, started.began)
        tell_sizes(self._store, record, started.control)
        return started

    def wait(self, record: Record) -> int:
        """Its exit code, once it has ended; a container that never ran answers 0."""
        return self.process(record).wait_for_run()

    def stop(self, record: Record, timeout: int | None = None) -> None:
        """The stop signal, then KILL."""
        if timeout is None:
            timeout = int(record.config.get("StopTimeout", 10))
        if self.running(record):
            from dockerlab.oci.signals import HIGHEST, signal_number

            number = signal_number(record.config.get("StopSignal") or "TERM")
            grace = None if timeout < 0 else float(timeout)
            self.process(record).stop(
                number if 0 < number <= HIGHEST else SIGKILL, grace, told=lambda sent: self._tell_signal(record, sent)
            )
            self._note_death(record, self.process(record).state())
            tell_container(self._store, record, "stop")

    def _tell_signal(self, record: Record, number: int) -> None:
        tell_container(self._store, record, "kill", signal=str(int(number)))

    def kill(self, record: Record, signal: str) -> None:
        """A signal to process 1. DockerlabError for what is none, ConflictError if it does not run."""
        from dockerlab.oci.signals import HIGHEST, signal_number

        problem = f"cannot kill container: {record.name}: "
        try:
            number = signal_number(signal or "KILL")
        except ValueError as error:
            raise DockerlabError(problem + str(error), hint="kill -l lists the names of signals") from None
        if not 0 < number <= HIGHEST:
            raise DockerlabError(f"{problem}the linux daemon does not support signal {number}")
        if not self.running(record):
            raise ConflictError(f"{problem}container {record.id} is not running")
        self._tell_signal(record, number)
        stop_signal = record.config.get("StopSignal")
        last = not stop_signal or number in (SIGKILL, signal_number(stop_signal))
        self.process(record).kill(number, last=last)

    def pause(self, record: Record) -> None:
        """Hold every process still."""
        if self.process(record).state().status == "paused":
            raise ConflictError(f"Container {record.name} is already paused")
        self._needs_running(record)
        self.process(record).pause()
        tell_container(self._store, record, "pause")

    def unpause(self, record: Record) -> None:
        """Let them go on. ConflictError if they do."""
        if self.process(record).state().status != "paused":
            raise ConflictError(f"Container {record.name} is not paused")
        self.process(record).unpause()
        tell_container(self._store, record, "unpause")

    def _needs_running(self, record: Record) -> None:
        status = self.process(record).state().status
        if status == "paused":
            raise ConflictError(
                f"Container {record.name} is paused, unpause the container before exec", hint=f"dockerlab unpause {record.name}"
            )
        if status == "restarting":
            raise ConflictError(f"Container {record.id} is restarting, wait until the container is running")
        if status != "running":
            raise ConflictError(f"container {record.id} is not running", hint=f"dockerlab start {record.name}")

    def exec(self, record: Record, spec: ExecSpec, streams: Streams) -> int:
        """Another process in it. ContainerStartError if that can't start."""
        from dockerlab.engine.executing import run_in

        self._needs_running(record)
        folder = self._records.folder(record)
        return run_in(self._store, self._runtime(), record, folder, copies.as_it_runs(folder) or self.view(record), spec, streams)

    def logs(self, record: Record, *, follow: bool = False, tail: int | None = None) -> Iterator[tuple[float, str, bytes]]:
        """What it printed. ConflictError where nobody was to keep it."""
        if record.host["LogConfig"]["Type"] == "none":
            raise ConflictError("configured logging driver does not support reading", hint="it was made with --log-driver none")
        for line in self.process(record).logs(follow=follow, tail=tail):
            yield to_seconds(line.time), line.stream, line.data

    def top(self, record: Record) -> list[ProcessRow]:
        """Its processes."""
        self._needs_running(record)
        return self.process(record).top()

    # --- changing and ending

    def remove(self, record: Record, *, force: bool = False, volumes: bool = False) -> None:
        """`docker rm`; `volumes` takes those without a name along, as --rm does."""
        process = self.process(record)
        now = process.state()
        if not force and now.running:
            if now.status == "paused":
                raise ConflictError(f'cannot remove container "{record.name}": container is paused and must be unpaused first')
            raise self._runs(record)
        while True:
            if now.running:
                self._end_at_once(record, process)
                now = process.state()
            self._note_death(record, now)
            try:
                with process.claimed():
                    copies.give_up(self._records.folder(record))
                    self._records.remove(record)
                    break
            except ConflictError:  # another process has started it meanwhile
                if not force:
                    raise self._runs(record) from None
                now = process.state()
        tell_container(self._store, record, "destroy")
        if volumes:
            self._volumes().remove_unnamed(record, self._records.all())

    def _runs(self, record: Record) -> ConflictError:
        return ConflictError(
            f"cannot remove container {record.name}: container is running: stop the container before removing or force remove",
            hint=f"dockerlab stop {record.name}, or dockerlab rm -f {record.name}",
        )

    def _end_at_once(self, record: Record, process: ContainerDirectory) -> None:
        with suppress(ConflictError):  # it has ended by itself
            if process.state().status == "paused":
                process.unpause()
            self._tell_signal(record, SIGKILL)
            process.kill(SIGKILL)
        process.wait()

    def rename(self, record: Record, name: str) -> None:
        """Another name. ConflictError in docker's words."""
        if not name:
            raise UsageError("Neither old nor new names may be empty", exit_code=1)
        if name == record.name:
            raise ConflictError("Renaming a container with the same name as its current name")
        from dockerlab.engine.names import check_name

        renamed = self._records.rename(record, check_name(name))
        tell_container(self._store, renamed, "rename", oldName=f"/{record.name}")

    def commit(self, record: Record, name: Reference | None, *, message: str, author: str, changes_: tuple[str, ...], pause: bool) -> str:
        """The new image's ID; `pause`: its processes are held still meanwhile."""
        from dockerlab.engine.commit import commit

        still = pause and self.process(record).state().status == "running"
        if still:
            try:
                self.pause(record)
            except ConflictError:  # it has ended meanwhile
                still = False
        try:
            with self.process(record).kept():
                folder = self.settled(record)
                return commit(self._store, record, folder, name, message=message, author=author, changes=changes_).id
        except FileNotFoundError:
            if self._records.exists(record):
                raise
            raise NotFoundError(f"No such container: {record.id}", hint="it was removed meanwhile") from None
        finally:
            if still:
                with suppress(ConflictError):  # it was killed meanwhile
                    self.unpause(record)
