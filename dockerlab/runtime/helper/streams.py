"""What goes in and out of a container's first process: pipes or a terminal, the log, and whoever is attached."""

from __future__ import annotations

import fcntl
import os

from dockerlab.runtime.helper import kernel
from dockerlab.runtime.helper.loop import Loop, Outlet, Stream
from dockerlab.runtime.helper.records import Log

TYPE_CHECKING = False  # `typing` would cost the helper 5 ms; type checkers know this name
if TYPE_CHECKING:
    from _socket import socket as Socket
    from collections.abc import Callable

TIOCSPTLCK, TIOCGPTN, TIOCSWINSZ = 0x40045431, 0x80045430, 0x5414


def open_pty(dev: str) -> tuple[int, int, int]:
    """A terminal from the container's own devpts, so that `tty` finds its name there: master, slave, number."""
    master = os.open(f"{dev}/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(master, TIOCSPTLCK, bytes(4))
    number = int.from_bytes(fcntl.ioctl(master, TIOCGPTN, bytes(4)), "little")
    slave = os.open(f"{dev}/pts/{number}", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    return master, slave, number


class Client:
    """Somebody who is attached: what is read of it, and what is written to it."""

    def __init__(self, detach_keys: bytes = b"", on_detach: Callable[[], None] | None = None) -> None:
        """`on_detach` is called when somebody types `detach_keys` at its terminal."""
        self._detach_keys, self._typed, self._on_detach = detach_keys, 0, on_detach
        self.input: Stream | None = None
        self.outlets: list[tuple[Stream, Outlet]] = []

    def keys(self, data: bytes) -> tuple[bytes, bool]:
        """(what of the keys goes inside, whether the ones to detach with are among them). Their beginning is held back until one more key is typed."""
        wanted = self._detach_keys
        if not wanted or (not self._typed and wanted[0] not in data):
            return data, False
        passed = bytearray()
        for key in data:
            if key == wanted[self._typed]:
                self._typed += 1
                if self._typed == len(wanted):
                    return bytes(passed), True
            else:
                passed += wanted[: self._typed]
                passed.append(key)
                self._typed = 0
        return bytes(passed), False

    def detached(self) -> None:
        """The keys were typed."""
        if self._on_detach:
            self._on_detach()


class Streams:
    """`outer` are the descriptors of the client who started the process, by name (some may be missing); `inner` are what the process gets as 0, 1 and 2."""

    def __init__(self, loop: Loop, outer: dict[str, int], log: Log | None, client: Client) -> None:
        self._loop, self._outer, self._log, self._starter = loop, outer, log, client
        self._streams: list[Stream] = []
        self._beside: list[Stream] = []
        self._stdin_pipe: Outlet | None = None
        self.inner: list[int] = []
        self._master = -1

    def open_pipes(self, *, keep_stdin: bool, together: bool) -> None:
        """Pipes for output; for input what the client gave, an open pipe for who attaches later, or nothing. `together`: one pipe, where the client has one."""
        if "stdin" in self._outer:
            self.inner.append(self._outer.pop("stdin"))
        elif keep_stdin:
            reader, writer = os.pipe()
            self.inner.append(reader)
            self._stdin_pipe = Outlet(self._loop, writer)
        else:
            self.inner.append(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))
        if together and self._goes_to_one_pipe():
            os.close(self._outer.pop("stderr"))
            reader, writer = os.pipe()
            self.inner += [writer, writer]
            self._copy(reader, "stdout")
            return
        for name in ("stdout", "stderr"):
            reader, writer = os.pipe()
            self.inner.append(writer)
            self._copy(reader, name)

    def _goes_to_one_pipe(self) -> bool:
        if not {"stdout", "stderr"} <= self._outer.keys():
            return False
        one, other = (os.fstat(self._outer[name]) for name in ("stdout", "stderr"))
        return os.path.samestat(one, other)

    def open_terminal(self, dev: str, *, console: bool = True) -> None:
        """A terminal of the container's own; `console`: show it as /dev/console too, as runc does for the first process."""
        self._master, slave, number = open_pty(dev)
        self.inner = [slave, slave, slave]
        if console:
            self._make_console(dev, number)
        stderr = self._outer.pop("stderr", None)
        if stderr is not None:
            os.close(stderr)
        stdin = self._outer.pop("stdin", None)
        self._copy(self._master, "stdout")
        self._stdin_pipe = Outlet(self._loop, os.dup(self._master))
        if stdin is not None:
            self._take_input(self._starter, stdin)

    def _make_console(self, dev: str, number: int) -> None:
        os.close(os.open(f"{dev}/console", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o620))
        kernel.mount(f"{dev}/pts/{number}", f"{dev}/console", None, kernel.MS_BIND)

    def _copy(self, source: int, name: str) -> None:
        log = self._log

        def sink(data: bytes) -> None:
            if log:
                log.write(name, data)

        stream = Stream(self._loop, source, sink, [])
        self._streams.append(stream)
        if name in self._outer:
            self._give_output(self._starter, stream, self._outer.pop(name))

    def _give_output(self, client: Client, stream: Stream, fd: int) -> None:
        outlet = Outlet(self._loop, fd)
        stream.outlets.append(outlet)
        client.outlets.append((stream, outlet))

    def also(self, source: int, name: str) -> None:
        """What comes out of `source` is output of the process too."""
        main = self._streams[0 if name == "stdout" else -1]
        log = self._log

        def sink(data: bytes) -> None:
            if log and data:
                log.write(name, data)
            for outlet in main.outlets:
                outlet.push(data)

        self._beside.append(Stream(self._loop, source, sink, []))

    def _take_input(self, client: Client, fd: int) -> None:
        """The client's keys to the terminal's master. The end of what it pipes in is the ^D that a terminal knows; that of its own terminal is none."""
        outlet = self._stdin_pipe
        assert outlet is not None
        typed = os.isatty(fd)

        def sink(data: bytes) -> None:
            passed, detach = client.keys(data) if typed else (data, False)
            if passed:
                outlet.push(passed)
            elif not data and self._master < 0:
                outlet.finish()
            elif not data and not typed:
                outlet.push(b"\x04")
            if detach:
                client.detached()

        client.input = Stream(self._loop, fd, sink, [], outlet)

    def attach(self, fds: dict[str, int], client: Client) -> None:
        """`docker attach`: from now on also to and from these."""
        for stream, name in zip(self._streams, ("stdout", "stderr"), strict=False):
            if name in fds:
                self._give_output(client, stream, fds.pop(name))
        if "stdin" in fds and self._stdin_pipe:
            self._take_input(client, fds.pop("stdin"))
        for fd in fds.values():
            os.close(fd)

    def detach(self, client: Client | None = None) -> None:
        """The client (if none is named, who started the process) is gone: leave its terminal alone."""
        client = client or self._starter
        if client.input and not client.input.ended:
            self._loop.forget(client.input.fd)
            os.close(client.input.fd)
            client.input.ended = True
        for stream, outlet in client.outlets:
            outlet.close()
            if outlet in stream.outlets:
                stream.outlets.remove(outlet)
        client.outlets.clear()

    def resize(self, rows: int, columns: int) -> None:
        """Set the terminal's size, which sends SIGWINCH inside; not where the last process has let go of it."""
        if self._master >= 0 and not self._streams[0].ended:
            size = rows.to_bytes(2, "little") + columns.to_bytes(2, "little") + bytes(4)
            fcntl.ioctl(self._master, TIOCSWINSZ, size)

    def drain(self) -> None:
        """Everything the dead processes wrote goes to the log and to the outlets' queues."""
        for stream in (*self._beside, *self._streams):
            stream.drain()

    def unread(self) -> list[int]:
        """Descriptors of clients who have not taken all yet."""
        return [outlet.fd for stream in self._streams for outlet in stream.outlets if outlet.pending]

    def flush(self, attached: list[int], told: Socket | None = None) -> None:
        """Give clients the rest, however slow they are, or until they hang up on the sockets `attached`. The container has ended, for everybody else.

        `told` is where somebody waits for our end, who need not wait for that. (No child could do it: the PID namespace that we fork into is dead.)
        """
        if unread := self.unread():
            kernel.prctl(kernel.PR_SET_PDEATHSIG, 0)
            if told:
                told.close()
            self._loop.serve_only([*unread, *attached], self.unread)
