"""What a COPY or ADD of the classic builder takes, and the digests that its history shows: `file:…`, `dir:…`, `multi:…` (Moby's tarsum, version 1)."""

from __future__ import annotations

import hashlib
import posixpath
import stat
from collections.abc import Iterator

from dockerlab.build.archives import open_plain
from dockerlab.build.sources import Source, SourceNode, SourceTree, has_wildcard, matches
from dockerlab.layers import TreeView

_TYPES = {"file": "0", "symlink": "2", "char": "3", "block": "4", "dir": "5", "fifo": "6"}
_BLOCK = 1 << 20


def find(tree: SourceTree, word: str) -> Iterator[Source]:
    """The sources of one word. FileNotFoundError with the path that is not there; a pattern may find nothing."""
    clean = posixpath.normpath("/" + word.lstrip("/"))
    for path in matches(tree, clean) if has_wildcard(clean) else [clean]:
        node = tree.lookup(path)
        if node is None:
            raise FileNotFoundError(path.lstrip("/"))
        yield Source(posixpath.basename(path), node, tree=tree, asked=path)


def digest(source: Source) -> str:
    """As the history shows one source."""
    if source.node is None:
        return _sum(source.name, 0o600, 0, 0, "0", "", source)
    if not source.node.is_dir:
        return "file:" + _node(source.node, source.node.path.lstrip("/"))
    assert source.tree is not None
    tree = source.tree
    return _joined("dir", sorted(_in_folder(tree, node) for node in tree.walk(source.node.path) if node.path != "/"))


def digest_of_all(sources: list[Source]) -> str:
    """As the history shows several."""
    found = [digest(source) for source in sources]
    return found[0] if len(found) == 1 else _joined("multi", found)


def _joined(prefix: str, parts: list[str]) -> str:
    return f"{prefix}:{hashlib.sha256(','.join(parts).encode()).hexdigest()}"


def _in_folder(tree: SourceTree, node: SourceNode) -> str:
    """The digest of one path in a folder: of a link's target, and where there is none the path itself."""
    if not node.is_link:
        return _node(node, node.path.lstrip("/"))
    target = tree.lookup(node.path)
    if target is not None:
        return _node(target, target.path.lstrip("/"))
    return (tree.resolve(node.path) if isinstance(tree, TreeView) else node.path).lstrip("/")


def _node(node: SourceNode, name: str) -> str:
    entry = node.entry
    kind = _TYPES.get(entry.kind, "0")
    return _sum(name + ("/" if node.is_dir else ""), stat.S_IMODE(entry.mode), entry.uid, entry.gid, kind, entry.link, node)


def _sum(name: str, mode: int, uid: int, gid: int, kind: str, link: str, content: SourceNode | Source) -> str:
    regular = kind == "0"
    if isinstance(content, Source):
        with open_plain(content) as file:
            data = file.read()
        size = len(data)
    else:
        data, size = b"", content.st.st_size if regular else 0
    whole = hashlib.sha256()
    fields = {"name": name, "mode": mode, "uid": uid, "gid": gid, "size": size, "typeflag": kind, "linkname": link}
    for key, value in {**fields, "uname": "", "gname": "", "devmajor": 0, "devminor": 0}.items():
        whole.update(f"{key}{value}".encode("utf-8", "surrogateescape"))
    whole.update(data)
    if not isinstance(content, Source) and regular:
        with content.open() as stream:
            while block := stream.read(_BLOCK):
                whole.update(block)
    return whole.hexdigest()
