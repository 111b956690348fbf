"""Docker archives: what `docker save` writes and `docker load` reads, one tar with a manifest.json, configurations and layers.

Written so that docker's, podman's and our own `load` find the image under the same ID: the configuration's bytes go out as they came, and each layer
is the tar whose digest is its diff ID. (moby image/spec v1.2; the OCI layout beside it as of Docker 25)
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import tarfile
from collections.abc import Iterable
from typing import IO, Any, cast

from dockerlab.errors import InvalidReferenceError, StoreError
from dockerlab.oci import ImageConfig, Reference
from dockerlab.oci.digest import digest_of, hex_of
from dockerlab.store import Image, Store

_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o644
    tar.addfile(member, io.BytesIO(data))


def write_archive(store: Store, images: Iterable[tuple[Image, Reference | None]], out: IO[bytes]) -> None:
    """Write images with their names (None: saved by ID) to a stream; layers that they share are written once."""
    entries: dict[str, dict[str, Any]] = {}
    repositories: dict[str, dict[str, str]] = {}
    written: dict[str, int] = {}
    manifests: list[dict[str, Any]] = []
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar, store.tmp() as scratch:
        for image, name in images:
            for diff_id in image.config.diff_ids:
                if diff_id in written:
                    continue
                file = scratch / hex_of(diff_id)
                with open(file, "wb") as whole:
                    store.layers.open_tar(store.layers.get(diff_id), whole)
                member = tarfile.TarInfo(f"blobs/sha256/{hex_of(diff_id)}")
                written[diff_id] = member.size = file.stat().st_size
                with open(file, "rb") as again:
                    tar.addfile(member, again)
                os.unlink(file)
            entry = entries.get(image.id)
            if entry is None:
                raw = store.images.raw(image.id)
                _add(tar, f"blobs/sha256/{hex_of(image.id)}", raw)
                sources = {d: {"mediaType": _LAYER_TYPE, "size": written[d], "digest": d} for d in image.config.diff_ids}
                entry = entries[image.id] = {
                    "Config": f"blobs/sha256/{hex_of(image.id)}",
                    "RepoTags": None,
                    "Layers": [f"blobs/sha256/{hex_of(d)}" for d in image.config.diff_ids],
                    "LayerSources": sources,
                }
                manifest = {
                    "schemaVersion": 2,
                    "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": image.id, "size": len(raw)},
                    "layers": list(sources[d] for d in image.config.diff_ids),
                }
                body = json.dumps(manifest).encode()
                _add(tar, f"blobs/sha256/{hex_of(digest_of(body))}", body)
                manifests.append({"mediaType": manifest["mediaType"], "digest": digest_of(body), "size": len(body)})
            if name is not None:
                entry["RepoTags"] = [*(entry["RepoTags"] or []), name.familiar]
                repositories.setdefault(name.repository, {})[name.tag] = hex_of(image.config.diff_ids[-1])
                manifests[-1].setdefault("annotations", {})["org.opencontainers.image.ref.name"] = name.tag
        _add(tar, "manifest.json", json.dumps(list(entries.values()), separators=(",", ":")).encode())
        _add(tar, "repositories", json.dumps(repositories).encode())
        _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(
            tar,
            "index.json",
            json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}).encode(),
        )


def uncompressed(source: IO[bytes]) -> IO[bytes]:
    """The stream behind gzip, xz or nothing, by its first bytes."""
    buffered: Any = source if hasattr(source, "peek") else io.BufferedReader(cast(io.RawIOBase, source))
    head = buffered.peek(6)[:6]
    if head[:2] == b"\x1f\x8b":
        return cast(IO[bytes], gzip.GzipFile(fileobj=buffered))
    if head[:6] == b"\xfd7zXZ\0":
        return cast(IO[bytes], lzma.LZMAFile(buffered))
    return cast(IO[bytes], buffered)


def read_archive(store: Store, source: IO[bytes]) -> list[str]:
    """Take in every image of an archive; its names, or its ID where it has none. StoreError if anything in it is damaged or false."""
    with store.tmp() as scratch, store.using():
        whole = scratch / "archive.tar"
        with open(whole, "wb") as out:
            try:
                stream = uncompressed(source)
                while block := stream.read(1 << 20):
                    out.write(block)
            except (OSError, EOFError, lzma.LZMAError) as error:
                raise StoreError(f"unexpected EOF: the archive is damaged ({error})") from error
        try:
            with tarfile.open(whole, mode="r:") as tar:
                return _read(store, tar, scratch)
        except tarfile.TarError as error:
            raise StoreError(
                "unexpected EOF: this is no image archive", hint="docker save writes one; for the tar of a file system use import"
            ) from error


def _read(store: Store, tar: tarfile.TarFile, scratch: Any) -> list[str]:
    manifest = json.loads(_member(tar, "manifest.json").read())
    said: list[str] = []
    for number, item in enumerate(manifest):
        raw = _member(tar, item["Config"]).read()
        try:
            config = ImageConfig.from_bytes(raw)
        except ValueError as error:
            raise StoreError(f"the configuration {item['Config']} in the archive is no JSON of an image: {error}") from error
        if len(config.diff_ids) != len(item["Layers"]):
            raise StoreError(f"the archive lists {len(item['Layers'])} layers, the image's configuration {len(config.diff_ids)}")
        for at, (diff_id, name) in enumerate(zip(config.diff_ids, item["Layers"], strict=True)):
            if not store.layers.has(diff_id):
                folder = scratch / f"{number}-{at}"
                folder.mkdir()
                store.layers.add_tar(uncompressed(_member(tar, name)), folder, expect=diff_id)
        image = store.images.add(config, raw)
        for tag in item.get("RepoTags") or []:
            try:
                store.images.tag(image.id, Reference.parse(tag))
            except InvalidReferenceError as error:
                raise StoreError(f'the archive names an image "{tag}", which is no name: {error.message}') from error
        said += item.get("RepoTags") or [image.id]
    return said


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
