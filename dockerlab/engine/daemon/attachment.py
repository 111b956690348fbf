"""Streams at a container's, over one socket: frames from the daemon to our descriptors, what is typed the other way.

    0: stdin   1: stdout   2: stderr  │ 0 0 0 │ length, 4 bytes, the highest first │ so many bytes

Where there is a terminal there are no frames. (Docker Engine API, "Attach to a container", stream format)
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from dockerlab.engine.specs import Streams
from dockerlab.errors import Detached

_HEADER = 8
_PIECE = 64 << 10
_LAST_WORDS = 1.0  # seconds for a thread to end when it is told to


def socket_of(answer: Any) -> socket.socket:
    """The socket itself of what the SDK gives: the file around it, or one of its own for TLS."""
    found = getattr(answer, "_sock", answer)
    found.settimeout(None)
    return found  # type: ignore[no-any-return]


def early_of(answer: Any) -> bytes:
    """What had come when the headers were read: it lies in the file around the socket, where nobody would look for it again."""
    found = getattr(answer, "_sock", answer)
    try:
        file = answer._response.raw._fp.fp
        found.settimeout(0)
        return bytes(file.peek())
    except (AttributeError, OSError, ValueError):
        return b""  # another transport of the SDK, or nothing has come
    finally:
        found.settimeout(None)


class Pump:
    """Copies both ways in threads of its own until the daemon has no more to say."""

    def __init__(self, channel: socket.socket, streams: Streams, *, tty: bool, keep: Any = None) -> None:
        """`keep`: whatever must live as long as the socket."""
        self._channel, self._streams, self._tty, self._keep = channel, streams, tty, keep
        self._early = early_of(keep) if keep is not None else b""
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._wake, self._awake = os.pipe()
        self.detached = False
        """Whether the keys that let go were typed."""
        self._threads = [threading.Thread(target=self._receive, daemon=True)]
        if streams.stdin is not None:
            self._threads.append(threading.Thread(target=self._send, daemon=True))
        for one in self._threads:
            one.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end of the stream, so long at most; whether it is there."""
        return self._over.wait(seconds)

    def close(self) -> None:
        """Let go."""
        with suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        self._wake_up()
        for one in self._threads:
            if one is not threading.current_thread():
                one.join(_LAST_WORDS)
        with self._lock:
            if self._awake >= 0 and not any(one.is_alive() for one in self._threads):
                os.close(self._wake)
                os.close(self._awake)
                self._wake = self._awake = -1
                self._channel.close()
                if self._keep is not None:
                    self._keep.close()

    def _wake_up(self) -> None:
        """The thread that reads what is typed ends."""
        with self._lock, suppress(OSError):
            if self._awake >= 0:
                os.write(self._awake, b".")

    # --- from the daemon

    def _recv(self, count: int) -> bytes:
        if self._early:
            piece, self._early = self._early[:count], self._early[count:]
            return piece
        return self._channel.recv(count)

    def _receive(self) -> None:
        try:
            if self._tty:
                while piece := self._recv(_PIECE):
                    _write(self._streams.stdout, piece)
            else:
                self._frames()
        except OSError:
            pass  # the daemon, or whoever reads us, has gone
        finally:
            self._over.set()
            self._wake_up()

    def _frames(self) -> None:
        while header := self._exactly(_HEADER):
            left = int.from_bytes(header[4:], "big")
            target = self._streams.stderr if header[0] == 2 else self._streams.stdout
            while left:
                piece = self._recv(min(left, _PIECE))
                if not piece:
                    return
                _write(target, piece)
                left -= len(piece)

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self._recv(count - len(data))
            if not piece:
                return b""
            data += piece
        return data

    # --- to the daemon

    def _send(self) -> None:
        assert self._streams.stdin is not None
        keys, typed = self._streams.detach_keys if self._tty else b"", b""
        try:
            while True:
                ready, _, _ = select.select([self._streams.stdin, self._wake], [], [])
                if self._wake in ready:
                    return
                piece = os.read(self._streams.stdin, _PIECE)
                if not piece:
                    with suppress(OSError):
                        self._channel.shutdown(socket.SHUT_WR)
                    return
                typed = (typed + piece)[-max(1, len(keys)) :] if keys else b""
                if keys and typed.endswith(keys):
                    self.detached = True
                    with suppress(OSError):
                        self._channel.shutdown(socket.SHUT_RDWR)
                    return
                self._channel.sendall(piece)
        except (OSError, ValueError):
            pass  # nobody listens any more


def _write(target: int | None, data: bytes) -> None:
    while target is not None and data:
        data = data[os.write(target, data) :]


class DaemonControl:
    """What `runtime.control.Control` is where the keeper is a daemon."""

    error = ""
    """A daemon has none of our own limits."""

    def __init__(self, pump: Pump, end: Callable[[], int], resized: Callable[[int, int], None], send: Callable[[int], None]) -> None:
        """`end` asks for the exit code when the stream has ended; `resized` and `send` tell the daemon of a size and a signal."""
        self._pump, self._end, self._resized, self._send = pump, end, resized, send
        self.on_resize: Callable[[int, int], None] = lambda rows, columns: None

    def wait(self) -> int:
        """The exit code. Detached if the keys that let go were typed."""
        self._pump.wait()
        if self._pump.detached:
            raise Detached
        return self._end()

    def end_from(self, end: Callable[[], int]) -> None:
        """Where the exit code comes from, known only now that it has started."""
        self._end = end

    def ends_within(self, seconds: float) -> bool:
        """Wait so long at most for the end of what it prints."""
        return self._pump.wait(seconds)

    def signal(self, number: int, *, group: bool = False) -> None:
        """Signal the process."""
        self._send(number)

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of its terminal."""
        self._resized(rows, columns)
        self.on_resize(rows, columns)

    def close(self) -> None:
        """Detach."""
        self._pump.close()

    def __enter__(self) -> DaemonControl:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
