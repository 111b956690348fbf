"""COPY, ADD and WORKDIR: written straight into the new layer's folder, with no mount and no process, so that they work in every isolation.

The rules of where things land are BuildKit's: links in the destination are followed inside the image, a folder brings its contents, what has to be made
is root's (or --chown's) with mode 0755 and the set-group-ID bit of the folder above, as mkdir(2) would, what is there keeps its mode.
"""

from __future__ import annotations

import io
import posixpath
import re
import stat
from collections.abc import Callable

from dockerlab.build.context import ContextNode
from dockerlab.build.sources import Source, SourceNode
from dockerlab.data import dataclass, field, replace
from dockerlab.errors import BuildError, NotFoundError
from dockerlab.layers import Tree, TreeView, find_group, find_user
from dockerlab.layers.owners import CAPABILITY
from dockerlab.layers.tree import Copied

_OCTAL = re.compile(r"[0-7]{1,5}\Z")
_AT_ONCE = 4096
"""Files of a context that are written together."""
_CLAUSE = re.compile(r"([ugoa]*)([-+=])([rwxXst]*)\Z")


def chmod_of(text: str) -> Callable[[int, bool], int] | None:
    """--chmod as a function of (mode, is a folder); None without one. ValueError in BuildKit's words."""
    if not text:
        return None
    if _OCTAL.match(text):
        if int(text, 8) > 0o7777:
            raise ValueError(f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777")
        return lambda mode, folder: int(text, 8)
    clauses = [_CLAUSE.match(part) for part in text.split(",")]
    if text[0].isdigit() or not all(clauses):
        raise ValueError(f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777")

    def apply(mode: int, folder: bool) -> int:
        for clause in clauses:
            assert clause is not None
            who, sign, what = clause.group(1) or "a", clause.group(2), clause.group(3)
            bits = 0
            for letter in what:
                if letter == "X":
                    bits |= 1 if folder or mode & 0o111 else 0
                else:
                    bits |= {"r": 4, "w": 2, "x": 1}.get(letter, 0)
            mask = 0
            for name, shift in (("u", 6), ("g", 3), ("o", 0)):
                if name in who or "a" in who:
                    mask |= bits << shift
                    if sign == "=":
                        mode &= ~(7 << shift)
            if "s" in what:
                mask |= (0o4000 if "u" in who or "a" in who else 0) | (0o2000 if "g" in who or "a" in who else 0)
            mask |= 0o1000 if "t" in what else 0
            mode = mode & ~mask if sign == "-" else mode | mask
        return mode

    return apply


def made_mode(text: str) -> int:
    """The mode of folders that have to be made where --chmod says `text`: BuildKit gives them an octal one, and 0755 where it is symbolic."""
    return int(text, 8) if _OCTAL.match(text) else 0o755


def chown_of(text: str, view: TreeView) -> tuple[tuple[int, int] | None, list[str]]:
    """(--chown as numbers, names that the image does not know). Names are the image's; for an unknown one BuildKit takes root and says nothing.

    Raises BuildError in its words where there is no file system yet to look a name up in.
    """
    if not text:
        return None, []
    user, _, group = text.partition(":")
    uid, gid = 0, 0
    unknown = []
    if user.isdigit():
        uid = gid = int(user)  # without a group the same number is the group's
    elif user:
        try:
            found = find_user(view, user)
            uid, gid = found.uid, found.gid
        except NotFoundError:
            unknown.append(user)
    if group:
        try:
            gid = find_group(view, group)
        except NotFoundError:
            unknown.append(group)
    unknown = [name for name in unknown if name != "root"]
    if unknown and not view.trees:
        raise nobody_here(unknown[0])
    return (uid, gid), unknown


def nobody_here(name: str) -> BuildError:
    """A name is asked for where the stage has no layer, so no /etc/passwd."""
    return BuildError("invalid user index: -1", hint=f"FROM scratch has no users: write a number instead of {name}")


@dataclass
class Layout:
    """The layer being written above what is there."""

    tree: Tree
    view: TreeView
    now: int
    owner: tuple[int, int] | None = None
    chmod: Callable[[int, bool], int] | None = None
    made: int = 0o755
    """The mode of folders that are made on the way: an octal --chmod is theirs too."""
    excluded: Callable[[str], bool] = lambda rel: False
    classic: bool = False
    """As before BuildKit: folders that are made are root's and new, set-user-ID bits are lost, times are whole seconds."""
    _made: set[str] = field(default_factory=set)
    _new: set[str] = field(default_factory=set)
    _handed_down: dict[str, int | None] = field(default_factory=dict)
    """Of folders that were written: the group that they give to what is made in them."""
    _inodes: dict[tuple[int, int], str] = field(default_factory=dict)
    _waiting: list[Copied] = field(default_factory=list)
    """Files with several names, by device and inode: where the first of them was written."""

    @property
    def maker(self) -> tuple[int, int]:
        """The owner of folders that have to be made."""
        return (0, 0) if self.classic else self.owner or (0, 0)

    # --- what stands where, with what was just written

    def kind(self, path: str) -> str:
        """ "dir", "file" (anything else) or "" (nothing) at a canonical path."""
        import os

        rel = path.strip("/")
        if rel in self._made:
            st = os.lstat(self.tree.path(rel))
            return "dir" if stat.S_ISDIR(st.st_mode) else "file"
        if self._in_new_folder(path):
            return ""
        node = self.view.lookup(path, follow=False)
        if node is None:
            return "dir" if not rel else ""
        return "dir" if node.is_dir else "file"

    def _in_new_folder(self, path: str) -> bool:
        """Whether the folder of `path` was made by this step, so that the image can't hold anything there."""
        return posixpath.dirname(path).strip("/") in self._new

    def resolve(self, path: str) -> str:
        """The canonical path; links of the image are followed, also the last."""
        return self.view.resolve(path)

    def parents(self, path: str) -> None:
        """The folders above `path`: those of the image are brought up as they are, others made (0755, or an octal --chmod's mode; --chown's owner)."""
        folder = posixpath.dirname(path).strip("/")
        if not folder or folder in self._made:
            return
        parts = folder.split("/")
        for n in range(1, len(parts) + 1):
            self.make("/" + "/".join(parts[:n]))

    def make(self, path: str, mtime: float | None = None, owner: tuple[int, int] | None = None) -> None:
        """A folder that no source describes, as mkdir(2) makes it: without special bits and what the umask takes, but of the group that is handed down.

        An owner that was asked for is given to it afterwards, which leaves the set-group-ID bit. What is there keeps everything.
        """
        group = self._group_within(posixpath.dirname(path).strip("/"))
        mode = self.made & 0o777 & ~0o022
        uid, gid = owner or self.maker
        if group is not None:
            mode |= stat.S_ISGID
            gid = group if self.owner is None and not self.classic else gid
        self.folder(path, mode, (uid, gid), mtime)

    def _group_within(self, rel: str) -> int | None:
        """The group that a folder with the set-group-ID bit hands down."""
        if not rel:
            return None
        if rel in self._handed_down:
            return self._handed_down[rel]
        node = self.view.lookup("/" + rel, follow=False)
        return node.entry.gid if node is not None and node.is_dir and node.entry.mode & stat.S_ISGID else None

    def folder(self, path: str, mode: int, owner: tuple[int, int], mtime: float | None = None) -> None:
        """A folder at a canonical path; one that is there keeps its mode and owner."""
        rel = path.strip("/")
        if not rel:
            return
        if rel in self._made:
            if mtime is not None:
                self.tree.set_time(rel, mtime)
            return
        node = None if self._in_new_folder(path) else self.view.lookup(path, follow=False)
        if node is not None and not node.is_dir:
            raise BuildError(f"mkdir {path}: not a directory", hint=f"{path} is a file in the image; choose another destination")
        if node is not None:
            mode, owner = node.entry.mode, (node.entry.uid, node.entry.gid)
        else:
            self._new.add(rel)
        self.tree.mkdir(rel, mode, *owner, mtime if mtime is not None else self.now)
        self._handed_down[rel] = owner[1] if mode & stat.S_ISGID else None
        self._made.add(rel)

    def touched(self, path: str) -> None:
        """Something was written at `path`: its folder's time is now."""
        folder = posixpath.dirname(path).strip("/")
        if folder in self._made:
            self.tree.set_time(folder, self.now)

    def _write(self, path: str, node: SourceNode) -> None:
        """One node of a source (not its contents) to a canonical path."""
        rel = path.strip("/")
        if isinstance(node, ContextNode) and node.is_file and not self.classic:
            self._write_file(path, rel, node)
            return
        entry = node.entry
        owner = self.owner or (entry.uid, entry.gid)
        if entry.kind == "dir":
            mode = self.chmod(entry.mode, True) if self.chmod else entry.mode
            if self.kind(path) == "file":
                raise BuildError(f"cannot copy to non-directory: {path}", hint=f"{path} is a file in the image")
            self.folder(path, mode, owner, entry.mtime)
            return
        self._make_room(path, node)
        if entry.kind == "file" and (first := self._other_name(node, rel)) is not None:
            self.tree.hardlink(rel, first)
        else:
            mode = self.chmod(entry.mode, False) if self.chmod and entry.kind == "file" else entry.mode
            if self.classic:
                entry = replace(entry, mtime=int(entry.mtime))
                mode &= ~0o6000 if self.owner and entry.kind == "file" else ~0  # a chown takes these bits
            kept = {name: value for name, value in entry.xattrs.items() if name == CAPABILITY}  # as BuildKit's layers do
            if mode != entry.mode or owner != (entry.uid, entry.gid) or kept != entry.xattrs:
                entry = replace(entry, mode=mode, uid=owner[0], gid=owner[1], xattrs=kept)
            self.tree.put(rel, entry, node.open)
        if entry.kind != "socket":
            self._made.add(rel)

    def _make_room(self, path: str, node: SourceNode) -> None:
        self.parents(path)
        if self.kind(path) == "dir":
            raise BuildError(
                f"cannot overwrite directory {path} with non-directory {node.path}",
                hint="choose another destination, or remove the folder in an earlier RUN",
            )

    def _write_file(self, path: str, rel: str, node: ContextNode) -> None:
        """A file of a context, of which there are often many: it has no attributes, and is root's."""
        self._make_room(path, node)
        if (first := self._other_name(node, rel)) is not None:
            self.tree.hardlink(rel, first)
        else:
            mode = stat.S_IMODE(node.st.st_mode)
            file = Copied(rel, node.real, node.st, self.chmod(mode, False) if self.chmod else mode, *(self.owner or (0, 0)))
            self._waiting.append(file)
            if node.st.st_nlink > 1 or len(self._waiting) > _AT_ONCE:
                self._settle()
        self._made.add(rel)

    def _settle(self) -> None:
        """Write the files that wait: within one source no path comes twice, so that they may be written together."""
        files, self._waiting = self._waiting, []
        self.tree.copy_files(files)

    def _other_name(self, node: SourceNode, rel: str) -> str | None:
        """Where this step already wrote the same file under another name."""
        if node.st.st_nlink < 2:
            return None
        first = self._inodes.setdefault((node.st.st_dev, node.st.st_ino), rel)
        return first if first != rel else None

    # --- one source

    def put(self, source: Source, destination: str) -> None:
        """Copy one source to the destination as it was written (absolute; a slash at its end means a folder)."""
        self._inodes.clear()  # names of one file stay one file within a source only
        self._put(source, destination)
        self._settle()

    def _put(self, source: Source, destination: str) -> None:
        if source.node is None:
            self._put_bytes(source, destination)
            return
        if source.parts:
            self._put_with_parents(source, destination)
            return
        where = self.resolve(destination)
        if source.node.is_dir:
            self._put_contents(source, where)
            return
        if destination.endswith("/") or self.kind(where) == "dir":
            if self.kind(where) == "":
                self.folder_chain(where)
            elif self.kind(where) == "file":
                raise BuildError(f"mkdir {where}: not a directory", hint=f"{where} is a file in the image")
            where = self.resolve(posixpath.join(where, source.name))
        self._write(where, source.node)
        self.touched(where)

    def folder_chain(self, path: str) -> None:
        """A folder with all above it."""
        self.parents(path)
        self.make(path)

    def _put_contents(self, source: Source, where: str) -> None:
        assert source.node is not None and source.tree is not None
        node = source.node
        if self.kind(where) == "file":
            raise BuildError(
                f"cannot copy to non-directory: {where}", hint=f"{where} is a file in the image; a folder can't take its place"
            )
        if where.strip("/"):
            self.parents(where)
            # the root of a context comes without a time of its own
            self.make(where, node.entry.mtime if node.path != "/" and not self.classic else self.now, self.owner)
        top = node.path.rstrip("/")
        for child in source.nodes():
            rel = child.path[len(top) :].lstrip("/")
            if rel and not self.excluded(rel):
                self._write(posixpath.join(where, rel), child)

    def _put_with_parents(self, source: Source, destination: str) -> None:
        assert source.node is not None and source.tree is not None
        base = self.resolve(destination)
        self.folder_chain(base)
        above = source.node.path.strip("/").split("/")[: -len(source.parts)]
        for n in range(1, len(source.parts)):
            node = source.tree.lookup("/" + "/".join([*above, *source.parts[:n]]))
            if node is not None:
                self._write(posixpath.join(base, *source.parts[:n]), node)
        target = posixpath.join(base, *source.parts)
        if not source.node.is_dir:
            self._write(target, source.node)
            return
        top = source.node.path.rstrip("/")
        for child in source.nodes():
            rel = child.path[len(top) :].lstrip("/")
            if not rel or not self.excluded(rel):
                self._write(posixpath.join(target, rel) if rel else target, child)

    def _put_bytes(self, source: Source, destination: str) -> None:
        where = self.resolve(destination)
        if destination.endswith("/") or self.kind(where) == "dir":
            self.folder_chain(where)
            where = self.resolve(posixpath.join(where, source.name))
        self.parents(where)
        mode = self.chmod(source.mode, False) if self.chmod else source.mode
        uid, gid = self.owner or (0, 0)
        mtime = source.mtime if source.mtime is not None else self.now
        self.tree.write_from(where.strip("/"), source.file or io.BytesIO(source.data), mode, uid, gid, mtime)
        self._made.add(where.strip("/"))
        self.touched(where)

    def unpack(self, source: Source, destination: str) -> None:
        """ADD of an archive: its contents into the destination."""
        from dockerlab.build.archives import open_plain
        from dockerlab.layers import read_tar

        where = self.resolve(destination)
        self.folder_chain(where)
        assert source.node is not None or source.file or source.data
        with open_plain(source) as stream:
            read_tar(stream, self.tree, as_layer=False, owner=self.owner, prefix=where.strip("/"))


def make_workdir(tree: Tree, view: TreeView, path: str, owner: tuple[int, int] | None, now: int) -> None:
    """WORKDIR: every missing folder of the path, the user's; None where no USER was named."""
    layout = Layout(tree, view, now, owner)
    parts = [part for part in posixpath.normpath(path).split("/") if part]
    here = "/"
    for part in parts:
        here = layout.resolve(posixpath.join(here, part))
        kind = layout.kind(here)
        if kind == "file":
            raise BuildError(f"mkdir {here}: not a directory", hint=f"{here} is a file in the image")
        if kind == "":
            layout.parents(here)
            layout.make(here)
