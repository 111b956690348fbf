"""Archives that mean harm, put together by hand, and the ways in which an archive comes in."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.conftest import Answer, Docker, build
from tests.tars import member, tar_of


def digest_of(data: bytes) -> str:
    """sha256:…"""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def image_of(layers: Iterable[bytes], *, diff_ids: list[str] | None = None, config: Any = None, name: str = "evil:1") -> bytes:
    """What `docker save` would have written of these layers."""
    files = [(f"{number}.tar", data) for number, data in enumerate(layers)]
    body: dict[str, Any] = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"]}, **(config or {})}
    body.setdefault("rootfs", {"type": "layers", "diff_ids": diff_ids or [digest_of(data) for _, data in files]})
    entry = {"Config": "c.json", "RepoTags": [name], "Layers": [name for name, _ in files]}
    return tar_of(
        *(member(name, data) for name, data in files),
        member("c.json", json.dumps(body).encode()),
        member("manifest.json", json.dumps([entry]).encode()),
    )


def zeros(megabytes: int, before: bytes = b"", after: bytes = b"") -> bytes:
    """So many megabytes of zeros, packed: a thousandth of them."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    block = bytes(1 << 20)
    return packer.compress(before) + b"".join(packer.compress(block) for _ in range(megabytes)) + packer.compress(after) + packer.flush()


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A header that promises so many bytes."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mode = kind, size, 0o644
    return info.tobuf(tarfile.GNU_FORMAT)


def sparse(name: str, size: int) -> bytes:
    """A tar of one file that is a hole of so many bytes (GNU tar's form 1.0)."""
    map_of_data = b"1\n%d\n0\n" % size
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": name, "GNU.sparse.realsize": str(size)}
    return tar_of(member(f"GNUSparseFile.0/{name}", map_of_data.ljust(512, b"\0"), pax_headers=headers))


def by_load(docker: Docker, tar: bytes) -> Answer:
    """As the only layer of an image."""
    plain = gzip.decompress(tar) if tar[:2] == b"\x1f\x8b" else tar
    return docker("load", stdin=image_of([tar], diff_ids=[digest_of(plain)]))


def by_add(docker: Docker, tar: bytes) -> Answer:
    """By ADD into an image of busybox."""
    Path("evil.tar").write_bytes(tar)
    answer = build(docker, "FROM busybox\nADD evil.tar /\n", tag="evil:1")
    Path("evil.tar").unlink()
    return answer


def by_import(docker: Docker, tar: bytes) -> Answer:
    """As an image's file system."""
    return docker("import", "-", "evil:1", stdin=tar)


def by_copy(docker: Docker, tar: bytes) -> Answer:
    """Into a container that was never started; what it holds then is an image."""
    docker("create", "--name", "box", "busybox", "true")
    answer = docker("cp", "-", "box:/", stdin=tar)
    if answer.code == 0:
        docker("commit", "box", "evil:1")
    docker("rm", "box")
    return answer


Way = Callable[[Docker, bytes], Answer]
WAYS: dict[str, Way] = {"load": by_load, "ADD": by_add, "import": by_import, "cp": by_copy}
