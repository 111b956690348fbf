"""When an inode was made: a folder that was removed and made again may get its number back, but not its birth. (statx(2); Python's os has it not.)"""

from __future__ import annotations

import ctypes
import os

_AT_EMPTY_PATH, _STATX_BTIME = 0x1000, 0x800
_libc = ctypes.CDLL(None, use_errno=True)
_buffer = ctypes.create_string_buffer(256)


def birth(fd: int) -> int:
    """Nanoseconds since 1970 at which the file behind a descriptor was made; 0 where its file system does not say."""
    try:
        failed = _libc.statx(fd, b"", _AT_EMPTY_PATH, _STATX_BTIME, _buffer)
    except AttributeError:  # a C library without statx
        return 0
    raw = _buffer.raw
    if failed or not int.from_bytes(raw[:4], "little") & _STATX_BTIME:
        return 0
    return int.from_bytes(raw[80:88], "little", signed=True) * 1_000_000_000 + int.from_bytes(raw[88:92], "little")


def birth_of(path: str) -> int:
    """The same of a folder."""
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        return birth(fd)
    finally:
        os.close(fd)
