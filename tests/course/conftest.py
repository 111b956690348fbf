"""What the tests of the course share: a store with the base images that the labs begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockerlab.course.bases import BASES
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.store import Store
from tests.course.classroom import own_process_environment  # noqa: F401 - for every module
from tests.parts import package_tools


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a store with every base image of the course; take a copy to write to it."""
    package_tools()
    home = tmp_path_factory.mktemp("bases") / "home"
    engine = EmbeddedEngine(Store.open(home))
    for name in BASES:
        engine.resolve_name(name)
    engine.close()
    return home
