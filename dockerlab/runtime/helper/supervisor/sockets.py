"""Ports of a container that has no network of its own: the port that it listens on is moved to a free one on loopback, and it is not told.

`bind` of a TCP port takes the free one, `connect` to loopback leads there, `getsockname` says the port that was asked for. So two containers may
have one port, and an ordinary user's may have one below 1024, as in Docker. Not moved: UDP, ports that the kernel chooses, addresses of this machine.
Known gap: an address that `connect` was given shows the real port afterwards, and so does `getpeername`.
"""

from __future__ import annotations

import mmap
import os
from _socket import AF_INET, AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, SO_TYPE, SOCK_STREAM, SOL_SOCKET, inet_pton
from _socket import socket as Socket

from dockerlab.runtime.helper import kernel
from dockerlab.runtime.helper.supervisor.caller import Caller
from dockerlab.runtime.helper.supervisor.credentials import CONTINUE

TYPE_CHECKING = False  # `typing` would cost the helper 5 ms; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Callable

_PIDFD_GETFD = 438
_MAPPED = bytes(10) + b"\xff\xff"
_LOCAL, _LOCAL6, _ANY, _ANY6 = inet_pton(AF_INET, "127.0.0.1"), inet_pton(AF_INET6, "::1"), bytes(4), bytes(16)


class Ports:
    """Where the container's ports are: shared with the relay, a process of its own, which must be forked later."""

    def __init__(self) -> None:
        self._table = mmap.mmap(-1, 2 << 16)

    def real(self, port: int) -> int:
        """The port of this machine that 127.0.0.1's `port` in the container is."""
        return int.from_bytes(self._table[2 * port : 2 * port + 2], "little") or port

    def move(self, port: int, real: int) -> None:
        """From now on."""
        self._table[2 * port : 2 * port + 2] = real.to_bytes(2, "little")


class SocketCalls:
    """Handlers answer as those of `CredentialCalls`."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._moved: dict[tuple[bool, int], int] = {}
        """(whether it is for IPv6 alone, the container's port) -> the real one."""
        self._asked: dict[int, bytes] = {}
        """Real port -> the address that bind was given."""
        self._both: set[int] = set()
        """The container's ports on which IPv6 is listened for as well as IPv4."""

    def _do_bind(self, caller: Caller, a: list[int]) -> int | None:
        asked = _address(caller, a[1], a[2])
        if asked is None:
            return CONTINUE
        family, address, port = asked
        if not port or (address not in (_ANY, _ANY6, _LOCAL6, _MAPPED + _LOCAL) and address[:1] != b"\x7f"):
            return CONTINUE
        mine = _socket_of(caller, a[0])
        try:
            return self._bind(mine, family, address, port, lambda: caller.read(a[1], min(a[2], 28)))
        finally:
            mine.close()

    def _bind(self, mine: Socket, family: int, address: bytes, port: int, asked: Callable[[], bytes]) -> int | None:
        if mine.getsockopt(SOL_SOCKET, SO_TYPE) != SOCK_STREAM or mine.family != family:
            return CONTINUE
        alone = family == AF_INET6 and (address == _LOCAL6 or bool(mine.getsockopt(IPPROTO_IPV6, IPV6_V6ONLY)))
        host = "::1" if alone else "::ffff:127.0.0.1" if family == AF_INET6 else "127.0.0.1"
        real = self._moved.get((alone, port), 0)
        mine.bind((host, real))
        if not real:
            real = self._moved[alone, port] = mine.getsockname()[1]
        self._asked[real] = asked()
        if not alone:
            self._ports.move(port, real)
            if family == AF_INET6:
                self._both.add(port)
        return 0

    def _do_connect(self, caller: Caller, a: list[int]) -> None:
        asked = _address(caller, a[1], a[2]) if self._moved else None
        if asked is None:
            return
        family, address, port = asked
        if family == AF_INET and (address[:1] == b"\x7f" or address == _ANY):
            if real := self._moved.get((False, port)):
                caller.write(a[1] + 2, real.to_bytes(2, "big"))
        elif address in (_LOCAL6, _ANY6):
            if real := self._moved.get((True, port)):
                caller.write(a[1] + 2, real.to_bytes(2, "big"))
            elif port in self._both:
                caller.write(a[1] + 2, self._moved[False, port].to_bytes(2, "big"))
                caller.write(a[1] + 8, _MAPPED + _LOCAL)
        elif address.startswith(_MAPPED + b"\x7f") and (real := self._moved.get((False, port))):
            caller.write(a[1] + 2, real.to_bytes(2, "big"))

    def _do_getsockname(self, caller: Caller, a: list[int]) -> int | None:
        if not self._moved:
            return CONTINUE
        mine = _socket_of(caller, a[0])
        try:
            shown = self._shown(mine)
        finally:
            mine.close()
        if shown is None:
            return CONTINUE
        room = int.from_bytes(caller.read(a[2], 4), "little")
        caller.write(a[1], shown[:room])
        caller.write(a[2], len(shown).to_bytes(4, "little"))
        return 0

    def _shown(self, mine: Socket) -> bytes | None:
        """The address of a socket whose port was moved, as bind was given it."""
        if mine.family not in (AF_INET, AF_INET6) or mine.getsockopt(SOL_SOCKET, SO_TYPE) != SOCK_STREAM:
            return None
        address, real = mine.getsockname()[:2]
        asked = self._asked.get(real)
        if asked is None:
            return None
        try:
            mine.getpeername()
        except OSError:
            return asked[: 16 if mine.family == AF_INET else 28]  # it listens, or will
        octets = inet_pton(mine.family, address)  # one that it has accepted: the address is concrete
        return asked[:4] + octets + bytes(8) if mine.family == AF_INET else asked[:8] + octets + bytes(4)


def _address(caller: Caller, at: int, size: int) -> tuple[int, bytes, int] | None:
    """(family, address, port) of an IP address in the caller's memory, else None."""
    if not 16 <= size <= 128:
        return None
    data = caller.read(at, min(size, 28))
    family = int.from_bytes(data[:2], "little")
    port = int.from_bytes(data[2:4], "big")
    if family == AF_INET:
        return family, data[4:8], port
    return (family, data[8:24], port) if family == AF_INET6 and len(data) >= 24 else None


def _socket_of(caller: Caller, number: int) -> Socket:
    """The caller's own socket, as a descriptor of ours; OSError where it has none of that number."""
    with open(f"{caller.pid}/status", "rb") as file:
        process = next(int(line.split()[1]) for line in file if line.startswith(b"Tgid:"))
    pidfd = os.pidfd_open(process)
    try:
        return Socket(fileno=kernel.syscall("pidfd_getfd", _PIDFD_GETFD, pidfd, number & 0xFFFFFFFF, 0))
    finally:
        os.close(pidfd)
