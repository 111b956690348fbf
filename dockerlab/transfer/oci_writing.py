"""Writing OCI image layouts, and the manifests of anything that holds blobs. (OCI image specification 1.1: image-layout.md, manifest.md)"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from dockerlab.oci import Reference
from dockerlab.oci.digest import digest_of, hex_of
from dockerlab.store import Image
from dockerlab.transfer.descriptors import CONFIG, DOCKER_CONFIG, DOCKER_LAYER, DOCKER_MANIFEST, INDEX, LAYER, MANIFEST
from dockerlab.transfer.oci_layout import IMAGE_NAME, REF_NAME
from dockerlab.transfer.sinks import Sink, Tars

Json = dict[str, Any]


def blob_name(digest: str) -> str:
    """Where a blob lies in a layout."""
    return f"blobs/sha256/{hex_of(digest)}"


def put_layers(sink: Sink, tars: Tars, diff_ids: Sequence[str], kind: str = LAYER, name_of: Callable[[str], str] = blob_name) -> list[Json]:
    """Let the sink have these layers, each once; their descriptors."""
    ending = {"": "", "gzip": "+gzip", "zstd": "+zstd"}[tars.packing].replace("+", "." if kind == DOCKER_LAYER else "+")
    out = []
    for diff_id in diff_ids:
        digest, size = tars.put(sink, diff_id, name_of)
        out.append({"mediaType": kind + ending, "size": size, "digest": digest})
    return out


def put_manifest(sink: Sink, identifier: str, raw: bytes, layers: list[Json]) -> Json:
    """An image's configuration and its manifest; the manifest's descriptor."""
    if not sink.has(blob_name(identifier)):
        sink.add(blob_name(identifier), raw)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": identifier, "size": len(raw)},
        "layers": layers,
    }
    body = json.dumps(manifest).encode()
    if not sink.has(blob_name(digest_of(body))):
        sink.add(blob_name(digest_of(body)), body)
    return {"mediaType": MANIFEST, "digest": digest_of(body), "size": len(body)}


def put_index(sink: Sink, manifests: Iterable[tuple[Json, list[Reference]]], *, whole_names: bool) -> None:
    """index.json, one entry a name, and what says that this is a layout. `whole_names`: also for podman and skopeo, where docker has the tag."""
    index: list[Json] = []
    for descriptor, names in manifests:
        notes = [{IMAGE_NAME: str(name), REF_NAME: str(name) if whole_names else name.tag} for name in names]
        index += [{**descriptor, "annotations": note} for note in notes] or [descriptor]
    sink.add("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    sink.add("index.json", json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": index}).encode())


def write_layout(sink: Sink, tars: Tars, images: Iterable[tuple[Image, bytes, list[Reference]]]) -> None:
    """A layout of these images, each with the bytes of its configuration."""
    index = []
    for image, raw, names in images:
        layers = put_layers(sink, tars, image.config.diff_ids)
        index.append(({**put_manifest(sink, image.id, raw, layers), "platform": _platform(image)}, names))
    put_index(sink, index, whole_names=True)


def _platform(image: Image) -> Json:
    variant = image.config.extra.get("variant")
    return {"architecture": image.config.architecture, "os": image.config.os} | ({"variant": str(variant)} if variant else {})


def write_docker_folder(sink: Sink, tars: Tars, image: Image, raw: bytes) -> None:
    """What skopeo calls `dir:` and podman `docker-dir`: one image, with Docker's own manifest."""
    layers = put_layers(sink, tars, image.config.diff_ids, DOCKER_LAYER, hex_of)
    sink.add(hex_of(image.id), raw)
    manifest = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": {"mediaType": DOCKER_CONFIG, "size": len(raw), "digest": image.id},
        "layers": layers,
    }
    sink.add("manifest.json", json.dumps(manifest).encode())
    sink.add("version", b"Directory Transport Version: 1.1\n")
