"""A published UDP port: datagrams carried into the container, and answers back to whoever asked last from an address."""

from __future__ import annotations

import select
import time
from _socket import AF_INET, SOCK_DGRAM
from _socket import socket as Socket

Client = tuple[str, int]
LARGEST = 1 << 16
FORGET_AFTER = 90.0  # seconds without a word, as docker-proxy has it
MOST_CLIENTS = 512
SWEEP = 5.0


class Relay:
    """One port. Each client has a socket of its own inside, so that answers find their way."""

    def __init__(self, listener: Socket, target: tuple[str, int]) -> None:
        self._listener, self._target = listener, target
        self._poll = select.poll()
        self._clients: dict[Client, Socket] = {}
        self._by_fd: dict[int, Client] = {}
        self._heard: dict[Client, float] = {}

    def serve(self) -> None:
        """For ever."""
        self._listener.setblocking(False)
        self._poll.register(self._listener.fileno(), select.POLLIN)
        swept = time.monotonic()
        while True:
            for fd, _ in self._poll.poll(SWEEP * 1000):
                if fd == self._listener.fileno():
                    self._inwards()
                elif fd in self._by_fd:
                    self._outwards(self._by_fd[fd])
            now = time.monotonic()
            if now - swept > SWEEP:
                swept = now
                for client in [client for client, heard in self._heard.items() if now - heard > FORGET_AFTER]:
                    self._forget(client)

    def _inwards(self) -> None:
        try:
            data, client = self._listener.recvfrom(LARGEST)
            inside = self._clients.get(client) or self._new(client)
            self._heard[client] = time.monotonic()
            inside.send(data)
        except OSError:
            pass  # nobody listens there, or no descriptor is to be had: a datagram may be lost

    def _new(self, client: Client) -> Socket:
        if len(self._clients) >= MOST_CLIENTS:
            self._forget(min(self._heard, key=lambda one: self._heard[one]))
        inside = Socket(AF_INET, SOCK_DGRAM)
        inside.setblocking(False)
        inside.connect(self._target)
        self._clients[client], self._by_fd[inside.fileno()], self._heard[client] = inside, client, time.monotonic()
        self._poll.register(inside.fileno(), select.POLLIN)
        return inside

    def _outwards(self, client: Client) -> None:
        try:
            data = self._clients[client].recv(LARGEST)
            self._heard[client] = time.monotonic()
            self._listener.sendto(data, client)
        except OSError:
            pass  # ECONNREFUSED tells of an earlier datagram

    def _forget(self, client: Client) -> None:
        inside = self._clients.pop(client)
        del self._by_fd[inside.fileno()], self._heard[client]
        self._poll.unregister(inside.fileno())
        inside.close()
