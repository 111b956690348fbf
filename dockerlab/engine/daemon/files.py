"""`docker cp` by the archives of the API: what stands at a path is asked for first, then a tar goes in or comes out.

The rules for what a target's form means are docker's, and the embedded engine's: they are asked of a view that answers from the daemon.
"""

from __future__ import annotations

import json
import os
import stat
import tarfile
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from dockerlab.data import dataclass
from dockerlab.engine import copying
from dockerlab.engine.daemon.calls import Body, Calls
from dockerlab.errors import DockerlabError, NotFoundError
from dockerlab.store import Store

if TYPE_CHECKING:
    from dockerlab.layers import TreeView

Json = dict[str, Any]
_BLOCK = 1 << 20
_IN_MEMORY = 32 << 20
_LINK, _FOLDER = 1 << 27, 1 << 31  # of Go's os.FileMode


@dataclass(frozen=True)
class Place:
    """What stands at a path of a container."""

    path: str
    is_dir: bool


class RemoteView:
    """The part of a `TreeView` that docker's rules ask for, answered by the daemon."""

    def __init__(self, calls: Calls, container: str) -> None:
        self._calls, self._container = calls, container

    def lookup(self, path: str, *, follow: bool = True) -> Place | None:
        """What stands there, None for nothing. The daemon itself follows links above the last name, and never out of the container."""
        found = stat_of(self._calls, self._container, path)
        if found is not None and follow and found["mode"] & _LINK:
            path = str(found["linkTarget"])
            found = stat_of(self._calls, self._container, path)
        return None if found is None else Place(os.path.normpath("/" + path.strip("/")), bool(found["mode"] & _FOLDER))


def stat_of(calls: Calls, container: str, path: str) -> Json | None:
    """name, size, mode (Go's), mtime, linkTarget of a path in a container; None for nothing."""
    try:
        answer = calls.head(f"/containers/{container}/archive", path=path)
    except NotFoundError:
        return None
    found: Json = json.loads(b64decode(answer.headers["X-Docker-Container-Path-Stat"]))
    return found


def copy_in(calls: Calls, container: str, source: str, path: str, follow: bool) -> None:
    """A file or folder of this machine into the container."""
    bare = source.rstrip("/") or "/"
    if not os.path.lexists(bare) or (source.endswith("/") and not os.path.isdir(bare)):
        raise NotFoundError(f"lstat {os.path.abspath(bare)}: no such file or directory")
    top = os.path.realpath(bare) if follow or source.endswith("/.") else bare
    contents = source.endswith("/.") or source == "."
    is_dir = os.path.isdir(top) and not os.path.islink(top)
    view: Any = RemoteView(calls, container)
    where = copying.landing(view, container, path, is_dir, os.path.basename(os.path.abspath(bare)), contents)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            if where == "/":
                for name in sorted(os.listdir(top)):
                    tar.add(os.path.join(top, name), arcname=name, filter=_plain)
            else:
                tar.add(top, arcname=os.path.basename(where), filter=_plain)
        file.seek(0)
        calls.put(
            f"/containers/{container}/archive", cast(IO[bytes], file), path=os.path.dirname(where) or "/", noOverwriteDirNonDir="true"
        )


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    member.uname = member.gname = ""
    member.mtime = int(member.mtime)
    return None if stat.S_ISSOCK(member.mode) else member


def unpack_in(calls: Calls, container: str, source: IO[bytes], path: str) -> None:
    """`docker cp - CONTAINER:PATH`."""
    found = RemoteView(calls, container).lookup("/" + path.lstrip("/")) if path else None
    if found is None:
        raise NotFoundError(f"Could not find the file {path} in container {container}")
    if not found.is_dir:
        raise DockerlabError("extraction point is not a directory")
    calls.put(f"/containers/{container}/archive", source, path=found.path)


def copy_out(calls: Calls, store: Store, container: str, path: str, target: str, follow: bool) -> None:
    """A file or folder of the container to this machine; the caller owns the copies. `store` has room for what comes."""
    view: Any = RemoteView(calls, container)
    found = copying.find_source(view, container, path, follow)
    with _fetched(calls, store, container, found.path) as root:
        from dockerlab.layers import TreeView

        name = os.path.basename(found.path) or ""
        inside = f"/{name}/." if path.endswith("/.") and name else "/." if path.endswith("/.") else f"/{name}"
        copying.copy_out(TreeView([root]), container, inside, target)


@contextmanager
def _fetched(calls: Calls, store: Store, container: str, path: str) -> Iterator[Path]:
    """What stands at a path, as a tree of our own: nothing in the tar leads out of it."""
    from dockerlab.layers import Tree, read_tar

    with store.tmp() as scratch:
        body = Body(calls.get(f"/containers/{container}/archive", as_stream=True, path=path))
        with Tree(scratch / "tree") as tree:
            read_tar(cast(IO[bytes], body), tree, as_layer=False)
        yield scratch / "tree"


def archive_out(calls: Calls, container: str, path: str, out: IO[bytes], follow: bool) -> None:
    """`docker cp CONTAINER:PATH -`: the daemon's tar as it comes."""
    view: Any = RemoteView(calls, container)
    found = copying.find_source(view, container, path, follow)
    asked = found.path + "/." if path.endswith("/.") else found.path
    poured(calls, f"/containers/{container}/archive", out, path=asked)


def poured(calls: Calls, place: str, out: IO[bytes], /, **params: Any) -> None:
    """An answer that streams, written as it comes."""
    body = Body(calls.get(place, as_stream=True, **params))
    while block := body.read(_BLOCK):
        out.write(block)


def changed(calls: Calls, container: str, change: Json, image: TreeView | None) -> Json:
    """A line of `docker diff` with what copy-on-write did (see `Engine.changes`); `image` tells what was there before, and in which layer."""
    old = image.lookup(change["Path"], follow=False) if image is not None and change["Kind"] != "A" else None
    now = stat_of(calls, container, change["Path"]) if change["Kind"] != "D" else None
    folder = bool(now["mode"] & _FOLDER) if now is not None else old is not None and old.is_dir
    return {
        **change,
        "Size": int(now["size"]) if now is not None and not folder else 0,
        "Below": old.st.st_size if old is not None and not folder else 0,
        "Folder": folder,
        "Layer": old.layer + 1 if old is not None else 0,
    }
