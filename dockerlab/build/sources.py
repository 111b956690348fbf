"""What a COPY or ADD takes: words become files of the context, of a stage or image, here-documents or downloads — found, named and hashed before anything is written."""

from __future__ import annotations

import gc
import itertools
import posixpath
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from dockerlab.build.context import BuildContext, ContextNode
from dockerlab.build.digests import FileDigests
from dockerlab.build.wording import OUTSIDE, not_found
from dockerlab.data import dataclass, field
from dockerlab.dockerfile import Instruction
from dockerlab.errors import BuildError
from dockerlab.layers import Node, TreeView

SourceNode = ContextNode | Node


class SourceTree(Protocol):
    """Something to copy from: a context, or the file system of a stage."""

    def lookup(self, path: str, *, follow: bool = True) -> SourceNode | None:
        """What stands at a path."""
        ...

    def listdir(self, path: str) -> list[str]:
        """Names in a folder."""
        ...

    def walk(self, path: str = "/") -> Iterator[SourceNode]:
        """A node and everything under it, parents first, names sorted."""
        ...


_WALKED = 50_000  # nodes that are kept in memory, 700 bytes each


@dataclass(frozen=True)
class Source:
    """One thing to copy: a node of a tree, or bytes with a name.

    `asked` is what named it: a path of its tree (which links may lead on from) or a URL; `parts` its path below the pivot of --parents, () otherwise.
    """

    name: str
    node: SourceNode | None = None
    data: bytes = b""
    mode: int = 0o644
    mtime: float | None = None
    parts: tuple[str, ...] = ()
    tree: SourceTree | None = None
    asked: str = ""
    file: str = ""
    """Where the bytes lie that were downloaded, and their digest."""
    digest: str = ""
    walked: list[SourceNode] = field(default_factory=list)
    """What `describe` found there, in its order; [] if it was not to be kept, or is very much."""

    def nodes(self) -> Iterator[SourceNode]:
        """The node and everything under it, parents first, names sorted."""
        assert self.node is not None and self.tree is not None
        return iter(self.walked) if self.walked else below(self.tree, self.node)


@dataclass
class Sources:
    """Everything that one instruction copies, and what it was made of: path → digest, for keys and for reasons."""

    items: list[Source] = field(default_factory=list)
    made_of: dict[str, str] = field(default_factory=dict)


def below(tree: SourceTree, node: SourceNode) -> Iterator[SourceNode]:
    """The node and everything under it, parents first, names sorted."""
    return tree.walk(node.path) if node.is_dir else iter((node,))


def has_wildcard(word: str) -> bool:
    """Whether the word is a pattern (Go's filepath.Match)."""
    return bool(re.search(r"[*?\[]", re.sub(r"\\.", "", word)))


def pattern_of(word: str) -> re.Pattern[str]:
    """One path component of a Go pattern: `*` and `?` stop at a slash, `[a-z]`, `[^a]`, `\\*`. ValueError for a bad one."""
    pieces, at = [""], 0
    while at < len(word):
        letter = word[at]
        if letter == "*":
            pieces.append("")
        elif letter == "?":
            pieces[-1] += "[^/]"
        elif letter == "[":
            end = word.find("]", at + 2)
            if end < 0:
                raise ValueError(f"syntax error in pattern: {word}")
            body = re.sub(r"([\\\[&~|])", r"\\\1", word[at + 1 : end])
            pieces[-1] += "[" + ("^" + body[1:] if body.startswith("^") else body) + "]"
            at = end
        elif letter == "\\" and at + 1 < len(word):
            at += 1
            pieces[-1] += re.escape(word[at])
        else:
            pieces[-1] += re.escape(letter)
        at += 1
    first, *rest = pieces
    if not rest:
        return re.compile(first + r"\Z", re.DOTALL)
    # every piece has one length, so that its first place is as good as any: no way is tried twice
    inner = "".join(f"(?>[^/]*?{piece})" for piece in rest[:-1] if piece)
    return re.compile(f"{first}{inner}[^/]*{rest[-1]}\\Z", re.DOTALL)


def matches(tree: SourceTree, word: str) -> list[str]:
    """The paths that a pattern matches, sorted."""
    found = [""]
    for part in [part for part in word.split("/") if part and part != "."]:
        deeper = []
        for folder in found:
            if has_wildcard(part):
                shape = pattern_of(part)
                node = tree.lookup(folder or "/")
                names = tree.listdir(folder or "/") if node is not None and node.is_dir else []
                deeper += [f"{folder}/{name}" for name in names if shape.match(name)]
            else:
                plain = re.sub(r"\\(.)", r"\1", part)
                if tree.lookup(f"{folder}/{plain}", follow=False) is not None:
                    deeper.append(f"{folder}/{plain}")
        found = deeper
    return found


def base_of(word: str) -> str:
    """The folder of a pattern above its first wildcard: `/d` of `d/*/x`."""
    parts = [part for part in posixpath.normpath("/" + word.lstrip("/")).split("/") if part]
    plain = list(itertools.takewhile(lambda part: not has_wildcard(part), parts))
    return "/" + re.sub(r"\\(.)", r"\1", "/".join(plain))


def sends(tree: SourceTree, words: Iterable[str], folder: str) -> bool:
    """Whether one of the words brings a folder, or something in it, from the context: BuildKit's client sends nothing else."""
    inside = folder.rstrip("/") + "/"
    for word in words:
        clean = posixpath.normpath("/" + word.lstrip("/"))
        for path in matches(tree, clean) if has_wildcard(clean) else [clean]:
            covers = inside.startswith(path.rstrip("/") + "/") and tree.lookup(folder) is not None
            if covers or (path.startswith(inside) and tree.lookup(path, follow=False) is not None):
                return True
    return False


def find(
    tree: SourceTree, words: list[str], missing: Callable[[str], BuildError], sent: Callable[[str], bool], *, parents: bool = False
) -> list[Source]:
    """The sources that the words name. `missing` makes the error for a word that names nothing; a pattern may match nothing, in a folder that is there
    (`sent`)."""
    out: list[Source] = []
    for word in words:
        pivot = word.split("/./", 1)[0] if parents and "/./" in word else ""
        clean = posixpath.normpath("/" + word.replace("/./", "/").lstrip("/"))  # POSIX keeps two slashes at the beginning
        paths = matches(tree, clean) if has_wildcard(clean) else [clean]
        if not paths and (base := base_of(clean)) != "/" and not sent(base):
            raise BuildError(
                f"lstat {base}: no such file or directory",
                hint=f"nothing in {base[1:]} is called so, and a folder that brings nothing is not sent",
            )
        for path in paths:
            node = tree.lookup(path)
            if node is None:
                error = missing(path)
                if isinstance(tree, BuildContext) and posixpath.normpath(word.lstrip("/")).split("/")[0] == "..":
                    error.hint = f"nothing lies above the context, so .. was left away; {OUTSIDE}"
                raise error
            parts: tuple[str, ...] = ()
            if parents:
                kept = path[len(posixpath.normpath("/" + pivot.lstrip("/"))) :] if pivot else path
                parts = tuple(part for part in kept.split("/") if part)
            out.append(Source(posixpath.basename(path), node, parts=parts, tree=tree, asked=path))
    return out


def describe(
    source: Source, tree: SourceTree, digests: FileDigests, owners: bool, excluded: Callable[[str], bool] | None, *, keep: bool = False
) -> dict[str, str]:
    """Path, as it was asked for → what it is (kind, mode, content; owners too where they are copied), for everything that a source brings.

    `keep`: it will be copied, so what the walk finds is kept for that.
    """
    assert source.node is not None
    out: dict[str, str] = {}
    start, base = len(source.node.path.rstrip("/")) + 1, source.asked.strip("/")
    prefix = f"{base}/" if base else ""
    nodes = below(tree, source.node)
    if keep:
        nodes = iter(_kept(nodes, source.walked))
    collecting = gc.isenabled()
    gc.disable()  # ten thousand nodes are no garbage yet, and a kernel that has much else would be searched for some again and again
    try:
        for node in nodes:
            rel = node.path[start:]
            if not rel:
                out[base or "/"] = one_node(node, digests, owners)
            elif excluded is None or not excluded(rel):
                out[prefix + rel] = one_node(node, digests, owners)
    finally:
        if collecting:
            gc.enable()
    return out


def _kept(nodes: Iterator[SourceNode], walked: list[SourceNode]) -> Iterable[SourceNode]:
    """The nodes again, in `walked` too if they are not very many."""
    walked += itertools.islice(nodes, _WALKED)
    begun = walked if len(walked) < _WALKED else walked.copy()
    if begun is not walked:
        walked.clear()
    return itertools.chain(begun, nodes)


def one_node(node: SourceNode, digests: FileDigests, owners: bool) -> str:
    """What one node is, in a short text."""
    mode, owner = node.st.st_mode, ""
    if owners:
        entry = node.entry
        owner = f" {entry.uid}:{entry.gid}"
    if mode & 0o170000 == stat.S_IFREG:  # most are; a call of S_ISREG for each would show
        return f"file {mode & 0o7777:o} {digests.of(node)}{owner}"
    if stat.S_ISLNK(mode):
        return f"link {node.entry.link}{owner}"
    return f"{'dir' if stat.S_ISDIR(mode) else node.entry.kind} {mode & 0o7777:o}{owner}"


_URL = re.compile(r"https?://", re.IGNORECASE)
_GIT = re.compile(r"(git@|git://|ssh://|https?://[^?#]*\.git(?:[#?]|\Z))")


def is_git(word: str) -> bool:
    """Whether ADD would clone it."""
    return bool(_GIT.match(word))


def check_sources(instruction: Instruction, words: list[str], checksum: str) -> list[str]:
    """Those of a COPY's or ADD's sources that come from elsewhere. BuildError, ValueError in BuildKit's words for what can't be asked for."""
    if checksum and not re.match(r"sha256:[0-9a-f]{64}\Z", checksum):
        raise ValueError("invalid checksum digest format")
    remote = [word for word in words if _URL.match(word) or is_git(word)]
    if remote and instruction.keyword == "COPY":
        raise BuildError("source can't be a URL for COPY", hint="ADD downloads a URL")
    if checksum and not remote:
        raise BuildError("checksum requires HTTP(S) or Git sources")
    return remote


def context_missing(context: BuildContext, keyword: str) -> Callable[[str], BuildError]:
    """The error for a word that names nothing in the context: which pattern ignored it, or what is called alike."""

    def missing(path: str) -> BuildError:
        message = not_found(path)
        if context.nothing:
            return BuildError(message, hint="this build has no context: name a folder instead of -")
        pattern = context.culprit(path)
        if pattern is not None:
            where = (
                f"line {pattern.line} of {pattern.file}"
                if pattern.line
                else "dockerlab itself (a build leaves out the running notebook and the store)"
            )
            return BuildError(
                message, hint=f'{path[1:]} is there, but the pattern "{pattern.text}" in {where} leaves it out of the build context'
            )
        if (link := context.lookup(path, follow=False)) is not None and link.is_link:
            target = link.entry.link
            return BuildError(message, hint=f"{path[1:]} is a link to {target}, which is not in the build context, or left out of it")
        from difflib import get_close_matches

        folder = posixpath.dirname(path)
        close = get_close_matches(posixpath.basename(path), context.listdir(folder), 1, 0.5)
        if close:
            return BuildError(message, hint=f"did you mean {posixpath.join(folder, close[0])[1:]}?")
        return BuildError(message, hint=f"{keyword} takes paths from the build context, here {context.root}; {path[1:]} is not in it")

    return missing


def stage_missing(where: str, view: TreeView) -> Callable[[str], BuildError]:
    """The error for a word that names nothing in another stage or image."""

    def missing(path: str) -> BuildError:
        from difflib import get_close_matches

        folder = posixpath.dirname(path)
        node = view.lookup(folder)
        close = get_close_matches(posixpath.basename(path), view.listdir(folder), 1, 0.5) if node is not None and node.is_dir else []
        hint = f"did you mean {posixpath.join(folder, close[0])}?" if close else f"look into {where} with dockerlab run"
        return BuildError(f"{not_found(path)} in {where}", hint=hint)

    return missing
