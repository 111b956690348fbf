"""set*id, get*id, groups, capabilities and set-ID programs, by the kernel's rules (credentials(7), setresuid(2), execve(2)).

Known gaps: SO_PEERCRED still sees the one real ID; threads share their process's IDs. (Signals and /proc: `processes`.)
"""

from __future__ import annotations

import os
import stat

from dockerlab.runtime.helper.supervisor.caller import Caller, Credential, Ids
from dockerlab.runtime.helper.supervisor.owners import Owners

KEEP = 0xFFFFFFFF  # -1 as an ID: leave it as it is
EPERM, EACCES, EINVAL = 1, 13, 22
PR_SET_KEEPCAPS = 8
SETID_CAPABILITIES = 1 << 6 | 1 << 7  # CAP_SETGID, CAP_SETUID
CONTINUE = None


def refuse(number: int) -> OSError:
    """The error that becomes the call's errno."""
    return OSError(number, os.strerror(number))


class CredentialCalls:
    """Handlers return the call's value, or None to let the kernel do it; OSError is the call's errno."""

    def __init__(self, owners: Owners) -> None:
        self._owners = owners

    # ------------------------------------------------------------------ changing IDs

    def _set(self, caller: Caller, which: str, real: int, effective: int, saved: int, *, alone: bool = False) -> int:
        old = caller.credential
        mine: Ids = getattr(old, which)
        able = old.is_root or old.power == Credential.ABLE
        wanted = [value & KEEP for value in (real, effective, saved)]
        if not able and any(value != KEEP and value not in mine[:3] for value in wanted):
            raise refuse(EPERM)
        if alone and not able:  # setuid of a plain user moves the effective ID only
            wanted[0] = wanted[2] = KEEP
        real, effective, saved = (kept if value == KEEP else value for kept, value in zip(mine[:3], wanted, strict=True))
        ids: Ids = (real, effective, saved, effective)
        power = old.power
        if which == "users":
            if old.is_root and effective != 0:
                power = Credential.ABLE if power == Credential.KEEPCAPS else Credential.NONE
            caller.become(Credential(ids, old.groups, old.supplementary, power))
        else:
            caller.become(Credential(old.users, ids, old.supplementary, power))
        return 0

    def _set_re(self, caller: Caller, which: str, real: int, effective: int) -> int:
        real, effective = real & KEEP, effective & KEEP
        mine: Ids = getattr(caller.credential, which)
        saved = KEEP
        if real != KEEP or (effective != KEEP and effective != mine[0]):
            saved = mine[1] if effective == KEEP else effective
        old = caller.credential
        able = old.is_root or old.power == Credential.ABLE
        if not able and ((real != KEEP and real not in mine[:2]) or (effective != KEEP and effective not in mine[:3])):
            raise refuse(EPERM)
        return self._set(caller, which, real, effective, saved)

    def _do_setuid(self, caller: Caller, a: list[int]) -> int:
        return self._set(caller, "users", a[0], a[0], a[0], alone=True)

    def _do_setgid(self, caller: Caller, a: list[int]) -> int:
        return self._set(caller, "groups", a[0], a[0], a[0], alone=True)

    def _do_setresuid(self, caller: Caller, a: list[int]) -> int:
        return self._set(caller, "users", a[0], a[1], a[2])

    def _do_setresgid(self, caller: Caller, a: list[int]) -> int:
        return self._set(caller, "groups", a[0], a[1], a[2])

    def _do_setreuid(self, caller: Caller, a: list[int]) -> int:
        return self._set_re(caller, "users", a[0], a[1])

    def _do_setregid(self, caller: Caller, a: list[int]) -> int:
        return self._set_re(caller, "groups", a[0], a[1])

    def _set_fs(self, caller: Caller, which: str, value: int) -> int:
        """setfsuid answers the old ID, whether it changed anything or not."""
        old = caller.credential
        mine: Ids = getattr(old, which)
        value &= KEEP
        if value != KEEP and (old.is_root or old.power == Credential.ABLE or value in mine):
            ids: Ids = (mine[0], mine[1], mine[2], value)
            users, groups = (ids, old.groups) if which == "users" else (old.users, ids)
            caller.become(Credential(users, groups, old.supplementary, old.power))
        return mine[3]

    def _do_setfsuid(self, caller: Caller, a: list[int]) -> int:
        return self._set_fs(caller, "users", a[0])

    def _do_setfsgid(self, caller: Caller, a: list[int]) -> int:
        return self._set_fs(caller, "groups", a[0])

    def _do_setgroups(self, caller: Caller, a: list[int]) -> int:
        old, count = caller.credential, a[0] & KEEP
        if not old.is_root and old.power != Credential.ABLE:
            raise refuse(EPERM)
        if count > 65536:
            raise refuse(EINVAL)
        data = caller.read(a[1], 4 * count) if count else b""
        groups = tuple(int.from_bytes(data[i : i + 4], "little") for i in range(0, 4 * count, 4))
        caller.become(Credential(old.users, old.groups, groups, old.power))
        return 0

    # ------------------------------------------------------------------ asking for IDs

    def _do_getuid(self, caller: Caller, _a: list[int]) -> int:
        return caller.credential.users[0]

    def _do_geteuid(self, caller: Caller, _a: list[int]) -> int:
        return caller.credential.users[1]

    def _do_getgid(self, caller: Caller, _a: list[int]) -> int:
        return caller.credential.groups[0]

    def _do_getegid(self, caller: Caller, _a: list[int]) -> int:
        return caller.credential.groups[1]

    def _do_getresuid(self, caller: Caller, a: list[int]) -> int:
        for address, value in zip(a, caller.credential.users[:3], strict=False):
            caller.write(address, value.to_bytes(4, "little"))
        return 0

    def _do_getresgid(self, caller: Caller, a: list[int]) -> int:
        for address, value in zip(a, caller.credential.groups[:3], strict=False):
            caller.write(address, value.to_bytes(4, "little"))
        return 0

    def _do_getgroups(self, caller: Caller, a: list[int]) -> int:
        groups, room = caller.credential.supplementary, a[0] & KEEP
        if room and room < len(groups):
            raise refuse(EINVAL)
        if room and groups:
            caller.write(a[1], b"".join(group.to_bytes(4, "little") for group in groups))
        return len(groups)

    # ------------------------------------------------------------------ what else moves root's rights

    def _do_capset(self, caller: Caller, a: list[int]) -> int:
        old = caller.credential
        if old.power == Credential.ABLE and not int.from_bytes(caller.read(a[1], 4), "little") & SETID_CAPABILITIES:
            caller.become(Credential(old.users, old.groups, old.supplementary, Credential.NONE))
        return 0

    def _do_prctl(self, caller: Caller, a: list[int]) -> None:
        if a[0] & KEEP == PR_SET_KEEPCAPS:  # setpriv asks for it before it changes the user
            old = caller.credential
            if old.power != Credential.ABLE:
                caller.become(Credential(old.users, old.groups, old.supplementary, Credential.KEEPCAPS if a[1] else Credential.NONE))
        return CONTINUE

    def _do_execve(self, caller: Caller, a: list[int]) -> None:
        self._exec(caller, caller.path(a[0]))

    def _do_execveat(self, caller: Caller, a: list[int]) -> None:
        self._exec(caller, caller.path(a[1], a[0]))

    def _exec(self, caller: Caller, path: bytes) -> None:
        if not path.startswith(self._owners.top):
            caller.table.loading.add(caller.pid)  # proot's loader: what it opens first is the program
        else:
            become_program(self._owners, caller, path)


def become_program(owners: Owners, caller: Caller, path: bytes) -> None:
    """A set-ID program gets its owner's effective ID; what keepcaps kept is lost. A user who may not run the file is refused."""
    old = caller.credential
    try:
        st = os.stat(path)
    except OSError:
        return  # the kernel says why
    if old.fsuid and owners.ours(st) and stat.S_ISREG(st.st_mode):
        uid, gid = owners.of(path)
        shift = 6 if uid == old.fsuid else 3 if old.in_group(gid) else 0
        if not owners.mode(path, st.st_mode) >> shift & 1:
            raise refuse(EACCES)
    if not st.st_mode & (stat.S_ISUID | stat.S_ISGID) and not old.power:
        return
    uid, gid = owners.of(path)
    users, groups = old.users, old.groups
    if st.st_mode & stat.S_ISUID:
        users = (users[0], uid, uid, uid)
    if st.st_mode & stat.S_ISGID and st.st_mode & stat.S_IXGRP:
        groups = (groups[0], gid, gid, gid)
    caller.become(Credential(users, groups, old.supplementary, Credential.NONE))
