"""An image as `docker save` writes it, and the entries of its layers in the words of the recording."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import Any

_FIXED_BEFORE = 1704067200
"""Times before 2024 were fixed by a case; later ones are the time of the build, and not compared."""
_KINDS = {
    tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
    tarfile.CHRTYPE: "char",
    tarfile.BLKTYPE: "block",
    tarfile.FIFOTYPE: "fifo",
}
_XATTR = "SCHILY.xattr."


class SavedImage:
    """The one image of an archive."""

    def __init__(self, data: bytes) -> None:
        self._tar = tarfile.open(fileobj=io.BytesIO(data))
        manifest = json.loads(self._read("manifest.json"))[0]
        self.config: dict[str, Any] = json.loads(self._read(manifest["Config"]))
        self.diff_ids: list[str] = self.config["rootfs"].get("diff_ids") or []
        self._layers: list[str] = manifest["Layers"]

    def _read(self, name: str) -> bytes:
        found = self._tar.extractfile(name)
        assert found is not None, f"{name} is no file of the archive"
        return found.read()

    def history(self) -> list[list[Any]]:
        """Oldest first: [created_by, empty_layer, comment]."""
        lines = self.config.get("history") or []
        return [[line.get("created_by", ""), line.get("empty_layer", False), line.get("comment", "")] for line in lines]

    def layers_above(self, base: list[str]) -> list[list[dict[str, Any]]]:
        """The entries of each layer that is not the base's."""
        start = len(base) if self.diff_ids[: len(base)] == base else 0
        out = []
        for name in self._layers[start:]:
            with tarfile.open(fileobj=io.BytesIO(self._read(name))) as layer:
                out.append([_entry(member) for member in layer])
        return out

    def files(self) -> dict[str, tuple[Any, ...]]:
        """Every path of the finished file system: (type, mode, uid, gid, digest or link)."""
        found: dict[str, tuple[Any, ...]] = {}
        for name in self._layers:
            with tarfile.open(fileobj=io.BytesIO(self._read(name))) as layer:
                for member in layer:
                    self._lay(found, layer, member)
        return found

    def _lay(self, found: dict[str, tuple[Any, ...]], layer: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        path = member.name.removeprefix("./").rstrip("/")
        folder, _, base = path.rpartition("/")
        if base.startswith(".wh."):
            hidden = f"{folder}/" if base == ".wh..wh..opq" else f"{folder}/{base[4:]}".lstrip("/")
            for other in [one for one in found if one == hidden or one.startswith(hidden.rstrip("/") + "/")]:
                if other != folder:
                    del found[other]
            return
        if not member.isdir():
            for other in [one for one in found if one.startswith(path + "/")]:
                del found[other]
        data = layer.extractfile(member) if member.isreg() else None
        what = hashlib.sha256(data.read()).hexdigest() if data is not None else member.linkname
        if member.islnk():
            found[path] = found[member.linkname.removeprefix("./")]
        elif path:
            found[path] = (_KINDS.get(member.type, "file"), f"{member.mode & 0o7777:04o}", member.uid, member.gid, what)


def _entry(member: tarfile.TarInfo) -> dict[str, Any]:
    kind = _KINDS.get(member.type, "file")
    out: dict[str, Any] = {
        "path": member.name.removeprefix("./").rstrip("/"),
        "type": kind,
        "mode": f"{member.mode:04o}",
        "uid": member.uid,
        "gid": member.gid,
    }
    if kind == "file":
        out["size"] = member.size
    elif kind in ("symlink", "hardlink"):
        out["link"] = member.linkname
    elif kind in ("char", "block"):
        out["device"] = f"{member.devmajor},{member.devminor}"
    if xattrs := {key.removeprefix(_XATTR): value for key, value in member.pax_headers.items() if key.startswith(_XATTR)}:
        out["xattrs"] = xattrs
    if member.mtime < _FIXED_BEFORE:
        out["mtime"] = int(member.mtime) if member.mtime == int(member.mtime) else member.mtime
    return out


def comparable(layers: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
    """Without what says nothing about the builder: the order of entries, and the bare folder `etc` that BuildKit's own files leave behind."""
    return [
        sorted((entry for entry in layer if (entry["path"], entry["type"]) != ("etc", "dir")), key=lambda entry: str(entry["path"]))
        for layer in layers
    ]
