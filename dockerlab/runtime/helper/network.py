"""The network of a container: loopback up with the container's address on it, and published ports relayed to that address.

A socket belongs for ever to the network namespace that it was made in. So the keeper listens on the host's port *before* it leaves the
host's namespace; afterwards accept() yields connections from the host, and connect() reaches the container.
"""

from __future__ import annotations

import _thread
import fcntl
import os
import resource
import time
from _socket import AF_INET, IPPROTO_TCP, SHUT_WR, SO_REUSEADDR, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET, TCP_NODELAY
from _socket import socket as Socket

from dockerlab.runtime.helper import ADDRESS, kernel, udp
from dockerlab.runtime.helper.init import StartError, import_no_more, plain

TYPE_CHECKING = False  # `typing` would cost the helper 5 ms; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Callable

SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK, IFF_UP, IFF_RUNNING = 0x8914, 0x8916, 0x891C, 1, 0x40
F_SETPIPE_SZ = 1031
PIPE = 1 << 20
PAUSE = 0.05  # seconds until the next try where descriptors or threads have run out

Port = tuple[str, int, int, str]  # address on the host, port on the host (0: the kernel chooses), port in the container, tcp or udp


def listen(ports: list[Port]) -> list[tuple[Socket, Port]]:
    """Listen on every port of the host, or say which one is taken, in docker's words."""
    result = []
    for address, number, inner, protocol in ports:
        stream = protocol == "tcp"
        listener = Socket(AF_INET, SOCK_STREAM if stream else SOCK_DGRAM)
        if stream:  # for datagrams it would let two have one port
            listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        try:
            listener.bind((address, number))
            if stream:
                listener.listen(128)
        except OSError as error:
            if error.errno == 98:
                raise StartError(125, f"Bind for {address}:{number} failed: port is already allocated") from None
            raise StartError(125, f"listen {protocol}4 {address}:{number}: bind: {plain(error)}") from None
        result.append((listener, (address, listener.getsockname()[1], inner, protocol)))
    return result


def loopback_up() -> None:
    """A new network namespace has a loopback that is down."""
    any_socket = Socket(AF_INET, SOCK_DGRAM)
    try:
        fcntl.ioctl(any_socket.fileno(), SIOCSIFFLAGS, b"lo".ljust(16, b"\0") + (IFF_UP | IFF_RUNNING).to_bytes(2, "little") + bytes(14))
    finally:
        any_socket.close()


def take_address() -> None:
    """The container's own address, to which its name resolves and its published ports lead. As in Docker, who listens on 127.0.0.1 alone is not reached."""
    any_socket = Socket(AF_INET, SOCK_DGRAM)
    try:
        for request, address in ((SIOCSIFADDR, ADDRESS), (SIOCSIFNETMASK, "255.255.255.255")):
            octets = bytes(int(octet) for octet in address.split("."))
            fcntl.ioctl(
                any_socket.fileno(), request, b"lo:0".ljust(16, b"\0") + AF_INET.to_bytes(2, "little") + bytes(2) + octets + bytes(8)
            )
    finally:
        any_socket.close()


def start_relay(listeners: list[tuple[Socket, Port]], address: str = ADDRESS, real: Callable[[int], int] = int) -> int:
    """Fork the process that carries bytes to the container's `address` for as long as the keeper lives; its number.

    `real` is asked, whenever one connects, which port there a TCP port of the container is at the moment.
    """
    keeper = os.getpid()
    child = os.fork()
    if child:
        for listener, _ in listeners:
            listener.close()
        return child
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
        import_no_more()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        first = 3
        for kept in sorted(listener.fileno() for listener, _ in listeners):  # without /proc: the keeper may be changing the root meanwhile
            os.closerange(first, kept)  # above all the container's lock and its output
            first = kept + 1
        os.closerange(first, soft)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a connection takes six
        if os.getppid() == keeper:
            for listener, port in listeners[1:]:
                _thread.start_new_thread(_carry, (listener, port, address, real))
            _carry(*listeners[0], address, real)
    finally:
        os._exit(0)


def _carry(listener: Socket, port: Port, address: str, real: Callable[[int], int]) -> None:
    if port[3] == "udp":
        udp.Relay(listener, (address, port[2])).serve()
    else:
        _serve(listener, address, port[2], real)


def _serve(listener: Socket, address: str, number: int, real: Callable[[int], int]) -> None:
    """Accept for ever. What a connection needs is made before it is accepted: where descriptors run out, clients wait in the kernel's queue."""
    while True:
        pipes: list[int] = []
        inside = None
        try:
            pipes += os.pipe()
            pipes += os.pipe()
            inside = Socket(AF_INET, SOCK_STREAM)
            fd, _ = listener._accept()  # type: ignore[attr-defined]
        except OSError:
            if inside:
                inside.close()
            _close(pipes)
            time.sleep(PAUSE)  # what ends meanwhile gives its descriptors back
            continue
        outside = Socket(fileno=fd)
        try:
            inside.connect((address, real(number)))
            for end in (outside, inside):
                end.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            _thread.start_new_thread(_relay, (outside, inside, pipes))
        except (OSError, RuntimeError) as error:
            _drop(outside, inside, pipes)  # nobody listens there yet: the client sees the end of the connection, as with docker-proxy
            if isinstance(error, RuntimeError):
                time.sleep(PAUSE)  # no thread to be had


def _relay(one: Socket, other: Socket, pipes: list[int]) -> None:
    done = _thread.allocate_lock()
    done.acquire()

    def back() -> None:
        try:
            _pump(other, one, *pipes[2:])
        finally:
            done.release()

    try:
        _thread.start_new_thread(back, ())
        _pump(one, other, *pipes[:2])
        done.acquire()
    except RuntimeError:
        pass  # no second thread to be had: drop this connection
    finally:
        _drop(one, other, pipes)


def _drop(one: Socket, other: Socket, pipes: list[int]) -> None:
    one.close()
    other.close()
    _close(pipes)


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)


def _pump(source: Socket, target: Socket, reader: int, writer: int) -> None:
    """One direction, inside the kernel: socket to pipe to socket; then hand on the end."""
    try:
        fcntl.fcntl(writer, F_SETPIPE_SZ, PIPE)
    except OSError:
        pass  # the user's share of pipe memory is used up
    try:
        while size := os.splice(source.fileno(), writer, PIPE):
            while size:
                size -= os.splice(reader, target.fileno(), size)
    except OSError:
        pass  # one side has gone
    finally:
        try:
            target.shutdown(SHUT_WR)
        except OSError:
            pass
