"""The keeper of a container without namespaces: its root is a folder, laid out beforehand, and its processes are this machine's.

What a PID namespace does elsewhere is done here by hand. Every process of the container descends from the keeper, the ones of `exec` too, and the
keeper is their reaper; when the first one has ended it kills the others, round after round, until none is left. Above the keeper stands a guard,
which does the same where the keeper itself was killed. No process can leave the folder: it has no descriptor of outside, and CAP_SYS_CHROOT, with
which root could, is taken away for good; so is CAP_MKNOD, with which root could open this machine's disks.
"""

from __future__ import annotations

import os
import resource
import stat
from _signal import set_wakeup_fd, signal  # type: ignore[import-not-found]
from _socket import AF_UNIX, SOCK_SEQPACKET
from _socket import socket as Socket

from dockerlab.runtime.helper import descendants, init, kernel, network, wire
from dockerlab.runtime.helper.becoming import become_process, prepare, report_failure
from dockerlab.runtime.helper.enter import Entrance
from dockerlab.runtime.helper.init import StartError
from dockerlab.runtime.helper.keeper import Keeper
from dockerlab.runtime.helper.loop import Stream
from dockerlab.runtime.helper.streams import Streams

SIGCHLD = 17
SYS_CHROOT, MKNOD = 18, 27
CARRIED = ("stdout", "stderr")
"""The names in /dev that are pipes, whose readers we are: what a program writes to /dev/stdout is output of its container."""
CAPABILITIES = init.DOCKER_CAPABILITIES & ~(1 << SYS_CHROOT | 1 << MKNOD)


class ChrootKeeper(Keeper):
    """As Keeper, for a box whose `merged` is a whole root already."""

    def run(self) -> None:
        """The guard stays behind and returns when all is over; the keeper's life is a child's."""
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        keeper = os.fork()
        if keeper:
            os.closerange(
                0, resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            )  # above all the container's lock, once the keeper has it, and the client's channel
            if os.WIFSIGNALED(os.waitpid(keeper, 0)[1]):
                descendants.end_all()
                self._keeper_was_killed()
            return
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        self.merged = str(self.box["merged"])
        self.status = -1
        self.execs: dict[int, Exec] = {}
        self.carried: list[Stream] = []
        try:
            super().run()
        except BaseException:
            descendants.end_all()
            raise

    def _keeper_was_killed(self) -> None:
        """For the guard: what the keeper would have taken away."""

    def _prepare(self) -> None:
        if self.is_container:
            self._take_folder()
            self._be_found(Socket(AF_UNIX, SOCK_SEQPACKET))
        self._publish()
        stdio = self._open_stdio("/dev", console=False)
        self._connect(stdio)
        self._watch_children()
        self._begin(stdio)

    def _publish(self) -> None:
        wanted: list[network.Port] = list(self.box["ports"])  # type: ignore[call-overload]
        listeners = network.listen(wanted)
        self.ports = [port for _, port in listeners]
        for listener, port in listeners:
            if self._is_there_by_itself(port):
                listener.close()
        listeners = [pair for pair in listeners if not self._is_there_by_itself(pair[1])]
        if listeners:
            self.relay = network.start_relay(listeners, "127.0.0.1", self._real_port)

    def _is_there_by_itself(self, port: network.Port) -> bool:
        """One network: the program itself will listen there."""
        return port[1] == port[2]

    def _real_port(self, port: int) -> int:
        return port

    def _connect(self, stdio: list[int]) -> None:
        """Show in /dev what stands for the process's own terminal and output."""
        if self.process["terminal"]:
            show_terminal(self.merged, stdio[0], console=True)
        for name, fd in zip(CARRIED, stdio[1:], strict=True):
            self._carry(name, fd)

    def _begin(self, stdio: list[int]) -> None:
        """Start the first process."""
        ours, theirs = wire.pair()
        self.init_pid = self._fork(self.process, theirs, stdio, create_cwd=True)
        theirs.close()
        os.chdir("/proc")
        self._watch_first(ours, stdio)

    def namespaces(self) -> int:
        """None."""
        return 0

    def _watch_limits(self) -> None:
        """Nobody keeps any: what a watcher would count here are this machine's processes."""

    def _carry(self, name: str, to: int) -> None:
        source = os.open(f"{self.merged}/dev/{name}", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)  # a writer of our own: no end is ever read
        if self.streams:
            self.streams.also(source, name)
            return
        kept = os.dup(to)

        def sink(data: bytes) -> None:
            try:
                while data:
                    data = data[os.write(kept, data) :]
            except OSError:
                pass  # nobody reads the output of this RUN any more

        self.carried.append(Stream(self.loop, source, sink, []))

    def _fork(self, process: wire.Message, sync: Socket, stdio: list[int], *, create_cwd: bool) -> int:
        child = os.fork()
        if child:
            return child
        try:
            kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
            os.setsid()
            init.import_no_more()
            os.chroot(self.merged)
            os.chdir("/")
            capabilities = CAPABILITIES & kernel.permitted_capabilities()
            nproc = int(self.box.get("nproc") or 0)  # type: ignore[call-overload]
            scopes = 0
            if not self.is_container and process["uid"] == 0:  # a container's processes must reach each other, those of an exec too
                kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
                scopes = kernel.ABSTRACT_SOCKETS | kernel.SIGNALS
            prepare(process, "root", nproc=nproc, capabilities=capabilities)
            become_process(process, "root", sync, stdio, create_cwd=create_cwd, capabilities=capabilities, scopes=scopes)
        except BaseException as error:  # told to the one who asked
            report_failure(sync, error, init=create_cwd)
        finally:
            os._exit(125)

    def _watch_children(self) -> None:
        """Whoever loses its parent becomes our child: reap at once, or a long life fills the machine with dead processes."""
        reader, writer = os.pipe()
        for fd in (reader, writer):
            os.set_blocking(fd, False)
        set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal(SIGCHLD, lambda *_: None)
        self.loop.watch(reader, lambda _events: self._children_ended(reader))

    def _children_ended(self, reader: int) -> None:
        os.read(reader, 4096)
        for pid, status in descendants.reap():
            self._child_ended(pid, status)

    def _child_ended(self, pid: int, status: int) -> None:
        if pid == self.init_pid:
            self.status = status
            self._init_ended()
        elif pid in self.execs:
            self.execs.pop(pid).ended(status)
        elif pid == self.relay:
            self.relay = 0

    def _request(self, message: wire.Message) -> None:
        if "signal" not in message or descendants.heeds(self.init_pid, int(message["signal"])):  # type: ignore[call-overload]
            super()._request(message)

    def _reaped(self) -> int:
        return self.status

    def _all_gone(self) -> None:
        descendants.end_all()
        if self.supervisor:
            self.supervisor.finish()
        for stream in self.carried:
            stream.drain()

    # ------------------------------------------------------------------ exec

    def _told(self, connection: Socket, message: wire.Message, fds: list[int]) -> None:
        if message.get("event") == "exec":
            memory, *stdio = fds
            self._enter(Exec(connection), wire.from_memory(memory), stdio)
            return
        mine = next((one for one in self.execs.values() if one.connection is connection), None)
        if mine and message.get("group"):
            os.killpg(mine.pid, int(message["signal"]))  # type: ignore[call-overload]
        elif mine and "signal" in message:
            kernel.signal_process(mine.pidfd, int(message["signal"]))  # type: ignore[call-overload]
        else:
            super()._told(connection, message, fds)

    def _enter(self, one: Exec, process: wire.Message, stdio: list[int]) -> None:
        ours, theirs = wire.pair()
        one.pid = self._fork(process, theirs, stdio, create_cwd=False)
        one.pidfd = os.pidfd_open(one.pid)
        theirs.close()
        self._let_go_of_stdio(stdio)
        self.execs[one.pid] = one
        one.sync = ours
        self.loop.watch(ours.fileno(), lambda _events: self._from_exec(one, ours))

    def _from_exec(self, one: Exec, sync: Socket) -> None:
        message, _ = wire.receive(sync)
        if message is None:
            self.loop.forget(sync.fileno())
            sync.close()
        elif message["event"] == "failed":
            one.failure = message
        else:
            wire.send(sync, {"event": "go"})
            wire.send(one.connection, {"event": "started", "pid": one.pid})


class Exec:
    """One more process of the container, and who asked for it."""

    def __init__(self, connection: Socket) -> None:
        self.connection, self.pid, self.pidfd = connection, 0, -1
        self.sync: Socket | None = None
        self.failure: wire.Message | None = None

    def ended(self, status: int) -> None:
        """Tell it to who asked, if that one still listens."""
        if self.pidfd >= 0:
            os.close(self.pidfd)
        code = os.waitstatus_to_exitcode(status)
        try:
            told = self.failure or (wire.last_words(self.sync) if self.sync else None)
            wire.send(self.connection, told or {"event": "exited", "code": 128 - code if code < 0 else code, "error": ""})
        except OSError:
            pass  # gone, and its descriptor closed


class ChrootEntrance(Entrance):
    """`docker exec`: the keeper starts the process, so that it ends with the container; we carry its terminal and its end."""

    def run(self) -> None:
        """From the keeper's socket to the exit code."""
        os.close(self._find())
        os.fchdir(self.folder)  # a socket's path may have no more than 107 bytes
        keeper = Socket(AF_UNIX, SOCK_SEQPACKET)
        try:
            keeper.connect("control")
        except (FileNotFoundError, ConnectionRefusedError):
            raise StartError(1, "the container is not running") from None
        os.chdir("/")
        if self.process["terminal"]:
            self.streams = Streams(self.loop, self.stdio, None, self._client())
            self.streams.open_terminal("/dev", console=False)
            inner = self.streams.inner
            show_terminal(f"{self.request['folder']}/merged", inner[0], console=False)
        else:
            inner = [self.stdio[name] for name in ("stdin", "stdout", "stderr")]
        wire.send(keeper, {"event": "exec"}, [wire.to_memory(self.process), *inner])
        for fd in set(inner):
            os.close(fd)
        self.keeper = keeper
        self.loop.watch(keeper.fileno(), lambda _events: self._from_keeper(keeper))
        self.loop.watch(self.control.fileno(), self._from_client)
        self.loop.run()
        if self.streams:
            self.streams.drain()
            self.streams.flush([self.control.fileno()])
        self._tell(self.failure or {"event": "exited", "code": 137, "error": ""})

    def _from_keeper(self, keeper: Socket) -> None:
        message, _ = wire.receive(keeper)
        if message is not None and message["event"] == "started":
            wire.send(self.control, message)
            return
        if message is not None:
            self.failure = message  # or the exit code
        self.loop.stop()  # without a message: the container has ended, and all in it

    def _signal(self, number: int, *, group: bool) -> None:
        assert self.keeper is not None
        wire.send(self.keeper, {"signal": number, "group": group})


def show_terminal(root: str, slave: int, *, console: bool) -> None:
    """Let a terminal's name be found in the container, as far as device files can be made; the terminal itself is this machine's."""
    number = os.fstat(slave).st_rdev
    for name in (f"pts/{os.minor(number)}", *(["console"] if console else [])):
        path = f"{root}/dev/{name}"
        try:
            os.mknod(path, stat.S_IFCHR | 0o620, number)
        except OSError:
            pass  # there, from a former run, or not ours to make
