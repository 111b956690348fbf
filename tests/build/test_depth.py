"""How many layers Docker puts one above the other: what is said where there is one too many, and that nothing is left of it."""

from __future__ import annotations

import re

import pytest

from dockerlab.engine.embedded import EmbeddedEngine
from tests.conftest import Docker, build


def steps(count: int) -> str:
    """A Dockerfile that makes so many layers above busybox, which has one."""
    return "FROM busybox\n" + "".join(f"COPY f /f{n}\n" for n in range(count))


@pytest.fixture
def one_layer(engine: EmbeddedEngine) -> None:
    assert len(engine.store.images.find("busybox").config.diff_ids) == 1


@pytest.mark.usefixtures("one_layer")
def test_a_step_above_129_layers_can_not_be_prepared(docker: Docker) -> None:
    assert build(docker, steps(128), f="x").code == 0
    assert build(docker, steps(128) + "ENV A=1\n", f="x").code == 0
    answer = build(docker, steps(130), "--progress", "plain", tag="t:2", f="x")
    assert answer.code == 1 and "[130/131] COPY f /f128" in answer.err
    assert re.search(r"ERROR: failed to prepare [0-9a-z]{25} as [0-9a-z]{25}: max depth exceeded\n", answer.err)
    assert "130 | >>> COPY f /f128" in answer.err and docker("images", "-q", "t:2").out == ""


@pytest.mark.usefixtures("one_layer", "containers_run_here")
def test_an_image_of_more_than_127_layers_is_not_run_and_of_125_not_committed(docker: Docker) -> None:
    assert build(docker, steps(127), tag="t:128", f="x").code == 0
    for words, code in ((("run", "--name", "box"), 125), (("create", "--name", "box"), 1)):
        answer = docker(*words, "t:128", "true")
        assert answer.code == code and "max depth exceeded" in answer.err and docker("ps", "-aq").out == ""
    assert build(docker, steps(126), tag="t:127", f="x").code == 0
    assert docker("run", "--name", "box", "t:127", "cat", "/f125").out == "x"
    assert build(docker, steps(124), tag="t:125", f="x").code == 0
    docker("create", "--name", "other", "t:125")
    before = docker("images", "-aq").out
    for name in ("box", "other"):
        answer = docker("commit", name, "t:1")
        assert answer.code == 1 and "max depth exceeded" in answer.err
    assert docker("images", "-aq").out == before


@pytest.mark.usefixtures("one_layer")
def test_the_classic_builder_makes_125(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_BUILDKIT", "0")
    answer = build(docker, steps(130), f="x")
    assert answer.code == 1 and answer.err.rstrip().splitlines()[-2] == "max depth exceeded" and "126 | >>> COPY f /f124" in answer.err
    assert build(docker, steps(124), f="x").code == 0
