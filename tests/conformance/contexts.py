"""Build contexts as the recording laid them out: files, links, archives, with modes, owners and times."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import os
import shutil
import tarfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

LONG_AGO = 1577934245
"""2020-01-02T03:04:05Z: the time of whatever has no time of its own."""

Spec = Mapping[str, Any]
_PACKED: dict[str | None, Callable[[bytes], bytes]] = {
    None: bytes,
    "gz": lambda data: gzip.compress(data, mtime=0),
    "xz": lzma.compress,
    "bz2": bz2.compress,
}


def archive(entries: Iterable[Spec], compress: str | None = None) -> bytes:
    """A tar of the entries, which are written as files are, and may name a device (`char`) or extended headers (`pax`) too."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry in entries:
            data = entry.get("text", "").encode()
            info = tarfile.TarInfo(entry["path"])
            info.uid, info.gid, info.mtime = entry.get("uid", 0), entry.get("gid", 0), entry.get("mtime", LONG_AGO)
            info.mode, info.size, info.pax_headers = _mode(entry), len(data), entry.get("pax", {})
            for key, kind in (("link", tarfile.SYMTYPE), ("hardlink", tarfile.LNKTYPE)):
                if key in entry:
                    info.type, info.linkname = kind, entry[key]
            if "char" in entry:
                info.type, (info.devmajor, info.devminor) = tarfile.CHRTYPE, entry["char"]
            if entry.get("dir"):
                info.type = tarfile.DIRTYPE
            tar.addfile(info, io.BytesIO(data))
    return _PACKED[compress](raw.getvalue())


def _mode(spec: Spec) -> int:
    return int(spec.get("mode", "0755" if spec.get("dir") else "0644"), 8)


def _content(spec: Spec) -> bytes:
    if "tar" in spec:
        return archive(spec["tar"], spec.get("compress"))
    return base64.b64decode(spec["base64"]) if "base64" in spec else str(spec["text"]).encode()


def put(root: Path, name: str, spec: str | Spec, mtime: float = LONG_AGO) -> None:
    """One file, folder or link of the context; folders on the way are made, 0755."""
    spec = {"text": spec} if isinstance(spec, str) else spec
    path = root / name
    made = [folder for folder in path.parents if root in folder.parents and not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    for folder in made:
        folder.chmod(0o755)
    if path.is_symlink() or path.is_file():
        path.unlink()
    if "symlink" in spec:
        path.symlink_to(spec["symlink"])
    elif "hardlink" in spec:
        path.hardlink_to(root / spec["hardlink"])
    else:
        if spec.get("dir"):
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(_content(spec))
        path.chmod(_mode(spec))
    if "owner" in spec and os.geteuid() == 0:
        _own(path, spec["owner"])
    when = spec.get("mtime", mtime)
    os.utime(path, (when, when), follow_symlinks=False)


def _own(path: Path, owner: str) -> None:
    uid, gid = owner.split(":")
    os.chown(path, int(uid), int(gid), follow_symlinks=False)


def lay_out(root: Path, case: Spec) -> None:
    """The context of a case, its Dockerfile included; the times of folders last, since writing into them moves those."""
    files: dict[str, Any] = dict(case.get("files", {}))
    if case.get("dockerfile") is not None:
        files.setdefault("Dockerfile", case["dockerfile"])
    root.mkdir(parents=True, exist_ok=True)
    for name, spec in files.items():
        put(root, name, spec)
    for folder, _, _ in os.walk(root, topdown=False):
        spec = files.get(os.path.relpath(folder, root))
        when = spec.get("mtime", LONG_AGO) if isinstance(spec, dict) else LONG_AGO
        os.utime(folder, (when, when))


def edit(root: Path, change: Spec, now: float) -> None:
    """What is done to a context between two builds; what is written gets the time `now`, and so do the folders that it lies in."""
    written = dict(change.get("write", {}))
    for name, spec in written.items():
        put(root, name, spec, now)
    for name in change.get("remove", ()):
        path = root / name
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for old, new in change.get("rename", {}).items():
        (root / old).rename(root / new)
    for name, mode in change.get("chmod", {}).items():
        (root / name).chmod(int(mode, 8))
    for name, when in change.get("mtime", {}).items():
        os.utime(root / name, (when, when))
    for name, owner in change.get("chown", {}).items():
        _own(root / name, owner)
    if "dockerfile" in change:
        put(root, "Dockerfile", change["dockerfile"], now)
    for name in (*written, *change.get("remove", ()), *change.get("rename", {}).values()):
        for folder in (root / name).parents:
            if folder == root or root in folder.parents:
                os.utime(folder, (now, now))
