"""From Debian archives to a layer: what `dpkg --unpack` writes, and nothing that it would run."""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Sequence
from fnmatch import translate
from pathlib import Path

from dockerlab.data import dataclass
from dockerlab.errors import CatalogueError
from dockerlab.transfer.catalogue.deb import Control, read_ahead
from dockerlab.transfer.catalogue.layer import LayerDraft


@dataclass(frozen=True)
class Unpacked:
    """A package that lies in the layer: `listing` are its paths as dpkg lists them, `conffiles` (path, MD5) what an administrator may change."""

    control: Control
    listing: tuple[str, ...]
    conffiles: tuple[tuple[str, str], ...]


class Filter:
    """Which paths are left out, as dpkg's path-exclude and path-include say: the include wins. (dpkg(1))"""

    def __init__(self, exclude: Sequence[str], include: Sequence[str]) -> None:
        self._out = re.compile("|".join(translate(pattern) for pattern in exclude) or r"(?!)")
        self._in = re.compile("|".join(translate(pattern) for pattern in include) or r"(?!)")

    def drops(self, path: str) -> bool:
        """Whether this path stays out."""
        return bool(self._out.match(path)) and not self._in.match(path)


def unpack(archives: Sequence[Path], layer: LayerDraft, paths: Filter) -> list[Unpacked]:
    """Write the files of the archives into the layer, one after the other."""
    return read_ahead(archives, lambda control, tar: _unpack(control, tar, layer, paths))


def _unpack(control: Control, tar: tarfile.TarFile, layer: LayerDraft, paths: Filter) -> Unpacked:
    wanted = set(control.lines("conffiles"))
    listing: list[str] = []
    conffiles: dict[str, str] = {}
    for member in tar:
        path = "/" + member.name.removeprefix(".").strip("/")
        listing.append(path if path != "/" else "/.")
        # the newest file dates the layer: the same packages make the same layer, whenever that is
        layer.mtime = max(layer.mtime, int(member.mtime))
        if path in wanted and member.isreg():
            file = tar.extractfile(member)
            data = file.read() if file is not None else b""
            conffiles[path] = hashlib.md5(data, usedforsecurity=False).hexdigest()
            if not paths.drops(path):
                layer.write(path, data, member.mode, member.uid, member.gid, int(member.mtime))
        elif not paths.drops(path):
            _write(tar, member, path, layer)
    return Unpacked(control, tuple(listing), tuple((path, conffiles[path]) for path in control.lines("conffiles") if path in conffiles))


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: str, layer: LayerDraft) -> None:
    mode, mtime = member.mode & 0o7777, int(member.mtime)
    if member.isdir():
        if path != "/":
            layer.folder(f"/usr{path}" if layer.is_merged(path) else path, mode, member.uid, member.gid, keep=True)
    elif member.isreg():
        file = tar.extractfile(member)
        assert file is not None
        layer.write_from(path, file, member.size, mode, member.uid, member.gid, mtime)  # type: ignore[arg-type]
    elif member.issym():
        layer.symlink(path, member.linkname, member.uid, member.gid, mtime)
    elif member.islnk():
        layer.hardlink(path, "/" + member.linkname.removeprefix(".").strip("/"))
    else:
        raise CatalogueError(f"a package ships {path} as a device or a pipe, which the catalogue does not know how to make")
