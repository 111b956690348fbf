"""The base images of the labs, composed once a session."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.store import Store
from tests.conftest import missing


@pytest.fixture(scope="session")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with nginx and busybox from the catalogue; take a copy to write to it."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        missing("Debian's package tools", "the catalogue needs apt-get and dpkg-deb")
    home = tmp_path_factory.mktemp("composed") / "home"
    engine = EmbeddedEngine(Store.open(home))
    for name in ("nginx", "busybox"):
        engine.resolve_name(name)
    engine.close()
    return home
