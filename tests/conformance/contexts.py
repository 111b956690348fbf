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
from pathlib import Path

LONG_AGO = 1577934245


def make_tar(entries, compress=None):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for e in entries:
            info, data = tarfile.TarInfo(e["path"]), e.get("text", "").encode()
            info.mtime, info.uid, info.gid = e.get("mtime", LONG_AGO), e.get("uid", 0), e.get("gid", 0)
            info.mode = int(e.get("mode", "0755" if e.get("dir") else "0644"), 8)
            if e.get("dir"):
                info.type = tarfile.DIRTYPE
            elif "link" in e:
                info.type, info.linkname = tarfile.SYMTYPE, e["link"]
            elif "hardlink" in e:
                info.type, info.linkname = tarfile.LNKTYPE, e["hardlink"]
            elif "char" in e:
                info.type, (info.devmajor, info.devminor) = tarfile.CHRTYPE, e["char"]
            info.size, info.pax_headers = len(data), e.get("pax", {})
            tar.addfile(info, io.BytesIO(data))
    data = raw.getvalue()
    return {
        None: lambda: data,
        "gz": lambda: gzip.compress(data, mtime=0),
        "xz": lambda: lzma.compress(data),
        "bz2": lambda: bz2.compress(data),
    }[compress]()


def write_file(root, path, spec):
    if isinstance(spec, str):
        spec = {"text": spec}
    p = Path(root, path)
    parents = [q for q in p.parents if Path(root) in q.parents and not q.exists()]
    p.parent.mkdir(parents=True, exist_ok=True)
    if p.is_symlink() or p.is_file():
        p.unlink()
    if "symlink" in spec:
        os.symlink(spec["symlink"], p)
    elif "hardlink" in spec:
        os.link(Path(root, spec["hardlink"]), p)
    elif spec.get("dir"):
        p.mkdir(exist_ok=True)
    elif "tar" in spec:
        p.write_bytes(make_tar(spec["tar"], spec.get("compress")))
    elif "base64" in spec:
        p.write_bytes(base64.b64decode(spec["base64"]))
    else:
        p.write_bytes(spec["text"].encode())
    if "symlink" not in spec and "hardlink" not in spec:
        os.chmod(p, int(spec.get("mode", "0755" if spec.get("dir") else "0644"), 8))
    if "owner" in spec and os.geteuid() == 0:
        os.chown(p, *map(int, spec["owner"].split(":")), follow_symlinks=False)
    os.utime(p, (spec.get("mtime", LONG_AGO),) * 2, follow_symlinks=False)
    for q in parents:
        os.chmod(q, 0o755)


def write_context(root, case):
    files = dict(case.get("files", {}))
    if case.get("dockerfile") is not None:
        files.setdefault("Dockerfile", case["dockerfile"])
    os.makedirs(root, exist_ok=True)
    for path, spec in files.items():
        write_file(root, path, spec)
    for d, _, _ in os.walk(root, topdown=False):
        spec = files.get(os.path.relpath(d, root))
        mtime = spec.get("mtime", LONG_AGO) if isinstance(spec, dict) else LONG_AGO
        os.utime(d, (mtime, mtime))


def edit(root, change, now, program):
    for path, spec in change.get("write", {}).items():
        write_file(root, path, {"mtime": now} | (spec if isinstance(spec, dict) else {"text": spec}))
    for path in change.get("remove", []):
        p = Path(root, path)
        shutil.rmtree(p) if p.is_dir() and not p.is_symlink() else p.unlink()
    for old, new in change.get("rename", {}).items():
        os.rename(Path(root, old), Path(root, new))
    for path, mode in change.get("chmod", {}).items():
        os.chmod(Path(root, path), int(mode, 8))
    for path, mtime in change.get("mtime", {}).items():
        os.utime(Path(root, path), (mtime, mtime))
    for path, owner in change.get("chown", {}).items():
        os.chown(Path(root, path), *map(int, owner.split(":")))
    if "dockerfile" in change:
        write_file(root, "Dockerfile", {"text": change["dockerfile"], "mtime": now})
    for path in [*change.get("write", {}), *change.get("remove", []), *change.get("rename", {}).values()]:
        for p in Path(root, path).parents:
            if Path(root) in (p, *p.parents):
                os.utime(p, (now, now))
    for command in change.get("docker", []):
        program(*command)
