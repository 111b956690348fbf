"""Every recorded build of Docker 28.5's BuildKit, done by our builder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.figures import Figures
from tests.conformance.program import Program, recorded_base
from tests.conformance.replay_builds import Build, FileServer

RECORDED = "builds"
FACTS: dict[str, Any] = json.loads((Path(__file__).parent / "facts/docker-builds.json").read_text())


@dataclass(frozen=True)
class World:
    """The program that builds, the base image's layers, and the server of files that some builds download."""

    program: Program
    base: list[str]
    server: FileServer


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, busybox_file: Path, containers_run_here: None) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKERLAB_HOME", str(tmp_path_factory.mktemp("builds")))
        server = FileServer(tmp_path_factory.mktemp("web"))
        for name, fact in FACTS.items():
            server.offer(name, fact["case"])
        program = Program()
        yield World(program, recorded_base(program, busybox_file), server)
        program.engine.close()
        server.close()


@pytest.mark.parametrize("name", FACTS)
def test_a_build_is_as_recorded(name: str, world: World, figures: Figures) -> None:
    fact = FACTS[name]
    if os.geteuid() and not anybody_can_lay_out(fact):
        pytest.skip("this context has files of other owners, which only root can make")
    wrong = [f"{aspect}: {text}" for aspect, text in Build(world.program, world.base, world.server, name, fact).replay().items()]
    figures.add(RECORDED, name, f"builds that Docker {'builds' if fact['buildkit']['ok'] else 'refuses'}", fact["group"], wrong)
    assert not wrong, "\n".join(wrong)


def anybody_can_lay_out(fact: dict[str, Any]) -> bool:
    """Whether an ordinary user can lay the context out."""
    return not any(isinstance(spec, dict) and "owner" in spec for spec in fact["case"].get("files", {}).values())
