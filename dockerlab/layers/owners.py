"""Who owns a file of a tree: the inode itself where we are root, a record beside it where we are not.

An ordinary user can't give files away, so the owner that Docker would show is kept in the xattr `user.dockerlab.owner` = `UID:GID`; it follows the
inode through copy-up, rename and hard link without any work. Symbolic links, pipes and sockets take no user xattr: their owners stand in
`owners.json` beside the tree, by path.

In a copy that an ordinary user's processes work in, who is root there must get everywhere, but the kernel judges us by the mode: what a mode keeps from
its owner is lent on disk, and the mode itself kept in `user.dockerlab.mode`.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from dockerlab.layers.held import Held, named
from dockerlab.layers.lending import attribute, lent, reached

OWNER, DEVICE, MODE = "user.dockerlab.owner", "user.dockerlab.device", "user.dockerlab.mode"
OPAQUE = "user.overlay.opaque"
CAPABILITY, KEPT = "security.capability", "user.dockerlab.xattr."
"""The attribute that says what a program may do, and the prefix under which an ordinary user keeps what only root may set."""
OURS = ("user.overlay.", "user.dockerlab.")
"""Prefixes of marks that never leave in a tar."""

Links = dict[str, tuple[int, int]]


def lent_mode(mode: int, *, folder: bool) -> int:
    """The permission bits that stand on disk for `mode` where root, who may do all, is an ordinary user who owns everything."""
    return mode | (stat.S_IRWXU if folder else stat.S_IRUSR | stat.S_IWUSR | (stat.S_IXUSR if mode & 0o111 else 0))


def own_mode(path: str, st: os.stat_result) -> int:
    """The permission bits of a file or folder in such a copy."""
    try:
        return int(attribute(path, MODE), 8)
    except OSError:
        return stat.S_IMODE(st.st_mode)


def is_opaque(path: str) -> bool:
    """Whether this folder hides the folder of the same name below."""
    try:
        try:
            return attribute(path, OPAQUE) == b"y"
        except PermissionError:
            with reached(path), lent(path, stat.S_IRUSR):
                return attribute(path, OPAQUE) == b"y"
    except OSError:
        return False


def _recorded(path: str) -> tuple[int, int]:
    uid, gid = attribute(path, OWNER).split(b":")
    return int(uid), int(gid)


def plain_capability(value: bytes) -> bytes:
    """A capability set in a user namespace is stored as version 3 with the namespace's root; in an image it is version 2. (capabilities(7))"""
    if len(value) == 24 and value[3] == 3:
        return value[:3] + b"\x02" + value[4:20]
    return value


class Owners:
    """How owners are read and recorded: `real` by the kernel, else by xattr."""

    def __init__(self, real: bool) -> None:
        self.real = real

    @classmethod
    def here(cls) -> Owners:
        """What this process can do: real owners if it is root."""
        return cls(os.geteuid() == 0)

    def get(self, path: str, st: os.stat_result, links: Mapping[str, tuple[int, int]] = {}, rel: str = "") -> tuple[int, int]:
        """(uid, gid) of a file as the container sees it; `links` is the tree's owners.json and `rel` the path in it."""
        if self.real:
            return st.st_uid, st.st_gid
        if not stat.S_ISREG(st.st_mode) and not stat.S_ISDIR(st.st_mode):
            return links.get(rel, (0, 0))
        try:
            if st.st_mode & stat.S_IRUSR:
                return _recorded(path)
            with reached(path), lent(path, stat.S_IRUSR):
                return _recorded(path)
        except PermissionError:  # in a folder that may not be searched
            try:
                with reached(path), lent(path, stat.S_IRUSR):
                    return _recorded(path)
            except OSError:
                return 0, 0
        except OSError:
            return 0, 0

    def set(self, path: str, uid: int, gid: int) -> bool:
        """Record an owner. False where this kind of file takes no record: the caller notes it in the tree's owners.json."""
        held = isinstance(path, Held)
        if self.real:
            os.chown(path, uid, gid, follow_symlinks=held)
            return True
        st = os.stat(path, follow_symlinks=held)
        if not stat.S_ISREG(st.st_mode) and not stat.S_ISDIR(st.st_mode):
            return False
        if uid or gid:
            # a file without the write bit still takes the record from its owner, if we lend it the bit for a moment
            locked = not st.st_mode & stat.S_IWUSR
            if locked:
                os.chmod(path, stat.S_IMODE(st.st_mode) | stat.S_IWUSR)
            try:
                os.setxattr(path, OWNER, b"%d:%d" % (uid, gid), follow_symlinks=held)
            finally:
                if locked:
                    os.chmod(path, stat.S_IMODE(st.st_mode))
        else:
            try:
                os.removexattr(path, OWNER, follow_symlinks=held)
            except OSError:
                pass
        return True


def read_links(tree: Path | str) -> Links:
    """The owners.json beside a tree, or nothing."""
    try:
        with open(os.path.join(os.path.dirname(named(tree)), "owners.json"), encoding="utf-8") as file:
            return {path: (int(owner[0]), int(owner[1])) for path, owner in json.load(file).items()}
    except FileNotFoundError:
        return {}


def write_links(tree: Path | str, links: Links) -> None:
    """Write the owners.json beside a tree; none if there is nothing to say."""
    path = os.path.join(os.path.dirname(str(tree)), "owners.json")
    if not links:
        if os.path.exists(path):
            os.unlink(path)
        return
    with open(path + "~", "w", encoding="utf-8") as file:
        json.dump({key: list(value) for key, value in sorted(links.items())}, file)
    os.replace(path + "~", path)


def made_device(path: str, bits: int, device: tuple[int, int]) -> bool:
    """False where root may not make devices (a pod without CAP_MKNOD)."""
    try:
        os.mknod(path, bits, os.makedev(*device))
    except PermissionError:
        return False
    return True
