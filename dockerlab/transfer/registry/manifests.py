"""Manifests and indexes, Docker's and OCI's: which bytes an image is made of, and which of several images is for this machine.

Their media types differ and their shape does not. (OCI image specification 1.1: manifest.md, image-index.md; distribution's schema 2)
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dockerlab.data import dataclass
from dockerlab.errors import NotInRegistryError, RegistryError
from dockerlab.oci.digest import digest_of, is_digest
from dockerlab.store.depth import HINT, MOST_LAYERS
from dockerlab.transfer.descriptors import CONFIGS, INDEXES, LAYER, MANIFESTS, Descriptor, descriptor_of, for_platform
from dockerlab.transfer.registry.refusals import shown

if TYPE_CHECKING:
    from dockerlab.transfer.registry.client import Registry

Json = dict[str, Any]
ACCEPT = ", ".join((*MANIFESTS, *INDEXES))
_LAYERS = (
    LAYER,
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.",
)
_LARGEST = 4 << 20
"""Bytes of a manifest; the distribution specification asks registries for no more."""
LARGEST_CONFIG = 8 << 20
_MOST_ENTRIES = 1000
_HINT = "the registry is damaged, or somebody changed what it sends; nothing was kept"


@dataclass(frozen=True)
class Manifest:
    """An image in a registry, `layers` the lowest first; `digest` is of the bytes `raw` that came."""

    digest: str
    media_type: str
    raw: bytes
    config: Descriptor
    layers: tuple[Descriptor, ...]


@dataclass(frozen=True)
class Found:
    """What stands under a name: `digest` is what it points to, an index or the `manifest` itself; `offered`: the platforms of the index."""

    digest: str
    manifest: Manifest
    offered: tuple[str, ...] = ()


def found(registry: Registry, name: str, platform: str) -> Found:
    """What a tag or a digest points to, for a platform (os/architecture[/variant]). RegistryError if it is not what it should be; NotInRegistryError if there is none for the platform."""
    digest, kind, raw, value = _fetched(registry, name)
    if _is_index(kind, value):
        listed = _entries(value)
        entries = [one for one in map(descriptor_of, listed) if one is not None and is_digest(one.digest)]
        offered = tuple(one.platform for one in entries if one.platform and not one.platform.startswith("unknown"))
        if (wanted := for_platform(entries, platform)) is None:
            for one in listed:  # perhaps the one that was meant is damaged
                _descriptor(one, "manifests")
            raise NotInRegistryError(
                f"no matching manifest for {platform} in the manifest list entries",
                hint=f"the registry has it for {shown(', '.join(dict.fromkeys(offered)) or 'no platform')}: --platform chooses one",
            )
        _, kind, raw, value = _fetched(registry, wanted.digest)
        if len(raw) != wanted.size:
            raise RegistryError(f"manifest {wanted.digest} has {len(raw)} bytes, and the index says {wanted.size}", hint=_HINT)
        if _is_index(kind, value):
            raise RegistryError(f"the index {digest} holds another index for {platform}, which is no image")
        return Found(digest, _manifest(kind, raw, value), offered)
    return Found(digest, _manifest(kind, raw, value))


def _fetched(registry: Registry, name: str) -> tuple[str, str, bytes, Json]:
    """(digest, media type, the bytes, what they say) of a manifest, whatever its kind."""
    raw, headers = registry.get(f"/v2/{registry.repository}/manifests/{name}", _LARGEST, ACCEPT)
    digest = digest_of(raw)
    if is_digest(name) and digest != name:
        raise RegistryError(f"manifest verification failed for digest {name}: what came has {digest}", hint=_HINT)
    told = headers.get("Docker-Content-Digest", "")
    if is_digest(told) and told != digest:
        raise RegistryError(f"the registry says that the manifest of {name} is {told}, and what came has {digest}", hint=_HINT)
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise RegistryError(f"the manifest of {registry.repository}:{name} is no JSON object", hint=_HINT)
    kind = value.get("mediaType") or headers.get("Content-Type", "").partition(";")[0].strip()
    return digest, str(kind), raw, value


def _is_index(kind: str, value: Json) -> bool:
    return kind in INDEXES or (kind not in MANIFESTS and isinstance(value.get("manifests"), list))


def _entries(value: Json) -> list[Json]:
    entries = value.get("manifests")
    if not isinstance(entries, list) or len(entries) > _MOST_ENTRIES or not all(isinstance(one, dict) for one in entries):
        raise RegistryError("the index of the image is damaged: it has no list of manifests", hint=_HINT)
    return entries


def _manifest(kind: str, raw: bytes, value: Json) -> Manifest:
    digest = digest_of(raw)
    if value.get("schemaVersion") != 2 or "fsLayers" in value:
        raise RegistryError(
            "this image is in Docker's manifest format of version 1, which Docker 28 doesn't take either",
            hint="push it anew with a newer Docker",
        )
    if kind not in MANIFESTS and not isinstance(value.get("layers"), list):
        raise RegistryError(f'the manifest {digest} is of the kind "{shown(kind)}", and no image')
    layers = value.get("layers")
    if not isinstance(layers, list) or len(layers) > MOST_LAYERS:
        count = len(layers) if isinstance(layers, list) else 0
        if count:
            raise RegistryError(
                f"max depth exceeded: the image has {count} layers, and {MOST_LAYERS} are the most that Docker takes", hint=HINT
            )
        raise RegistryError(f"the manifest {digest} is damaged: it has no list of layers", hint=_HINT)
    config = _descriptor(value.get("config"), "config")
    if config.media_type not in (*CONFIGS, "application/octet-stream", ""):
        raise RegistryError(f'this is no image of a container: its configuration is of the kind "{shown(config.media_type)}"')
    if config.size > LARGEST_CONFIG:
        raise RegistryError(f"the configuration of the image has {config.size} bytes, which is too much for what it should be", hint=_HINT)
    found = tuple(_descriptor(one, "layers") for one in layers)
    for layer in found:
        if not layer.media_type.startswith(_LAYERS):
            raise RegistryError(
                f'unsupported media type "{shown(layer.media_type)}" of layer {layer.digest}', hint="it is no layer of files"
            )
    return Manifest(digest, kind if kind in MANIFESTS else MANIFESTS[0], raw, config, found)


def _descriptor(value: Any, key: str) -> Descriptor:
    if (found := descriptor_of(value)) is None or not is_digest(found.digest):
        raise RegistryError(f'the manifest is damaged: "{key}" has an entry without a digest (sha256) or a size', hint=_HINT)
    return found
