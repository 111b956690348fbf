"""May this user do that? The mode bits and the recorded owner decide, by the kernel's rules (path_resolution(7), inode(7)).

It teaches what Docker would do. It is no border: all processes have one real ID, and memory can change between check and use.
"""

from __future__ import annotations

import os
import stat

from dockerlab.runtime.helper.supervisor.caller import Caller, Credential
from dockerlab.runtime.helper.supervisor.credentials import CONTINUE, EACCES, EPERM, refuse
from dockerlab.runtime.helper.supervisor.owners import ROOT, Owners

READ, WRITE, EXECUTE = 4, 2, 1
TYPE_CHECKING = False  # `typing` would cost the helper 5 ms; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Callable


def parent(path: bytes) -> bytes:
    """The folder that a name is in."""
    return os.path.dirname(path.rstrip(b"/")) or b"/"


class Permissions:
    """Judges by what `owners` knows. The checks raise the errno of the kernel's refusal."""

    def __init__(self, owners: Owners) -> None:
        self._owners = owners

    def may(self, credential: Credential, path: bytes, want: int, follow: bool = True) -> bool | None:
        """None where nothing is there, or where the real kernel must judge (another user's file, /proc, a device)."""
        try:
            st = os.stat(path, follow_symlinks=follow)
        except OSError:
            return None
        if not self._owners.ours(st) or stat.S_ISCHR(st.st_mode) or path.startswith(b"/proc/"):
            return None
        uid, gid = self._owners.of(path, follow)
        shift = 6 if uid == credential.fsuid else 3 if credential.in_group(gid) else 0
        return self._owners.mode(path, st.st_mode, follow) >> shift & want == want

    def check_search(self, credential: Credential, path: bytes) -> None:
        """EACCES where a folder on the way to `path` may not be searched."""
        if path[:1] == b"/":
            top = self._owners.top
            if not path.startswith(top):
                return  # not the container's: the kernel judges
            end = path.find(b"/", len(top) + 1)
        else:  # PID/cwd/... and PID/fd/N/...: what lies before the working directory or the descriptor was searched long ago
            end = path.find(b"/", path.find(b"/") + 1)
            if path[: end if end > 0 else len(path)].endswith(b"/fd"):
                end = path.find(b"/", end + 1)
        while end > 0:
            folder = path[:end]
            try:
                st = os.stat(folder)
            except OSError:
                return  # the kernel says what is wrong
            if self._owners.ours(st) and (mode := self._owners.mode(folder, st.st_mode)) & 0o111 != 0o111:
                uid, gid = self._owners.of(folder)
                shift = 6 if uid == credential.fsuid else 3 if credential.in_group(gid) else 0
                if not mode >> shift & EXECUTE:
                    raise refuse(EACCES)
            end = path.find(b"/", end + 1)

    def check_change(self, credential: Credential, path: bytes) -> None:
        """May the name `path` be added or removed? In a sticky folder only by the owner of the file or of the folder."""
        folder = parent(path)
        self.check_search(credential, path)
        if self.may(credential, folder, WRITE | EXECUTE) is False:
            raise refuse(EACCES)
        try:
            sticky = os.stat(folder).st_mode & stat.S_ISVTX
        except OSError:
            return
        if sticky and os.path.lexists(path) and credential.fsuid not in (self._owners.of(path, False)[0], self._owners.of(folder)[0]):
            raise refuse(EPERM)

    def check_add(self, credential: Credential, path: bytes) -> None:
        """May a new name be made? What is there already is EEXIST before it is EACCES."""
        self.check_search(credential, path)
        if os.path.lexists(path):
            raise refuse(17)
        if self.may(credential, parent(path), WRITE | EXECUTE) is False:
            raise refuse(EACCES)

    def check_owner(self, credential: Credential, path: bytes, follow: bool = True) -> None:
        """EPERM for who neither owns the file nor is root."""
        if credential.fsuid:
            self.check_search(credential, path)
            st = os.stat(path, follow_symlinks=follow)
            if self._owners.ours(st) and self._owners.of(path, follow)[0] != credential.fsuid:
                raise refuse(EPERM)

    def owner_of_new(self, credential: Credential, path: bytes) -> tuple[int, int]:
        """The user, and the group: the folder's where it has the set-group-ID bit."""
        folder = parent(path)
        try:
            inherits = os.stat(folder).st_mode & stat.S_ISGID
        except OSError:
            inherits = 0
        return credential.fsuid, self._owners.of(folder)[1] if inherits else credential.fsgid

    def make_folder(self, caller: Caller, path: bytes, mode: int) -> int | None:
        """As `make`, for a folder of this mode."""
        wanted = mode & ~caller.umask() if self._owners.lends else mode
        held = self._owners.held(wanted, folder=True)
        if held == wanted:
            return self.make(caller, path, lambda: os.mkdir(path, mode))

        def action() -> None:
            os.mkdir(path, held)
            self._owners.set_mode(path, wanted)

        return self.make(caller, path, action, always=True)

    def make(self, caller: Caller, path: bytes, action: Callable[[], object], *, always: bool = False) -> int | None:
        """Make something for the caller, with its owner and its umask; None where the kernel does it right (root's, in a plain folder).

        With `always` it is made here and its owner written down even if that is root: what else is known of it is found by that mark.
        """
        credential = caller.credential
        if credential.fsuid:
            self.check_add(credential, path)
        owner = self.owner_of_new(credential, path)
        if owner == ROOT and not always:
            return CONTINUE
        before = os.umask(caller.umask())
        try:
            action()
        finally:
            os.umask(before)
        if owner != ROOT or always:
            self._owners.set(path, owner, False)
        return 0
