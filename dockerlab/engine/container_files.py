"""A container's files as `docker cp`, `export` and `diff` see them: the image's, those that docker puts into every container, its own, and what it mounts.

Docker keeps a layer of its own between the image and the container (moby: daemon/initlayer): empty files and folders to mount on. Ours is made when
somebody looks; a running container has one of its own. It is never part of an image.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from dockerlab.engine.box import etc_of
from dockerlab.engine.copies import running_root
from dockerlab.engine.records import Record
from dockerlab.errors import ConflictError, StoreError
from dockerlab.layers import Entry, LiveTree, Node, Tree, TreeView, changes
from dockerlab.layers.held import Held, hold
from dockerlab.oci.timestamps import to_seconds
from dockerlab.runtime.container import ContainerDirectory, ContainerState
from dockerlab.store import Store

Json = dict[str, Any]
ETC_FILES = ("hostname", "hosts", "resolv.conf")
_FOLDERS = ("dev/pts", "dev/shm", "proc", "sys")
_FILES = (".dockerenv", "dev/console", *(f"etc/{name}" for name in ETC_FILES))
_MTAB = "etc/mtab"
_LONGEST = 1 << 20  # bytes: a process may have written much into its /etc/hosts


class MountedView(TreeView):
    """Layer trees with files and folders of this machine mounted on them: these are held, since containers work in them."""

    def __init__(self, trees: Sequence[Path | str], mounts: Mapping[str, str]) -> None:
        """`mounts`: path in the container → what is mounted there."""
        super().__init__(trees)
        self._mounts: dict[str, tuple[int, Held]] = {}
        found = {self.resolve(path): source for path, source in mounts.items()}
        for path, source in found.items():
            if os.path.lexists(source):
                self._mounts[path] = (len(self.trees), held := hold(source))
                self._links[len(self.trees)] = {}
                self.trees.append(held)

    def _step(self, folder: str, dirs: tuple[tuple[int, str], ...], name: str) -> Node | None:
        path = ("" if folder == "/" else folder) + "/" + name
        if (mounted := self._mounts.get(path)) is None:
            return super()._step(folder, dirs, name)
        layer, source = mounted
        node = Node(self, path, layer, source, os.fstat(source.fd))
        if node.is_dir:
            node.dirs = ((layer, source),)
        return node


@contextmanager
def looked_at(store: Store, record: Record, folder: Path, mounts: Mapping[str, str], etc: Mapping[str, bytes]) -> Iterator[MountedView]:
    """Everything in the container, whose records lie in `folder`. `mounts` as in `MountedView`; `etc` are the files that docker mounts into /etc."""
    with _between(store, record, [mount["Destination"] for mount in record.mounts]) as (trees, scratch):
        mounted = dict(mounts)
        for name, data in etc.items():
            (scratch / name).write_bytes(data)
            os.chmod(scratch / name, 0o644)
            mounted[f"/etc/{name}"] = str(scratch / name)
        yield MountedView([*trees, hold(folder / "diff")], mounted)


def own_tree(process: ContainerDirectory) -> tuple[LiveTree, bool]:
    """(where a container's files are written, whether its processes see them there at once)."""
    now = process.state()
    if now.running and now.status != "restarting":
        with suppress(FileNotFoundError, ProcessLookupError, ConflictError):  # it ends just now
            tree = LiveTree(running_root(process.folder, now.pid))
            process.check_alive()  # the number may have been another's when its root was opened
            return tree, True
    return LiveTree(process.folder / "diff"), False


def mounted_etc(record: Record, now: ContainerState, folder: Path) -> dict[str, bytes]:
    """The files that docker mounts into /etc of a container that runs, or ran; none for one that never did."""
    if now.running:
        return _mounted_etc(running_root(folder, now.pid))
    if now.status == "created":
        return {}
    return etc_of(record)


def _mounted_etc(path: Path) -> dict[str, bytes]:
    """The files that are mounted into /etc of a running container, as they are now; links, which could lead out of it, are not followed."""
    found: dict[str, bytes] = {}
    with ExitStack() as opened:
        try:
            root = _open(str(path), os.O_PATH | os.O_DIRECTORY, opened)
            etc = _open("etc", os.O_PATH | os.O_DIRECTORY, opened, root)
        except OSError:
            return found
        for name in ETC_FILES:
            try:
                fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=etc)
            except OSError:
                continue
            with open(fd, "rb") as file:
                if stat.S_ISREG(os.fstat(fd).st_mode):
                    found[name] = file.read(_LONGEST)
    return found


def _open(path: str, flags: int, opened: ExitStack, folder: int | None = None) -> int:
    fd = os.open(path, flags | os.O_CLOEXEC | (0 if folder is None else os.O_NOFOLLOW), dir_fd=folder)
    opened.callback(os.close, fd)
    return fd


def changed(store: Store, record: Record, folder: Path) -> list[Json]:
    """What the container's own layer changes, sorted by path: Path, Kind ("A", "C", "D") and what copy-on-write did.

    That is Size (bytes), Below (bytes that were copied up), Folder, and Layer, the number (1 is the lowest) of the image's layer that held the path before.
    """
    image = TreeView([store.layers.get(diff_id).tree for diff_id in record.layers])
    with _between(store, record, []) as (trees, _):
        found = list(changes(hold(folder / "diff"), TreeView(trees)))
    out: list[Json] = []
    for change in found:
        old = image.lookup(change.path, follow=False)
        kind = change.entry.kind if change.entry is not None else (old.entry.kind if old is not None else "file")
        out.append(
            {
                "Path": change.path,
                "Kind": change.kind,
                "Size": change.entry.size if change.entry is not None else 0,
                "Below": old.st.st_size if old is not None and kind == "file" else 0,
                "Folder": kind == "dir",
                "Layer": old.layer + 1 if old is not None else 0,
            }
        )
    return out


@contextmanager
def _between(store: Store, record: Record, points: list[str]) -> Iterator[tuple[list[Path], Path]]:
    """(the image's trees and docker's own above them, a folder for more); `points` are where something will be mounted."""
    trees = [store.layers.get(diff_id).tree for diff_id in record.layers]
    with ExitStack() as opened:
        try:
            scratch = opened.enter_context(store.tmp())
        except StoreError:  # a store that may only be looked at
            from tempfile import TemporaryDirectory

            scratch = Path(opened.enter_context(TemporaryDirectory(prefix="dockerlab-")))
        layer = _DockersLayer(TreeView(trees), scratch / "init" / "tree", to_seconds(record.created))
        layer.fill(record, points)
        yield [*trees, scratch / "init" / "tree"], scratch


class _DockersLayer:
    def __init__(self, image: TreeView, root: Path, made: float) -> None:
        self._image, self._tree, self._made = image, Tree(root), made

    def fill(self, record: Record, points: list[str]) -> None:
        if self._image.trees and (top := self._image.root().entry).mode != 0o755:
            os.chmod(self._tree.root, top.mode)
        for path in _FOLDERS:
            self._add(path, "dir")
        for path in _FILES:
            self._add(path, "file")
        self._add(_MTAB, "symlink")
        for path in points:
            inside = self._image.resolve(path).strip("/")
            mount: Json = next(one for one in record.mounts if one["Destination"] == path)
            self._add(inside, "dir" if os.path.isdir(mount["Source"]) else "file")
        self._tree.close()

    def _add(self, path: str, kind: str) -> None:
        """A folder, an empty file, the link to /proc/mounts. A path through a link of the image, where anything may lie, is left alone."""
        there = self._image.lookup("/" + path, follow=False) if self._image.trees else None
        if there is not None and (there.is_dir or path not in (*_FILES, _MTAB)):
            return
        above = os.path.dirname(path)
        if self._image.trees and self._image.resolve("/" + path, last=False) != "/" + path:
            return
        missing: list[str] = []
        while above and not self._tree.lexists(above):
            missing.append(above)
            above = os.path.dirname(above)
        for folder in reversed(missing):
            old = self._image.lookup("/" + folder, follow=False) if self._image.trees else None
            if old is not None and not old.is_dir:
                return
            entry = old.entry if old is not None else Entry(folder, "dir", 0o755)
            self._tree.mkdir(folder, entry.mode, entry.uid, entry.gid, self._made)
        modes = {"dir": 0o755, "file": 0o755, "symlink": 0o777}
        self._tree.put(path, Entry(path, kind, modes[kind], mtime=self._made, link="/proc/mounts"), io.BytesIO)
