"""`docker exec`: one more process in a running container, entered through the pidfd of its process 1."""

from __future__ import annotations

import os
from _socket import AF_UNIX, SOCK_SEQPACKET
from _socket import socket as Socket

from dockerlab.runtime.helper import kernel, limits, records, wire
from dockerlab.runtime.helper.becoming import become_process, prepare, report_failure
from dockerlab.runtime.helper.init import StartError, import_no_more
from dockerlab.runtime.helper.loop import Loop
from dockerlab.runtime.helper.streams import Client, Streams


def enter(entrance: Entrance) -> None:
    """The life of one exec, until its process has ended; told to the one who asked."""
    control = entrance.control
    try:
        entrance.run()
    except StartError as error:
        wire.send(control, {"event": "failed", "code": error.code, "message": error.message, "kind": "start"})
    except OSError as error:
        code = {"code": 125, "message": str(error.strerror or error), "kind": "unavailable", "errno": error.errno or 0}
        wire.send(control, {"event": "failed", **code})


class Entrance:
    """One exec: its process, and the small keeper that waits for it."""

    def __init__(self, request: wire.Message, control: Socket, stdio: dict[str, int]) -> None:
        self.request, self.control, self.stdio = request, control, stdio
        self.state: wire.Message = request["state"]  # type: ignore[assignment]
        self.process: wire.Message = {**request["process"], "rlimits": self.state["rlimits"]}  # type: ignore[dict-item]
        self.identity = str(self.state["identity"])
        self.loop = Loop()
        self.streams: Streams | None = None
        self.keeper: Socket | None = None
        self.failure: wire.Message | None = None
        self.client_gone = False
        self.folder = -1

    def run(self) -> None:
        """From the namespaces to the exit code."""
        self._enter_namespaces()
        if self.process["terminal"]:
            self.streams = Streams(self.loop, self.stdio, None, self._client())
            self.streams.open_terminal("/dev", console=False)
            inner = self.streams.inner
        else:
            inner = [self.stdio[name] for name in ("stdin", "stdout", "stderr")]
        ours, theirs = wire.pair()
        if self.identity != "single":
            wire.send(ours, {"event": "go"})  # it need not wait: what it will say is told when it is heard
        self.child = os.fork()
        if self.child == 0:
            self._become(theirs, inner)
        theirs.close()
        for fd in set(inner):
            os.close(fd)
        self.child_fd = os.pidfd_open(self.child)
        self.sync = ours
        self.loop.watch(ours.fileno(), lambda _events: self._from_child(ours))
        self.loop.watch(self.child_fd, lambda _events: self._child_ended())
        self.loop.watch(self.control.fileno(), self._from_client)
        self.loop.run()
        self._end()

    def _find(self) -> int:
        """A pidfd of a process inside by which others enter; the container's folder is open too. StartError if it has ended."""
        entrance: list[int] = list(self.state["entrance"])  # type: ignore[call-overload]
        pid, began = entrance
        try:
            self.folder = os.open(str(self.request["folder"]), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            target = os.pidfd_open(pid)
            same = records.start_time(pid) == began
        except OSError:
            same = False
        if not same:
            raise StartError(1, "the container is not running")
        return target

    def _enter_namespaces(self) -> None:
        target = self._find()
        if self.identity == "single":  # the supervisor of this container judges our process too
            os.fchdir(self.folder)  # a socket's path may have no more than 107 bytes
            self.keeper = Socket(AF_UNIX, SOCK_SEQPACKET)
            self.keeper.connect("control")
        self.groups = limits.doors(list(self.state["groups"]))  # type: ignore[call-overload]
        import_no_more()
        kernel.setns(target, int(self.state["namespaces"]))  # type: ignore[call-overload]
        os.close(target)
        os.chdir("/")

    def _become(self, sync: Socket, inner: list[int]) -> None:
        try:
            kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
            os.setsid()
            limits.enter(self.groups)
            prepare(self.process, self.identity, nproc=int(self.state["nproc"]))  # type: ignore[call-overload]
            become_process(self.process, self.identity, sync, inner, create_cwd=False)
        except BaseException as error:  # told to the one who asked
            report_failure(sync, error)
        finally:
            os._exit(125)

    def _from_child(self, sync: Socket) -> None:
        message, fds = wire.receive(sync)
        if message is None:
            self.loop.forget(sync.fileno())
            sync.close()
        elif message["event"] == "listener":
            assert self.keeper is not None
            wire.send(self.keeper, {"event": "listener"}, fds)
            os.close(fds[0])
            if wire.receive(self.keeper)[0] is not None:
                wire.send(sync, {"event": "go"})
                wire.send(sync, {"event": "go"})
        elif message["event"] == "failed":
            self.failure = message
        else:
            wire.send(self.control, {"event": "started", "pid": self.child})

    def _child_ended(self) -> None:
        while self.loop.watches(self.sync.fileno()):  # it may have said that it started, and have ended since
            self._from_child(self.sync)
        self.loop.stop()

    def _client(self) -> Client:
        return Client(bytes(self.request.get("detach_keys") or b""), self._detached)  # type: ignore[call-overload]

    def _detached(self) -> None:
        """The client's detach keys were typed."""
        wire.send(self.control, {"event": "detached"})
        self._let_client_go()

    def _let_client_go(self) -> None:
        """As in Docker, the process goes on without its client."""
        self.loop.forget(self.control.fileno())
        self.client_gone = True
        if self.streams:
            self.streams.detach()

    def _from_client(self, _events: int) -> None:
        message, _ = wire.receive(self.control)
        if message is None:
            self._let_client_go()
        elif "signal" in message:
            self._signal(int(message["signal"]), group=bool(message.get("group")))  # type: ignore[call-overload]
        elif "size" in message and self.streams:
            self.streams.resize(*message["size"])  # type: ignore[misc]

    def _signal(self, number: int, *, group: bool) -> None:
        if group:  # it leads a session of its own, and is not reaped before `_end`
            os.killpg(self.child, number)
        else:
            kernel.signal_process(self.child_fd, number)

    def _end(self) -> None:
        _, status = os.waitpid(self.child, 0)
        code = os.waitstatus_to_exitcode(status)
        if self.streams:
            self.streams.drain()
            self.streams.flush([self.control.fileno()])
        self._tell(self.failure or wire.last_words(self.sync) or {"event": "exited", "code": 128 - code if code < 0 else code, "error": ""})

    def _tell(self, message: wire.Message) -> None:
        """Its end: to whoever looks at the journal, and to the one who asked for it."""
        if message["event"] == "exited" and (identifier := self.request.get("identifier")):
            records.note(self.folder, "exec_die", execID=identifier, exitCode=str(message["code"]))
        if not self.client_gone:
            wire.send(self.control, message)
