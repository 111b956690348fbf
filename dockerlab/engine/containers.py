"""Containers from their creation to their removal; the process itself is the runtime's."""

from __future__ import annotations

import signal as signals
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dockerlab.engine import commit as committing
from dockerlab.engine import copies
from dockerlab.engine.create import new_record, process_environment
from dockerlab.engine.images import Images
from dockerlab.engine.inspect import container_json, state_json
from dockerlab.engine.names import check_name, made_up_name
from dockerlab.engine.records import Record, Records
from dockerlab.engine.specs import ContainerSpec, ExecSpec, Streams
from dockerlab.engine.volumes import Volumes
from dockerlab.errors import ConflictError, ContainerStartError, DockerlabError, InvalidReferenceError, NotFoundError, UsageError
from dockerlab.layers import TreeView, changes, find_user
from dockerlab.oci import ImageConfig
from dockerlab.oci.signals import HIGHEST, signal_number
from dockerlab.oci.timestamps import to_seconds
from dockerlab.runtime.container import ContainerDirectory, ProcessRow
from dockerlab.runtime.runtime import Runtime, StartedContainer
from dockerlab.runtime.spec import BoxSpec, Mount, Port, ProcessSpec
from dockerlab.store import Image, Store
from dockerlab.store.snapshots import rootfs_at

Json = dict[str, Any]


_AS_RUNC = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: "
)
"""What docker says before the reason why a process could not start."""


class Containers:
    """The containers of a store."""

    def __init__(self, store: Store, records: Records, images: Images, volumes: Volumes, runtime: Callable[[], Runtime]) -> None:
        self._store, self._records, self._images, self._volumes, self._runtime = store, records, images, volumes, runtime

    # --- making and telling

    def create(self, spec: ContainerSpec) -> str:
        """`docker create`; nothing is left behind if it fails. What this machine can't give is refused before anything is made."""
        copies.refuse(spec, self._runtime)
        if spec.name:
            self.reap()
        with self._store.using():
            image = self._image_for(spec)
            name = check_name(spec.name) if spec.name else ""
            record = new_record(spec, image, name)
            trees = [self._store.layers.get(diff_id).tree for diff_id in record.layers]
            view = TreeView(trees)
            name = self._claim(name, record.id)
            try:
                mounts = self._volumes.mounts(record, self._borrowed(spec.volumes_from), spec.binds, view)
                record = Record(**{**record.__dict__, "name": name, "mounts": mounts})
                folder = self._records.folder(record)
                folder.mkdir()
                rootfs_at(folder, self._store.layers_of(image.config))
                self._match_root(folder, trees)
                self._records.write(record)
            except BaseException:
                self._records.remove(Record(**{**record.__dict__, "name": name}))
                raise
        return record.id

    def _image_for(self, spec: ContainerSpec) -> Image:
        if spec.step:
            return self._state_of_build(spec)
        return self._images.local(spec.image) if spec.pull == "never" else self._images.find(spec.image)

    def _state_of_build(self, spec: ContainerSpec) -> Image:
        """The state after a step of a build, as an image that is in no list; `spec.image` is an image, or the name of a build that failed."""
        from dockerlab.build.states import choose, recall

        try:
            name = self._images.local(spec.image).id
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

    def _claim(self, name: str, identifier: str) -> str:
        if name:
            self._records.claim_name(name, identifier)
            return name
        while True:
            made_up = made_up_name()
            try:
                self._records.claim_name(made_up, identifier)
                return made_up
            except ConflictError:
                continue

    def _match_root(self, folder: Path, trees: list[Path]) -> None:
        if trees:
            (folder / "diff").chmod(trees[-1].stat().st_mode & 0o7777)

    def state(self, record: Record) -> Json:
        """Docker's State, as it is now."""
        now = self.process(record).state()
        code, error = now.exit_code, now.error
        if now.status == "created" and (failure := self._records.failure(record)):
            code, error = failure
        return state_json(now.status, pid=now.pid, exit_code=code, error=error, started=now.started_at, finished=now.finished_at)

    def process(self, record: Record) -> ContainerDirectory:
        """What the runtime wrote about its process."""
        return ContainerDirectory(self._records.folder(record))

    def inspect(self, record: Record) -> Json:
        """`docker container inspect`."""
        folder = self._records.folder(record)
        trees = [str(self._store.layers.tree(diff_id)) for diff_id in record.layers]
        state = self.state(record)
        ports: Json = {}
        if state["Running"]:
            ports = {port: None for port in record.config.get("ExposedPorts") or {}}
            for address, host_port, container_port in self.process(record).state().ports:
                key = f"{container_port}/tcp"
                ports[key] = [*(ports.get(key) or []), {"HostIp": address, "HostPort": str(host_port)}]
        return container_json(record, state, str(folder), trees, ports)

    def running(self, record: Record) -> bool:
        """Whether its process lives."""
        return self.process(record).state().running

    def settled(self, record: Record) -> Path:
        """Its folder, whose `diff` is what it has changed until now."""
        return copies.settled(self._records.folder(record))

    def view(self, record: Record) -> TreeView:
        """Its file system as it is now."""
        return committing.view_of(self._store, record, self.settled(record))

    def reap(self) -> None:
        """Remove what was started with --rm and has ended while nobody looked: there is no daemon to do it at once."""
        for record in self._records.all():
            if record.host["AutoRemove"] and self.process(record).state().status == "exited":
                self.remove(record, volumes=True)

    # --- running

    def _box(self, record: Record) -> BoxSpec:
        config, host = record.config, record.host
        folder = self._records.folder(record)
        user = find_user(self.view(record), config["User"])
        mounts = [Mount(mount["Source"], mount["Destination"], not mount["RW"], "bind") for mount in record.mounts]
        mounts += [Mount(options, path, "ro" in options.split(","), "tmpfs") for path, options in (host.get("Tmpfs") or {}).items()]
        network = {"host": "host", "none": "none"}.get(host["NetworkMode"], "private")
        layers = [self._store.layers.get(diff_id) for diff_id in record.layers]
        return BoxSpec(
            rootfs=rootfs_at(folder, layers),
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
            hostname=config["Hostname"],
            network=network,
            ports=tuple(self._ports(record)) if network == "private" else (),
            mounts=tuple(mounts),
            readonly=host["ReadonlyRootfs"],
            hosts=tuple((address, name) for name, _, address in (entry.partition(":") for entry in host["ExtraHosts"] or [])),
        )

    def _ports(self, record: Record) -> Iterator[Port]:
        bound = set()
        for key, wanted in (record.host["PortBindings"] or {}).items():
            number, _, protocol = key.partition("/")
            for one in wanted:
                bound.add(key)
                if protocol == "tcp":
                    yield Port(one["HostIp"], int(one["HostPort"] or 0), int(number))
        if record.host["PublishAllPorts"]:
            for key in record.config.get("ExposedPorts") or {}:
                if key not in bound:
                    number, _, protocol = key.partition("/")
                    if protocol == "tcp":
                        yield Port("", 0, int(number))

    def start(self, record: Record, streams: Streams | None = None) -> StartedContainer | None:
        """Start its process; None if it runs already. ContainerStartError (125, 126, 127) leaves the container as it was, with the message in its state."""
        if self.running(record):
            if self.process(record).state().status == "paused":
                raise ConflictError("cannot start a paused container, try unpause instead", hint=f"dockerlab unpause {record.name}")
            return None
        folder = self._records.folder(record)
        attached = streams or Streams()
        try:
            started = self._runtime().start(folder, self._box(record), stdin=attached.stdin, stdout=attached.stdout, stderr=attached.stderr)
        except NotFoundError as error:  # USER names somebody whom the image does not know
            self._records.note_failure(record, 125, error.message)
            raise ContainerStartError(error.message, hint=error.hint, exit_code=125) from None
        except ContainerStartError as error:
            error.message = error.message if error.message.startswith("Bind for") else _AS_RUNC + error.message
            self._records.note_failure(record, error.exit_code, error.message)
            raise
        return started

    def wait(self, record: Record) -> int:
        """Its exit code, once it has ended; a container that never ran answers 0."""
        process = self.process(record)
        if process.state().status == "created":
            return 0
        return process.wait() or 0

    def stop(self, record: Record, timeout: int | None = None) -> None:
        """The stop signal, then KILL."""
        if timeout is None:
            timeout = int(record.config.get("StopTimeout", 10))
        if self.running(record):
            number = signal_number(record.config.get("StopSignal") or "TERM")
            self.process(record).stop(number if 0 < number <= HIGHEST else signals.SIGKILL, None if timeout < 0 else float(timeout))

    def kill(self, record: Record, signal: str) -> None:
        """A signal to process 1. DockerlabError for what is none, ConflictError if it does not run."""
        problem = f"cannot kill container: {record.name}: "
        try:
            number = signal_number(signal or "KILL")
        except ValueError as error:
            raise DockerlabError(problem + str(error), hint="kill -l lists the names of signals") from None
        if not 0 < number <= HIGHEST:
            raise DockerlabError(f"{problem}the linux daemon does not support signal {number}")
        if not self.running(record):
            raise ConflictError(f"{problem}container {record.id} is not running")
        self.process(record).kill(number)

    def pause(self, record: Record) -> None:
        """Hold every process still."""
        if self.process(record).state().status == "paused":
            raise ConflictError(f"Container {record.name} is already paused")
        self._needs_running(record)
        self.process(record).pause()

    def unpause(self, record: Record) -> None:
        """Let them go on. ConflictError if they do."""
        if self.process(record).state().status != "paused":
            raise ConflictError(f"Container {record.name} is not paused")
        self.process(record).unpause()

    def _needs_running(self, record: Record) -> None:
        status = self.process(record).state().status
        if status == "paused":
            raise ConflictError(
                f"Container {record.name} is paused, unpause the container before exec", hint=f"dockerlab unpause {record.name}"
            )
        if status != "running":
            raise ConflictError(f"container {record.id} is not running", hint=f"dockerlab start {record.name}")

    def exec(self, record: Record, spec: ExecSpec, streams: Streams) -> int:
        """Another process in it. ContainerStartError if that can't start."""
        self._needs_running(record)
        if spec.workdir is not None and not spec.workdir.startswith("/"):
            raise ContainerStartError("OCI runtime exec failed: exec failed: Cwd must be an absolute path", exit_code=128)
        who = find_user(
            copies.as_it_runs(self._records.folder(record)) or self.view(record), record.config["User"] if spec.user is None else spec.user
        )
        process = ProcessSpec(
            args=spec.command,
            env=process_environment(record.config, who.home, terminal=spec.tty, extra=spec.env),
            cwd=spec.workdir if spec.workdir is not None else record.config["WorkingDir"] or "/",
            uid=who.uid,
            gid=who.gid,
            groups=who.groups,
            terminal=spec.tty,
        )
        folder, runtime = self._records.folder(record), self._runtime()
        try:
            if spec.detach:
                runtime.exec_start(folder, process).close()
                return 0
            return runtime.exec(folder, process, stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr)
        except ContainerStartError as error:
            words = f"OCI runtime exec failed: exec failed: unable to start container process: {error.message}"
            raise ContainerStartError(words, exit_code=error.exit_code, hint=error.hint) from None

    def logs(self, record: Record, *, follow: bool = False, tail: int | None = None) -> Iterator[tuple[float, str, bytes]]:
        """What it printed."""
        for line in self.process(record).logs(follow=follow, tail=tail):
            yield to_seconds(line.time), line.stream, line.data

    def top(self, record: Record) -> list[ProcessRow]:
        """Its processes."""
        self._needs_running(record)
        return self.process(record).top()

    # --- changing and ending

    def remove(self, record: Record, *, force: bool = False, volumes: bool = False) -> None:
        """`docker rm`; `volumes` takes those without a name along, as --rm does."""
        if self.running(record):
            if not force and self.process(record).state().status == "paused":
                raise ConflictError(f'cannot remove container "{record.name}": container is paused and must be unpaused first')
            if not force:
                raise ConflictError(
                    f"cannot remove container {record.name}: container is running: stop the container before removing or force remove",
                    hint=f"dockerlab stop {record.name}, or dockerlab rm -f {record.name}",
                )
            process = self.process(record)
            if process.state().status == "paused":
                process.unpause()
            process.kill(signals.SIGKILL)
            process.wait()
        copies.give_up(self._records.folder(record))
        self._records.remove(record)
        if volumes:
            others = {mount.get("Name") for other in self._records.all() for mount in other.mounts}
            for mount in record.mounts:
                if mount["Type"] == "volume" and mount["Name"] not in others and self._volumes.is_anonymous(mount["Name"]):
                    self._volumes.remove(mount["Name"])

    def rename(self, record: Record, name: str) -> None:
        """Another name. ConflictError in docker's words."""
        if not name:
            raise UsageError("Neither old nor new names may be empty", exit_code=1)
        if name == record.name:
            raise ConflictError("Renaming a container with the same name as its current name")
        self._records.rename(record, check_name(name))

    def commit(self, record: Record, *, message: str, author: str, changes_: tuple[str, ...]) -> str:
        """The new image's ID."""
        image = self._image_of(record)
        return committing.commit(self._store, record, self.settled(record), image, message=message, author=author, changes=changes_).id

    def _image_of(self, record: Record) -> Image:
        try:
            return self._store.images.get(record.image)
        except NotFoundError:  # rmi -f took its name away; its layers are still here
            try:
                return Image(record.image, ImageConfig.from_bytes(self._store.images.raw(record.image)))
            except OSError:
                raise DockerlabError(f"the image {record.image} of container {record.name} is gone") from None

    def diff(self, record: Record) -> list[Json]:
        """What its writable layer changes."""
        folder = self.settled(record)
        below = TreeView([self._store.layers.get(diff_id).tree for diff_id in record.layers])
        return [{"Path": change.path, "Kind": change.kind} for change in changes(folder / "diff", below)]

    def changes(self, record: Record) -> list[Json]:
        """As `diff`, with what copy-on-write did: Size (bytes), Below (bytes that were copied up), Folder, and Layer, the number (1 is the lowest) of the layer that held the path before."""
        folder = self.settled(record)
        below = TreeView([self._store.layers.get(diff_id).tree for diff_id in record.layers])
        out: list[Json] = []
        for change in changes(folder / "diff", below):
            old = below.lookup(change.path, follow=False)
            kind = change.entry.kind if change.entry is not None else (old.entry.kind if old is not None else "file")
            out.append(
                {
                    "Path": change.path,
                    "Kind": change.kind,
                    "Size": change.entry.size if change.entry is not None else 0,
                    "Below": old.st.st_size if old is not None and kind == "file" else 0,
                    "Folder": kind == "dir",
                    "Layer": old.layer + 1 if old is not None else 0,
                }
            )
        return out
