"""Docker archives: what `docker save` writes and `docker load` reads, one tar with a manifest.json, configurations and layers.

Written so that docker's, podman's and our own `load` find the image under the same ID: the configuration's bytes go out as they came, and each layer
is the tar whose digest is its diff ID. (moby image/spec v1.2; the OCI layout beside it as of Docker 25)
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from typing import IO, Any, TypeVar

from dockerlab.data import dataclass
from dockerlab.errors import StoreError
from dockerlab.layers.packed import unpacked
from dockerlab.oci import Reference
from dockerlab.oci.digest import hex_of
from dockerlab.store import Image
from dockerlab.transfer.found import Found, configuration, known_name
from dockerlab.transfer.members import Members, text_of
from dockerlab.transfer.oci_writing import blob_name, put_index, put_layers, put_manifest
from dockerlab.transfer.sinks import Sink, Tars

_T = TypeVar("_T")


def write_archive(sink: Sink, tars: Tars, images: Iterable[tuple[Image, bytes, list[Reference]]]) -> None:
    """Write images (each with the bytes of its configuration) with their names; layers that they share are written once.

    As Docker 28 does: one entry of manifest.json an image; of index.json one a name, and one without annotations for an image that has none.
    """
    entries: list[dict[str, Any]] = []
    index: list[tuple[dict[str, Any], list[Reference]]] = []
    repositories: dict[str, dict[str, str]] = {}
    for image, raw, names in images:
        layers = put_layers(sink, tars, image.config.diff_ids)
        index.append((put_manifest(sink, image.id, raw, layers), names))
        entries.append(
            {
                "Config": blob_name(image.id),
                "RepoTags": [name.familiar for name in names] or None,
                "Layers": [blob_name(diff_id) for diff_id in image.config.diff_ids],
                "LayerSources": {layer["digest"]: layer for layer in layers},
            }
        )
        for name in names:
            repositories.setdefault(name.repository, {})[name.tag] = hex_of(image.config.diff_ids[-1])
    sink.add("manifest.json", json.dumps(entries, separators=(",", ":")).encode())
    if repositories:
        sink.add("repositories", json.dumps(repositories).encode())
    put_index(sink, index, whole_names=False)


@dataclass(frozen=True)
class _Saved:
    """One entry of manifest.json: names of members of the archive, and of the image."""

    config: str
    layers: list[str]
    names: list[str]


def found_in_archive(members: Members, manifest: Any) -> list[Found]:
    """The images of a manifest.json, whose shape is looked at once and for all."""
    out = []
    for item in _list_of(dict, manifest, "", members):
        saved = _entry(item, members)
        raw = text_of(members, saved.config)
        layers = [partial(_opened, members, name) for name in saved.layers]
        out.append(Found(configuration(raw, saved.config, members.what), raw, layers, saved.names))
    return out


def _opened(members: Members, name: str) -> IO[bytes]:
    return unpacked(members.open(name)[0])


def _entry(item: dict[str, Any], members: Members) -> _Saved:
    (config,) = _list_of(str, [item.get("Config")], "Config", members)
    layers, names = item.get("Layers"), item.get("RepoTags") or []
    tags = [known_name(name, members.what) for name in _list_of(str, names, "RepoTags", members)]
    return _Saved(config, _list_of(str, layers, "Layers", members), tags)


def _list_of(kind: type[_T], value: Any, key: str, members: Members) -> list[_T]:
    if isinstance(value, list) and all(isinstance(one, kind) for one in value):
        return value
    raise StoreError(
        f'the {members.what}\'s manifest.json is damaged: "{key}" of an image is wrong or missing'
        if key
        else f"the {members.what}'s manifest.json is damaged: it is no list of images",
        hint="docker save writes a list of objects with Config, RepoTags and Layers",
    )
