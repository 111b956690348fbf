"""A catalogue with a store of its own, images composed once a session, and short ways to run things in them."""

from __future__ import annotations

import os
import re
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


@pytest.fixture
def face(image: Callable[[str], Image], catalogue: Catalogue, store: Store) -> Callable[[str], None]:
    """Look whether an image of this name says what it is."""

    def look(name: str) -> None:
        made, entry = image(name), catalogue.find(Reference.parse(name))
        assert entry is not None
        labels = made.config.config["Labels"]
        assert labels["dockerlab.catalogue"] == entry.name
        assert labels["dockerlab.catalogue.note"] == entry.note
        assert re.match(r"(\S+=\S+ ?)+\Z", labels["dockerlab.catalogue.packages"])
        for key in ("title", "description", "version", "source"):
            assert labels[f"org.opencontainers.image.{key}"]
        size = sum(layer.size for layer in store.layers_of(made.config))
        assert entry.size * 0.8 < size < entry.size * 1.25, "say the right size in the recipe"
        assert all(line.created_by and line.created == line.created.strip() for line in made.config.history)
        assert len(made.config.diff_ids) == sum(not line.empty_layer for line in made.config.history)

    return look


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
