"""The build context: the folder that COPY and ADD take from, without what .dockerignore leaves out.

Nothing is sent or copied in advance; like BuildKit's, our build looks only at what an instruction asks for. Links are followed inside the context.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from dockerlab.dockerfile.ignore import IgnorePattern, IgnoreRules
from dockerlab.errors import BuildError
from dockerlab.layers.entry import KINDS, Entry, Inode

_BLOCK = 1 << 20
_HOPS = 40


class ContextNode(Inode):
    """A path of the context."""

    __slots__ = ()

    @property
    def entry(self) -> Entry:
        """As a tar header would say it; everything from a context belongs to root."""
        kind = KINDS[stat.S_IFMT(self.st.st_mode)]
        return Entry(
            self.path[1:], kind, stat.S_IMODE(self.st.st_mode), 0, 0,
            size=self.st.st_size if kind == "file" else 0,
            mtime=self.st.st_mtime_ns / 1_000_000_000,
            link=os.readlink(self.real) if kind == "symlink" else "",
        )  # fmt: skip

    def open(self) -> io.FileIO:
        """A file, open for reading."""
        return io.FileIO(self.real)

    def read(self) -> bytes:
        """The bytes of a file."""
        with self.open() as file:
            return file.readall()


class BuildContext:
    """A folder as a build sees it. `root` is the real folder."""

    def __init__(
        self,
        root: Path | str,
        ignore_text: str = "",
        ignore_file: str = ".dockerignore",
        exclude: tuple[str, ...] = (),
        *,
        nothing: bool = False,
    ) -> None:
        """`nothing`: the build has no context, and `root` is an empty folder. BuildError if a pattern of .dockerignore can't be read."""
        self.root, self.nothing = os.path.abspath(root), nothing
        try:
            self.rules = IgnoreRules.read(ignore_text, ignore_file, exclude)
        except ValueError as error:
            raise BuildError(
                f"failed to solve: {error} in {ignore_file}",
                hint="see the pattern rules of .dockerignore: * ? [a-z] ** and ! at the beginning",
            ) from None
        self._ignored: dict[str, bool] = {"": False}

    @classmethod
    def of_folder(cls, root: Path | str, dockerfile: str = "", exclude: tuple[str, ...] = ()) -> BuildContext:
        """A folder with its ignore file: NAME.dockerignore beside the Dockerfile if there is one, else .dockerignore.

        Without `dockerfile` only the latter, all that the classic builder knew.
        """
        own = f"{dockerfile}.dockerignore" if dockerfile else ""
        for path, shown in ((own, os.path.basename(own)), (os.path.join(root, ".dockerignore"), ".dockerignore")):
            if path:
                try:
                    text = Path(path).read_text(encoding="utf-8", errors="surrogateescape")
                except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                    continue
                return cls(root, text, shown, exclude)
        return cls(root, "", ".dockerignore", exclude)

    # --- what is there

    def ignored(self, rel: str) -> bool:
        """Whether the patterns leave the path (relative, no leading slash) out; a folder may hold what a later pattern brings back all the same."""
        if not self.rules.patterns:
            return False
        if rel not in self._ignored:
            self._ignored[rel] = self.rules.ignores(rel)
        return self._ignored[rel]

    def _stat(self, rel: str) -> ContextNode | None:
        real = os.path.join(self.root, rel) if rel else self.root
        try:
            st = os.lstat(real)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return None if rel and self._hidden(rel, st) else ContextNode("/" + rel, real, st)

    def _hidden(self, rel: str, st: os.stat_result) -> bool:
        return self.ignored(rel) and not (stat.S_ISDIR(st.st_mode) and self.rules.may_hold(rel) and self._holds(rel))

    def _holds(self, folder: str) -> bool:
        return any(self._stat(f"{folder}/{name}") is not None for name in os.listdir(os.path.join(self.root, folder)))

    def lookup(self, path: str, *, follow: bool = True) -> ContextNode | None:
        """What stands at this path, or None if nothing does or it is ignored; links never lead out of the context."""
        todo = [part for part in path.split("/") if part and part != "."]
        done: list[str] = []
        hops = 0
        node = self._stat("")
        while todo:
            name = todo.pop(0)
            if name == "..":
                done = done[:-1]
                node = self._stat("/".join(done))
                continue
            rel = "/".join([*done, name])
            node = self._stat(rel)
            if node is None:
                return None
            if node.is_link and (todo or follow):
                hops += 1
                if hops > _HOPS:
                    return None
                target = os.readlink(node.real)
                if target.startswith("/"):
                    done = []
                todo = [part for part in target.split("/") if part and part != "."] + todo
                node = self._stat("/".join(done))
                continue
            if todo and not node.is_dir:
                return None
            done.append(name)
        return node

    def listdir(self, path: str) -> list[str]:
        """The names in a folder, sorted, without ignored ones."""
        node = self.lookup(path)
        if node is None or not node.is_dir:
            return []
        prefix = node.path[1:]
        return [name for name in sorted(os.listdir(node.real)) if self._stat(f"{prefix}/{name}" if prefix else name) is not None]

    def walk(self, path: str = "/") -> Iterator[ContextNode]:
        """The node, then everything below it: parents first, names sorted, links not followed."""
        node = self.lookup(path, follow=False)
        return iter(()) if node is None else self._below(node)

    def _below(self, node: ContextNode) -> Iterator[ContextNode]:
        yield node
        # one generator for the whole tree, not one for each folder: every node of ten thousand would pass through all of them
        open_folders = [iter(self._children(node))] if node.is_dir else []
        while open_folders:
            for child in open_folders[-1]:
                yield child
                if child.st.st_mode & 0o170000 == stat.S_IFDIR:
                    open_folders.append(iter(self._children(child)))
                    break
            else:
                open_folders.pop()

    def _children(self, folder: ContextNode) -> list[ContextNode]:
        """What lies in a folder, without ignored ones, sorted by name."""
        prefix, here = f"{folder.path[1:]}/" if folder.path != "/" else "", f"{folder.real}/"
        listed = _listed(folder.real)
        if self.rules.patterns:
            listed = [(name, st) for name, st in listed if not self._hidden(prefix + name, st)]
        return [ContextNode(f"/{prefix}{name}", here + name, st) for name, st in listed]

    def culprit(self, path: str) -> IgnorePattern | None:
        """The pattern that hides an existing path, or None."""
        rel = os.path.normpath("/" + path.lstrip("/")).lstrip("/")
        if not rel or not os.path.lexists(os.path.join(self.root, rel)):
            return None
        parts = rel.split("/")
        for n in range(1, len(parts) + 1):
            if found := self.rules.culprit("/".join(parts[:n])):
                return found
        return None


def _listed(folder: str) -> list[tuple[str, os.stat_result]]:
    """What a folder holds, sorted by name. Asked for below the open folder each costs half of what it costs by its whole path."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = []
        for name in sorted(os.listdir(fd)):
            try:
                found.append((name, os.stat(name, dir_fd=fd, follow_symlinks=False)))
            except FileNotFoundError:
                continue  # gone meanwhile
        return found
    finally:
        os.close(fd)


def unpack_context(source: IO[bytes] | Any, folder: Path) -> tuple[str, str | None]:
    """A context from a stream, unpacked into `folder`: a tar, or the text of a Dockerfile alone; ("tar" or "dockerfile", the text)."""
    import shutil
    import tarfile
    import tempfile

    from dockerlab.layers import Owners, Tree, read_tar

    with tempfile.TemporaryFile(dir=folder.parent) as whole:
        shutil.copyfileobj(source, whole, _BLOCK)
        whole.seek(0)
        try:
            with tarfile.open(fileobj=whole):
                pass
        except tarfile.TarError:
            whole.seek(0)
            return "dockerfile", whole.read().decode("utf-8", "replace")
        whole.seek(0)
        with Tree(folder, Owners(False)) as tree:
            read_tar(whole, tree, as_layer=False, owner=(0, 0))
    return "tar", None
