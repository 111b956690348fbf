"""The supervisor of a container that has one mapped ID: it answers for owners and users what the kernel can't.

A seccomp filter (`filter`) asks it about some sixty system calls. Each is answered by a value, by an errno, or by "go on" (None), which lets
the kernel do what was asked. `caller` reads the process that asks; `credentials` knows who it is; `owners` knows whose a file is;
`permissions` compares the two; `files`, `names` and `processes` are the calls themselves.
"""

from __future__ import annotations

import fcntl
import os
import struct

from dockerlab.runtime.helper.loop import READ, Loop
from dockerlab.runtime.helper.supervisor.caller import Caller, Credential, Credentials
from dockerlab.runtime.helper.supervisor.credentials import CredentialCalls
from dockerlab.runtime.helper.supervisor.files import FileCalls
from dockerlab.runtime.helper.supervisor.filter import NUMBERS, SOCKETS
from dockerlab.runtime.helper.supervisor.names import ANSWERED, NameCalls
from dockerlab.runtime.helper.supervisor.owners import Owners
from dockerlab.runtime.helper.supervisor.permissions import Permissions
from dockerlab.runtime.helper.supervisor.processes import ProcessCalls

TYPE_CHECKING = False  # `typing` would cost the helper 5 ms; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Callable

RECV, SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV, _SEND
FLAG_CONTINUE = 1
EIO = 5
_NOTHING = bytes(80)
_NOTIFICATION = struct.Struct("=QI4xi12x6Q")  # struct seccomp_notif
_RESPONSE = struct.Struct("=QqiI")


class Supervisor:
    """Serves the listeners of a container's process 1 and of every exec into it, from the keeper's loop."""

    def __init__(self, loop: Loop, owners: Owners, more: tuple[object, ...] = ()) -> None:
        """`more`: what answers further calls, or answers them better."""
        self._loop = loop
        self._owners = owners
        self._credentials = Credentials(owners.me)
        self._chrooted = False
        self.permissions = permissions = Permissions(owners)
        calls: tuple[object, ...] = (
            CredentialCalls(self._owners),
            FileCalls(self._owners, permissions),
            NameCalls(self._owners, permissions),
            ProcessCalls(),
            self,
            *more,
        )
        self._handlers: dict[int, Callable[[Caller, list[int]], int | None]] = {
            number: getattr(owner, f"_do_{name}")
            for name, number in {**NUMBERS, **SOCKETS}.items()
            for owner in calls
            if hasattr(owner, f"_do_{name}")
        }

    def add(self, listener: int) -> None:
        """Serve one more listener, until the last process under its filter has ended."""
        self._loop.watch(listener, lambda events: self._ready(listener, events))

    def introduce(self, pid: int, credential: Credential) -> None:
        """Say who a process is that does not say it by calls of its own."""
        self._credentials.set(pid, credential)

    def finish(self) -> None:
        """The last process is gone: keep what only we know."""
        self._owners.save()

    def _do_chroot(self, _caller: Caller, _a: list[int]) -> None:
        """From now on absolute paths are looked up from their process's own root."""
        self._chrooted = True

    def _ready(self, listener: int, events: int) -> None:
        if not events & READ:  # POLLHUP: no process under this filter is left
            self._loop.forget(listener)
            os.close(listener)
            return
        box = bytearray(_NOTHING)
        try:
            fcntl.ioctl(listener, RECV, box)
        except OSError:
            return  # ENOENT: killed meanwhile
        ident, pid, number, *arguments = _NOTIFICATION.unpack(box)
        caller = Caller(pid, ident, listener, self._credentials, self._chrooted)
        value, error, flags = 0, 0, 0
        try:
            handler = self._handlers.get(number)
            answer = handler(caller, arguments) if handler else None
            if answer is None:
                flags = FLAG_CONTINUE
            elif answer == ANSWERED:
                return
            else:
                value = answer
        except OSError as refused:
            error = -(refused.errno or EIO)
        except Exception:  # a bug in here must not hang the program: the kernel's own answer is the next best
            flags = FLAG_CONTINUE
        try:
            fcntl.ioctl(listener, SEND, _RESPONSE.pack(ident, value, error, flags))
        except OSError:
            pass  # killed meanwhile
