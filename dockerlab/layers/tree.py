"""A change set as a folder, written without any mount: what COPY, ADD, WORKDIR, the catalogue and an incoming tar make.

Every path is taken apart and walked from the tree's root, so that neither ".." nor a symbolic link of a hostile archive leads outside: a link on the
way is followed inside the tree, as it would be in a container whose root the tree is.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from dockerlab.data import dataclass
from dockerlab.errors import StoreError
from dockerlab.layers import borrowed
from dockerlab.layers.entry import Entry
from dockerlab.layers.halves import in_halves
from dockerlab.layers.owners import DEVICE, KEPT, OPAQUE, OWNER, Links, Owners, made_device, read_links, write_links
from dockerlab.layers.pouring import copy_bytes, pour
from dockerlab.layers.removal import remove_tree
from dockerlab.layers.times import nanoseconds
from dockerlab.layers.whiteouts import put_whiteout

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Copied:
    """A regular file to be: where it comes from, and what it is there."""

    rel: str
    source: str
    st: os.stat_result
    mode: int
    uid: int
    gid: int


class Tree:
    """Writes a tree at `root` (made if missing). Later writes to a path replace earlier ones. `close()` sets folders' times and owners.json."""

    def __init__(self, root: Path | str, owners: Owners | None = None) -> None:
        self.root = str(root)
        self.owners = owners or Owners.here()
        if not os.path.isdir(self.root):
            os.makedirs(self.root)
            os.chmod(self.root, 0o755)  # whatever the umask
        self.links: Links = {} if self.owners.real else read_links(self.root)
        self._inherits = False
        self._own_ids = (os.geteuid(), os.getegid()) if self.owners.real else (0, 0)
        self._folders: dict[str, str] = {"": self.root}
        self._times: dict[str, float] = {}
        self._modes: dict[str, int] = {}

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()

    # --- paths

    def _split(self, rel: str) -> list[str]:
        parts = [part for part in rel.split("/") if part and part != "."]
        if ".." in parts or "\0" in rel:
            raise StoreError(f'"{rel}" leads out of the layer', hint="the archive is damaged or hostile; nothing of it was kept")
        return parts

    def _folder(self, parts: list[str]) -> str:
        """The real path of the folder, made where missing (0755, root's); links inside the tree are followed inside it."""
        key = "/".join(parts)
        if (known := self._folders.get(key)) is not None:
            return known
        todo, done, hops = list(parts), [""], 0
        here = self.root
        while todo:
            name = todo.pop(0)
            if name == "..":
                if len(done) > 1:
                    done.pop()
                here = os.path.join(self.root, *done[1:])
                continue
            target = os.path.join(here, name)
            try:
                st = os.lstat(target)
            except FileNotFoundError:
                os.mkdir(target, 0o755)
                os.chmod(target, 0o755)
            else:
                if stat.S_ISLNK(st.st_mode):
                    hops += 1
                    if hops > 40:
                        raise StoreError(f'"{key}": too many levels of symbolic links')
                    link = os.readlink(target)
                    if link.startswith("/"):
                        here, done = self.root, [""]
                    todo = [part for part in link.split("/") if part and part != "."] + todo
                    continue
                if not stat.S_ISDIR(st.st_mode):
                    os.unlink(target)
                    os.mkdir(target, 0o755)
                    os.chmod(target, 0o755)
            here = target
            done.append(name)
        self._folders[key] = here
        return here

    def path(self, rel: str) -> str:
        """The real path of `rel`; its parent folders exist afterwards, the last name is taken as it is."""
        above, _, name = rel.rpartition("/")
        if name not in ("", ".", "..") and "\0" not in name and (known := self._folders.get(above)) is not None:
            return f"{known}/{name}"
        parts = self._split(rel)
        if not parts:
            return self.root
        return os.path.join(self._folder(parts[:-1]), parts[-1])

    def lexists(self, rel: str) -> bool:
        """Whether the tree itself has this path (a whiteout counts)."""
        return os.path.lexists(self.path(rel))

    def _clear(self, rel: str) -> str:
        target = self.path(rel)
        if target == self.root:
            raise StoreError("the root of a layer can only be a folder")
        try:
            mode = os.lstat(target).st_mode
        except FileNotFoundError:
            return target
        if stat.S_ISDIR(mode):
            remove_tree(target)
        else:
            os.unlink(target)
        self._forget(target, way=stat.S_ISDIR(mode) or stat.S_ISLNK(mode))
        return target

    def _create(self, rel: str) -> tuple[str, int]:
        """(real path, descriptor) of a new, empty file; what stood there is gone."""
        target = self.path(rel)
        try:
            return target, os.open(target, _NEW, 0o600)
        except (FileExistsError, IsADirectoryError):
            return target, os.open(self._clear(rel), _NEW, 0o600)

    def _forget(self, path: str, *, way: bool) -> None:
        """Nothing that was noted about a real path, or below it, holds any more; `way`: others may have been reached through it."""
        self.links.pop(self._rel(path), None)
        if not way:
            return
        self._folders = {"": self.root}  # any of them may have been found through a link that is gone
        below = path + "/"
        self._times = {key: value for key, value in self._times.items() if key != path and not key.startswith(below)}
        self._modes = {key: value for key, value in self._modes.items() if key != path and not key.startswith(below)}
        inside = self._rel(below)
        self.links = {key: value for key, value in self.links.items() if not key.startswith(inside)}

    def _rel(self, path: str) -> str:
        """A real path as owners.json names it: where it lies, whatever links led there."""
        return path[len(self.root) + 1 :]

    # --- entries

    def mkdir(self, rel: str, mode: int = 0o755, uid: int = 0, gid: int = 0, mtime: float | None = None) -> None:
        """A folder with these properties; one that exists keeps what it holds."""
        target = self.path(rel)
        try:
            st = os.lstat(target)
            if not stat.S_ISDIR(st.st_mode):
                target = self._clear(rel)
                os.mkdir(target)
        except FileNotFoundError:
            os.mkdir(target)
        self._finish(target, mode | (0 if self.owners.real else stat.S_IRWXU), uid, gid, None, fresh=False)
        self._modes.pop(target, None)
        if not self.owners.real and mode & stat.S_IRWXU != stat.S_IRWXU:
            self._modes[target] = mode  # we must be able to write into it until all is there
        self._inherits = self._inherits or bool(mode & stat.S_ISGID)
        if mtime is not None:
            self._times[target] = mtime

    def write(self, rel: str, data: bytes, mode: int = 0o644, uid: int = 0, gid: int = 0, mtime: float | None = None) -> None:
        """A regular file with these bytes."""
        target, fd = self._create(rel)
        with open(fd, "wb") as file:
            file.write(data)
        self._finish(target, mode, uid, gid, mtime)

    def write_files(self, files: Sequence[tuple[Entry, bytes]]) -> None:
        """`write` for many new files, with nothing at their paths yet and their folders there: two threads make them."""

        def write(one: tuple[Entry, str, bytes]) -> None:
            entry, target, data = one
            fd = os.open(target, _NEW, 0o600)
            try:
                if os.write(fd, data) != len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), target)
                self._finish(target, entry.mode, entry.uid, entry.gid, entry.mtime, fd=fd)
            finally:
                os.close(fd)

        in_halves([(entry, self.path(entry.path), data) for entry, data in files], write)

    def write_from(
        self,
        rel: str,
        source: IO[bytes] | str | Path,
        mode: int = 0o644,
        uid: int = 0,
        gid: int = 0,
        mtime: float | None = None,
        size: int | None = None,
        likely: int = 0,
    ) -> int:
        """A regular file copied from a path (sharing blocks where the file system can) or an open file (`size` bytes of it); its size in bytes.

        `likely`: its size a moment ago, which spares asking for more.
        """
        target, fd = self._create(rel)
        try:
            if isinstance(source, (str, Path)):
                with open(source, "rb", buffering=0) as file:
                    count = copy_bytes(file.fileno(), fd, likely)
            elif isinstance(source, io.FileIO) and size is None:
                count = copy_bytes(source.fileno(), fd, likely)
            else:
                count = pour(source, fd, size)
            self._finish(target, mode, uid, gid, mtime, fd=fd)
        finally:
            os.close(fd)
        return count

    def copy_files(self, files: Sequence[Copied]) -> None:
        """Many regular files copied from paths, each with the time and the likely size that its `st` says: `write_from` for ten thousand files."""
        taken: list[Copied] = []

        def copy(one: tuple[Copied, str]) -> None:
            try:
                self._copy(one[0], os.open(one[1], _NEW, 0o600), one[1])
            except (FileExistsError, IsADirectoryError):
                taken.append(one[0])

        in_halves([(file, self.path(file.rel)) for file in files], copy)
        for file in taken:
            target, fd = self._create(file.rel)
            self._copy(file, fd, target)

    def _copy(self, file: Copied, write: int, target: str) -> None:
        try:
            read = os.open(file.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            if borrowed.places:
                read = borrowed.opened(read, file.source, os.O_RDONLY)
            try:
                copy_bytes(read, write, file.st.st_size)
            finally:
                os.close(read)
            self._finish(target, file.mode, file.uid, file.gid, None, fd=write)
            os.utime(write, ns=(file.st.st_mtime_ns, file.st.st_mtime_ns))
        finally:
            os.close(write)

    def symlink(self, rel: str, target: str, uid: int = 0, gid: int = 0, mtime: float | None = None) -> None:
        """A symbolic link; the target is kept as it is written."""
        path = self._clear(rel)
        os.symlink(target, path)
        self._finish(path, None, uid, gid, mtime)

    def hardlink(self, rel: str, existing: str) -> None:
        """Another name for a file of this tree. StoreError if there is none of that name."""
        source = self.path(existing)
        try:
            if stat.S_ISDIR(os.lstat(source).st_mode):
                raise StoreError(f'"{rel}" is a hard link to a folder, "{existing}"')
        except FileNotFoundError:
            raise StoreError(f'"{rel}" is a hard link to "{existing}", which the layer does not hold') from None
        if source == self.path(rel):
            return
        target = self._clear(rel)
        os.link(source, target, follow_symlinks=False)
        if (owner := self.links.get(self._rel(source))) is not None:
            self.links[self._rel(target)] = owner

    def device(
        self, rel: str, kind: str, mode: int, device: tuple[int, int], uid: int = 0, gid: int = 0, mtime: float | None = None
    ) -> None:
        """A device file ("char" or "block"); for who may not make one an empty file with a mark, so that the layer's tar is true."""
        path = self._clear(rel)
        bits = (stat.S_IFCHR if kind == "char" else stat.S_IFBLK) | mode
        if not (self.owners.real and made_device(path, bits, device)):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            self._mark(path, DEVICE, b"%o:%d:%d" % (bits, *device))
            if not self.owners.real:
                self._mark(path, OWNER, b"%d:%d" % (uid, gid))  # the supervisor looks for a device only behind an owner's record
        self._finish(path, mode, uid, gid, mtime)

    def fifo(self, rel: str, mode: int = 0o644, uid: int = 0, gid: int = 0, mtime: float | None = None) -> None:
        """A named pipe."""
        path = self._clear(rel)
        os.mkfifo(path)
        self._finish(path, mode, uid, gid, mtime)

    def put(self, rel: str, entry: Entry, open_file: Callable[[], IO[bytes]]) -> None:
        """What an entry describes, at `rel`: a folder without what is in it, a file with the bytes that `open_file` gives. A socket is left out."""
        owner = entry.uid, entry.gid, entry.mtime
        if entry.kind == "dir":
            self.mkdir(rel, entry.mode, *owner)
        elif entry.kind == "file":
            with open_file() as file:
                self.write_from(rel, file, entry.mode, *owner, likely=entry.size)
        elif entry.kind == "symlink":
            self.symlink(rel, entry.link, *owner)
        elif entry.kind == "fifo":
            self.fifo(rel, entry.mode, *owner)
        elif entry.kind in ("char", "block"):
            self.device(rel, entry.kind, entry.mode, entry.device, *owner)
        for name, value in entry.xattrs.items():
            self.set_xattr(rel, name, value)

    def write_hole(self, rel: str, entry: Entry, marks: Mapping[str, bytes]) -> None:
        """The regular file of an entry, of its size and with nothing in it, but with these attributes on disk."""
        target, fd = self._create(rel)
        try:
            os.truncate(fd, entry.size)
            for name, value in marks.items():
                os.setxattr(fd, name, value)
            self._finish(target, entry.mode, entry.uid, entry.gid, entry.mtime, fd=fd)
        finally:
            os.close(fd)
        for name, value in entry.xattrs.items():
            self.set_xattr(rel, name, value)

    def whiteout(self, rel: str) -> None:
        """Hide this path of the layers below."""
        put_whiteout(self._clear(rel), self.root)

    def opaque(self, rel: str) -> None:
        """Hide everything that the layers below hold in this folder."""
        os.setxattr(self._folder(self._split(rel)), OPAQUE, b"y")

    def set_xattr(self, rel: str, name: str, value: bytes) -> None:
        """An extended attribute; kept under our own name where an ordinary user may not set it (security.capability)."""
        path = self.path(rel)
        try:
            self._mark(path, name, value)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP):
                raise
            if not name.startswith("user."):
                self._mark(path, KEPT + name, value)

    def _mark(self, path: str, name: str, value: bytes) -> None:
        os.setxattr(path, name, value, follow_symlinks=False)

    def set_time(self, rel: str, mtime: float) -> None:
        """The time that a folder will have once everything is written."""
        self._times[self.path(rel)] = mtime

    def set_owner(self, rel: str, uid: int, gid: int) -> None:
        """Record the owner of an existing path."""
        self._own(self.path(rel), uid, gid)

    def _own(self, path: str, uid: int, gid: int) -> None:
        if not self.owners.set(path, uid, gid):
            self.links[self._rel(path)] = (uid, gid)

    def _finish(
        self, path: str, mode: int | None, uid: int, gid: int, mtime: float | None, *, fresh: bool = True, fd: int | None = None
    ) -> None:
        # what we make is ours already, but for the group in a set-group-ID folder
        if not (fresh and (uid, gid) == self._own_ids and not self._inherits):
            self._own(path, uid, gid)
        if mode is not None:
            os.chmod(path if fd is None else fd, mode & 0o7777)
        if mtime is not None:
            ns = nanoseconds(mtime)
            if fd is None:
                os.utime(path, ns=(ns, ns), follow_symlinks=False)
            else:
                os.utime(fd, ns=(ns, ns))

    def close(self) -> None:
        """Set the times of folders (writing into them moved them) and write owners.json."""
        for path, mtime in sorted(self._times.items(), reverse=True):
            if os.path.isdir(path) and not os.path.islink(path):
                os.utime(path, (mtime, mtime))
        for path, mode in sorted(self._modes.items(), reverse=True):
            if os.path.isdir(path) and not os.path.islink(path):
                os.chmod(path, mode & 0o7777)
        if not self.owners.real:
            write_links(self.root, self.links)
