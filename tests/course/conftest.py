"""What the tests of the course share: a store with the base images that the labs begin with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dockerlab.course.grading import BASES
from dockerlab.course.labs import images_of
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


def with_images_of(lab: str, bases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a store with what a lab begins with: the usual one, or a copy of it with more."""
    if set(images_of(lab)) <= set(BASES):
        return bases
    home = tmp_path_factory.mktemp(f"bases-{lab}") / "home"
    subprocess.run(["cp", "-a", "--reflink=auto", str(bases), str(home)], check=True)
    engine = EmbeddedEngine(Store.open(home))
    for name in images_of(lab):
        engine.resolve_name(name)
    engine.close()
    return home
