"""The catalogue on other people's machines: an Ubuntu, an ordinary user, a proxy that changes what passes through it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dockerlab.errors import CatalogueError
from dockerlab.oci import Reference
from dockerlab.store import Store
from dockerlab.transfer.catalogue import Catalogue
from tests.isolations.playing import play
from tests.isolations.table import TABLE
from tests.ordinary import emptied
from tests.parts import whole

pytestmark = pytest.mark.network

COMPOSE = """
import sys
from dockerlab.oci import Reference
from dockerlab.store import Store
from dockerlab.transfer.catalogue import Catalogue
store = Store.open(sys.argv[1])
print(Catalogue(store).image(Reference.parse(sys.argv[2])).id)
"""
# What an Ubuntu has in place of Debian's files, and some things nobody should obey.
UBUNTU = """
mount -t tmpfs ubuntu /etc/apt
mkdir -p /etc/apt/apt.conf.d /etc/apt/sources.list.d /etc/apt/preferences.d /etc/apt/trusted.gpg.d /etc/apt/auth.conf.d
echo 'deb http://archive.ubuntu.com/ubuntu jammy main universe' > /etc/apt/sources.list
printf 'Types: deb\\nURIs: http://ports.ubuntu.com\\nSuites: noble\\nComponents: main\\n' > /etc/apt/sources.list.d/ubuntu.sources
cat > /etc/apt/apt.conf.d/99poison <<'X'
APT::Architecture "armhf";
APT::Architectures { "armhf"; };
Dir::State "/nowhere/state";
Dir::Etc::sourcelist "/etc/apt/sources.list";
Acquire::http::Proxy "http://127.0.0.1:9";
Acquire::AllowInsecureRepositories "true";
APT::Update::Pre-Invoke { "touch /tmp/poisoned"; };
X
echo 'nonsense that would be a syntax error' > /etc/apt/apt.conf
printf 'Package: *\\nPin: release *\\nPin-Priority: -1\\n' > /etc/apt/preferences.d/no-debian
for folder in /usr/share/keyrings /var/lib/dpkg /var/lib/apt /var/cache/apt; do mount -t tmpfs ubuntu $folder; done
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who can change what the user sees")
def test_nothing_of_the_host_is_used(ordinary_user, image):
    store = ordinary_user.home / "store"
    done = ordinary_user(sys.executable, "-B", "-c", COMPOSE, store, "busybox", first=UBUNTU + emptied("/tmp"))
    if "unshare failed" in done.stderr:
        pytest.skip("this root may not unshare mounts")
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.strip() == image("busybox").id
    sources = (store / "catalogue/apt/state/lists").glob("*_InRelease")
    assert all(path.name.startswith("deb.debian.org_") for path in sources)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["user"], indirect=True)
def test_as_an_ordinary_user(place, image):
    """Tests of the images once more, by somebody who is not root; the images must be the same to the last bit."""
    expected = {name: image(name).id for name in ("busybox", "debian", "nginx", "gcc")}
    some = "" if whole() else "not (gcc_ or tampered or two_processes or another_store or removed or files)"
    tests = {"tests/transfer/test_catalogue_images.py": some}
    TABLE.add(place.isolation.name, "transfer", play(place, tests, DOCKERLAB_TEST_EXPECTED_IDS=json.dumps(expected)))


class Meddler(BaseHTTPRequestHandler):
    """A proxy that may change what it brings."""

    change: Callable[[str, bytes], bytes] = staticmethod(lambda url, data: data)
    seen: list[str] = []

    def do_GET(self) -> None:
        self.seen.append(self.path)
        try:
            with urllib.request.urlopen(self.path) as answer:
                data = self.change(self.path, answer.read())
        except urllib.error.HTTPError as error:
            self.send_error(error.code)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def meddler(monkeypatch) -> Iterator[type[Meddler]]:
    handler = type("Handler", (Meddler,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # the opener keeps the environment's own proxy, apt gets ours
    urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler(urllib.request.getproxies())))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("no_proxy", raising=False)
    yield handler
    server.shutdown()
    server.server_close()


def changes(word: str) -> Callable[[str, bytes], bytes]:
    """Change what is fetched from addresses with this word: a letter of a signed text, a bit of anything else."""

    def change(url: str, data: bytes) -> bytes:
        if word not in url:
            return data
        return data.replace(b"Debian", b"Debjan", 1) if url.endswith("InRelease") else _flip(data)

    return staticmethod(change)


def _flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def test_the_proxy_of_the_environment_is_used(meddler, image, tmp_path):
    expected = image("busybox").id
    meddler.seen.clear()
    made = Catalogue(Store.open(tmp_path / "store")).image(Reference.parse("busybox"))
    assert made.id == expected
    assert any("InRelease" in url for url in meddler.seen) and any("busybox-static" in url for url in meddler.seen)


@pytest.mark.parametrize("word", ["InRelease", "/by-hash/", "busybox-static"])
def test_what_is_not_signed_is_refused(meddler, tmp_path, word):
    meddler.change = changes(word)
    store = Store.open(tmp_path / "store")
    with pytest.raises(CatalogueError, match="signature or a checksum is not Debian's") as caught:
        Catalogue(store).image(Reference.parse("busybox"))
    assert caught.value.excerpt and "try again" in caught.value.hint
    assert not store.images.all() and not store.layers.all()


def test_a_signature_of_somebody_else_is_refused_though_older_lists_exist(meddler, cache, image, tmp_path):
    image("busybox")
    mine = tmp_path / "cache"
    shutil.copytree(cache, mine, ignore=shutil.ignore_patterns("*.json", "lock", "updated", "archives"))
    (mine / "apt/updated").touch()
    os.utime(mine / "apt/updated", (0, 0))
    for release in (mine / "apt/state/lists").glob("*_InRelease"):
        os.utime(release, (0, 0))  # else apt asks whether it changed, and the server says no
    meddler.change = changes("InRelease")
    with pytest.raises(CatalogueError, match="signature"):
        Catalogue(Store.open(tmp_path / "store"), mine).image(Reference.parse("busybox"))
