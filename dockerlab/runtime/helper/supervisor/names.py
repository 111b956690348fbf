"""Calls that open, make, move, remove or change files: judged for a user who isn't root, and given their owner where they make one."""

from __future__ import annotations

import fcntl
import os
import stat

from dockerlab.runtime.helper.supervisor.caller import AT_FDCWD, Caller
from dockerlab.runtime.helper.supervisor.credentials import CONTINUE, EACCES, EPERM, become_program, refuse
from dockerlab.runtime.helper.supervisor.owners import ROOT, Owners
from dockerlab.runtime.helper.supervisor.permissions import EXECUTE, READ, WRITE, Permissions, parent
from dockerlab.runtime.helper.supervisor.processes import check_proc, status_of

ADDFD = 0x40182103  # SECCOMP_IOCTL_NOTIF_ADDFD
ADDFD_SEND = 2  # the new descriptor is the call's answer (Linux 5.14)
O_TMPFILE = 0o20000000
ANSWERED = -(1 << 40)  # the descriptor handed over was the answer
AT_SYMLINK_NOFOLLOW, AT_EACCESS = 0x100, 0x200
UTIME_NOW = (1 << 30) - 1


def _hand_over(caller: Caller, fd: int, flags: int) -> int:
    """Make our descriptor the caller's answer."""
    fields = (ADDFD_SEND, fd, 0, flags & os.O_CLOEXEC)
    try:
        fcntl.ioctl(caller.listener, ADDFD, caller.ident.to_bytes(8, "little") + b"".join(x.to_bytes(4, "little") for x in fields))
    finally:
        os.close(fd)
    return ANSWERED


class NameCalls:
    """What goes by a path and needs a judgement. Handlers answer as those of `CredentialCalls`."""

    def __init__(self, owners: Owners, permissions: Permissions) -> None:
        self._owners, self._permissions = owners, permissions

    # ------------------------------------------------------------------ open

    def _open(self, caller: Caller, address: int, folder: int, flags: int, mode: int) -> int | None:
        credential = caller.credential
        creating = flags & (os.O_CREAT | O_TMPFILE)
        if not credential.fsuid and not creating and caller.table.only_root and not caller.table.me:
            return CONTINUE
        path = caller.path(address, folder)
        if caller.pid in caller.table.loading:
            caller.table.loading.discard(caller.pid)
            become_program(self._owners, caller, path)
            return CONTINUE
        if path.endswith(b"/status") and (fd := status_of(caller, path)) >= 0:
            return _hand_over(caller, fd, flags)
        if not credential.fsuid and not creating:
            return CONTINUE
        if credential.fsuid:
            self._permissions.check_search(credential, path)
            check_proc(caller, path)
            want = (READ, WRITE, READ | WRITE, 0)[flags & 3] | (WRITE if flags & os.O_TRUNC else 0)
            if flags & os.O_PATH:
                return CONTINUE
            if not flags & O_TMPFILE and self._permissions.may(credential, path, want, not flags & os.O_NOFOLLOW) is False:
                raise refuse(EACCES)
        if not creating or (not flags & O_TMPFILE and os.path.lexists(path)):
            return CONTINUE
        above = path if flags & O_TMPFILE else parent(path)
        if not os.path.isdir(above):
            return CONTINUE  # the kernel says what is wrong; or /proc/self, which is not ours to see
        if credential.fsuid and self._permissions.may(credential, above, WRITE | EXECUTE) is False:
            raise refuse(EACCES)
        owner = self._permissions.owner_of_new(credential, path + b"/." if flags & O_TMPFILE else path)
        if owner == ROOT and not self._owners.lends:
            return CONTINUE
        mode &= 0o7777 & ~caller.umask()
        held = self._owners.held(mode, folder=False)
        if owner == ROOT and held == mode:
            return CONTINUE
        before = os.umask(0)
        try:
            fd = os.open(path, flags | os.O_CLOEXEC, held)
        finally:
            os.umask(before)
        try:
            self._owners.set(b"self/fd/%d" % fd, owner)
            if held != mode:
                self._owners.set_mode(b"self/fd/%d" % fd, mode)
        except OSError:
            os.close(fd)
            raise
        return _hand_over(caller, fd, flags)

    def _do_open(self, caller: Caller, a: list[int]) -> int | None:
        return self._open(caller, a[0], -100, a[1] & 0xFFFFFFFF, a[2])

    def _do_openat(self, caller: Caller, a: list[int]) -> int | None:
        return self._open(caller, a[1], a[0], a[2] & 0xFFFFFFFF, a[3])

    def _do_creat(self, caller: Caller, a: list[int]) -> int | None:
        return self._open(caller, a[0], -100, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, a[1])

    # ------------------------------------------------------------------ make

    def _mkdir(self, caller: Caller, address: int, folder: int, mode: int) -> int | None:
        path = caller.path(address, folder)
        return self._permissions.make_folder(caller, path, mode & 0o7777)

    def _do_mkdir(self, caller: Caller, a: list[int]) -> int | None:
        return self._mkdir(caller, a[0], -100, a[1])

    def _do_mkdirat(self, caller: Caller, a: list[int]) -> int | None:
        return self._mkdir(caller, a[1], a[0], a[2])

    def _symlink(self, caller: Caller, target: int, address: int, folder: int) -> int | None:
        path = caller.path(address, folder)
        return self._permissions.make(caller, path, lambda: os.symlink(caller.string(target), path))

    def _do_symlink(self, caller: Caller, a: list[int]) -> int | None:
        return self._symlink(caller, a[0], a[1], -100)

    def _do_symlinkat(self, caller: Caller, a: list[int]) -> int | None:
        return self._symlink(caller, a[0], a[2], a[1])

    def _link(self, caller: Caller, old: bytes, new: bytes) -> None:
        """fs.protected_hardlinks: only one's own file, or one that may be read and written."""
        credential = caller.credential
        if credential.fsuid:
            self._permissions.check_search(credential, old)
            mine = self._owners.of(old, False)[0] == credential.fsuid
            if not mine and self._permissions.may(credential, old, READ | WRITE, False) is False:
                raise refuse(EPERM)
            self._permissions.check_add(credential, new)

    def _do_link(self, caller: Caller, a: list[int]) -> None:
        if caller.credential.fsuid:
            self._link(caller, caller.path(a[0]), caller.path(a[1]))

    def _do_linkat(self, caller: Caller, a: list[int]) -> None:
        if caller.credential.fsuid:
            self._link(caller, caller.path(a[1], a[0]), caller.path(a[3], a[2]))

    # ------------------------------------------------------------------ remove and move

    def _change(self, caller: Caller, *places: tuple[int, int]) -> None:
        credential = caller.credential
        if credential.fsuid:
            for folder, address in places:
                self._permissions.check_change(credential, caller.path(address, folder))

    def _forget(self, caller: Caller, folder: int, address: int) -> None:
        """What is recorded of a link goes with its last name: another may get its number."""
        if self._owners.knows_links:
            self._owners.forget(caller.path(address, folder))

    def _do_unlink(self, caller: Caller, a: list[int]) -> None:
        self._change(caller, (-100, a[0]))
        self._forget(caller, -100, a[0])

    def _do_rmdir(self, caller: Caller, a: list[int]) -> None:
        self._change(caller, (-100, a[0]))

    def _do_unlinkat(self, caller: Caller, a: list[int]) -> None:
        self._change(caller, (a[0], a[1]))
        self._forget(caller, a[0], a[1])

    def _do_rename(self, caller: Caller, a: list[int]) -> None:
        self._change(caller, (-100, a[0]), (-100, a[1]))

    def _do_renameat(self, caller: Caller, a: list[int]) -> None:
        self._change(caller, (a[0], a[1]), (a[2], a[3]))

    _do_renameat2 = _do_renameat

    # ------------------------------------------------------------------ change and ask

    def _chmod(self, caller: Caller, address: int, folder: int, mode: int) -> int | None:
        owners = self._owners
        if not caller.credential.fsuid and not owners.lends:
            return CONTINUE
        path = caller.path(address, folder)
        if caller.credential.fsuid:
            self._permissions.check_owner(caller.credential, path)
        if not owners.lends or not owners.ours(st := os.stat(path)) or not (stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode)):
            return CONTINUE
        owners.set_mode(path, mode & 0o7777)
        return 0

    def _do_chmod(self, caller: Caller, a: list[int]) -> int | None:
        return self._chmod(caller, a[0], AT_FDCWD, a[1])

    def _do_fchmod(self, caller: Caller, a: list[int]) -> int | None:
        return self._chmod(caller, 0, a[0], a[1])

    def _do_fchmodat(self, caller: Caller, a: list[int]) -> int | None:
        return self._chmod(caller, a[1], a[0], a[2])

    _do_fchmodat2 = _do_fchmodat

    def _access(self, caller: Caller, path: bytes, mode: int, effective: bool, follow: bool = True) -> None:
        """access(2) asks for the real user, unless told otherwise."""
        credential = caller.credential if effective else caller.credential.real
        if credential.fsuid:
            self._permissions.check_search(credential, path)
            if mode & 7 and self._permissions.may(credential, path, mode & 7, follow) is False:
                raise refuse(EACCES)

    def _do_access(self, caller: Caller, a: list[int]) -> None:
        self._access(caller, caller.path(a[0]), a[1], False)

    def _do_faccessat(self, caller: Caller, a: list[int]) -> None:
        self._access(caller, caller.path(a[1], a[0]), a[2], False)

    def _do_faccessat2(self, caller: Caller, a: list[int]) -> None:
        self._access(caller, caller.path(a[1], a[0]), a[2], bool(a[3] & AT_EACCESS), not a[3] & AT_SYMLINK_NOFOLLOW)

    def _do_truncate(self, caller: Caller, a: list[int]) -> None:
        self._access(caller, caller.path(a[0]), WRITE, True)

    def _do_chdir(self, caller: Caller, a: list[int]) -> None:
        self._access(caller, caller.path(a[0]), EXECUTE, True)

    def _utime(self, caller: Caller, path: bytes, now: bool, follow: bool = True) -> None:
        """The present time may be set by whoever may write; any other only by the owner."""
        credential = caller.credential
        try:
            self._permissions.check_owner(credential, path, follow)
        except PermissionError as error:
            if not now or error.errno != EPERM:
                raise
            if self._permissions.may(credential, path, WRITE, follow) is False:
                raise refuse(EACCES) from None

    def _do_utime(self, caller: Caller, a: list[int]) -> None:
        if caller.credential.fsuid:
            self._utime(caller, caller.path(a[0]), not a[1])

    _do_utimes = _do_utime

    def _do_futimesat(self, caller: Caller, a: list[int]) -> None:
        if caller.credential.fsuid:
            self._utime(caller, caller.path(a[1], a[0]), not a[2])

    def _do_utimensat(self, caller: Caller, a: list[int]) -> None:
        if caller.credential.fsuid:
            now = not a[2]
            if a[2]:
                times = caller.read(a[2], 32)
                now = all(int.from_bytes(times[i : i + 8], "little") == UTIME_NOW for i in (8, 24))
            self._utime(caller, caller.path(a[1], a[0]), now, not a[3] & AT_SYMLINK_NOFOLLOW)
