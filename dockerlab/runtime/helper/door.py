"""A program of a kilobyte that proot starts as its first: it forks, and its child puts itself under the supervisor's filter and becomes the container's program.

It is needed because the filter must lie below proot, not above it (proot's own calls would be asked about too), and because only a parent hears how a
process ends. No file of this machine need be shown in the container for it. The program is a list of system calls in its data, written anew for each
process, and a loop that works it off: a call, where its result goes, and which call is next if that is negative, zero or positive.

What it says on its socket is 16 bytes: what happened, and a number.
"""

from __future__ import annotations

import os

from dockerlab.runtime.helper import kernel
from dockerlab.runtime.helper.supervisor import filter as seccomp

SOCKET = 3
"""The descriptor of the socket to us. By it come the process's stdin, stdout and stderr: proot must not hold them, since it lives as long as anything does."""
LISTENER, ENDED, FAILED = 1, 2, 3
"""I am process N and here is my listener; my child ended with wait status N; the program could not be run because of errno -N."""

READABLE = 0x411000
"""Where there is something to read in its memory."""
_CODE, _LIST, _DATA = 0x400000, 0x410000, READABLE  # where it lies in memory; 64 KB apart, the largest page of aarch64
_FILE_OFFSET = 0x10000
_LOOPS = {  # next: the call at rbx (x19); its result is stored, and the next one is found by its sign
    "x86_64": (
        "bb00004100"  # mov $0x410000,%ebx
        "488b03 488b7b08 488b7310 488b5318 4c8b5320 4c8b4328 4c8b4b30 0f05"  # number and six arguments; syscall
        "488b4b38 488901"  # mov 56(%rbx),%rcx; mov %rax,(%rcx)
        "4885c0 7808 740c"  # test %rax,%rax; js; jz
        "488b5b50 ebcf 488b5b40 ebc9 488b5b48 ebc3"  # mov 80, 64 or 72(%rbx),%rbx; jmp next
    ),
    "aarch64": (
        "3308a0d2"  # movz x19, #0x41, lsl #16
        "680240a9 610a41a9 631242a9 651a40f9 010000d4"  # number and six arguments; svc #0
        "691e40f9 200100f9"  # ldr x9, [x19, #56]; str x0, [x9]
        "1f0000f1 8b000054 a0000054"  # cmp x0, #0; b.lt; b.eq
        "732a40f9 f5ffff17 732240f9 f3ffff17 732640f9 f1ffff17"  # ldr x19, [x19, #80, #64 or #72]; b next
    ),
}
_NUMBERS = {
    name: pair[0 if kernel.X86 else 1]
    for name, pair in {  # (x86-64, aarch64), asm/unistd.h
        "clone": (56, 220), "wait4": (61, 260), "write": (1, 64), "read": (0, 63), "exit_group": (231, 94), "getpid": (39, 172), "setsid": (112, 157),
        "ioctl": (16, 29), "dup3": (292, 24), "close": (3, 57), "close_range": (436, 436), "fcntl": (72, 25), "prctl": (157, 167), "seccomp": (317, 277),
        "sendmsg": (46, 211), "recvmsg": (47, 212), "execve": (59, 221),
    }.items()
}  # fmt: skip
_CALL = 11 * 8  # bytes: number, six arguments, where the result goes, the call after a negative one, after zero, after a positive one
_SIGCHLD, _F_SETFD, _TIOCSCTTY = 17, 2, 0x540E


def write(path: str, program: str, args: list[str], env: dict[str, str], *, terminal: bool) -> None:
    """Make the file; `program` is the path in the container. `terminal`: its stdin becomes the terminal of its session."""
    listing = _Listing()
    _fill(listing, program, args, env, terminal)
    data = listing.image()
    code = _header(len(data)) + bytes.fromhex(_LOOPS[kernel.MACHINE])
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o700)
    try:
        os.pwrite(fd, code, 0)
        at = _FILE_OFFSET
        while data:
            written = os.pwrite(fd, data, at)
            data, at = data[written:], at + written
    finally:
        os.close(fd)


def _fill(listing: _Listing, program: str, args: list[str], env: dict[str, str], terminal: bool) -> None:
    put, call = listing.put, listing.call
    path, arguments = listing.string(program), listing.strings(args)
    environment = listing.strings([f"{name}={value}" for name, value in env.items()])
    code = b"".join(seccomp.below_proot())
    filter_ = put(_word(len(code) // 8) + _word(put(code)))
    hello, end, failure = (put(_word(kind) + _word(0)) for kind in (LISTENER, ENDED, FAILED))
    rights = put(_word(20) + (1).to_bytes(4, "little") * 2 + _word(0))  # one descriptor by SCM_RIGHTS (cmsg(3))
    message = put(b"".join(map(_word, (0, 0, put(_word(hello) + _word(16)), 1, rights, 24, 0))))
    byte = put(_word(0))
    stdio = put(b"".join(map(_word, (0, 0, put(_word(byte) + _word(1)), 1, put(bytes(32)), 32, 0))))
    listing.unwanted = failure + 8

    call("clone", _SIGCHLD, store=listing.argument(1), failed="exit", zero="child")
    call("wait4", 0, end + 8, failed="exit")  # its first argument is what clone has stored
    call("write", SOCKET, end, 16)
    call("exit_group", 0, label="exit")
    call("getpid", store=hello + 8, label="child")
    call("setsid")
    call("close_range", SOCKET + 1, 0xFFFFFFFF, 0)
    call("recvmsg", SOCKET, stdio, 0, failed="exit", zero="exit")
    for number in range(3):  # they have got the lowest numbers that are free
        call("dup3", SOCKET + 1 + number, number, 0)
        call("close", SOCKET + 1 + number)
    if terminal:
        call("ioctl", 0, _TIOCSCTTY, 0)
    call("fcntl", SOCKET, _F_SETFD, 1)
    call("prctl", kernel.PR_SET_NO_NEW_PRIVS, 1)
    call("seccomp", 1, 8, filter_, store=rights + 16, failed="failed")
    call("sendmsg", SOCKET, message, 0)
    call("read", SOCKET, byte, 1, zero="exit")  # nobody is there any more
    call("execve", path, arguments, environment)
    call("write", SOCKET, failure, 16, label="failed")
    call("exit_group", 255)


def _word(value: int) -> bytes:
    return value.to_bytes(8, "little")


def _header(size: int) -> bytes:
    """An ELF executable of two segments: the loop, and the list with its data (elf(5))."""
    segments = (5, 0, _CODE, 0x1000), (6, _FILE_OFFSET, _LIST, size)  # flags (4 read, 2 write, 1 run), offset, address, size
    begin = 64 + 56 * len(segments)
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += b"".join(number.to_bytes(2, "little") for number in (2, 62 if kernel.X86 else 183, 1, 0))  # executable, machine, version
    head += _word(_CODE + begin) + _word(64) + _word(0) + bytes(4)
    head += b"".join(number.to_bytes(2, "little") for number in (64, 56, len(segments), 64, 0, 0))
    for flags, offset, address, length in segments:
        head += (1).to_bytes(4, "little") + flags.to_bytes(4, "little")
        head += b"".join(map(_word, (offset, address, address, length, length, 0x10000)))
    return head


class _Listing:
    """Calls and their data, as they will lie in memory."""

    def __init__(self) -> None:
        self._calls: list[tuple[tuple[int, ...], int, tuple[str, ...]]] = []
        self._labels: dict[str, int] = {}
        self._data = bytearray()
        self.unwanted = 0
        """Where results go that nobody has asked for."""

    def put(self, value: bytes) -> int:
        """The address of these bytes."""
        self._data.extend(bytes(-len(self._data) % 8))
        at = _DATA + len(self._data)
        self._data.extend(value)
        return at

    def string(self, text: str) -> int:
        """The address of a string that ends in NUL."""
        return self.put(os.fsencode(text) + b"\0")

    def strings(self, values: list[str]) -> int:
        """The address of an array of strings, as execve takes it."""
        return self.put(b"".join([*(_word(self.string(value)) for value in values), _word(0)]))

    def argument(self, number: int) -> int:
        """The address of the first argument of the call that is so many after the next one to be added."""
        return _LIST + (len(self._calls) + number) * _CALL + 8

    def call(self, name: str, *args: int, label: str = "", store: int = 0, failed: str = "", zero: str = "") -> None:
        """Add a call; `failed` and `zero` name those to go on with if it is not the next one."""
        if label:
            self._labels[label] = len(self._calls)
        words = (_NUMBERS[name], *args, *[0] * (6 - len(args)))
        self._calls.append((words, store or self.unwanted, (failed, zero, "")))

    def image(self) -> bytes:
        """The list, then what its arguments point to."""
        listed = b""
        for position, (words, store, targets) in enumerate(self._calls):
            following = (_LIST + self._labels.get(target, position + 1) * _CALL for target in targets)
            listed += b"".join(map(_word, (*words, store, *following)))
        return listed.ljust(_DATA - _LIST, b"\0") + bytes(self._data)
