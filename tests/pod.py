"""A pod as hosted graders and notebooks are: `python -m tests.pod COMMAND…`.

The kernel refuses every namespace and mount to whoever runs in it: a root who has Docker's capabilities, or an ordinary user.
POD_WITHOUT: numbers of capabilities that root has not. POD_REFUSES=ptrace: nobody may trace a process either."""

from __future__ import annotations

import ctypes
import errno
import os
import sys

from dockerlab.runtime.helper import init, kernel
from dockerlab.runtime.helper.supervisor.filter import _instruction

_X86 = os.uname().machine == "x86_64"
REFUSED = {  # (x86-64, aarch64), asm/unistd.h
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
}  # fmt: skip
_OTHERS = {"ptrace": (101, 117)}
_CLONE, _CLONE3 = (56, 220)[0 if _X86 else 1], 435
_NEW = 0x7E020080  # every CLONE_NEW flag
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


def program() -> bytes:
    """The filter: EPERM for these, and for clone with a flag of theirs; ENOSYS for clone3, whose flags no filter sees."""
    lines = [_instruction(_LOAD, 0, 0, 0)]
    refused = [*REFUSED.values(), *(_OTHERS[name] for name in os.environ.get("POD_REFUSES", "").split())]
    for number in (pair[0 if _X86 else 1] for pair in refused):
        lines += [_instruction(_EQUAL, 0, 1, number), _instruction(_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    lines += [_instruction(_EQUAL, 0, 1, _CLONE3), _instruction(_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    lines += [_instruction(_EQUAL, 0, 3, _CLONE), _instruction(_LOAD, 0, 0, 16), _instruction(_ANY_BIT, 0, 1, _NEW)]
    lines += [_instruction(_RETURN, 0, 0, _ERRNO | errno.EPERM), _instruction(_RETURN, 0, 0, _ALLOW)]
    return b"".join(lines)


def enter() -> None:
    """From here on this process and its children live in such a pod."""
    code = ctypes.create_string_buffer(program())
    size = len(program()) // 8
    head = ctypes.create_string_buffer(size.to_bytes(2, "little") + bytes(6) + ctypes.addressof(code).to_bytes(8, "little"), 16)
    if os.geteuid():
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.syscall("seccomp", 317 if _X86 else 277, 1, 0, head)
    if os.geteuid():
        return
    missing = sum(1 << int(number) for number in os.environ.get("POD_WITHOUT", "").split())
    kernel.limit_capabilities(init.DOCKER_CAPABILITIES & kernel.permitted_capabilities() & ~missing)


if __name__ == "__main__":
    enter()
    os.execvp(sys.argv[1], sys.argv[1:])
