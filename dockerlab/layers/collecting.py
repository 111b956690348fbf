"""What a process changed in a folder that `laying` laid out, as a tree in overlay's upper format.

Every path has a mark: what lstat said of it when tree and folder were last the same. `ctime` is in it, which no process can set: a file rewritten
with its old size and its old time is found, and, as overlay copies up, so is one whose owner was set to what it was. A folder's mark holds its
birth too: one that was removed and made again may have the number of the first, but hides what that one held.

A process may be at work meanwhile, and it may be hostile: the folder is walked by descriptors, no link in it is ever followed, and what was changed
a moment ago gets a mark that holds for nothing, so that the next look takes it again.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Collection

from dockerlab.layers.birth import birth
from dockerlab.layers.laying import permissions, put_attributes, put_copy
from dockerlab.layers.owners import OPAQUE, Owners, is_opaque
from dockerlab.layers.removal import remove_tree
from dockerlab.layers.view import Node, TreeView
from dockerlab.layers.whiteouts import is_whiteout_device, put_whiteout

Mark = tuple[int, ...]
"""(inode, mode, owner, group, size, time of content in ns, ctime in ns, birth in ns of a folder, else 0)"""
Marks = dict[str, Mark]
"""By path ("etc/passwd"; the folder itself is "")."""

_COARSE = 5  # CLOCK_REALTIME_COARSE: what most file systems date by
_TICK = 20_000_000  # nanoseconds: two changes within a tick of the kernel's clock may have one ctime
_CHANGED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.EISDIR, errno.ENXIO)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def _mark(st: os.stat_result, born: int) -> Mark:
    size = 0 if stat.S_ISDIR(st.st_mode) else st.st_size
    return (st.st_ino, st.st_mode, st.st_uid, st.st_gid, size, st.st_mtime_ns, st.st_ctime_ns, born)


def doubtful(mark: Mark) -> Mark:
    """The mark of the same thing, which the next look will find changed."""
    return (*mark[:6], 0, mark[7])


def survey(root: str, apart: Collection[str] = ()) -> Marks:
    """The marks of everything in a folder but the paths of `apart` and what lies below them; nothing may be at work in it.

    `apart` holds paths ("dev"); one that ends in a slash ("dev/") is a folder that is itself a change, whatever lies in it.

    Returns when the clock of files has moved on: whatever is changed from now on has another ctime.
    """
    marks: Marks = {}
    apart = frozenset(apart)
    latest = 0

    def below(fd: int, rel: str) -> None:
        nonlocal latest
        st = os.fstat(fd)
        marks[rel] = _mark(st, birth(fd))
        latest = max(latest, st.st_ctime_ns)
        for name in os.listdir(fd):
            path = f"{rel}/{name}" if rel else name
            if path in apart or f"{path}/" in apart:
                continue
            st = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if stat.S_ISDIR(st.st_mode):
                child = os.open(name, _FOLDER, dir_fd=fd)
                try:
                    below(child, path)
                finally:
                    os.close(child)
            else:
                marks[path] = _mark(st, 0)
                latest = max(latest, st.st_ctime_ns)

    top = os.open(root, _FOLDER)
    try:
        below(top, "")
    finally:
        os.close(top)
    while latest < time.time_ns() and time.clock_gettime_ns(_COARSE) <= latest:
        time.sleep(0.001)
    return marks


def collect(root: str, tree: str, below: TreeView, marks: Marks, apart: Collection[str] = (), *, live: bool = False) -> Marks:
    """Bring `tree`, the change set above `below`, to what the folder `root` is now; the new marks. `live`: processes are at work in it.

    Sockets are kept (the writer of a layer leaves them out); what `apart` names is no part of it.
    """
    return _Collecting(tree, below, marks, frozenset(apart), live).all(root)


class _Collecting:
    def __init__(self, tree: str, below: TreeView, marks: Marks, apart: frozenset[str], live: bool) -> None:
        self._tree, self._below, self._old, self._apart = tree, below, marks, apart
        self._live = live
        self._new: Marks = {}
        self._sure_before = time.clock_gettime_ns(_COARSE) - _TICK if live else 1 << 63
        self._way: list[tuple[str, int, os.stat_result]] = []
        """The folders from the top to where we are: path, descriptor, what it was."""
        self._dated: dict[str, os.stat_result] = {}
        """Folders of the tree that were written to, and what they are in the root: their times are set at the end."""
        self._locked: dict[str, int] | None = None if Owners.here().real else {}
        """Folders of the tree whose modes keep an ordinary user out until all is written, and these modes."""
        self._first: dict[tuple[int, int], str] = {}
        self._names: dict[str, list[str]] = {}
        for path in marks:
            if path:
                folder, _, name = path.rpartition("/")
                self._names.setdefault(folder, []).append(name)

    def all(self, root: str) -> Marks:
        fd = os.open(root, _FOLDER)
        try:
            st = os.fstat(fd)
            if self._note("", st, birth(fd)):
                _put_attributes(fd, self._tree, st)
            self._folder("", fd, st, self._below.root() if self._below.trees else None, fresh=False)
        finally:
            os.close(fd)
        for path, st in sorted(self._dated.items(), reverse=True):
            os.utime(self._in_tree(path), ns=(st.st_atime_ns, st.st_mtime_ns))
        for path, bits in sorted((self._locked or {}).items(), reverse=True):
            if os.path.isdir(self._in_tree(path)):
                os.chmod(self._in_tree(path), bits)
        return self._new

    def _note(self, path: str, st: os.stat_result, born: int) -> bool:
        """Keep the new mark; whether it is not the old one."""
        mark = _mark(st, born)
        changed = self._old.get(path) != mark
        if changed and st.st_ctime_ns >= self._sure_before:
            mark = doubtful(mark)
        self._new[path] = mark
        return changed

    def _in_tree(self, path: str) -> str:
        return f"{self._tree}/{path}" if path else self._tree

    def _folder(self, path: str, fd: int, st: os.stat_result, under: Node | None, *, fresh: bool) -> None:
        """`under` is what lower layers show of this folder; `fresh`: it is not the one that was laid out, so neither is anything in it."""
        self._way.append((path, fd, st))
        self._unlock(path)
        try:
            here = {name for name in sorted(os.listdir(fd)) if self._is_there(path, name, fd, under, fresh)}
            for name in () if fresh else self._names.get(path, ()):
                if name not in here:
                    self._gone(_join(path, name), name, under)
        finally:
            self._way.pop()

    def _unlock(self, path: str) -> None:
        if self._locked is None:
            return
        place = self._in_tree(path)
        if os.path.isdir(place) and (bits := stat.S_IMODE(os.lstat(place).st_mode)) & stat.S_IRWXU != stat.S_IRWXU:
            self._locked[path] = bits
            os.chmod(place, bits | stat.S_IRWXU)

    def _is_there(self, path: str, name: str, fd: int, under: Node | None, fresh: bool) -> bool:
        rel = _join(path, name)
        if rel in self._apart:
            return False
        try:
            return self._one(rel, name, fd, under, fresh)
        except OSError as error:
            if not self._live or error.errno not in _CHANGED:
                raise
            return False  # it was changed under our eyes, and counts as gone until the next look

    def _one(self, rel: str, name: str, fd: int, under: Node | None, fresh: bool) -> bool:
        st = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if is_whiteout_device(st):
            return False  # a process may make one by hand: it means in a layer what it means here
        if not stat.S_ISDIR(st.st_mode):
            if self._note(rel, st, 0) or fresh:
                self._put(rel, f"{_path(fd)}/{name}", st)
            return True
        child = os.open(name, _FOLDER, dir_fd=fd)
        try:
            st, born = os.fstat(child), birth(child)
            old = self._old.get(rel)
            same = not fresh and old is not None and stat.S_ISDIR(old[1]) and (old[0], old[7]) == (st.st_ino, born)
            lower = self._below.child(under, name) if under is not None else None
            if self._note(rel, st, born) or not same:
                self._put_folder(rel, child, st, hides=lower is not None and not same, new=not same)
            if lower is not None and (not lower.is_dir or is_opaque(self._in_tree(rel))):
                lower = None
            if f"{rel}/" not in self._apart:
                self._folder(rel, child, st, lower, fresh=not same)
        finally:
            os.close(child)
        return True

    def _ready(self, rel: str) -> str:
        """The place of a path in the tree, the folders above it made as they are in the root (what overlay calls copy-up)."""
        for path, fd, st in self._way:
            place = self._in_tree(path)
            if path not in self._dated:
                if path and not os.path.isdir(place):
                    os.mkdir(place, 0o700)
                    _put_attributes(fd, place, st)
                    self._unlock(path)
                self._dated[path] = st
        return self._in_tree(rel)

    def _put_folder(self, rel: str, fd: int, st: os.stat_result, *, hides: bool, new: bool) -> None:
        place = self._ready(rel)
        if new:
            remove_tree(place)
        if not os.path.isdir(place):
            os.mkdir(place, 0o700)
        else:
            for name in os.listxattr(place):
                if name != OPAQUE:
                    os.removexattr(place, name)
        _put_attributes(fd, place, st)
        self._unlock(rel)
        if hides:
            os.setxattr(place, OPAQUE, b"y")
        self._dated[rel] = st

    def _put(self, rel: str, real: str, st: os.stat_result) -> None:
        place = self._ready(rel)
        remove_tree(place)
        if st.st_nlink > 1:
            first = self._first.setdefault((st.st_dev, st.st_ino), place)
            if first != place:
                os.link(first, place, follow_symlinks=False)
                return
        try:
            put_copy(real, place, st, permissions(real, st))
        except BaseException:
            remove_tree(place)
            self._first.pop((st.st_dev, st.st_ino), None)
            self._new.pop(rel, None)
            raise

    def _gone(self, rel: str, name: str, under: Node | None) -> None:
        lower = under is not None and self._below.child(under, name) is not None
        self._new.pop(rel, None)
        if not lower and not os.path.lexists(self._in_tree(rel)):
            return
        place = self._ready(rel)
        remove_tree(place)
        if lower:
            put_whiteout(place, self._tree)


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _path(fd: int) -> str:
    return f"/proc/self/fd/{fd}"


def _put_attributes(fd: int, place: str, st: os.stat_result) -> None:
    real = _itself(fd)
    put_attributes(real, place, st, permissions(real, st))


def _itself(fd: int) -> str:
    return f"/proc/self/fd/{fd}/."  # without the dot it is a link of /proc
