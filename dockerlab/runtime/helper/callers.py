"""The control socket of a container: who calls its keeper while it runs, to attach, to signal, to have an exec judged."""

from __future__ import annotations

import os
from _socket import socket as Socket

from dockerlab.runtime.helper import wire
from dockerlab.runtime.helper.loop import Loop

TYPE_CHECKING = False  # `typing` would cost the helper 5 ms; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Callable


class Callers:
    """Each has a connection of its own for as long as it likes."""

    def __init__(self, loop: Loop, told: Callable[[Socket, wire.Message, list[int]], None], gone: Callable[[Socket], None]) -> None:
        """`told` hears of each message, with what came along; `gone` of the end of a connection, before it is closed."""
        self._loop, self._told, self._gone = loop, told, gone
        self.connections: list[Socket] = []

    def listen(self, server: Socket, folder: int) -> None:
        """Be there for calls, as `control` in the container's folder."""
        before = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        os.fchdir(folder)  # a socket's path may have no more than 107 bytes
        server.bind("control")
        os.fchdir(before)
        os.close(before)
        server.listen(16)
        self._loop.watch(server.fileno(), lambda _events: self._accept(server))

    def _accept(self, server: Socket) -> None:
        fd, _ = server._accept()  # type: ignore[attr-defined]
        connection = Socket(fileno=fd)
        self.connections.append(connection)
        self._loop.watch(connection.fileno(), lambda _events: self._hear(connection))

    def _hear(self, connection: Socket) -> None:
        message, fds = wire.receive(connection)
        if message is not None:
            self._told(connection, message, fds)
            return
        self._loop.forget(connection.fileno())
        self.connections.remove(connection)
        self._gone(connection)
        connection.close()
