"""Writing into a tree in which processes are at work: `docker cp` into a running container, or into a volume that others mount.

They may be hostile, and put a link to a folder of this machine wherever we are about to write. So folders are found by descriptors (`held`), links on
the way are followed inside the tree, as the container would, and whatever was made is held while it gets its owner, mode and time.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from dockerlab.errors import StoreError
from dockerlab.layers.held import Held, Inside, hold, named
from dockerlab.layers.removal import remove_tree
from dockerlab.layers.times import nanoseconds
from dockerlab.layers.tree import Tree

_HOPS = 40
_PATH_MAX = 4096  # bytes of a path, with its end
_TRIES = 20  # times that something may be in the way again
_OPEN = 64  # folders that are kept open: the next path mostly lies in one of them


class LiveTree(Tree):
    """As `Tree`; nothing outside of `root` is ever reached. OSError where others undo what is being done."""

    def __init__(self, root: Path | str) -> None:
        super().__init__(root)
        self._top = hold(root)
        self._found: dict[str, Held] = {}
        """Folders that were found lately, by the path that led there; the last used is the last."""

    # --- paths

    def _split(self, rel: str) -> list[str]:
        """As `Tree`; by descriptors one could go deeper than any path leads, and nobody would find what lies there."""
        if len(os.fsencode(rel)) >= _PATH_MAX:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), rel)
        return super()._split(rel)

    def path(self, rel: str) -> Inside:
        """The last name of `rel` in its folder, which exists afterwards."""
        parts = self._split(rel)
        return Inside(self._folder(parts[:-1]), parts[-1]) if parts else Inside(self._top, ".")

    def _folder(self, parts: list[str]) -> Held:
        key = "/".join(parts)
        found = self._found.pop(key, None) or self._walk(parts)
        self._found[key] = found
        if len(self._found) > _OPEN:
            del self._found[next(iter(self._found))]
        return found

    def _walk(self, parts: list[str]) -> Held:
        todo, way, hops = list(parts), [self._top], 0
        while todo:
            name = todo.pop(0)
            if name == "..":
                if len(way) > 1:
                    way.pop()
                continue
            here = self._below(way[-1], name)
            if stat.S_ISDIR(os.fstat(here.fd).st_mode):
                way.append(here)
                continue
            hops += 1
            if hops > _HOPS:
                raise StoreError(f'"{"/".join(parts)}": too many levels of symbolic links')
            link = here.target()
            if link.startswith("/"):
                way = [self._top]
            todo = [part for part in link.split("/") if part and part != "."] + todo
        return way[-1]

    def _below(self, folder: Held, name: str) -> Held:
        """The folder or the link of that name; a new folder (0755) where there is neither."""
        for _ in range(_TRIES):
            try:
                there = folder.step(name)
            except FileNotFoundError:
                try:
                    os.mkdir(name, 0o755, dir_fd=folder.fd)
                    there = folder.step(name)
                except (FileExistsError, FileNotFoundError):
                    continue
                if stat.S_ISDIR(os.fstat(there.fd).st_mode):
                    os.chmod(there, 0o755)
            if stat.S_IFMT(os.fstat(there.fd).st_mode) in (stat.S_IFDIR, stat.S_IFLNK):
                return there
            remove_tree(Inside(folder, name))
        raise _undone(Inside(folder, name))

    def _rel(self, path: str) -> str:
        return named(path)[len(self._top.named) + 1 :]

    def _clear(self, rel: str) -> Inside:
        target = self.path(rel)
        if target.name == ".":
            raise StoreError("the root of a layer can only be a folder")
        try:
            mode = os.lstat(target).st_mode
        except FileNotFoundError:
            return target
        remove_tree(target)
        self._forget(target, way=stat.S_ISDIR(mode) or stat.S_ISLNK(mode))
        return target

    def _create(self, rel: str) -> tuple[Inside, int]:
        target = self.path(rel)
        for _ in range(_TRIES):
            try:
                return target, os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            except (FileExistsError, IsADirectoryError):
                target = self._clear(rel)
        raise _undone(target)

    def _forget(self, path: str, *, way: bool) -> None:
        gone = self._rel(path)
        self.links.pop(gone, None)
        if way:
            self._found.clear()
            below = gone + "/"
            self._times = {rel: mtime for rel, mtime in self._times.items() if rel != gone and not rel.startswith(below)}
            self._modes = {rel: mode for rel, mode in self._modes.items() if rel != gone and not rel.startswith(below)}
            self.links = {rel: owner for rel, owner in self.links.items() if not rel.startswith(below)}

    # --- entries

    def mkdir(self, rel: str, mode: int = 0o755, uid: int = 0, gid: int = 0, mtime: float | None = None) -> None:
        """A folder with these properties; one that exists keeps what it holds."""
        target = self.path(rel)
        for _ in range(_TRIES):
            try:
                folder = hold(target, follow=False)
            except FileNotFoundError:
                try:
                    os.mkdir(target)
                except FileExistsError:
                    pass
            else:
                if stat.S_ISDIR(os.fstat(folder.fd).st_mode):
                    break
                target = self._clear(rel)
        else:
            raise _undone(target)
        self._set(folder, mode | (0 if self.owners.real else stat.S_IRWXU), uid, gid, None)
        path = self._rel(target)
        self._modes.pop(path, None)
        if not self.owners.real and mode & stat.S_IRWXU != stat.S_IRWXU:
            self._modes[path] = mode
        if mtime is not None:
            self._times[path] = mtime

    def set_time(self, rel: str, mtime: float) -> None:
        """The time that a folder will have once everything is written."""
        self._times[self._rel(self.path(rel))] = mtime

    def _mark(self, path: str, name: str, value: bytes) -> None:
        os.setxattr(hold(path, follow=False), name, value)

    def _own(self, path: str, uid: int, gid: int) -> None:
        super()._own(path if isinstance(path, Held) else hold(path, follow=False), uid, gid)

    def _finish(
        self, path: str, mode: int | None, uid: int, gid: int, mtime: float | None, *, fresh: bool = True, fd: int | None = None
    ) -> None:
        self._set(hold(path, follow=False) if fd is None else Held(os.dup(fd), named(path)), mode, uid, gid, mtime)

    def _set(self, held: Held, mode: int | None, uid: int, gid: int, mtime: float | None) -> None:
        self._own(held, uid, gid)
        if mode is not None:
            os.chmod(held, mode & 0o7777)
        if mtime is not None:
            os.utime(held, ns=(nanoseconds(mtime), nanoseconds(mtime)))

    def close(self) -> None:
        """Set the times of folders, and what an ordinary user must do last, of those that are still where they were."""
        for rel, mtime in sorted(self._times.items(), reverse=True):
            if (folder := self._again(rel)) is not None:
                os.utime(folder, (mtime, mtime))
        for rel, mode in sorted(self._modes.items(), reverse=True):
            if (folder := self._again(rel)) is not None:
                os.chmod(folder, mode & 0o7777)
        self._times, self._modes = {}, {}
        super().close()

    def _again(self, rel: str) -> Held | None:
        here = self._top
        try:
            for name in self._split(rel):
                here = here.step(name)
                if not stat.S_ISDIR(os.fstat(here.fd).st_mode):
                    return None
        except OSError:
            return None
        return here


def _undone(path: Inside) -> OSError:
    return OSError(errno.EEXIST, os.strerror(errno.EEXIST), path)
