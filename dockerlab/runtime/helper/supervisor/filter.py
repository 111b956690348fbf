"""Which system calls the supervisor is asked about, and the seccomp filter that asks.

One ID is mapped, so the kernel would refuse or mistell all of these (the numbers are those of asm/unistd.h). Everything else goes through
at full speed: the kernel remembers the calls that a filter always allows.
"""

from __future__ import annotations

from dockerlab.runtime.helper import kernel

_NUMBERS: dict[str, tuple[int | None, int | None]] = {  # name: (x86-64, aarch64)
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "mknod": (133, None), "mknodat": (259, 33),
    "capset": (126, 91), "setuid": (105, 146), "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143),
    "setresuid": (117, 147), "setresgid": (119, 149), "setfsuid": (122, 151), "setfsgid": (123, 152), "setgroups": (116, 159),
    "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177), "getresuid": (118, 148),
    "getresgid": (120, 150), "getgroups": (115, 158), "prctl": (157, 167), "execve": (59, 221), "execveat": (322, 281),
    "stat": (4, None), "lstat": (6, None), "fstat": (5, 80), "newfstatat": (262, 79), "statx": (332, 291),
    "open": (2, None), "creat": (85, None), "openat": (257, 56), "mkdir": (83, None), "mkdirat": (258, 34), "symlink": (88, None),
    "symlinkat": (266, 36), "unlink": (87, None), "unlinkat": (263, 35), "rmdir": (84, None), "rename": (82, None), "renameat": (264, 38),
    "renameat2": (316, 276), "link": (86, None), "linkat": (265, 37), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53),
    "fchmodat2": (452, 452), "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439), "truncate": (76, 45),
    "chdir": (80, 49), "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88), "chroot": (161, 51),
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131),
}  # fmt: skip
NUMBERS: dict[str, int] = {}
for _name, _pair in _NUMBERS.items():
    _number = _pair[0 if kernel.X86 else 1]
    if _number is not None:
        NUMBERS[_name] = _number
SOCKETS = {"bind": 49, "connect": 42, "getsockname": 51} if kernel.X86 else {"bind": 200, "connect": 203, "getsockname": 204}
"""Asked about where a container has no network of its own."""

# Ways around the calls above that every C library can do without: answered ENOSYS.
UNKNOWN = (437, 425)  # openat2, io_uring_setup

# What proot 5.1.0 (2014) doesn't know and would let through with this machine's paths; every C library falls back to calls that it knows.
UNTRANSLATED = tuple(
    pair[0 if kernel.X86 else 1]
    for pair in (
        (332, 291), (316, 276), (439, 439), (452, 452), (322, 281), (435, 435), (303, 264), (304, 265),  # statx, renameat2, faccessat2, fchmodat2, execveat, clone3, name_to_handle_at, open_by_handle_at
        (444, 444), (463, 463), (464, 464), (465, 465), (466, 466), (468, 468), (469, 469),  # landlock_create_ruleset, set- to removexattrat, file_getattr, file_setattr
    )
)  # fmt: skip

_ARCHITECTURE = 0xC000003E if kernel.X86 else 0xC00000B7
_ALLOW, _NOTIFY, _ERRNO = 0x7FFF0000, 0x7FC00000, 0x00050000
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ENOSYS = 38


def _instruction(code: int, on_true: int, on_false: int, value: int) -> bytes:
    return code.to_bytes(2, "little") + bytes((on_true, on_false)) + value.to_bytes(4, "little")


def program(more_unknown: tuple[int, ...] = (), more_asked: tuple[int, ...] = ()) -> list[bytes]:
    """The filter in classic BPF: look at the call's number, ask or allow. `more_unknown` are answered ENOSYS too."""
    unknown = UNKNOWN + more_unknown
    asked = [number for number in (*NUMBERS.values(), *more_asked) if number not in unknown]
    lines = [
        _instruction(_LOAD, 0, 0, 4),  # seccomp_data.arch
        _instruction(_EQUAL, 1, 0, _ARCHITECTURE),
        _instruction(_RETURN, 0, 0, _ALLOW),  # a 32-bit program: the kernel alone answers, owners look like root's
        _instruction(_LOAD, 0, 0, 0),  # seccomp_data.nr
    ]
    for position, number in enumerate(asked):
        lines.append(_instruction(_EQUAL, len(asked) - position + len(unknown), 0, number))  # to the second line from the end
    for position, number in enumerate(unknown):
        lines.append(_instruction(_EQUAL, len(unknown) - position + 1, 0, number))
    lines.append(_instruction(_RETURN, 0, 0, _ALLOW))
    lines.append(_instruction(_RETURN, 0, 0, _NOTIFY))
    lines.append(_instruction(_RETURN, 0, 0, _ERRNO | _ENOSYS))
    return lines


_PROGRAM = program() if kernel.SUPPORTED else []


def below_proot() -> list[bytes]:
    """The filter of what runs below proot."""
    return program(UNTRANSLATED, tuple(SOCKETS.values()))


def install() -> int:
    """Load the filter into this process; the descriptor of its listener. PR_SET_NO_NEW_PRIVS must be set."""
    return kernel.seccomp_listener(b"".join(_PROGRAM), len(_PROGRAM))
