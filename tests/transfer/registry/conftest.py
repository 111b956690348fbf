"""Registries on loopback: Debian's docker-registry, open or with a password, and one of our own that does what no registry should."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockerlab.store import Store
from dockerlab.transfer.registry import client
from tests.parts import missing
from tests.transfer.registry.faults import FaultyRegistry, Image, image_of

PASSWORDS = "learner:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"


@pytest.fixture(autouse=True)
def asks_registries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """These tests may; with no password of the user's, no proxy, and no patience."""
    for name in ("DOCKERLAB_BASES", "DOCKERLAB_REGISTRY_MIRRORS", "DOCKERLAB_INSECURE_REGISTRIES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker-config"))
    for module in ("client", "blobs"):
        monkeypatch.setattr(f"dockerlab.transfer.registry.{module}.FIRST_WAIT", 0.01)
    assert client.FIRST_WAIT == 0.01


def served(folder: Path, *more: str, tls: str = "") -> Iterator[str]:
    """A docker-registry; host:port. `tls`: what its configuration says of certificates."""
    program = shutil.which("docker-registry")
    if not program:
        missing("a registry", "apt install docker-registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    config = folder / "registry.yml"
    lines = [
        "version: 0.1",
        "log: {level: error, accesslog: {disabled: true}}",
        "storage:",
        f"  filesystem: {{rootdirectory: {folder}/data}}",
    ]
    config.write_text("\n".join([*lines, "  delete: {enabled: true}", f"http: {{addr: {host}{tls}}}", *more]))
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([str(program), "serve", str(config)], stdout=log, stderr=log)
    try:
        end = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(f"http://{host}/v2/", timeout=5).close()
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < end, (folder / "log").read_text()
                time.sleep(0.05)
        yield host
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One that is open to everybody."""
    yield from served(tmp_path_factory.mktemp("registry"))


@pytest.fixture(scope="session")
def protected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One that asks for a password: learner's is "secret"."""
    folder = tmp_path_factory.mktemp("protected")
    (folder / "htpasswd").write_text(PASSWORDS)
    yield from served(folder, f"auth: {{htpasswd: {{realm: lab, path: {folder}/htpasswd}}}}")


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[str]:
    """One whose certificate nobody has signed."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=nobody"]
    if not shutil.which("openssl"):
        missing("openssl", "apt install openssl")
    subprocess.run([*words, "-keyout", key, "-out", certificate], capture_output=True, check=True)
    yield from served(tmp_path, tls=f", tls: {{certificate: {certificate}, key: {key}}}")


@pytest.fixture
def faulty() -> Iterator[FaultyRegistry]:
    """A registry of our own."""
    with FaultyRegistry() as one:
        yield one


@pytest.fixture
def image(faulty: FaultyRegistry) -> Image:
    """What it has under lab/thing:1: two layers, the second of some size."""
    made = image_of({"etc/name": b"thing\n"}, {"large": bytes(range(256)) * 12_000})
    faulty.add("lab/thing", "1", made)
    return made


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty one."""
    return Store.open(tmp_path / "store")
