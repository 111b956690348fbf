"""Docker archives: what `docker save` writes and `docker load` reads, one tar with a manifest.json, configurations and layers.

Written so that docker's, podman's and our own `load` find the image under the same ID: the configuration's bytes go out as they came, and each layer
is the tar whose digest is its diff ID. (moby image/spec v1.2; the OCI layout beside it as of Docker 25)
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from dockerlab.data import dataclass
from dockerlab.errors import DockerlabError, InvalidReferenceError, StoreError
from dockerlab.layers.packed import LARGEST, Metered, copy_within, room, unpacked
from dockerlab.oci import ImageConfig, Reference
from dockerlab.oci.digest import digest_of, hex_of
from dockerlab.store import Image, Store
from dockerlab.store.depth import HINT, MOST_LAYERS
from dockerlab.store.files import explained

_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_T = TypeVar("_T")
_MOST_ENTRIES = 100_000
_LONGEST_TEXT = 8 << 20  # bytes: ten thousand layers and their history take three millions
_NOTHING = "nothing of it was kept"


def write_archive(store: Store, images: Iterable[tuple[Image, Reference | None]], out: IO[bytes]) -> None:
    """Write images with their names (None: saved by ID) to a stream; layers that they share are written once.

    As Docker 28 does: one entry of manifest.json an image; of index.json one a name, and one without annotations for an image that has none.
    """
    asked: dict[str, tuple[Image, list[Reference]]] = {}
    for image, name in images:
        names = asked.setdefault(image.id, (image, []))[1]
        if name is not None and name not in names:
            names.append(name)
    entries: list[dict[str, Any]] = []
    index: list[dict[str, Any]] = []
    repositories: dict[str, dict[str, str]] = {}
    sizes: dict[str, int] = {}
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar, store.tmp() as scratch:
        for image, names in asked.values():
            for diff_id in image.config.diff_ids:
                if diff_id not in sizes:
                    sizes[diff_id] = _add_layer(tar, store, diff_id, scratch)
            raw = store.images.raw(image.id)
            _add(tar, _blob(image.id), raw)
            sources = {diff_id: {"mediaType": _LAYER_TYPE, "size": sizes[diff_id], "digest": diff_id} for diff_id in image.config.diff_ids}
            manifest = {
                "schemaVersion": 2,
                "mediaType": _MANIFEST_TYPE,
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": image.id, "size": len(raw)},
                "layers": [sources[diff_id] for diff_id in image.config.diff_ids],
            }
            body = json.dumps(manifest).encode()
            _add(tar, _blob(digest_of(body)), body)
            entries.append(
                {
                    "Config": _blob(image.id),
                    "RepoTags": [name.familiar for name in names] or None,
                    "Layers": [_blob(diff_id) for diff_id in image.config.diff_ids],
                    "LayerSources": sources,
                }
            )
            descriptor = {"mediaType": _MANIFEST_TYPE, "digest": digest_of(body), "size": len(body)}
            index += [{**descriptor, "annotations": _annotations(name)} for name in names] or [descriptor]
            for name in names:
                repositories.setdefault(name.repository, {})[name.tag] = hex_of(image.config.diff_ids[-1])
        _add(tar, "manifest.json", json.dumps(entries, separators=(",", ":")).encode())
        if repositories:
            _add(tar, "repositories", json.dumps(repositories).encode())
        _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(
            tar,
            "index.json",
            json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": index}).encode(),
        )


def _blob(digest: str) -> str:
    return f"blobs/sha256/{hex_of(digest)}"


def _annotations(name: Reference) -> dict[str, str]:
    return {"io.containerd.image.name": str(name), "org.opencontainers.image.ref.name": name.tag}


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o644
    tar.addfile(member, io.BytesIO(data))


def _add_layer(tar: tarfile.TarFile, store: Store, diff_id: str, scratch: Path) -> int:
    """The layer's tar, through a file, since a member's size comes before its bytes; how many there were."""
    file = scratch / hex_of(diff_id)
    with open(file, "wb") as whole:
        store.layers.open_tar(store.layers.get(diff_id), whole)
    member = tarfile.TarInfo(_blob(diff_id))
    member.size = file.stat().st_size
    with open(file, "rb") as again:
        tar.addfile(member, again)
    file.unlink()
    return member.size


def read_archive(store: Store, source: IO[bytes]) -> list[str]:
    """Take in every image of an archive; its names, or its ID where it has none. StoreError if anything in it is damaged or false: nothing is kept then."""
    try:
        return _taken_in(store, source)
    except (DockerlabError, OSError):
        store.sweep()  # layers that came before the damage
        raise


def _taken_in(store: Store, source: IO[bytes]) -> list[str]:
    with store.tmp() as scratch, store.using():
        whole = scratch / "archive.tar"
        with explained(store.home), open(whole, "wb") as out:
            copy_within(unpacked(source), out.write, room(scratch))
        try:
            with open(whole, "rb") as file:
                return _read(store, _looked_through(file), scratch)
        except (tarfile.TarError, OverflowError) as error:
            raise StoreError(
                "unexpected EOF: this is no image archive", hint="docker save writes one; for the tar of a file system use import"
            ) from error


def _looked_through(file: IO[bytes]) -> tarfile.TarFile:
    """The archive with all its entries known. StoreError for more of them than any image needs."""
    metered = Metered(file)
    tar = tarfile.open(fileobj=cast(IO[bytes], metered), mode="r:")
    count = 0
    while tar.next() is not None:
        metered.allow()
        if (count := count + 1) > _MOST_ENTRIES:
            raise StoreError(f"the archive has more than {_MOST_ENTRIES} entries: no image archive needs so many", hint=_NOTHING)
    metered.allow(LARGEST)
    return tar


@dataclass(frozen=True)
class _Saved:
    """One entry of manifest.json: names of members of the archive, and of the image."""

    config: str
    layers: list[str]
    names: list[str]


def _entries(tar: tarfile.TarFile) -> list[_Saved]:
    """The entries of manifest.json, their shape looked at once and for all."""
    try:
        items = json.loads(_text(tar, "manifest.json"))
    except (ValueError, RecursionError) as error:
        raise StoreError(f"the archive's manifest.json is no JSON: {error}") from error
    return [_entry(item) for item in _list_of(dict, items, "")]


def _entry(item: dict[str, Any]) -> _Saved:
    (config,) = _list_of(str, [item.get("Config")], "Config")
    saved = _Saved(config, _list_of(str, item.get("Layers"), "Layers"), _list_of(str, item.get("RepoTags") or [], "RepoTags"))
    for name in saved.names:
        try:
            Reference.parse(name)
        except InvalidReferenceError as error:
            raise StoreError(f'the archive names an image "{name}", which is no name: {error.message}') from error
    return saved


def _list_of(kind: type[_T], value: Any, key: str) -> list[_T]:
    if isinstance(value, list) and all(isinstance(one, kind) for one in value):
        return value
    raise StoreError(
        f'the archive\'s manifest.json is damaged: "{key}" of an image is wrong or missing'
        if key
        else "the archive's manifest.json is damaged: it is no list of images",
        hint="docker save writes a list of objects with Config, RepoTags and Layers",
    )


def _read(store: Store, tar: tarfile.TarFile, scratch: Path) -> list[str]:
    """All layers first, then the images: a name never moves for an archive that is damaged further on."""
    found: list[tuple[ImageConfig, bytes, list[str]]] = []
    for number, saved in enumerate(_entries(tar)):
        raw = _text(tar, saved.config)
        config = _config(raw, saved.config)
        if len(config.diff_ids) != len(saved.layers):
            raise StoreError(f"the archive lists {len(saved.layers)} layers, the image's configuration {len(config.diff_ids)}")
        if len(config.diff_ids) > MOST_LAYERS:
            raise StoreError(
                f"max depth exceeded: an image of the archive has {len(config.diff_ids)} layers, and {MOST_LAYERS} are the most that Docker loads",
                hint=HINT,
            )
        for at, (diff_id, name) in enumerate(zip(config.diff_ids, saved.layers, strict=True)):
            if not store.layers.has(diff_id):
                folder = scratch / f"{number}-{at}"
                folder.mkdir()
                store.layers.add_tar(unpacked(_member(tar, name)), folder, expect=diff_id)
        found.append((config, raw, saved.names))
    said: list[str] = []
    for config, raw, names in found:
        image = store.images.add(config, raw)
        for name in names:
            store.images.tag(image.id, Reference.parse(name))
        said += names or [image.id]
    return said


def _text(tar: tarfile.TarFile, name: str) -> bytes:
    """A member that is JSON. StoreError for one that is larger than any should be."""
    with _member(tar, name) as file:
        data = file.read(_LONGEST_TEXT + 1)
    if len(data) > _LONGEST_TEXT:
        raise StoreError(
            f'the archive\'s "{name}" has more than {_LONGEST_TEXT >> 20} MB, which is too much for what it should be', hint=_NOTHING
        )
    return data


def _config(raw: bytes, name: str) -> ImageConfig:
    try:
        config = ImageConfig.from_outside(raw)
        for diff_id in config.diff_ids:
            hex_of(diff_id)
    except ValueError as error:
        raise StoreError(f"the configuration {name} in the archive is no JSON of an image: {error}") from error
    return config


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        member = tar.getmember(name)
        for _ in range(8):  # older archives link equal layers to one another
            if not member.issym():
                break
            member = tar.getmember(os.path.normpath(os.path.join(os.path.dirname(member.name), member.linkname)))
        file = tar.extractfile(member)
    except KeyError:
        file = None
    if file is None:
        raise StoreError(
            f'the archive has no "{name}"', hint="it is no image archive, or cut short; for the tar of a file system use import"
        )
    return file
