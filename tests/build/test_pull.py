"""--pull asks the catalogue again for what it makes, and leaves an image from elsewhere alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dockerlab.engine import BuildOptions
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.store import Store
from tests.conftest import Docker, build
from tests.parts import package_tools


def test_an_image_from_elsewhere_stays_as_it_is(docker: Docker) -> None:
    before = docker("images", "-q", "--no-trunc", "busybox").out
    answer = build(docker, "FROM busybox\nENV A=1\n", "--pull")
    assert answer.code == 0
    assert "busybox:latest: --pull leaves the store's image as it is" in answer.err and "no effect" not in answer.err
    assert docker("images", "-q", "--no-trunc", "busybox").out == before


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[EmbeddedEngine]:
    package_tools()
    engine = EmbeddedEngine(Store.open(tmp_path / "empty"))
    yield engine
    engine.close()


def test_the_catalogue_is_asked_again_only_if_that_is_wanted(empty: EmbeddedEngine, tmp_path: Path) -> None:
    said: list[str] = []
    empty.notice = said.append

    def built(pull: bool) -> str:
        said.clear()
        return list(empty.build(BuildOptions(str(tmp_path), dockerfile_text="FROM busybox\nENV A=1\n", pull=pull)))[-1].image.id  # type: ignore[attr-defined,no-any-return]

    first = built(False)
    assert any("package lists" in text for text in said)
    assert built(False) == first and not said
    built(True)
    assert sum("package lists" in text for text in said) == 1
