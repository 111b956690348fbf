"""One poll(2) loop a keeper: descriptors, what to do when they are ready, and streams copied from one to several others."""

from __future__ import annotations

import os
import select
import time

TYPE_CHECKING = False  # `typing` would cost the helper 5 ms; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Callable

READ, WRITE, GONE = select.POLLIN, select.POLLOUT, select.POLLHUP | select.POLLERR | select.POLLNVAL
CHUNK = 1 << 16
PIPE_BUF = 4096  # poll says that a pipe takes this much without blocking
QUEUE_LIMIT = 1 << 20


class Loop:
    """Handlers are called with the poll events of their descriptor, callbacks at their time; `stop` ends `run`."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._running = True
        self._timers: list[tuple[float, Callable[[], None]]] = []

    def watch(self, fd: int, handler: Callable[[int], None], events: int = READ) -> None:
        """Call `handler` whenever `fd` is ready."""
        self._handlers[fd] = handler
        self._poll.register(fd, events)

    def forget(self, fd: int) -> None:
        """No longer look at `fd`."""
        if self._handlers.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def watches(self, fd: int) -> bool:
        """Whether `fd` is looked at."""
        return fd in self._handlers

    def after(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call `callback` once, `seconds` from now."""
        self._timers.append((time.monotonic() + seconds, callback))

    def cancel(self, callback: Callable[[], None]) -> None:
        """Forget a callback whose time has not come."""
        self._timers = [timer for timer in self._timers if timer[1] != callback]

    def stop(self) -> None:
        """Let `run` return."""
        self._running = False

    def run(self) -> None:
        """Serve until `stop`."""
        self._running = True
        while self._running:
            wait = None
            if self._timers:
                wait = max(0.0, min(when for when, _ in self._timers) - time.monotonic()) * 1000
            ready = self._poll.poll(wait)
            if self._timers:  # however busy the descriptors are
                self._call_due()
            for fd, events in ready:
                handler = self._handlers.get(fd)
                if handler and self._running:
                    handler(events)

    def serve_only(self, fds: list[int], as_long_as: Callable[[], object]) -> None:
        """Forget all other descriptors, and what was to be called later."""
        self._timers.clear()
        for fd in set(self._handlers).difference(fds):
            self.forget(fd)
        while as_long_as():
            for fd, events in self._poll.poll():
                if handler := self._handlers.get(fd):
                    handler(events)

    def _call_due(self) -> None:
        now = time.monotonic()
        due = [timer for timer in self._timers if timer[0] <= now]
        self._timers = [timer for timer in self._timers if timer[0] > now]
        for _, callback in due:
            if self._running:
                callback()


class Outlet:
    """A descriptor that takes bytes at its own pace. The loop is a supervisor too, so no write may block it; a broken one is dropped."""

    def __init__(self, loop: Loop, fd: int) -> None:
        self._loop, self.fd, self._queue, self.broken = loop, fd, bytearray(), False
        self.end_after = False
        self.waiting: list[Callable[[], None]] = []  # sources, to be called when there is room again

    def push(self, data: bytes) -> None:
        """Queue bytes."""
        if not self.broken:
            self._queue += data
            if not self._loop.watches(self.fd):
                try:
                    self._loop.watch(self.fd, self._ready, WRITE)
                except OSError:
                    self.close()

    def finish(self) -> None:
        """Close once everything is written."""
        self.end_after = True
        if not self._queue:
            self.close()

    @property
    def full(self) -> bool:
        """Whether its sources should wait."""
        return len(self._queue) > QUEUE_LIMIT and not self.broken

    @property
    def pending(self) -> bool:
        """Whether something is not written yet."""
        return bool(self._queue) and not self.broken

    def _ready(self, events: int) -> None:
        if not events & WRITE:
            self.close()
            return
        try:
            written = os.write(self.fd, self._queue[:PIPE_BUF])
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        del self._queue[:written]
        if self.waiting and not self.full:
            self._go_on()
        if not self._queue:
            self._loop.forget(self.fd)
            if self.end_after:
                self.close()

    def close(self) -> None:
        """Drop it, with what is queued."""
        if not self.broken:
            self.broken = True
            self._queue.clear()
            self._loop.forget(self.fd)
            os.close(self.fd)
            self._go_on()

    def _go_on(self) -> None:
        waiting, self.waiting = self.waiting, []
        for go_on in waiting:
            go_on()


class Stream:
    """Copies a descriptor to outlets and a callback until its end, no faster than the slowest of them takes it.

    `sink` gets every piece, and b"" at the end; `behind` is what it passes them on to, if that may be slow.
    """

    def __init__(self, loop: Loop, fd: int, sink: Callable[[bytes], None], outlets: list[Outlet], behind: Outlet | None = None) -> None:
        self._loop, self.fd, self._sink, self.outlets, self._behind = loop, fd, sink, outlets, behind
        self.ended = False
        loop.watch(fd, self._ready)

    def _ready(self, _events: int) -> None:
        slow = self._behind if self._behind and self._behind.full else next((outlet for outlet in self.outlets if outlet.full), None)
        if slow:
            self._loop.forget(self.fd)  # poll would return at once, for ever
            slow.waiting.append(self._go_on)
        else:
            self.read_once()

    def _go_on(self) -> None:
        if not self.ended and not self._loop.watches(self.fd):
            self._loop.watch(self.fd, self._ready)

    def read_once(self) -> bool:
        """One read; False where there was nothing or the end."""
        try:
            data = os.read(self.fd, CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""  # EIO: the last process let go of the terminal
        if data:
            self._sink(data)
            for outlet in self.outlets:
                outlet.push(data)
            return True
        self.close()
        return False

    def drain(self) -> None:
        """Read what is there, for the end of a container: no process is left that could write more."""
        if not self.ended:
            os.set_blocking(self.fd, False)
            while not self.ended and self.read_once():
                pass
            self.close()

    def close(self) -> None:
        """End the stream, and its outlets once they are written."""
        if not self.ended:
            self.ended = True
            self._loop.forget(self.fd)
            os.close(self.fd)
            self._sink(b"")
            for outlet in self.outlets:
                outlet.finish()
