"""The keeper of one container: makes its namespaces and root, starts process 1, and stays until it has ended.

It lives outside the PID namespace but inside all others, so it sees the container's paths and the machine's process numbers. A build's
RUN and a container are kept alike; a container has a folder besides, with its lock, state, log and control socket, and goes on when its
starter is gone, while a RUN dies with the one who asked.
"""

from __future__ import annotations

import os
from _socket import socket as Socket

from dockerlab.runtime.helper import init, kernel, limits, namespaces, network, records, restart, rootfs, state, watch, wire
from dockerlab.runtime.helper.becoming import UNAVAILABLE
from dockerlab.runtime.helper.callers import Callers
from dockerlab.runtime.helper.ground import Ground
from dockerlab.runtime.helper.health import Checks
from dockerlab.runtime.helper.init import StartError
from dockerlab.runtime.helper.loop import Loop
from dockerlab.runtime.helper.streams import Client, Streams
from dockerlab.runtime.helper.supervisor import Supervisor
from dockerlab.runtime.helper.supervisor.laid import owners_of

TYPE_CHECKING = False  # `typing` would cost the helper 5 ms; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Callable


class Keeper:
    """Owns everything of one container; `run` is its whole life."""

    def __init__(
        self,
        request: wire.Message,
        control: Socket | None,
        stdio: dict[str, int],
        told: Socket | None = None,
        lock: int = -1,
        ground: Ground | None = None,
        started: Callable[[], object] = lambda: None,
    ) -> None:
        """`told` and `lock`: this is one run of a container that may be run again; its end is told, and the lock is the one that it keeps.

        `started`: to be called when its program runs. `ground`: what this process stands on already. Published ports and control groups must be had before it is made.
        """
        self.told, self.lock, self.ground, self._tell_started = told, lock, ground, started
        self.box: wire.Message = request["box"]  # type: ignore[assignment]
        self.process: wire.Message = self.box["process"]  # type: ignore[assignment]
        self.identity = str(self.box["identity"])
        self.isolation = str(self.box["isolation"])
        self.is_container = bool(request.get("folder"))
        self.folder_path = str(request.get("folder", ""))
        self.folder = -1
        self.control: Socket | None = control
        self.stdio = stdio
        self.loop = Loop()
        self.streams: Streams | None = None
        self.init_pid = self.relay = 0
        self.init_fd = -1
        self.sync: Socket | None = None
        self.began = ""
        self.ports: list[network.Port] = []
        self.failure: wire.Message | None = None
        self.error = ""
        self.started = self.state_written = self.let_go = False
        self.locked = lock >= 0
        self.supervisor: Supervisor | None = None
        self.callers = Callers(self.loop, self._told, self._hung_up)
        self.log = records.Log()
        self.attached: dict[Socket, Client] = {}
        self.detach_keys = bytes(request.get("detach_keys") or b"")  # type: ignore[call-overload]
        self.limits: limits.Limits | None = self.box.get("limits")  # type: ignore[assignment]
        self.groups: limits.Groups | None = None
        self.checks: Checks | None = None
        self.memory: watch.MemoryWatch | None = None

    # ------------------------------------------------------------------ start

    def run(self) -> None:
        """From the request to the end of the last process. Never raises: what fails is told to the one who asked."""
        try:
            self._prepare()
        except StartError as error:
            self._fail(error.code, error.message)
        except rootfs.RootError as error:
            self._fail(125, f"error during container init: {error}")
        except OSError as error:
            failure = _unavailable(error)
            self._fail(125, str(failure["message"]), kind=UNAVAILABLE, number=error.errno or 0)
        else:
            self.loop.run()
            self._end()

    def _fail(self, code: int, message: str, kind: str = "start", number: int = 0) -> None:
        self._record_end(code, message)
        self._release()
        if self.control:
            wire.send(self.control, {"event": "failed", "code": code, "message": message, "kind": kind, "errno": number})

    def _release(self) -> None:
        """Let go of the lock before the client hears of the end: it may start the container again at once."""
        if self.groups:
            self.groups.remove()
        if self.locked:
            os.close(self.lock)
            self.locked = False

    def _record_end(self, code: int, error: str, signal: int = 0) -> None:
        """exit.json; without a state.json beside it the container never ran."""
        if self.locked:
            if self.state_written and not self.started:
                records.remove(self.folder, "state.json~")
            oom = bool((self.groups and self.groups.out_of_memory()) or (self.memory and self.memory.killed))
            record = {"code": code, "finished_at": records.timestamp(), "error": error, "signal": signal, "oom": oom}
            if self.told:
                wire.send(self.told, {**record, "ran": self.started, "started_at": self.began})
                wire.receive(self.told)
            else:
                try:
                    records.write_record(self.folder, "exit.json", record)
                except OSError:
                    pass  # no disk to write it on: without it the container has ended with 137

    def _prepare(self) -> None:
        if self.is_container:
            self._take_folder()
        if self.limits:
            self.groups = limits.Groups(os.path.basename(self.folder_path)[:12], self.limits)
        listeners = network.listen(list(self.box["ports"]))  # type: ignore[call-overload]
        self.ports = [port for _, port in listeners]
        upper = os.open(str(self.box["upper"]), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        records_beside = os.open(os.path.dirname(str(self.box["upper"])), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        point = rootfs.WAITING if self.box["copied"] else str(self.box["merged"])  # a copy must not be covered before it is held
        ground = self.ground or Ground(self.identity, str(self.box["network"]), point)
        if listeners:
            self.relay = network.start_relay(listeners)
        self.root = root = rootfs.Root(self.box, ground.stage)
        ground.move_to(root.path)
        sync = self._fork_first(ground)
        try:
            root.make(self.box)
            self.upper = upper
            if self.limits and self.groups:
                limits.show(root.path, self.groups, self.limits)
            stdio = self._open_stdio(f"{root.path}/dev")
            if self.identity == "single":
                self.supervisor = Supervisor(self.loop, owners_of(self.box, upper, records_beside, root.path))
            init.import_no_more()
            os.fchdir(ground.outer_proc)  # the supervisor's paths: PID/cwd, PID/fd/N
            wire.send(sync, {"event": "root"}, stdio)
            self._watch_first(sync, stdio)
            if self.is_container:  # process 1 is busy for a moment
                self._be_found(ground.server)
                if not self.process.get("init"):
                    self._write_state()
            if self.identity != "single":
                self._let_go(sync)
        except BaseException:
            os.kill(self.init_pid, kernel.SIGKILL)
            os.waitpid(self.init_pid, 0)
            raise
        self.loop.watch(self.init_fd, self._init_ended)

    def _fork_first(self, ground: Ground) -> Socket:
        """Fork process 1, or let the one that waits know what it is to become; the socket on which it waits for its root."""
        box: wire.Message = {**self.box, "nproc": self.nproc(), "container": self.is_container}
        if ground.first:
            memory = wire.to_memory(box)
            wire.send(ground.sync, {"event": "box"}, [memory])
            os.close(memory)
        else:
            ground.fork_first(box, (lambda: limits.enter(self.groups.doors)) if self.groups else None)  # type: ignore[union-attr]
        self.init_pid = ground.first
        return ground.sync

    def _open_stdio(self, dev: str, *, console: bool = True) -> list[int]:
        """What process 1 gets as 0, 1 and 2; a terminal comes from the devpts below `dev`."""
        if not (self.process["terminal"] or self.is_container):
            return [self.stdio[name] for name in ("stdin", "stdout", "stderr")]
        starter = Client(self.detach_keys, self._starter_detached)
        self.streams = Streams(self.loop, self.stdio, self.log if self.is_container and self.box["logged"] else None, starter)
        if self.process["terminal"]:
            self.streams.open_terminal(dev, console=console)
        else:
            self.streams.open_pipes(keep_stdin=bool(self.box.get("open_stdin")), together=bool(self.box["together"]))
        return self.streams.inner

    def _watch_first(self, sync: Socket, stdio: list[int]) -> None:
        self.began = records.timestamp()
        self.init_fd = os.pidfd_open(self.init_pid)
        self.sync = sync
        self._let_go_of_stdio(stdio)
        self.loop.watch(sync.fileno(), lambda _events: self._from_init(sync))
        if self.control:
            self.loop.watch(self.control.fileno(), self._from_client)

    def nproc(self) -> int:
        """RLIMIT_NPROC, which counts whoever is in the container's user namespace: us too, and who carries bytes."""
        if self.limits and self.limits["pids"] and self.identity == "single":
            return self.limits["pids"] + 1 + max(1, len(self.ports)) * bool(self.relay)
        return int(str(self.box["nproc"]))

    def _take_folder(self) -> None:
        self.folder = os.open(self.folder_path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        if not self.locked:
            self.lock = restart.take_lock(self.folder)
            self.locked = True
        for name in ("exit.json", "state.json", "control", "paused"):
            records.remove(self.folder, name)

    def _be_found(self, server: Socket) -> None:
        """From now on there is what others look for in the folder of a container that runs, but for its state."""
        if self.box["logged"]:
            self.log.open(self.folder)
        self.callers.listen(server, self.folder)

    def _let_go_of_stdio(self, inner: list[int]) -> None:
        for fd in set(inner):
            os.close(fd)

    # ------------------------------------------------------------------ life

    def _from_init(self, sync: Socket) -> None:
        message, fds = wire.receive(sync)
        if message is None:  # exec has closed it, or process 1 is dead
            self.loop.forget(sync.fileno())
            sync.close()
            if self.started and self.control:
                wire.send(self.control, {"event": "started", "pid": self.init_pid, "ports": self.ports, "began": self.began})
            self._tell_started()
        elif message["event"] == "listener":
            assert self.supervisor is not None
            self.supervisor.add(fds[0])
            wire.send(sync, {"event": "go"})
            self._let_go(sync)
        elif message["event"] == "failed":
            self.failure = message
        else:  # ready
            try:
                self._record_start()
            except OSError as error:
                self.failure = _unavailable(error)
                self.started = False
                kernel.signal_process(self.init_fd, kernel.SIGKILL)
                return
            self._let_go(sync)

    def _let_go(self, sync: Socket) -> None:
        """Process 1 may become its program as soon as it is ready: what others need to find it, and its end, is on the disk."""
        if not self.let_go and (self.state_written or not self.is_container):
            wire.send(sync, {"event": "go"})
            self.let_go = True

    def _record_start(self) -> None:
        self.started = True
        limit = float(self.box.get("timeout") or 0)  # type: ignore[arg-type]
        if limit:
            told = f"it ran longer than --timeout {limit:g}" if self.is_container else f"killed after {limit:g} s"
            self.loop.after(limit, lambda: self._kill(told))
        self._watch_limits()
        if self.is_container:
            if not self.state_written:
                self._write_state()
            records.publish(self.folder, "state.json")
            restart.note_run(self.folder, self.began)
        if plan := self.box.get("health"):
            self.checks = Checks(self, plan)  # type: ignore[arg-type]

    def _write_state(self) -> None:
        state.write_aside(self)
        self.state_written = True

    def namespaces(self) -> int:
        """Flags of those that who comes later must enter."""
        return namespaces.flags_of(self.identity, str(self.box["network"]))

    def _watch_limits(self) -> None:
        """What no control group keeps."""
        if not self.limits:
            return
        if self.limits["memory"] and not (self.groups and "memory" in self.groups.kept):
            self.memory = watch.MemoryWatch(self.loop, self.limits["memory"], os.readlink(f"./{self.init_pid}/ns/pid"))
        if disk := self.limits["disk"]:
            told = f"its writable layer takes more than --disk {limits.written(disk)}"
            watch.DiskWatch(self.loop, disk, self.upper, lambda: self._kill(told), copy=self.root.copy)

    def _kill(self, why: str) -> None:
        self.error = f"container killed: {why}" if self.is_container else why
        kernel.signal_process(self.init_fd, kernel.SIGKILL)

    def _from_client(self, _events: int) -> None:
        assert self.control is not None
        message, _ = wire.receive(self.control)
        if message is None:
            if self.is_container:
                self._let_starter_go()
                if not self.started:  # whoever asked for it went away before anything was promised
                    kernel.signal_process(self.init_fd, kernel.SIGKILL)
            else:  # a RUN belongs to the one who asked: gone, or interrupted
                self.loop.forget(self.control.fileno())
                kernel.signal_process(self.init_fd, kernel.SIGKILL)
        else:
            self._request(message)

    def _starter_detached(self) -> None:
        """Its detach keys were typed; it hangs up when it has heard of it."""
        if self.control and self.streams:
            wire.send(self.control, {"event": "detached"})
            self.streams.detach()

    def _let_starter_go(self) -> None:
        assert self.control is not None
        self.loop.forget(self.control.fileno())
        self.control.close()
        self.control = None
        if self.streams:
            self.streams.detach()

    def _request(self, message: wire.Message) -> None:
        if "signal" in message:
            kernel.signal_process(self.init_fd, int(message["signal"]))  # type: ignore[call-overload]
        elif "size" in message and self.streams:
            self.streams.resize(*message["size"])  # type: ignore[misc]

    def _told(self, connection: Socket, message: wire.Message, fds: list[int]) -> None:
        if message.get("event") == "listener" and self.supervisor:  # of an exec: its processes' owners are ours to judge
            self.supervisor.add(fds[0])
            wire.send(connection, {"event": "go"})
        elif message.get("event") == "attach" and self.streams:
            client, keys = Client(), message["detach_keys"]
            if keys is not None:  # it is attached for as long as it holds the connection
                client = self.attached[connection] = Client(bytes(keys), lambda: self._detached(connection))  # type: ignore[call-overload]
            wire.send(connection, {"event": "attached"})
            self.streams.attach(dict(zip(message["names"], fds, strict=True)), client)  # type: ignore[call-overload]
        else:
            self._request(message)

    def _detached(self, connection: Socket) -> None:
        """Its detach keys were typed; it hangs up when it has heard of it."""
        wire.send(connection, {"event": "detached"})
        self._hung_up(connection)

    def _hung_up(self, connection: Socket) -> None:
        if (client := self.attached.pop(connection, None)) and self.streams:
            self.streams.detach(client)

    # ------------------------------------------------------------------ end

    def _init_ended(self, _events: int = 0) -> None:
        while self.sync and self.loop.watches(self.sync.fileno()):  # it may have said that it is ready, and have ended since
            self._from_init(self.sync)
        self.loop.stop()

    def _reaped(self) -> int:
        """How process 1 ended, as wait(2) tells it."""
        return os.waitpid(self.init_pid, 0)[1]

    def _all_gone(self) -> None:
        """No process is left."""
        if self.supervisor:
            self.supervisor.finish()
        if self.root.build:
            os.chdir("/")
            rootfs.remove_stubs(self.root.stubs, self.root.times)

    def _end(self) -> None:
        if self.checks:
            self.checks.finish()
        status = self._reaped()
        code = os.waitstatus_to_exitcode(status)
        code = 128 - code if code < 0 else code
        if self.relay:  # whoever sees the container ended may publish its ports again
            os.kill(self.relay, kernel.SIGKILL)
            os.waitpid(self.relay, 0)
        self._all_gone()
        if self.streams:
            self.streams.drain()
        if self.sync and not self.started and not self.failure:
            self.failure = wire.last_words(self.sync)
        if self.failure:
            message = dict(self.failure)
        elif not self.started:
            message = {"event": "failed", "code": 128, "message": "process 1 ended before the program started", "kind": "start"}
        else:
            message = {"event": "exited", "code": code, "error": self.error}
        number = os.WTERMSIG(status) if self.started and os.WIFSIGNALED(status) else 0
        self._record_end(int(str(message["code"])), str(message.get("message", self.error)), number)
        if self.is_container:
            records.remove(self.folder, "control")
        self._release()
        if self.is_container and self.streams:
            self.streams.flush([one.fileno() for one in (self.control, *self.callers.connections) if one], self.told)
        if self.control:
            wire.send(self.control, message)


def _unavailable(error: OSError) -> wire.Message:
    """What the machine refuses, as a message to the one who asked."""
    return {"event": "failed", "code": 125, "message": str(error.strerror or error), "kind": UNAVAILABLE, "errno": error.errno or 0}
