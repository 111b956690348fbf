"""Owners in a root that is a copy, where there is no user namespace: our one real ID must read as root's, and root is not above modes.

The keeper's root is this machine's, so paths are the copy's own. What a mode keeps from its owner is lent on disk, and the mode kept in an xattr, so that
who is root in the container gets everywhere, as in Docker. Owners of links, pipes and sockets are appended to a file as they change (its lines are
described in `layers/laid_links.py`): others want to know them while the container runs.
"""

from __future__ import annotations

import os
import stat

from dockerlab.runtime.helper.supervisor.owners import Owner, Owners

MODE = "user.dockerlab.mode"


class LaidOwners(Owners):
    """`root` is the copy, `record` the file of what takes no xattr."""

    def __init__(self, root: str, record: str) -> None:
        self.me, self.top = os.geteuid(), os.fsencode(os.path.realpath(root))
        self._links: dict[tuple[int, int], tuple[str, Owner]] = {}
        self._record = os.open(record, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        with open(self._record, encoding="ascii", closefd=False) as lines:
            for line in lines:
                device, inode, uid, gid, what = line.split()
                self._links[int(device), int(inode)] = os.fsdecode(bytes.fromhex(what)), (int(uid), int(gid))

    def _keep(self, key: tuple[int, int], what: str, owner: Owner) -> None:
        self._links[key] = what, owner
        os.write(self._record, f"{key[0]} {key[1]} {owner[0]} {owner[1]} {os.fsencode(what).hex()}\n".encode("ascii"))

    def save(self) -> None:
        """All is written already."""

    def mode(self, path: bytes, mode: int, follow: bool = True) -> int:
        """As it was before it was lent."""
        try:
            return stat.S_IFMT(mode) | int(os.getxattr(path, MODE, follow_symlinks=follow), 8)
        except OSError:
            return mode

    def held(self, mode: int, *, folder: bool) -> int:
        """With all that an owner may have."""
        return mode | (0o700 if folder else 0o700 if mode & 0o111 else 0o600)

    def set_mode(self, path: bytes, mode: int) -> None:
        """By an xattr, where it is not what stands on disk."""
        st = os.stat(path)
        held = self.held(mode, folder=stat.S_ISDIR(st.st_mode))
        if stat.S_IMODE(st.st_mode) != held:
            os.chmod(path, held)
        if held != mode:
            os.setxattr(path, MODE, b"%o" % mode)
            return
        try:
            os.removexattr(path, MODE)
        except OSError:
            pass  # there was none
