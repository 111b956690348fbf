"""From a root file system to a process: a build's RUN, a container, one more process in a container."""

from __future__ import annotations

import json
import os
import select
from _socket import MSG_DONTWAIT, SHUT_WR
from _socket import socket as Socket
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dockerlab.data import asdict, dataclass
from dockerlab.errors import ContainerStartError
from dockerlab.runtime.control import Control, checked, next_message
from dockerlab.runtime.helper import ADDRESS, WITHOUT_NAMESPACES, wire
from dockerlab.runtime.helper_process import HelperProcess, Kind
from dockerlab.runtime.spec import BoxSpec, ProcessSpec, Waiting

if TYPE_CHECKING:
    from dockerlab.runtime.capabilities import Capabilities

CHUNK = 1 << 16
SIGKILL = 9
RLIMIT_LOCKS = 10
INTERRUPT_GRACE = 1.0  # seconds to wait for the end of what an interrupt has killed
Output = Callable[[str, bytes], None]


@dataclass(frozen=True)
class StartedContainer:
    """A container whose program runs since `began` (RFC 3339). `ports` are (address, host's port, container's port, protocol) as they were bound."""

    folder: Path
    pid: int
    ports: tuple[tuple[str, int, int, str], ...]
    control: Control
    began: str


class Runtime:
    """One for an engine. Starts its helper process on first use; closing it, or losing it, ends the helper but no container.

    Several threads may run, start and exec at once.
    """

    def __init__(self, capabilities: Capabilities | None = None) -> None:
        self._capabilities = capabilities
        self._helper = HelperProcess()

    @property
    def capabilities(self) -> Capabilities:
        """What this machine allows; probed when first needed."""
        if self._capabilities is None:
            from dockerlab.runtime.capabilities import Capabilities

            self._capabilities = Capabilities.load(None)
        return self._capabilities

    def warm_up(self) -> None:
        """A process will be started soon: begin with what takes time, beside whatever the caller does first."""
        self._helper.warm_up()

    def close(self) -> None:
        """End the helper. What was started goes on."""
        self._helper.close()

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, box: BoxSpec, *, stdin: int | None = None, on_output: Output) -> int:
        """Run a build's RUN to its end; its exit code.

        `on_output` gets ("stdout" or "stderr", bytes) as they come. Raises ContainerStartError where the program can't be started,
        RuntimeUnavailableError where this machine refuses a container. An interrupt kills every process of the step and is raised again.
        """
        steps = self.stream(box, stdin=stdin)
        while True:
            try:
                told = next(steps)
                if isinstance(told, Waiting):
                    told.wait()
                else:
                    on_output(*told)
            except StopIteration as end:
                return int(end.value)
            except BaseException:
                steps.close()
                raise

    def stream(self, box: BoxSpec, *, stdin: int | None = None) -> Generator[tuple[str, bytes] | Waiting, None, int]:
        """As `run`, but the output is yielded and the exit code returned, and where there is none for the moment what to wait for.

        Closing the generator kills every process of the step.
        """
        request: wire.Message = {"box": self._box(box, build=True)}
        if not self._copied:
            return (yield from self._stream(request, stdin, box.together))
        from dockerlab.runtime.copied_root import copied_root, end_everything

        root = copied_root(self.capabilities.isolation, box, request["box"]["files"], build=not box.like_container)  # type: ignore[index]
        root.make(kept=False)
        try:
            code = yield from self._stream(request, stdin, box.together)
            root.copied.refresh(live=False)
        except BaseException:
            end_everything(root.copied.root)
            root.copied.discard()
            raise
        return code

    def _stream(self, request: wire.Message, stdin: int | None, together: bool) -> Generator[tuple[str, bytes] | Waiting, None, int]:
        out_reader, out_writer = os.pipe()
        err_reader, err_writer = (-1, os.dup(out_writer)) if together else os.pipe()
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) if stdin is None else -1
        readers = {out_reader: "stdout"} if together else {out_reader: "stdout", err_reader: "stderr"}
        try:
            try:
                fds = {"stdin": null if stdin is None else stdin, "stdout": out_writer, "stderr": err_writer}
                channel = self._helper.request("run", request, fds, _kind(request))
            finally:
                os.close(out_writer)
                os.close(err_writer)
                if null >= 0:
                    os.close(null)
            with closing(channel):
                try:
                    return (yield from _follow(channel, readers))
                except BaseException:
                    _kill(channel)
                    raise
        finally:
            for fd in readers:
                os.close(fd)

    def start(
        self,
        folder: Path,
        box: BoxSpec,
        *,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        detach_keys: bytes = b"",
    ) -> StartedContainer:
        """Start a container (also one that has ended) whose records lie in `folder`; returns when its program runs.

        Its output goes to the folder's log and, where given, to `stdout` and `stderr`; the descriptors stay the caller's. Whoever types
        `detach_keys` at `stdin`, if that and the container's are terminals, lets go of it.
        Raises as `run` does; a port in use is a ContainerStartError with docker's words.
        """
        request: wire.Message = {"box": self._box(box, build=False), "folder": os.path.abspath(folder), "detach_keys": detach_keys}
        if not self._copied:
            return self._start(request, folder, stdin, stdout, stderr)
        from dockerlab.runtime.copied_root import starting

        with starting(self.capabilities.isolation, Path(folder), box, request["box"]["files"]):  # type: ignore[index]
            return self._start(request, folder, stdin, stdout, stderr)

    def _start(self, request: wire.Message, folder: Path, stdin: int | None, stdout: int | None, stderr: int | None) -> StartedContainer:
        fds = _given(stdin=stdin, stdout=stdout, stderr=stderr)
        channel = self._helper.request("start", request, fds, _kind(request))
        message = self._started(channel)
        ports: list[tuple[str, int, int, str]] = [tuple(port) for port in message["ports"]]  # type: ignore[attr-defined]
        return StartedContainer(Path(folder), int(message["pid"]), tuple(ports), Control(channel), str(message["began"]))  # type: ignore[call-overload]

    def exec_start(
        self,
        folder: Path,
        process: ProcessSpec,
        *,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        detach_keys: bytes = b"",
        identifier: str = "",
    ) -> Control:
        """Start one more process in a running container; the channel tells its end and takes signals and window sizes.

        `identifier`: as this its end is noted for the journal, whether anybody listens then or not.
        """
        self._require()
        try:
            state = json.loads((Path(folder) / "state.json").read_text())
        except FileNotFoundError:
            raise ContainerStartError("the container is not running", exit_code=1) from None
        request: wire.Message = {
            "folder": os.path.abspath(folder),
            "state": state,
            "process": _process(process),
            "detach_keys": detach_keys,
            "identifier": identifier,
        }
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            fds = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
            channel = self._helper.request("exec", request, {name: null if fd is None else fd for name, fd in fds.items()})
        finally:
            os.close(null)
        self._started(channel)
        return Control(channel)

    def exec(
        self, folder: Path, process: ProcessSpec, *, stdin: int | None = None, stdout: int | None = None, stderr: int | None = None
    ) -> int:
        """Run one more process in a running container to its end; its exit code. Raises as `run` does."""
        with self.exec_start(folder, process, stdin=stdin, stdout=stdout, stderr=stderr) as control:
            return control.wait()

    # ------------------------------------------------------------------

    def _require(self) -> str:
        capabilities = self.capabilities
        if capabilities.isolation == "none":
            raise capabilities.unavailable()
        return capabilities.identity

    @property
    def _copied(self) -> bool:
        return self.capabilities.snapshots == "copy"

    def _box(self, box: BoxSpec, *, build: bool) -> wire.Message:
        from dockerlab.runtime.etc import etc_files

        identity = self._require()
        own_namespaces = self.capabilities.isolation not in WITHOUT_NAMESPACES
        if not own_namespaces:
            from dockerlab.runtime.copied_root import check

            check(self.capabilities.isolation, box)
        if not box.process.args:
            raise ContainerStartError("no command specified")
        address = os.environ.get("DOCKERLAB_PUBLISH_ADDRESS") or "127.0.0.1"
        build = build and not box.like_container
        hostname = box.hostname or ("buildkitsandbox" if build else "")
        return {
            "isolation": self.capabilities.isolation,
            "copied": self._copied,
            "identity": identity,
            "init_layer": not build,
            "lowers": list(box.rootfs.lowers),
            "data": list(box.rootfs.data),
            "upper": box.rootfs.upper,
            "work": box.rootfs.work,
            "merged": box.rootfs.merged if self._copied else box.rootfs.point,
            "process": {**_process(box.process), "init": box.init, "rlimits": _rlimits(box, identity)},
            "hostname": hostname,
            "domainname": box.domainname,
            "network": box.network,
            "ports": [(_address(port.host_ip, address), port.host_port, port.container_port, port.protocol) for port in box.ports],
            "mounts": [(mount.kind, mount.source, mount.target, mount.readonly) for mount in box.mounts],
            "readonly": box.readonly,
            "files": etc_files(
                hostname,
                box.hosts,
                own_network=box.network != "host" and own_namespaces,
                build=build,
                address=ADDRESS if box.network == "private" and own_namespaces else "127.0.0.1",
                domainname=box.domainname,
                dns=box.dns,
            ),
            "timeout": box.timeout or 0.0,
            "nproc": box.nproc,
            "limits": {key: int(value) for key, value in asdict(box.limits).items()} if box.limits else None,
            "shm_size": box.shm_size,
            "restart": box.restart if own_namespaces else None,
            "health": asdict(box.health) if box.health and own_namespaces else None,
            "open_stdin": box.open_stdin,
            "logged": box.logged,
            "together": box.together,
        }

    def _started(self, channel: Socket) -> wire.Message:
        """The word that the program runs. An interrupt before it comes ends what was to start."""
        try:
            message = next_message(channel)
            if message is None:
                raise ContainerStartError("the keeper of the container was killed before its program started")
        except KeyboardInterrupt:
            wire.send(channel, {"signal": SIGKILL})
            _until_gone(channel)
            channel.close()
            raise
        except BaseException:
            channel.close()
            raise
        return message


def _rlimits(box: BoxSpec, identity: str) -> list[tuple[int, int, int]]:
    """Where users are emulated, RLIMIT_LOCKS, which the kernel ignores, says who a process is: it is not to be had."""
    return [one for one in box.rlimits if identity != "single" or one[0] != RLIMIT_LOCKS]


def _kind(request: wire.Message) -> Kind | None:
    """Identity and network of a box whose namespaces may be there before it is known: one run, without ports or groups, which are had outside of them."""
    box: wire.Message = request["box"]  # type: ignore[assignment]
    if box["isolation"] != "namespaces" or box["ports"] or box["limits"] or box["restart"]:
        return None
    return str(box["identity"]), str(box["network"])


def _given(**fds: int | None) -> dict[str, int]:
    return {name: fd for name, fd in fds.items() if fd is not None}


def _address(host_ip: str, default: str) -> str:
    if not host_ip:
        return default
    if ":" in host_ip:
        raise ContainerStartError(f"publishing on {host_ip}: IPv6 addresses are not supported", hint="name an IPv4 address, or none")
    return host_ip


def _process(process: ProcessSpec) -> wire.Message:
    return {
        "args": list(process.args),
        "env": list(process.env),
        "cwd": process.cwd or "/",
        "uid": process.uid,
        "gid": process.gid,
        "groups": list(process.groups),
        "terminal": process.terminal,
    }


def _follow(channel: Socket, readers: Mapping[int, str]) -> Generator[tuple[str, bytes] | Waiting, None, int]:
    """Pass output on until the process has ended and its pipes are empty."""
    poll = select.poll()
    watched = {*readers, channel.fileno()}
    for fd in watched:
        poll.register(fd, select.POLLIN)
    ended: wire.Message | None = None
    open_pipes, started = len(readers), False
    while ended is None or open_pipes:
        while not (heard := poll.poll(0)):
            yield Waiting(tuple(watched))
        for fd, _events in heard:
            if fd in readers:
                data = os.read(fd, CHUNK)
                if data:
                    yield readers[fd], data
                else:
                    poll.unregister(fd)
                    watched.discard(fd)
                    open_pipes -= 1
            else:
                message, _ = wire.receive(channel)
                if message is None and not started:
                    raise ContainerStartError("the keeper of the step was killed before its program started")
                started = True
                if message is None or checked(message)["event"] == "exited":
                    ended = message or {"code": 137}  # the keeper was killed, and everything with it
                    poll.unregister(fd)
                    watched.discard(fd)
    if ended.get("error"):
        yield "stderr", f"{ended['error']}\n".encode()
    return int(str(ended["code"]))


def _kill(channel: Socket) -> None:
    """Hang up, which kills the step, and wait a moment for the keeper to say that all is gone."""
    with suppress(OSError):
        channel.shutdown(SHUT_WR)
    _until_gone(channel)


def _until_gone(channel: Socket) -> None:
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    while poll.poll(INTERRUPT_GRACE * 1000):
        if wire.receive(channel, MSG_DONTWAIT)[0] is None:
            return
