"""Owners in a root that is a copy, which others walk from outside with an ordinary user's rights while the container runs.

What a mode keeps from its owner is lent on disk, and the mode kept in an xattr. Without a user namespace root needs that, too, to get everywhere as in
Docker; then our one real ID must read as root's, and paths are the copy's own, since the keeper's root is this machine's. Owners of links, pipes and
sockets are appended to a file as they change (its lines are described in `layers/laid_links.py`).
"""

from __future__ import annotations

import os
import stat

from dockerlab.runtime.helper.supervisor.owners import Owner, Owners

MODE = "user.dockerlab.mode"
RECORD = "laid.owners"


def owners_of(box: dict[str, object], upper: int, records: int, root: str) -> Owners:
    """Those of a container in namespaces; `upper` and `records` are descriptors of its change set and of the folder of owners.json, `root` lies at a path yet."""
    if box["copied"]:
        return LaidOwners("", os.path.join(os.path.dirname(str(box["merged"])), RECORD))
    lowers: list[str] = list(box["lowers"])  # type: ignore[call-overload]
    return Owners(lowers, str(box["upper"]), upper, records, root)


class LaidOwners(Owners):
    """`root` is the copy where no namespace makes it the keeper's own root, `record` the file of what takes no xattr."""

    lends = True

    def __init__(self, root: str, record: str) -> None:
        if root:
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
