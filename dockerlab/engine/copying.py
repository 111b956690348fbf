"""`docker cp`: files in and out of a container, running or not, by docker's own rules for what the target's form means.

A stopped container is written through its change set; a running one through its process's root, so that it sees the files at once. Either way links in
the container never lead out of it, not even those that a process puts there while we copy (`layers.held`, `layers.live_tree`).
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from dockerlab.data import replace
from dockerlab.errors import ConflictError, DockerlabError, NotFoundError
from dockerlab.layers import Entry, LiveTree, Node, Owners, TreeView, read_tar, write_entries
from dockerlab.layers.held import means_nothing
from dockerlab.layers.view import describe

Json = dict[str, Any]
_ETC = ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf")
_CHANGED = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ELOOP, errno.EINVAL, errno.ENXIO)


@contextmanager
def _telling(container: str, path: str) -> Iterator[None]:
    """What the machine refuses is told with the path in the container."""
    try:
        yield
    except OSError as error:
        if not means_nothing(error.filename):
            raise
        hint = f"a process in {container} changes it meanwhile; to hold them all still: docker pause {container}"
        said = os.strerror(error.errno or 0).lower()
        raise DockerlabError(f"{path}: {said}", hint=hint if error.errno in _CHANGED else "") from None


class Target:
    """Where files of a container can be written: `view` is what it shows, `own` the tree, `live` whether that is its own mount.

    `mounts` are Docker's Mounts: what lies below one of them is written there, and not into the container's layer.
    """

    def __init__(
        self, name: str, view: TreeView, own: LiveTree, live: bool, mounts: Sequence[Json] = (), *, readonly: bool = False
    ) -> None:
        self.name, self.view, self.live, self._readonly = name, view, live, readonly
        self._own = own
        self._trees = {"": own}
        self._mounts = {view.resolve(mount["Destination"]): mount for mount in mounts}

    @property
    def owners(self) -> Owners:
        """How owners are kept."""
        return self._own.owners

    def _mount(self, path: str) -> str:
        """The mount that holds this path, "" for the container's own layer."""
        within = [point for point in self._mounts if path == point or path.startswith(point + "/")]
        return max(within, key=len, default="")

    def check(self, path: str) -> None:
        """ConflictError in docker's words where nothing may be written at this path."""
        if point := self._mount(path):
            if not self._mounts[point]["RW"]:
                raise ConflictError("mounted volume is marked read-only", hint=f"{point} was mounted with :ro")
        elif self._readonly:
            raise ConflictError(
                "container rootfs is marked read-only", hint="it was made with --read-only; a volume of it can be written to"
            )

    def _at(self, path: str) -> tuple[LiveTree, str]:
        """(the tree to write to, the path in it)."""
        point = "" if self.live else self._mount(path)
        if point not in self._trees:
            self._trees[point] = LiveTree(self._mounts[point]["Source"])
        return self._trees[point], path[len(point) :].strip("/")

    def _parents(self, path: str) -> None:
        """See to it that the folders above `path` are in the change set as they are in the image (what overlay calls copy-up)."""
        if self.live or self._mount(path):
            return
        parts = [part for part in path.strip("/").split("/") if part][:-1]
        for n in range(1, len(parts) + 1):
            rel = "/".join(parts[:n])
            if self._own.lexists(rel):
                continue
            node = self.view.lookup("/" + rel, follow=False)
            if node is not None:
                self._own.put(rel, node.entry, io.BytesIO)

    def folder(self, path: str, entry: Entry) -> None:
        """A folder; one that is there keeps what it holds, also what lies in the image."""
        with _telling(self.name, path):
            self._parents(path)
            tree, rel = self._at(path)
            hidden = not self.live and tree is self._own and tree.lexists(rel) and not stat.S_ISDIR(os.lstat(tree.path(rel)).st_mode)
            tree.put(rel, entry, io.BytesIO)
            if hidden:  # it stood deleted: what the image holds there must not come back
                tree.opaque(rel)

    def put(self, path: str, entry: Entry, open_file: Callable[[], IO[bytes]]) -> None:
        """Anything but a folder. DockerlabError for a single file that is mounted: only what is in it could change."""
        if path in self._mounts or path in _ETC:
            raise DockerlabError(
                f"RemoveAll {os.path.basename(path)}: device or resource busy", hint=f"{path} is mounted into the container"
            )
        with _telling(self.name, path):
            self._parents(path)
            tree, rel = self._at(path)
            tree.put(rel, entry, open_file)

    def unpack(self, path: str, source: IO[bytes]) -> None:
        """A tar into an existing folder."""
        with _telling(self.name, path or "/"):
            self._parents(path + "/x")
            tree, rel = self._at(path)
            read_tar(source, tree, as_layer=False, prefix=rel)

    def close(self) -> None:
        """Folders' times, owners of links."""
        for point, tree in self._trees.items():
            if self.live or point:
                tree.links.clear()  # no owners.json lies beside a process's root, or beside what is mounted: a link that is copied in is root's
            with _telling(self.name, point or "/"):
                tree.close()


def _join(folder: str, name: str) -> str:
    return folder.rstrip("/") + "/" + name


def landing(view: TreeView, container: str, path: str, source_is_dir: bool, base: str, contents: bool) -> str:
    """The path in the container that the source becomes. DockerlabError in docker's words where it can't land."""
    if not path:
        raise DockerlabError("no such directory", hint=f"write a path behind {container}: — {container}:/ is its root")
    absolute = "/" + path.lstrip("/")
    node = view.lookup(absolute)
    if node is not None and node.is_dir:
        return node.path if contents else _join(node.path, base)
    if node is not None:
        if source_is_dir:
            raise DockerlabError("cannot copy directory", hint=f"{absolute} is a file in {container}; name a folder")
        if path.endswith("/"):
            raise DockerlabError("not a directory", hint=f"{absolute} is a file in {container}")
        return node.path
    parent = view.lookup(os.path.dirname(absolute.rstrip("/")) or "/")
    if parent is None or not parent.is_dir:
        raise NotFoundError(
            f"Could not find the file {os.path.dirname(absolute.rstrip('/'))} in container {container}",
            hint="docker cp makes no parent folders: mkdir -p first",
        )
    if path.endswith("/") and not source_is_dir:
        raise DockerlabError(
            "no such directory", hint=f"{absolute} does not exist in {container}; leave the slash away to make a file of that name"
        )
    return _join(parent.path, os.path.basename(absolute.rstrip("/")))


def copy_in(target: Target, source: str, path: str, *, follow: bool = False) -> None:
    """A file or folder of the host into the container."""
    bare = source.rstrip("/") or "/"
    if not os.path.lexists(bare) or (source.endswith("/") and not os.path.isdir(bare)):
        raise NotFoundError(f"lstat {os.path.abspath(bare)}: no such file or directory")
    top = os.path.realpath(bare) if follow or source.endswith("/.") else bare
    contents = source.endswith("/.") or source == "."
    is_dir = os.path.isdir(top) and not os.path.islink(top)
    where = landing(target.view, target.name, path, is_dir, os.path.basename(os.path.abspath(bare)), contents)
    target.check(where)
    _put(target, top, where)
    target.close()


def _put(target: Target, source: str, path: str) -> None:
    st = os.lstat(source)
    # docker keeps the number of the file's owner, -a or not, and no attributes
    entry = replace(describe(source, path.strip("/"), st, (st.st_uid, st.st_gid), target.owners), mtime=int(st.st_mtime), xattrs={})
    there = target.view.lookup(path, follow=False)
    if entry.kind == "dir":
        if path.strip("/") and (there is None or not there.is_dir):
            target.folder(path, entry)
        for name in sorted(os.listdir(source)):
            _put(target, os.path.join(source, name), _join(path, name))
        return
    if there is not None and there.is_dir:
        raise DockerlabError(f'cannot overwrite directory "{path}" with non-directory "{source}"')
    target.put(path, entry, lambda: _opened(source))


def _opened(source: str) -> IO[bytes]:
    """The file that was there when it was looked at; nothing else that somebody, a container that mounts its folder perhaps, has put there since."""
    file = open(os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO), source)
    return file


def unpack_in(target: Target, source: IO[bytes], path: str) -> None:
    """`docker cp - CONTAINER:PATH`: a tar into a folder of the container."""
    node = target.view.lookup("/" + path.lstrip("/")) if path else None
    if node is None:
        raise NotFoundError(f"Could not find the file {path} in container {target.name}")
    if not node.is_dir:
        raise DockerlabError("extraction point is not a directory")
    target.check(node.path)
    target.unpack(node.path.rstrip("/"), source)
    target.close()


def find_source(view: TreeView, container: str, path: str, follow: bool) -> Node:
    """What `docker cp CONTAINER:PATH` takes. NotFoundError in docker's words."""
    if not path:
        raise DockerlabError("bad parameter: path cannot be empty", hint=f"write a path behind {container}: — {container}:/. is all of it")
    absolute = "/" + path.lstrip("/")
    node = view.lookup(absolute, follow=follow or path.endswith(("/", "/.")))
    if node is None:
        raise NotFoundError(f"Could not find the file {absolute} in container {container}")
    if path.endswith("/") and not node.is_dir:
        raise DockerlabError(f"lstat {absolute}: not a directory", hint="leave the slash at the end away")
    return node


def copy_out(view: TreeView, container: str, path: str, target: str, *, follow: bool = False) -> None:
    """A file or folder of the container to the host; the caller owns the copies."""
    node = find_source(view, container, path, follow)
    contents = path.endswith("/.")
    if os.path.isdir(target):
        where = target if contents and node.is_dir else os.path.join(target, os.path.basename(node.path) or "root")
    elif os.path.lexists(target):
        if node.is_dir:
            raise DockerlabError("cannot copy directory", hint=f"{target} is a file; name a folder")
        where = target
    else:
        parent = os.path.dirname(os.path.abspath(target.rstrip("/")))
        if not os.path.isdir(parent):
            raise NotFoundError(f'invalid output path: directory "{os.path.abspath(parent)}" does not exist')
        if target.endswith("/") and not node.is_dir:
            raise DockerlabError("no such directory", hint=f"{target} does not exist")
        where = target.rstrip("/")
    if node.is_dir and os.path.lexists(where) and not os.path.isdir(where):
        raise DockerlabError("cannot copy directory")
    top = node.path.rstrip("/")
    folders: list[tuple[str, float]] = []
    with _telling(container, node.path):
        for below in view.walk(node):
            place = where + below.path[len(top) :] if below.path != node.path else where
            with _telling(container, below.path):
                _take(below, place)
                if below.is_dir:
                    folders.append((place, below.entry.mtime))
    for place, mtime in reversed(folders):  # what was written into them moved their times
        os.utime(place, (mtime, mtime))


def _take(node: Node, where: str) -> None:
    entry = node.entry
    if os.path.islink(where) or (os.path.isfile(where) and entry.kind != "dir"):
        os.unlink(where)
    if entry.kind == "dir":
        os.makedirs(where, exist_ok=True)
        os.chmod(where, entry.mode | 0o700)
    elif entry.kind == "symlink":
        os.symlink(entry.link, where)
        return
    elif entry.kind == "file":
        with node.open() as source, open(where, "wb") as target:
            import shutil

            shutil.copyfileobj(source, target, 1 << 20)
        os.chmod(where, entry.mode & 0o777)
    else:
        return
    os.utime(where, (entry.mtime, entry.mtime))


def archive_out(view: TreeView, container: str, path: str, out: IO[bytes], *, follow: bool = False) -> None:
    """`docker cp CONTAINER:PATH -`: a tar whose first name is the last part of the path."""
    node = find_source(view, container, path, follow)
    with _telling(container, node.path):
        write_entries(_renamed(view, node, "." if path.endswith("/.") else os.path.basename(node.path)), out)


def export(view: TreeView, name: str, out: IO[bytes]) -> None:
    """`docker export`: the whole file system of a container, or of an image."""
    with _telling(name, "/"):
        write_entries(_renamed(view, view.root(), ""), out)


def export_folder(view: TreeView, name: str, target: str) -> None:
    """`build -o type=local`: the file system of an image as a folder of this machine, which is made if it is not there."""
    os.makedirs(target, exist_ok=True)
    if view.trees:
        copy_out(view, name, "/.", target)


def _renamed(view: TreeView, node: Node, base: str) -> Iterator[tuple[Entry, str]]:
    top = node.path.rstrip("/")
    first: dict[tuple[int, int], str] = {}
    for below in view.walk(node):
        rel = (base + below.path[len(top) :]).strip("/") if below.path != node.path else base
        if not rel or stat.S_ISSOCK(below.st.st_mode):
            continue
        entry = replace(below.entry, path=rel)
        if below.st.st_nlink > 1 and not below.is_dir:
            other = first.setdefault((below.st.st_dev, below.st.st_ino), rel)
            if other != rel:
                entry = replace(entry, kind="hardlink", size=0, link=other, xattrs={})
        yield entry, below.real if stat.S_ISREG(below.st.st_mode) else ""
