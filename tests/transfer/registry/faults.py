"""A registry in memory, of images made here, whose answers a test can spoil; and a token server beside it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from dockerlab.oci import own_architecture

MANIFEST, INDEX = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
Json = dict[str, Any]


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass
class Image:
    """The bytes of an image, as a registry has them."""

    config: bytes
    blobs: list[bytes]
    manifest: Json = field(default_factory=dict)

    @property
    def id(self) -> str:
        return digest(self.config)

    @property
    def raw(self) -> bytes:
        return json.dumps(self.manifest).encode()


def layer_tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def image_of(
    *layers: dict[str, bytes],
    pack: Callable[[bytes], bytes] = lambda tar: gzip.compress(tar, mtime=0),
    kind: str = LAYER + "+gzip",
    machine: str = "",
) -> Image:
    """An image of these files; `pack` makes a layer's blob of its tar."""
    tars = [layer_tar(files) for files in layers]
    config = {
        "architecture": machine or own_architecture(), "os": "linux", "config": {"Cmd": ["sh"]}, "created": "2026-01-01T00:00:00Z",
        "history": [{"created": "2026-01-01T00:00:00Z", "created_by": f"layer {number}"} for number in range(len(tars))],
        "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in tars]},
    }  # fmt: skip
    made = Image(json.dumps(config).encode(), [pack(tar) for tar in tars])
    made.manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": made.id, "size": len(made.config)},
        "layers": [{"mediaType": kind, "digest": digest(blob), "size": len(blob)} for blob in made.blobs],
    }
    return made


Spoil = Callable[["Handler"], bool]


class FaultyRegistry:
    """`spoil(path, how)`: answers to paths that match are `how`'s, which returns whether it has answered. `asked` has each request's method, path and headers."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.spoils: list[tuple[re.Pattern[str], Spoil]] = []
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Handler,), {"registry": self}))
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> FaultyRegistry:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, repository: str, tag: str, image: Image) -> None:
        self.blobs |= {digest(data): data for data in (image.config, *image.blobs)}
        self.put(repository, tag, image.raw)

    def put(self, repository: str, tag: str, raw: bytes, kind: str = MANIFEST) -> None:
        for name in (tag, digest(raw)):
            self.manifests[f"/v2/{repository}/manifests/{name}"] = kind, raw

    def spoil(self, path: str, how: Spoil) -> None:
        self.spoils.append((re.compile(path), how))

    def requests(self, path: str) -> list[dict[str, str]]:
        """The headers of every GET of paths that match."""
        return [headers for method, asked, headers in self.asked if method == "GET" and re.search(path, asked)]


class Handler(BaseHTTPRequestHandler):
    registry: FaultyRegistry
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status: int, code: str, message: str, **headers: str) -> bool:
        self.answer(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode(), **headers)
        return True

    def broken(self, body: bytes, count: int) -> bool:
        """Only so many bytes of a body, then the connection's end."""
        self.answer(200, body[:count], length=len(body))
        self.close_connection = True
        return True

    def endless(self) -> bool:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        while True:
            self.wfile.write(bytes(1 << 16))

    def stalled(self, seconds: float = 30) -> bool:
        """Half an answer, and no more of it for long."""
        self.answer(200, b"x" * 1000, length=1 << 20)
        self.wfile.flush()
        time.sleep(seconds)
        self.close_connection = True
        return True

    def do_GET(self) -> None:
        registry = self.registry
        registry.asked.append((self.command, self.path, dict(self.headers)))
        try:
            for pattern, how in registry.spoils:
                if pattern.search(self.path) and how(self):
                    return
            if self.path == "/v2/":
                self.answer(200, b"{}")
            elif self.path in registry.manifests:
                kind, raw = registry.manifests[self.path]
                self.answer(200, raw, Content_Type=kind, Docker_Content_Digest=digest(raw))
            elif (name := self.path.rpartition("/blobs/")[2]) in registry.blobs:
                self.ranged(registry.blobs[name])
            else:
                self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_GET

    def ranged(self, data: bytes) -> None:
        if match := re.match(r"bytes=(\d+)-", self.headers.get("Range", "")):
            at = int(match[1])
            self.answer(206, data[at:], Content_Range=f"bytes {at}-{len(data) - 1}/{len(data)}")
        else:
            self.answer(200, data)
