"""Tars put together entry by entry."""

from __future__ import annotations

import io
import tarfile
from typing import Any

Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "", **more: Any) -> Member:
    """One entry of a tar."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def folder(name: str, **more: Any) -> Member:
    """A folder's entry."""
    return member(name, kind=tarfile.DIRTYPE, **more)


def link(name: str, target: str) -> Member:
    """A symbolic link's."""
    return member(name, kind=tarfile.SYMTYPE, link=target)


def hard(name: str, target: str) -> Member:
    """A hard link's."""
    return member(name, kind=tarfile.LNKTYPE, link=target)


def tar_of(*members: Member) -> bytes:
    """The whole tar."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return raw.getvalue()
