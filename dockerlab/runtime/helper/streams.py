"""What goes in and out of a container's first process: pipes or a terminal, the log, and whoever is attached."""

from __future__ import annotations

import fcntl
import os
import select
import time

from dockerlab.runtime.helper import kernel
from dockerlab.runtime.helper.loop import Loop, Outlet, Stream
from dockerlab.runtime.helper.records import Log

TIOCSPTLCK, TIOCGPTN, TIOCSWINSZ = 0x40045431, 0x80045430, 0x5414


def open_pty(dev: str) -> tuple[int, int, int]:
    """A terminal from the container's own devpts, so that `tty` finds its name there: master, slave, number."""
    master = os.open(f"{dev}/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(master, TIOCSPTLCK, bytes(4))
    number = int.from_bytes(fcntl.ioctl(master, TIOCGPTN, bytes(4)), "little")
    slave = os.open(f"{dev}/pts/{number}", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    return master, slave, number


class Streams:
    """`outer` are the client's descriptors by name (some may be missing); `inner` are what the process gets as 0, 1 and 2."""

    def __init__(self, loop: Loop, outer: dict[str, int], log: Log | None) -> None:
        self._loop, self._outer, self._log = loop, outer, log
        self._streams: list[Stream] = []
        self._beside: list[Stream] = []
        self._stdin: Stream | None = None
        self._stdin_pipe: Outlet | None = None
        self.inner: list[int] = []
        self._master = -1

    def open_pipes(self, *, keep_stdin: bool) -> None:
        """Pipes for output; for input what the client gave, an open pipe for who attaches later, or nothing."""
        if "stdin" in self._outer:
            self.inner.append(self._outer.pop("stdin"))
        elif keep_stdin:
            reader, writer = os.pipe()
            self.inner.append(reader)
            self._stdin_pipe = Outlet(self._loop, writer)
        else:
            self.inner.append(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))
        for name in ("stdout", "stderr"):
            reader, writer = os.pipe()
            self.inner.append(writer)
            self._copy(reader, name)

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
            self._take_input(stdin)

    def _make_console(self, dev: str, number: int) -> None:
        os.close(os.open(f"{dev}/console", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o620))
        kernel.mount(f"{dev}/pts/{number}", f"{dev}/console", None, kernel.MS_BIND)

    def _copy(self, source: int, name: str) -> None:
        outlets = [Outlet(self._loop, self._outer.pop(name))] if name in self._outer else []
        log = self._log

        def sink(data: bytes) -> None:
            if log:
                log.write(name, data)

        self._streams.append(Stream(self._loop, source, sink, outlets))

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

    def _take_input(self, fd: int) -> None:
        """The client's keys to the terminal's master; its end of input is the ^D that a terminal knows."""
        outlet = self._stdin_pipe
        assert outlet is not None

        def sink(data: bytes) -> None:
            if data:
                outlet.push(data)
            elif self._master >= 0:
                outlet.push(b"\x04")
            else:
                outlet.finish()

        self._stdin = Stream(self._loop, fd, sink, [])

    def attach(self, fds: dict[str, int]) -> None:
        """`docker attach`: from now on also to these."""
        for stream, name in zip(self._streams, ("stdout", "stderr"), strict=False):
            if name in fds:
                stream.outlets.append(Outlet(self._loop, fds.pop(name)))
        if "stdin" in fds and self._stdin_pipe:
            self._take_input(fds.pop("stdin"))
        for fd in fds.values():
            os.close(fd)

    def detach(self) -> None:
        """The client is gone: leave its terminal alone."""
        if self._stdin and self._stdin.fd >= 0 and not self._stdin.ended:
            self._loop.forget(self._stdin.fd)
            os.close(self._stdin.fd)
            self._stdin.ended = True
        for stream in self._streams:
            for outlet in stream.outlets:
                outlet.close()
            stream.outlets.clear()

    def resize(self, rows: int, columns: int) -> None:
        """Set the terminal's size, which sends SIGWINCH inside."""
        if self._master >= 0:
            size = rows.to_bytes(2, "little") + columns.to_bytes(2, "little") + bytes(4)
            fcntl.ioctl(self._master, TIOCSWINSZ, size)

    def drain(self) -> None:
        """Everything the dead processes wrote goes to the log and to the outlets' queues."""
        for stream in (*self._beside, *self._streams):
            stream.drain()

    def flush(self, not_ours: list[int]) -> None:
        """Write what attached clients have not read yet; a slow one is served by a child that does not hold the container's lock."""
        outlets = [outlet for stream in self._streams for outlet in stream.outlets if outlet.pending]
        if not outlets:
            return
        deadline = time.monotonic() + 0.05
        forked = False
        while outlets:
            poll = select.poll()
            for outlet in outlets:
                poll.register(outlet.fd, select.POLLOUT)
            for fd, events in poll.poll(50):
                next(outlet for outlet in outlets if outlet.fd == fd)._ready(events)
            outlets = [outlet for outlet in outlets if outlet.pending]
            if outlets and not forked and time.monotonic() > deadline:
                if os.fork():
                    return
                forked = True
                for fd in not_ours:
                    os.close(fd)
        if forked:
            os._exit(0)
