"""Two engines on one store, as two kernels of one user are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dockerlab.engine import BuildOptions, ContainerSpec, ExecSpec, Streams
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.errors import ConflictError, NotFoundError
from dockerlab.store import Store
from tests.conftest import Command


@pytest.fixture
def other(home: Path) -> Iterator[EmbeddedEngine]:
    one = EmbeddedEngine(Store.open(home))
    yield one
    one.close()


def build(engine: EmbeddedEngine, folder: Path, text: str, tag: str) -> str:
    *_, last = engine.build(BuildOptions(context=str(folder), dockerfile_text=text, tags=(tag,)))
    return str(last.image.id)  # type: ignore[attr-defined]


def test_what_one_engine_makes_the_other_sees_and_may_remove(engine: EmbeddedEngine, other: EmbeddedEngine, tmp_path: Path) -> None:
    identifier = build(engine, tmp_path, "FROM busybox\nCOPY . /c/\n", "site:1")
    assert other.image_inspect("site:1")["Id"] == identifier
    container = engine.create(ContainerSpec("site:1", ("true",), name="one"))
    assert [item["Id"] for item in other.containers(all=True)] == [container]
    with pytest.raises(ConflictError, match="already in use"):
        other.create(ContainerSpec("site:1", ("true",), name="one"))
    other.remove("one")
    with pytest.raises(NotFoundError):
        engine.container_inspect("one")
    other.image_remove("site:1")
    with pytest.raises(NotFoundError):
        engine.image_inspect("site:1")
    assert build(engine, tmp_path, "FROM busybox\nCOPY . /c/\n", "site:1")


def test_a_layer_that_another_engine_swept_away_is_made_again(engine: EmbeddedEngine, other: EmbeddedEngine, tmp_path: Path) -> None:
    text = "FROM busybox\nCOPY . /c/\n"
    first = build(engine, tmp_path, text, "site:1")
    layer = engine.image_inspect("site:1")["RootFS"]["Layers"][-1]
    other.image_remove("site:1")
    other.prune_build_cache(all=True)
    assert not other.store.layers.has(layer)
    again = build(engine, tmp_path, text, "site:1")
    assert engine.store.layers.has(engine.image_inspect("site:1")["RootFS"]["Layers"][-1])
    assert bool(first) and bool(again)


@pytest.mark.usefixtures("containers_run_here")
def test_a_container_of_one_engine_is_stopped_by_another(engine: EmbeddedEngine, other: EmbeddedEngine) -> None:
    engine.create(ContainerSpec("busybox", ("sh", "-c", "exec sleep 1000"), name="one"))
    engine.start("one")
    assert other.container_inspect("one")["State"]["Running"]
    assert other.exec("one", ExecSpec(("true",)), Streams()) == 0
    other.kill("one")
    assert engine.wait("one") == 137 and other.wait("one") == 137


@pytest.mark.usefixtures("containers_run_here")
def test_a_started_container_outlives_its_engine(home: Path, other: EmbeddedEngine) -> None:
    short = EmbeddedEngine(Store.open(home))
    short.create(ContainerSpec("busybox", ("sleep", "1000"), name="alive"))
    short.start("alive")
    short.close()
    assert other.exec("alive", ExecSpec(("true",)), Streams()) == 0
    other.remove("alive", force=True)
    assert other.containers(all=True) == []


def test_processes_that_build_the_same_at_once_get_the_same_layers(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM busybox\nCOPY . /c/\nWORKDIR /w\n")
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda n: command("build", "-t", f"t:{n}", str(folder)), range(3)))
    assert [one.returncode for one in answers] == [0, 0, 0], [one.stderr for one in answers]
    for n in range(3):
        found = json.loads(command("inspect", f"t:{n}").stdout)[0]
        assert len(found["RootFS"]["Layers"]) == 3
    assert command("builder", "prune", "-af").returncode == 0
    assert command("create", "--name", "whole", "t:0", "true").returncode == 0


def test_removing_and_building_at_once_breaks_nothing(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM busybox\nCOPY Dockerfile /c/\nWORKDIR /w\n")

    def turn(n: int) -> list[str]:
        words = (
            [["build", "-t", f"t:{n}", str(folder)], ["builder", "prune", "-af"]] if n % 2 else [["image", "prune", "-f"], ["images", "-q"]]
        )
        return [answer.stderr for one in words if (answer := command(*one)).returncode]

    with ThreadPoolExecutor(4) as pool:
        assert [problem for problems in pool.map(turn, range(6)) for problem in problems] == []
    for n in (1, 3, 5):
        assert command("create", f"t:{n}", "true").returncode == 0
