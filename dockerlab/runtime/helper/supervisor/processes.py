"""Other processes, as a user sees them: whom it may signal, and what /proc says of them.

All have one real ID, so the kernel would let everybody signal everybody and show root everywhere.
"""

from __future__ import annotations

import os

from dockerlab.runtime.helper.supervisor.caller import Caller, Credential
from dockerlab.runtime.helper.supervisor.credentials import CONTINUE, EACCES, EPERM, refuse

# What /proc/PID keeps from other users (fs/proc/base.c: ptrace_may_access).
PRIVATE = (
    b"environ",
    b"mem",
    b"maps",
    b"smaps",
    b"numa_maps",
    b"auxv",
    b"stack",
    b"syscall",
    b"io",
    b"pagemap",
    b"fd",
    b"map_files",
    b"fdinfo",
)


class ProcessCalls:
    """Signals. Handlers answer as those of `CredentialCalls`."""

    def _signal(self, caller: Caller, pid: int) -> None:
        mine = caller.credential
        if mine.is_root or not 0 < pid < 1 << 31:
            return  # a group, or everybody: the kernel's to pick
        other = caller.table.of_shown(b"/proc/%d" % pid)
        if other and not {mine.users[0], mine.users[1]} & {other.users[0], other.users[2]}:
            raise refuse(EPERM)

    def _do_kill(self, caller: Caller, a: list[int]) -> int | None:
        self._signal(caller, a[0] & 0xFFFFFFFF)
        return CONTINUE

    _do_tkill = _do_tgkill = _do_kill


def process_folder(path: bytes) -> tuple[bytes, bytes]:
    """(the folder of a process in some /proc, the name in it), or two empty strings."""
    parts = path.split(b"/")
    if path.startswith(b"/proc/") and len(parts) >= 4 and parts[2].isdigit():
        return b"/proc/" + parts[2], parts[3]
    if len(parts) >= 2 and parts[0].isdigit() and parts[1] not in (b"cwd", b"fd", b"root"):
        return parts[0], parts[1]  # what the caller named /proc/self
    return b"", b""


def check_proc(caller: Caller, path: bytes) -> None:
    """EACCES for another user's process."""
    folder, name = process_folder(path)
    if folder and name in PRIVATE:
        other = caller.table.of_shown(folder)
        if other and other.users != caller.credential.users:
            raise refuse(EACCES)


def status_of(caller: Caller, path: bytes) -> int:
    """A descriptor of /proc/PID/status with the users that we keep, or -1 where the kernel's is right."""
    folder, name = process_folder(path)
    if not folder or name != b"status":
        return -1
    shown = caller.table.of_shown(folder)
    if not shown or (shown.key == Credential().key and not caller.table.me):
        return -1
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")
    for number, line in enumerate(lines):
        title = line.partition(b":")[0]
        if title in (b"Uid", b"Gid"):
            lines[number] = title + b":\t" + b"\t".join(b"%d" % one for one in (shown.users if title == b"Uid" else shown.groups))
        elif title == b"Groups":
            lines[number] = b"Groups:\t" + b"".join(b"%d " % one for one in shown.supplementary)
        elif title in (b"CapPrm", b"CapEff") and not shown.is_root:
            lines[number] = title + b":\t" + b"0" * 16
    fd = os.memfd_create("status", os.MFD_CLOEXEC)
    os.write(fd, b"\n".join(lines))
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
