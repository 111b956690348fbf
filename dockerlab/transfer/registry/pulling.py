"""`docker pull`: an image of a registry becomes one of the store, or nothing does.

Layers come three at a time, as Docker's do. One that has arrived whole stays in the store when the pull is broken off, so that the next one begins behind it; the
first sweep takes it away if none comes. Of one that has not arrived nothing is left.
"""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

from dockerlab.data import dataclass
from dockerlab.errors import RegistryError, StoreError
from dockerlab.oci import ImageConfig, Reference, short_id
from dockerlab.oci.digest import digest_of, is_digest
from dockerlab.transfer.descriptors import Descriptor
from dockerlab.transfer.registry.abreast import Tell, abreast
from dockerlab.transfer.registry.blobs import Blob
from dockerlab.transfer.registry.client import Registry
from dockerlab.transfer.registry.manifests import LARGEST_CONFIG, Found, found
from dockerlab.transfer.registry.progress import Progress

if TYPE_CHECKING:
    from dockerlab.store import Image, Store

AT_ONCE = 3
"""Layers that come at the same time. (dockerd: max-concurrent-downloads)"""


@dataclass(frozen=True)
class Pulled:
    """`digest` is what the name points to in the registry; `newer`: the store had another image of that name, or none."""

    image: Image
    digest: str
    newer: bool


def pull(store: Store, registry: Registry, reference: Reference, platform: str) -> Generator[Progress, None, Pulled]:
    """Bring an image of `registry` into the store under its name; what happens as it happens. RegistryError, StoreError: nothing has changed then.

    Closing the generator ends all threads and connections.
    """
    name = reference.digest or reference.tag
    there = found(registry, name, platform)
    shown = str(reference.familiar) if reference.digest else reference.tag
    yield Progress(f"Pulling from {reference.path}", shown)
    raw = _configuration(registry, there.manifest.config)
    config = _read(raw, there)
    with store.using():
        identifier = digest_of(raw)
        before = store.images.named(reference)
        if not (store.images.holds(identifier) and all(store.layers.has(diff_id) for diff_id in config.diff_ids)):
            yield from _layers(store, registry, there, config)
        image = store.images.add(config, raw)
        store.images.tag(image.id, reference)
        if not reference.digest:
            store.images.tag(image.id, Reference(reference.domain, reference.path, "", there.digest))
    for diff_id, layer in zip(config.diff_ids, there.manifest.layers, strict=True):
        store.blob_origins.add(diff_id, reference.domain, reference.path, layer.digest, layer.size, layer.media_type)
    return Pulled(image, there.digest, before != image.id)


def _configuration(registry: Registry, descriptor: Descriptor) -> bytes:
    with io.BufferedReader(Blob(registry, descriptor), 1 << 16) as file:
        raw = file.read(LARGEST_CONFIG + 1)
        if file.read(1):
            raise RegistryError(f"configuration {descriptor.digest} is longer than any should be")
    return raw


def _read(raw: bytes, there: Found) -> ImageConfig:
    """The configuration, looked at as what somebody else wrote."""
    try:
        config = ImageConfig.from_outside(raw)
    except ValueError as error:
        raise RegistryError(f"the image's configuration {there.manifest.config.digest} is no JSON of an image: {error}") from None
    if not all(is_digest(diff_id) for diff_id in config.diff_ids):
        raise RegistryError(f"the image's configuration {there.manifest.config.digest} has a layer without a digest")
    if len(config.diff_ids) != len(there.manifest.layers):
        raise RegistryError(f"the manifest lists {len(there.manifest.layers)} layers, the image's configuration {len(config.diff_ids)}")
    if config.os != "linux":
        raise RegistryError(f'image operating system "{config.os[:40]}" cannot be used on this platform: operating system is not supported')
    return config


def _layers(store: Store, registry: Registry, there: Found, config: ImageConfig) -> Iterator[Progress]:
    wanted: dict[str, Descriptor] = {}
    for diff_id, layer in zip(config.diff_ids, there.manifest.layers, strict=True):
        if diff_id in wanted or store.layers.has(diff_id):
            yield Progress("Already exists", short_id(layer.digest))
        else:
            wanted[diff_id] = layer
            yield Progress("Pulling fs layer", short_id(layer.digest))
    for layer in list(wanted.values())[AT_ONCE:]:
        yield Progress("Waiting", short_id(layer.digest))
    yield from abreast(registry, wanted.items(), AT_ONCE, lambda item, told: _arrive(store, registry, *item, told))


def _arrive(store: Store, registry: Registry, diff_id: str, layer: Descriptor, told: Tell) -> None:
    from dockerlab.layers.packed import unpacked

    name = short_id(layer.digest)

    def say(status: str, current: int = 0, total: int = 0) -> None:
        told(Progress(status, name, current, total))

    def count(bytes_: int) -> None:
        say("Downloading", bytes_, max(layer.size, 1))

    def checked() -> None:
        say("Verifying Checksum")
        blob.check()
        say("Download complete")

    with store.tmp() as folder, Blob(registry, layer, count) as blob:
        try:
            store.layers.arrive(unpacked(io.BufferedReader(blob, 1 << 18)), folder, diff_id, checked)
        except StoreError:
            blob.check()  # what is damaged was damaged on its way: that is the better answer
            raise
    say("Pull complete")
