"""What manifests and indexes say of blobs, in archives, folders and registries alike: a media type, a digest, a size, and which of several images is for a platform.

Docker's media types and OCI's differ, their shape does not. (OCI image specification 1.1: descriptor.md, image-index.md; distribution's schema 2)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dockerlab.data import dataclass, field
from dockerlab.oci import own_architecture
from dockerlab.oci.platform import parse_platform

INDEX, MANIFEST = "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"
CONFIG, LAYER = "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG, DOCKER_LAYER = "application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar"
INDEXES, MANIFESTS, CONFIGS = (INDEX, DOCKER_INDEX), (MANIFEST, DOCKER_MANIFEST), (CONFIG, DOCKER_CONFIG)
_LARGEST = 1 << 50


@dataclass(frozen=True)
class Descriptor:
    """What lies under a digest: its media type, its length in bytes; in an index also its platform ("linux/arm64/v8", or "") and annotations."""

    media_type: str
    digest: str
    size: int
    platform: str = ""
    annotations: Mapping[str, Any] = field(default_factory=dict)


def descriptor_of(value: Any) -> Descriptor | None:
    """What it says, its shape looked at; None for what is none. Its digest is text still: nobody has looked whether it is one."""
    if not isinstance(value, dict) or not isinstance(value.get("digest"), str):
        return None
    size, told, notes = value.get("size"), value.get("platform"), value.get("annotations")
    if type(size) is not int or not 0 <= size < _LARGEST:
        return None
    parts = [str(told.get(key) or "") for key in ("os", "architecture", "variant")] if isinstance(told, dict) else []
    platform = "/".join(part for part in parts if part)
    return Descriptor(str(value.get("mediaType") or ""), value["digest"], size, platform, notes if isinstance(notes, dict) else {})


def for_platform(among: Iterable[Descriptor], platform: str) -> Descriptor | None:
    """The one for a platform: the very one, else, where no variant was asked for, the newest variant that every machine of it runs; None if there is none."""
    wanted = _normal(platform)
    fitting = []
    for one in among:
        own = _normal(one.platform)
        if own == wanted:
            return one
        if own.startswith(wanted + "/") and not wanted.endswith("/amd64"):  # v2 and above: not every amd64 is one
            fitting.append((own, one))
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _normal(platform: str) -> str:
    """As two of the same machine are the same."""
    try:
        return parse_platform(platform, own_architecture()).removesuffix("/v1")
    except ValueError:
        return platform
