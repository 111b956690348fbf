"""`docker push`: an image's layers, configuration and manifest into a repository, nothing of it twice.

A layer that came from a registry, or went to one, is looked for under the digest that it had there: in the repository itself, then in another repository of the
registry, from which it is mounted. Only then is it packed, and sent in pieces: one that breaks is sent again from where the registry says that it stands.
(distribution specification, Pushing blobs in chunks, Mounting a blob from another repository)
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from dockerlab.errors import NotInRegistryError, RegistryError, UnreachableRegistryError
from dockerlab.oci import Reference, short_id
from dockerlab.oci.digest import digest_of
from dockerlab.transfer.descriptors import DOCKER_CONFIG, DOCKER_LAYER, DOCKER_MANIFEST, Descriptor
from dockerlab.transfer.registry.abreast import Tell, abreast
from dockerlab.transfer.registry.client import Registry
from dockerlab.transfer.registry.progress import Progress

if TYPE_CHECKING:
    from dockerlab.store import Image, Store

AT_ONCE = 5
"""Layers that go at the same time. (dockerd: max-concurrent-uploads)"""
PIECE = 8 << 20
"""Bytes that are sent in one request, held in memory until the registry has them."""


def push(store: Store, registry: Registry, reference: Reference, image: Image) -> Generator[Progress, None, Descriptor]:
    """Bring an image of the store to a registry under its name. RegistryError and its kin; the name there moves last.

    Returns what the manifest is there. Closing the generator ends all threads and connections.
    """
    diff_ids = list(dict.fromkeys(image.config.diff_ids))
    for diff_id in reversed(diff_ids):
        yield Progress("Preparing", short_id(diff_id))
    with store.using():
        departures = _Departures(store, registry, reference)
        yield from abreast(registry, reversed(diff_ids), AT_ONCE, departures.leave)
        raw = store.images.raw(image.id)
        config = Descriptor(DOCKER_CONFIG, image.id, len(raw))
        if _there(registry, config.digest) is None:
            _Upload(registry).whole(raw, config.digest)
    manifest = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": _json(config),
        "layers": [_json(departures.sent[diff_id]) for diff_id in image.config.diff_ids],
    }
    body = json.dumps(manifest, indent=3).encode()  # as Docker's own are written
    path = f"/v2/{registry.repository}/manifests/{reference.tag}"
    registry.done(registry.request("PUT", path, ok=(200, 201, 202), headers={"Content-Type": DOCKER_MANIFEST}, body=body))
    return Descriptor(DOCKER_MANIFEST, digest_of(body), len(body))


def _json(descriptor: Descriptor) -> dict[str, Any]:
    return {"mediaType": descriptor.media_type, "size": descriptor.size, "digest": descriptor.digest}


def _there(registry: Registry, digest: str) -> int | None:
    """The length of a blob that the repository has, else None."""
    response = registry.request("HEAD", f"/v2/{registry.repository}/blobs/{digest}", ok=(200, 404))
    with registry.closing(response):
        length = response.headers.get("Content-Length", "")
        return int(length) if response.status == 200 and length.isdigit() else None


class _Departures:
    """Layers on their way out; `sent` has what became of each. Threads may share it."""

    def __init__(self, store: Store, registry: Registry, reference: Reference) -> None:
        self._store, self._registry, self._reference = store, registry, reference
        self.sent: dict[str, Descriptor] = {}

    def leave(self, diff_id: str, told: Tell) -> None:
        """One layer goes."""
        status, descriptor = self._known(diff_id) or ("Pushed", self._packed(diff_id, told))
        self.sent[diff_id] = descriptor
        domain, path = self._reference.domain, self._reference.path
        self._store.blob_origins.add(diff_id, domain, path, descriptor.digest, descriptor.size, descriptor.media_type)
        told(Progress(status, short_id(diff_id)))

    def _known(self, diff_id: str) -> tuple[str, Descriptor] | None:
        """Where the repository has the layer, or the registry lets it be mounted."""
        origins = self._store.blob_origins.of(diff_id)
        asked = set()
        for one in origins:
            if one.digest not in asked:
                asked.add(one.digest)
                if _there(self._registry, one.digest) == one.size:
                    return "Layer already exists", _docker(one.digest, one.size)
        for one in origins:
            if one.domain == self._reference.domain and one.path != self._reference.path:
                scope = f"{self._registry.scope} repository:{one.path}:pull"
                path = f"/v2/{self._registry.repository}/blobs/uploads/?mount={one.digest}&from={one.path}"
                try:
                    response = self._registry.request("POST", path, ok=(201, 202), body=b"", scope=scope)
                except NotInRegistryError:
                    continue
                with self._registry.closing(response):
                    if response.status == 201:
                        return f"Mounted from {one.path}", _docker(one.digest, one.size)
                    location = _location(self._registry, path, response.headers)
                self._registry.done(
                    self._registry.request("DELETE", location, ok=range(200, 600), again=False)
                )  # an upload that nobody goes on with
        return None

    def _packed(self, diff_id: str, told: Tell) -> Descriptor:
        upload = _Upload(self._registry)
        layer = self._store.layers.get(diff_id)
        total = max(layer.size, 1)

        def tell(taken: int) -> None:
            told(Progress("Pushing", short_id(diff_id), min(taken, total), total))

        sink = _Packer(upload, tell)
        self._store.layers.open_tar(layer, sink)
        size, digest = sink.finish()
        return _docker(digest, size)


def _docker(digest: str, size: int) -> Descriptor:
    return Descriptor(DOCKER_LAYER + ".gzip", digest, size)


def _location(registry: Registry, path: str, headers: Mapping[str, str]) -> str:
    location = headers.get("Location", "")
    if not location:
        raise RegistryError(f"{registry.endpoint.host} took an upload without saying where it goes on")
    return urljoin(f"{registry.scheme}://{registry.endpoint.host}{path}", location)


class _Upload:
    """One blob on its way, piece by piece."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._location = ""
        self._sent = 0

    def _begin(self) -> None:
        path = f"/v2/{self._registry.repository}/blobs/uploads/"
        response = self._registry.request("POST", path, ok=(202,), body=b"")
        with self._registry.closing(response):
            self._location = _location(self._registry, path, response.headers)

    def send(self, data: bytes) -> None:
        """One more piece; again from where the registry stands, if it breaks."""
        if not self._location:
            self._begin()
        tries, wait = self._registry.tries, 0.5
        while data:
            headers = {"Content-Type": "application/octet-stream", "Content-Range": f"{self._sent}-{self._sent + len(data) - 1}"}
            try:
                response = self._registry.request("PATCH", self._location, ok=(202, 204), headers=headers, body=data, again=False)
            except UnreachableRegistryError:
                tries -= 1
                if not tries:
                    raise
                self._registry.pause(wait)
                wait *= 2
                stands = self._stands()
                if not self._sent <= stands <= self._sent + len(data):
                    raise RegistryError(f"{self._registry.endpoint.host} has lost a part of an upload", hint="push again") from None
                data, self._sent = data[stands - self._sent :], stands
                continue
            with self._registry.closing(response):
                self._location = _location(self._registry, self._location, response.headers)
            self._sent += len(data)
            return

    def _stands(self) -> int:
        """The bytes that the registry has of it."""
        response = self._registry.request("GET", self._location, ok=(204, 200))
        with self._registry.closing(response):
            if response.headers.get("Location"):
                self._location = _location(self._registry, self._location, response.headers)
            end = response.headers.get("Range", "").rpartition("-")[2]
            return int(end) + 1 if end.isdigit() and int(end) > 0 else 0

    def finish(self, digest: str) -> None:
        """It was all: the registry compares the digest too."""
        separator = "&" if "?" in self._location else "?"
        response = self._registry.request("PUT", f"{self._location}{separator}digest={digest}", ok=(201, 204), body=b"", again=False)
        self._registry.done(response)

    def whole(self, data: bytes, digest: str) -> None:
        """A blob that is in memory."""
        self.send(data)
        self.finish(digest)


class _Packer:
    """Takes a layer's tar, packs it with gzip (of the same bytes always the same), sends it."""

    def __init__(self, upload: _Upload, tell: Callable[[int], None]) -> None:
        self._upload, self._tell = upload, tell
        self._gzip = zlib.compressobj(6, zlib.DEFLATED, 31)
        self._hash = hashlib.sha256()
        self._held = bytearray()
        self._size = self._taken = 0

    def write(self, data: bytes, /) -> object:
        """Some more of the tar."""
        self._taken += len(data)
        self._add(self._gzip.compress(data))
        return len(data)

    def _add(self, packed: bytes) -> None:
        self._held += packed
        if len(self._held) >= PIECE:
            self._send()

    def _send(self) -> None:
        piece = bytes(self._held)
        self._held.clear()
        self._hash.update(piece)
        self._size += len(piece)
        self._upload.send(piece)
        self._tell(self._taken)

    def finish(self) -> tuple[int, str]:
        """(bytes, digest) of the blob, which the registry has now."""
        self._held += self._gzip.flush()
        if self._held:
            self._send()
        digest = f"sha256:{self._hash.hexdigest()}"
        self._upload.finish(digest)
        return self._size, digest
