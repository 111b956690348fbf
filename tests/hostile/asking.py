"""A program without any library that asks for an abstract socket: whether a container reaches those of this machine.

ask("name") → an ELF file for x86-64 that connects to @name and ends with the errno, or 0
"""

from __future__ import annotations

import os
import struct

HERE = os.uname().machine == "x86_64"


def ask(name: str) -> bytes:
    """The program."""
    address = struct.pack("<H", 1) + b"\0" + name.encode()
    code = b"".join(
        (
            b"\xbf\x01\x00\x00\x00\xbe\x01\x00\x00\x00\x31\xd2\xb8\x29\x00\x00\x00\x0f\x05",  # socket(AF_UNIX, SOCK_STREAM, 0)
            b"\x89\xc7\x48\x8d\x35\x17\x00\x00\x00",  # its descriptor; the address, 23 bytes further on
            b"\xba" + struct.pack("<I", len(address)) + b"\xb8\x2a\x00\x00\x00\x0f\x05",  # connect
            b"\xf7\xd8\x89\xc7\xb8\x3c\x00\x00\x00\x0f\x05",  # exit(-result)
        )
    )
    size = 64 + 56 + len(code) + len(address)
    start = 0x400000
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, start + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return head + struct.pack("<IIQQQQQQ", 1, 5, 0, start, start, size, size, 0x1000) + code + address
