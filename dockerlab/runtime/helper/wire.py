"""Messages between the engine's process, the helper, the keepers and process 1: one packet each, with descriptors beside it.

Packets are `marshal` of a dictionary: it is built in, where `json` would cost a third of the helper's start-up. Both ends are always the
same interpreter. Large requests travel in a memfd, since a packet has a limit.
"""

from __future__ import annotations

import marshal
import os
from _socket import AF_UNIX, MSG_CMSG_CLOEXEC, MSG_DONTWAIT, SCM_RIGHTS, SOCK_SEQPACKET, SOL_SOCKET, socketpair
from _socket import socket as Socket

Message = dict[str, object]
LARGEST = 1 << 16


def pair() -> tuple[Socket, Socket]:
    """Two connected ends; `_socket` has no wrapper class, and no `socket` module to import."""
    ours, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET)
    return ours, theirs


def pack(fds: list[int]) -> bytes:
    """Descriptors as the kernel takes them in SCM_RIGHTS."""
    return b"".join(fd.to_bytes(4, "little") for fd in fds)


def send(to: Socket, message: Message, fds: list[int] | None = None) -> bool:
    """False where nobody listens any more."""
    try:
        to.sendmsg([marshal.dumps(message)], [(SOL_SOCKET, SCM_RIGHTS, pack(fds))] if fds else [])
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def receive(source: Socket, flags: int = 0) -> tuple[Message | None, list[int]]:
    """The next message and its descriptors (all close-on-exec); None at the end of the stream.

    Who hangs up without having read everything resets the connection. That is told once, before what it had sent: how a process ended.
    """
    try:
        data, ancillary, _, _ = source.recvmsg(LARGEST, 1024, MSG_CMSG_CLOEXEC | flags)
    except ConnectionResetError:
        try:
            data, ancillary, _, _ = source.recvmsg(LARGEST, 1024, MSG_CMSG_CLOEXEC | flags)
        except ConnectionResetError:
            return None, []
    fds: list[int] = []
    for level, kind, body in ancillary:
        if level == SOL_SOCKET and kind == SCM_RIGHTS:
            fds += [int.from_bytes(body[i : i + 4], "little") for i in range(0, len(body) - 3, 4)]
    if not data:
        return None, fds
    message: Message = marshal.loads(data)
    return message, fds


def last_words(source: Socket) -> Message | None:
    """The failure that was told just before the other end was gone, if nobody has heard of it yet."""
    try:
        message, _ = receive(source, MSG_DONTWAIT)
    except OSError:  # nothing was said, or all of it was heard and the end is closed
        return None
    return message if message and message["event"] == "failed" else None


def to_memory(value: Message) -> int:
    """A descriptor of an anonymous file that holds `value`."""
    fd = os.memfd_create("request", os.MFD_CLOEXEC)
    data = memoryview(marshal.dumps(value))
    while data:
        data = data[os.write(fd, data) :]
    return fd


def from_memory(fd: int) -> Message:
    """The value of `to_memory`; closes the descriptor."""
    size = os.fstat(fd).st_size
    chunks, at = [], 0
    while at < size:
        chunk = os.pread(fd, size - at, at)
        if not chunk:
            break
        chunks.append(chunk)
        at += len(chunk)
    os.close(fd)
    message: Message = marshal.loads(b"".join(chunks))
    return message
