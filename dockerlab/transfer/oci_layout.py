"""Reading OCI image layouts: index.json leads to manifests, directly or through further indices, a manifest to a configuration and layers. (OCI image specification 1.1: image-layout.md)

    index.json → index by platform → the manifest of this machine's → configuration, layers: tar, tar+gzip, tar+zstd

Every blob is compared with the size and the digest that led to it before anything is made of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import IO, Any, cast

from dockerlab.errors import StoreError
from dockerlab.oci import own_architecture
from dockerlab.oci.digest import digest_of
from dockerlab.transfer.descriptors import CONFIGS, INDEXES, MANIFESTS, Descriptor, descriptor_of, for_platform
from dockerlab.transfer.found import Checked, Content, Found, blob_of, configuration, known_name
from dockerlab.transfer.members import NOTHING, Members, text_of

Json = dict[str, Any]
_MOST = 500
"""Manifests and indices that are looked at."""
_DEEPEST = 8
"""Indices in one another."""
IMAGE_NAME, REF_NAME = "io.containerd.image.name", "org.opencontainers.image.ref.name"


def found_in_layout(members: Members, platform: str) -> list[Found]:
    """The images of a layout: of what there is for several platforms the one for `platform` ("linux/arm64", "" for this machine's). StoreError for whatever is wrong."""
    layout = _json(text_of(members, "oci-layout"), "oci-layout", members) if members.has("oci-layout") else {}
    if not str(layout.get("imageLayoutVersion", "")).startswith("1."):
        raise StoreError(f"the {members.what} is no OCI layout: its oci-layout names no version 1", hint=NOTHING)
    reader = _Layout(members, platform)
    images: dict[str, Found] = {}
    index = _json(text_of(members, "index.json"), "index.json", members)
    for chosen, names in reader.chosen(index):
        image = reader.image(chosen)
        known = images.get(chosen.digest)
        images[chosen.digest] = Found(image.config, image.raw, image.layers, [*(known.names if known is not None else ()), *names])
    if not images:
        raise StoreError(f"the {members.what} holds no image", hint=NOTHING)
    return list(images.values())


def _json(data: bytes, name: str, members: Members) -> Json:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"the {members.what}'s {name} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise StoreError(f"the {members.what}'s {name} is no JSON object", hint=NOTHING)
    return found


def descriptor(value: Any, members: Members) -> Descriptor:
    """What it says. StoreError for what is none."""
    if (found := descriptor_of(value)) is None:
        raise StoreError(f"the {members.what} has a descriptor without a digest and a size", hint=NOTHING)
    return found


def descriptors(parent: Json, key: str, members: Members) -> list[Descriptor]:
    """The list of them in a manifest or an index. StoreError for what is none, or longer than any is."""
    found = parent.get(key)
    if not isinstance(found, list) or len(found) > _MOST:
        raise StoreError(f'the {members.what} has a manifest or an index whose "{key}" is no list, or too long', hint=NOTHING)
    return [descriptor(one, members) for one in found]


class _Layout:
    """Reads a layout; counts what it looks at, so that no index can lead it on for ever."""

    def __init__(self, members: Members, platform: str) -> None:
        self._members, self._what = members, members.what
        self._wanted = platform or f"linux/{own_architecture()}"
        self._asked, self._looked_at = bool(platform), 0

    def chosen(self, index: Json) -> Iterator[tuple[Descriptor, list[str]]]:
        """(the manifest to take, its names) of each thing that index.json lists. Several of one name are one thing for several platforms."""
        groups: dict[str, list[Descriptor]] = {}
        for number, one in enumerate(descriptors(index, "manifests", self._members)):
            names = self._names(one)
            groups.setdefault(names[0] if names else "platforms" if one.platform else str(number), []).append(one)
        for group in groups.values():
            if (found := self._pick(group, 0)) is not None:
                yield found, self._names(group[0])

    def _pick(self, among: list[Descriptor], depth: int) -> Descriptor | None:
        """The manifest for the platform, in nested indices too; None where there is nothing but what belongs to another manifest (attestations)."""
        manifests = list(self._manifests(among, depth))
        if not manifests:
            return None
        if (fitting := for_platform(manifests, self._wanted)) is not None:
            return fitting
        if unlabelled := [one for one in manifests if not one.platform]:
            return unlabelled[0]
        if len(manifests) == 1 and not self._asked:
            return manifests[0]
        there = ", ".join(sorted({one.platform for one in manifests}))
        raise StoreError(f"the {self._what} has no image for {self._wanted}", hint=f"it has some for {there}: name one with --platform")

    def _manifests(self, among: list[Descriptor], depth: int) -> Iterator[Descriptor]:
        for one in among:
            if one.annotations.get("vnd.docker.reference.type") or one.platform == "unknown/unknown":
                continue
            if one.media_type not in INDEXES and not self._is_index(one):
                yield one
                continue
            if depth >= _DEEPEST:
                raise StoreError(f"the {self._what} has more than {_DEEPEST} indices in one another", hint=NOTHING)
            yield from self._manifests(descriptors(self._blob(one), "manifests", self._members), depth + 1)

    def _is_index(self, one: Descriptor) -> bool:
        return not one.media_type and "manifests" in self._blob(one)

    def _blob(self, one: Descriptor) -> Json:
        self._looked_at += 1
        if self._looked_at > _MOST:
            raise StoreError(f"the {self._what} leads to more than {_MOST} manifests and indices", hint=NOTHING)
        return _json(self._text(one), one.digest, self._members)

    def _text(self, one: Descriptor) -> bytes:
        data = text_of(self._members, blob_of(one.digest, self._members))
        if len(data) != one.size or digest_of(data) != one.digest:
            raise StoreError(
                f"the {self._what}'s blob {one.digest} is not what leads to it says: {len(data)} bytes (not {one.size}), {digest_of(data)}",
                hint=NOTHING,
            )
        return data

    def _names(self, one: Descriptor) -> list[str]:
        """What containerd and Docker, or podman, note as its name; a tag alone names nothing."""
        for key in (IMAGE_NAME, REF_NAME):
            name = one.annotations.get(key)
            if isinstance(name, str) and name and (key == IMAGE_NAME or "/" in name or ":" in name):
                return [known_name(name, self._what)]
        return []

    # --- one image

    def image(self, one: Descriptor) -> Found:
        """The image of a manifest."""
        manifest = self._blob(one)
        config = descriptor(manifest.get("config"), self._members)
        if config.media_type not in CONFIGS or one.media_type not in ("", *MANIFESTS):
            raise StoreError(
                f"the {self._what} holds {config.media_type or one.media_type or 'something'}, which is no image", hint=NOTHING
            )
        raw = self._text(config)
        layers = descriptors(manifest, "layers", self._members)
        return Found(
            configuration(raw, config.digest, self._what),
            raw,
            [partial(open_layer, self._members, one, blob_of(one.digest, self._members)) for one in layers],
            [],
        )


def open_layer(members: Members, layer: Descriptor, name: str) -> IO[bytes]:
    """A layer's tar, out of whatever it is packed in; what it is packed in is compared with size and digest."""
    if "+encrypted" in layer.media_type:
        raise StoreError(f"the layer {layer.digest} is encrypted", hint="decrypt the image first, with skopeo or whatever encrypted it")
    file, size = members.open(name)
    if size != layer.size:
        file.close()
        raise StoreError(f"the {members.what}'s blob {layer.digest} has {size} bytes, not the {layer.size} that lead to it", hint=NOTHING)
    return cast(IO[bytes], Content(Checked(file, layer.digest, members.what)))
