"""A catalogue with a store of its own, images composed once a session, and short ways to run things in them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockerlab.layers import TreeView, remove_tree
from dockerlab.oci import Reference
from dockerlab.runtime import BoxSpec, Capabilities, ProcessSpec, Runtime
from dockerlab.store import Image, Store
from dockerlab.transfer.catalogue import Catalogue
from tests.parts import missing, package_tools


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="catalogue-"))
    folder.chmod(0o755)
    yield folder
    remove_tree(folder)


@pytest.fixture(scope="session")
def cache(scratch: Path) -> Path:
    """The session's downloads; a test that spoils them takes a copy."""
    package_tools()
    return scratch / "cache"


@pytest.fixture(scope="session")
def store(scratch: Path) -> Store:
    return Store.open(scratch / "store")


@pytest.fixture(scope="session")
def catalogue(store: Store, cache: Path) -> Catalogue:
    return Catalogue(store, cache)


@pytest.fixture(scope="session")
def image(catalogue: Catalogue) -> Callable[[str], Image]:
    """The image of a name."""
    return lambda name: catalogue.image(Reference.parse(name))


@pytest.fixture(scope="session")
def view(store: Store, image: Callable[[str], Image]) -> Callable[[str], TreeView]:
    """The files of an image."""
    return lambda name: TreeView([layer.tree for layer in store.layers_of(image(name).config)])


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    found = Capabilities.load(tmp_path_factory.mktemp("capabilities") / "capabilities.json")
    if found.isolation == "none":
        missing("a way to run containers", found.reason)
    with Runtime(found) as one:
        yield one


@pytest.fixture
def sh(store: Store, runtime: Runtime, image: Callable[[str], Image]) -> Callable[..., str]:
    """What a script prints in a container of an image; it must succeed."""

    def run(name: str, script: str, **more: str) -> str:
        config = image(name).config
        proxy = [f"{key}={value}" for key, value in os.environ.items() if key in ("http_proxy", "https_proxy", "no_proxy")]
        pieces: list[bytes] = []
        with store.snapshots.prepare(store.layers_of(config)) as snapshot:
            box = BoxSpec(snapshot.rootfs, ProcessSpec(("/bin/sh", "-ec", script), (*config.config["Env"], *proxy)), **more)
            code = runtime.run(box, on_output=lambda _stream, data: pieces.append(data))
        output = b"".join(pieces).decode()
        assert code == 0, output[-4000:]
        return output

    return run
