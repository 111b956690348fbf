"""Who owns a file: the xattr of the inode, so that copy-up, rename, hard link, unlink and inode reuse need no work.

Symbolic links, pipes and sockets take no user xattr. Theirs are kept by inode while the container runs, and written to the `owners.json`
beside its upper folder at the end; those of the layers below are read at the start.
"""

from __future__ import annotations

import os
import stat

from dockerlab.runtime.helper import records

OWNER, DEVICE = "user.dockerlab.owner", "user.dockerlab.device"
Owner = tuple[int, int]
ROOT: Owner = (0, 0)
UNRECORDED: Owner = (0, 0)  # told from a recorded 0:0 by identity: of a file without a record the kernel's own stat is right


class Owners:
    """The owners in one container's file tree, as its keeper sees it.

    `me` is the one real user, and `top` where the tree begins in the keeper's eyes: "" where its root is the container's. `lends`: modes on
    disk may be more than what they are in the container.
    """

    me = 0
    top = b""
    lends = False

    def __init__(self, lowers: list[str], upper: str, upper_fd: int, records_fd: int, root: str) -> None:
        self._upper, self._records = upper_fd, records_fd
        self._links: dict[tuple[int, int], tuple[str, Owner]] = {}  # device and inode -> what it is, owner
        files = [f"{os.path.dirname(path)}/owners.json" for path in (upper, *lowers)]
        present = [path for path in files if os.path.exists(path)]
        self._changed = files[0] in present  # what upper's own record says may be gone by the end
        if present:
            self._load(present, root)

    def _load(self, files: list[str], root: str) -> None:
        import json  # 8 ms that most containers never pay

        known: dict[str, list[int]] = {}
        for path in reversed(files):  # bottom first: the topmost layer has the last word
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                known.update(json.load(file))
        for path, owner in known.items():
            try:
                key, what = _identify(os.fsencode(f"{root}/{path}"), False)
            except OSError:
                continue  # deleted by a layer above
            if not what.startswith(("f:", "d:")):
                self._links[key] = what, (owner[0], owner[1])

    def of(self, path: bytes, follow: bool = True) -> Owner:
        """The recorded owner, or UNRECORDED, which is root's."""
        try:
            uid, _, gid = os.getxattr(path, OWNER, follow_symlinks=follow).partition(b":")
            return int(uid), int(gid)
        except OSError:
            if not self._links:
                return UNRECORDED
        try:
            key, what = _identify(path, follow)
        except OSError:
            return UNRECORDED
        kept, owner = self._links.get(key, ("", UNRECORDED))
        return owner if kept == what else UNRECORDED  # the same inode number may be another file's by now

    def ours(self, st: os.stat_result) -> bool:
        """Whether the one real user owns it, so that what is recorded counts."""
        return st.st_uid == self.me

    def mode(self, _path: bytes, mode: int, _follow: bool = True) -> int:
        """What a file's mode, which on disk is `mode`, is in the container."""
        return mode

    def held(self, mode: int, *, folder: bool) -> int:
        """The permission bits that stand on disk for `mode`."""
        return mode

    def set_mode(self, path: bytes, mode: int) -> None:
        """Record the permissions of what has those of `held` on disk."""

    def set(self, path: bytes, owner: Owner, follow: bool = True) -> None:
        """Record an owner."""
        try:
            os.setxattr(path, OWNER, b"%d:%d" % owner, follow_symlinks=follow)
        except OSError as error:
            if error.errno not in (1, 95):  # EPERM: a kind without user xattrs; EOPNOTSUPP: a file system without
                raise
            key, what = _identify(path, follow)
            self._keep(key, what, owner)

    @property
    def knows_links(self) -> bool:
        """Whether anything is recorded by inode."""
        return bool(self._links)

    def forget(self, path: bytes) -> None:
        """Its last name is about to go."""
        try:
            key, what = _identify(path, False)
            if key in self._links and os.lstat(path).st_nlink == 1:
                self._keep(key, what, ROOT)
        except OSError:
            pass  # the kernel says what is wrong

    def _keep(self, key: tuple[int, int], what: str, owner: Owner) -> None:
        self._links[key] = what, owner
        self._changed = True

    def save(self) -> None:
        """Write what no xattr holds, by paths below upper. Run at the end, when the merged tree is `/` and no process is left."""
        if not self._changed:
            return
        found: dict[str, Owner] = {}
        for folder, _, names, fd in os.fwalk(".", dir_fd=self._upper, follow_symlinks=False):
            for name in names:
                mode = os.lstat(name, dir_fd=fd).st_mode
                if stat.S_ISREG(mode) or stat.S_ISCHR(mode):
                    continue
                path = os.path.normpath(os.path.join(folder, name))
                owner = self.of(b"/" + os.fsencode(path), False)
                if owner != ROOT:
                    found[path] = owner
        if found:
            records.write_record(self._records, "owners.json", found)
        else:
            records.remove(self._records, "owners.json")


def _identify(path: bytes, follow: bool) -> tuple[tuple[int, int], str]:
    st = os.stat(path, follow_symlinks=follow)
    key = st.st_dev, st.st_ino
    if stat.S_ISLNK(st.st_mode):
        return key, "l:" + os.fsdecode(os.readlink(path))
    kind = "f:" if stat.S_ISREG(st.st_mode) else "d:" if stat.S_ISDIR(st.st_mode) else f"{stat.S_IFMT(st.st_mode):o}:"
    return key, kind
