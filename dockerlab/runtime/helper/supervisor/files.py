"""chown, stat and mknod: what is recorded about files, written and shown."""

from __future__ import annotations

import ctypes
import os
import stat

from dockerlab.runtime.helper import kernel
from dockerlab.runtime.helper.supervisor.caller import AT_FDCWD, Caller
from dockerlab.runtime.helper.supervisor.credentials import CONTINUE, EPERM, KEEP, refuse
from dockerlab.runtime.helper.supervisor.filter import NUMBERS
from dockerlab.runtime.helper.supervisor.owners import DEVICE, UNRECORDED, Owner, Owners
from dockerlab.runtime.helper.supervisor.permissions import Permissions

AT_SYMLINK_NOFOLLOW = 0x100
# Offsets in the kernel's struct stat (asm/stat.h) and in struct statx (linux/stat.h).
STAT_SIZE, STAT_MODE, STAT_UID, STAT_RDEV = (144, 24, 28, 40) if kernel.X86 else (128, 16, 24, 32)
_KERNELS_OWN = (b"/dev/", b"/proc", b"/sys")
STATX_SIZE, STATX_UID, STATX_MODE, STATX_RDEV = 256, 20, 28, 128


def _kernels_own(path: bytes) -> bool:
    return path.startswith(_KERNELS_OWN) or path.endswith((b"/proc", b"/sys"))


def _ours(data: bytearray, uid: int, path: bytes, me: int) -> bool:
    """False for another user's file of this machine; what the kernel shows of its own is root's to Docker's eyes."""
    return int.from_bytes(data[uid : uid + 4], "little") == me or _kernels_own(path)


class FileCalls:
    """chown, stat and mknod. Handlers answer as those of `CredentialCalls`."""

    def __init__(self, owners: Owners, permissions: Permissions) -> None:
        self._owners, self._permissions = owners, permissions
        self._group = os.getegid() if owners.me else 0
        self._buffer = ctypes.create_string_buffer(STATX_SIZE)

    # ------------------------------------------------------------------ chown

    def _chown(self, caller: Caller, path: bytes, uid: int, gid: int, follow: bool = True) -> int:
        """Really chown to our own ID, which copies the file up and clears set-ID bits as Docker's would; then write the owner down."""
        credential, old = caller.credential, self._owners.of(path, follow)
        uid, gid = uid & KEEP, gid & KEEP
        new: Owner = (old[0] if uid == KEEP else uid, old[1] if gid == KEEP else gid)
        if credential.fsuid:
            own = credential.fsuid == old[0]
            if new[0] != old[0] or not own or (new[1] != old[1] and not credential.in_group(new[1])):
                os.stat(path, follow_symlinks=follow)  # what isn't there is ENOENT first
                raise refuse(EPERM)
        try:
            os.chown(path, self._owners.me, self._group, follow_symlinks=follow)
        except PermissionError:
            return 0  # /proc, or a device bound from outside
        if new != old:
            self._owners.set(path, new, follow)
        return 0

    def _do_chown(self, caller: Caller, a: list[int]) -> int:
        return self._chown(caller, caller.path(a[0]), a[1], a[2])

    def _do_lchown(self, caller: Caller, a: list[int]) -> int:
        return self._chown(caller, caller.path(a[0]), a[1], a[2], False)

    def _do_fchown(self, caller: Caller, a: list[int]) -> int:
        return self._chown(caller, caller.path(0, a[0]), a[1], a[2])

    def _do_fchownat(self, caller: Caller, a: list[int]) -> int:
        path, empty = caller.place(a[1], a[0])
        return self._chown(caller, path, a[2], a[3], empty or not a[4] & AT_SYMLINK_NOFOLLOW)

    # ------------------------------------------------------------------ stat

    def _device(self, path: bytes, follow: bool) -> tuple[int, int, int] | None:
        """Mode, major and minor of what an ordinary user couldn't mknod."""
        try:
            mode, major, minor = os.getxattr(path, DEVICE, follow_symlinks=follow).split(b":")
        except OSError:
            return None
        return int(mode, 8), int(major), int(minor)

    def _recorded(self, caller: Caller, path: bytes, follow: bool) -> Owner | None:
        """The owner to show, or None where the kernel's answer is right."""
        if caller.credential.fsuid:
            self._permissions.check_search(caller.credential, path)
        owner = self._owners.of(path, follow)
        if owner is UNRECORDED:
            if not _kernels_own(path):
                return owner if self._owners.lends else None
            if path[:6] == b"/proc/" and path[6:].rstrip(b"/").isdigit() and (shown := caller.table.of_shown(path)):
                return shown.users[1], shown.groups[1]  # what `ps` looks at
        return owner

    def _stat(self, caller: Caller, path: bytes, flags: int, out: int) -> int | None:
        follow = not flags & AT_SYMLINK_NOFOLLOW
        owner = self._recorded(caller, path, follow)
        if owner is None:
            return CONTINUE
        buffer = self._buffer
        try:
            kernel.syscall("fstatat", NUMBERS["newfstatat"], AT_FDCWD, path, buffer, flags & AT_SYMLINK_NOFOLLOW)
        except OSError:
            return CONTINUE
        data = bytearray(buffer.raw[:STAT_SIZE])
        if not _ours(data, STAT_UID, path, self._owners.me):
            return CONTINUE
        if self._owners.lends:
            data[STAT_MODE : STAT_MODE + 4] = self._owners.mode(
                path, int.from_bytes(data[STAT_MODE : STAT_MODE + 4], "little"), follow
            ).to_bytes(4, "little")
        data[STAT_UID : STAT_UID + 8] = owner[0].to_bytes(4, "little") + owner[1].to_bytes(4, "little")
        size = STAT_RDEV + 8
        if data[size : size + 8] == bytes(8) and (device := self._device(path, follow)):
            data[STAT_MODE : STAT_MODE + 4] = device[0].to_bytes(4, "little")
            data[STAT_RDEV : STAT_RDEV + 8] = os.makedev(device[1], device[2]).to_bytes(8, "little")
        caller.write(out, bytes(data))
        return 0

    def _do_stat(self, caller: Caller, a: list[int]) -> int | None:
        return self._stat(caller, caller.path(a[0]), 0, a[1])

    def _do_lstat(self, caller: Caller, a: list[int]) -> int | None:
        return self._stat(caller, caller.path(a[0]), AT_SYMLINK_NOFOLLOW, a[1])

    def _do_fstat(self, caller: Caller, a: list[int]) -> int | None:
        return self._stat(caller, caller.path(0, a[0]), 0, a[1])

    def _do_newfstatat(self, caller: Caller, a: list[int]) -> int | None:
        path, empty = caller.place(a[1], a[0])
        return self._stat(caller, path, 0 if empty else a[3], a[2])

    def _do_statx(self, caller: Caller, a: list[int]) -> int | None:
        path, empty = caller.place(a[1], a[0])
        flags = 0 if empty else a[2]
        follow = not flags & AT_SYMLINK_NOFOLLOW
        owner = self._recorded(caller, path, follow)
        if owner is None:
            return CONTINUE
        buffer = self._buffer
        kernel.syscall("statx", NUMBERS["statx"], AT_FDCWD, path, flags & 0x6900, a[3], buffer)
        data = bytearray(buffer.raw)
        if not _ours(data, STATX_UID, path, self._owners.me):
            return CONTINUE
        if self._owners.lends:
            bits = self._owners.mode(path, int.from_bytes(data[STATX_MODE : STATX_MODE + 2], "little"), follow)
            data[STATX_MODE : STATX_MODE + 2] = bits.to_bytes(2, "little")
        data[STATX_UID : STATX_UID + 8] = owner[0].to_bytes(4, "little") + owner[1].to_bytes(4, "little")
        if data[40:48] == bytes(8) and (device := self._device(path, follow)):
            data[STATX_MODE : STATX_MODE + 2] = device[0].to_bytes(2, "little")
            data[STATX_RDEV : STATX_RDEV + 8] = device[1].to_bytes(4, "little") + device[2].to_bytes(4, "little")
        caller.write(a[4], bytes(data))
        return 0

    # ------------------------------------------------------------------ mknod

    def _mknod(self, caller: Caller, path: bytes, mode: int, device: int) -> int | None:
        kind = stat.S_IFMT(mode)
        if kind not in (stat.S_IFCHR, stat.S_IFBLK):
            return self._permissions.make(caller, path, lambda: os.mknod(path, mode))
        if not caller.credential.is_root:
            raise refuse(EPERM)
        major, minor = os.major(device), os.minor(device)
        if kind == stat.S_IFCHR and not major and not minor:
            raise refuse(EPERM)  # to overlay that is a deletion

        def action() -> None:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode & 0o777))
            os.setxattr(path, DEVICE, b"%o:%d:%d" % (mode & ~caller.umask(), major, minor))

        self._permissions.make(caller, path, action, always=True)
        return 0

    def _do_mknod(self, caller: Caller, a: list[int]) -> int | None:
        return self._mknod(caller, caller.path(a[0]), a[1], a[2])

    def _do_mknodat(self, caller: Caller, a: list[int]) -> int | None:
        return self._mknod(caller, caller.path(a[1], a[0]), a[2], a[3])
