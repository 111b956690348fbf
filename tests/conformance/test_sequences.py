"""Every recorded sequence of builds: which steps Docker 28.5's BuildKit took from its cache after a change, and which images stayed the same."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.figures import Figures
from tests.conformance.program import Program, recorded_base
from tests.conformance.replay_sequences import Sequence
from tests.parts import sample

RECORDED = "sequences"
FACTS: dict[str, Any] = json.loads((Path(__file__).parent / "facts/docker-cache.json").read_text())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, busybox_file: Path, containers_run_here: None) -> Iterator[tuple[Program, list[str]]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKERLAB_HOME", str(tmp_path_factory.mktemp("sequences")))
        program = Program()
        yield program, recorded_base(program, busybox_file)
        program.engine.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", sample(FACTS, 2))
def test_a_sequence_of_builds_is_as_recorded(name: str, world: tuple[Program, list[str]], figures: Figures) -> None:
    if os.geteuid() and any("chown" in step.get("edit", {}) for step in FACTS[name]["case"]["steps"]):
        pytest.skip("only root may give a file of the context away")
    wrong = [f"{aspect}: {text}" for aspect, text in Sequence(*world, FACTS[name]).replay().items()]
    figures.add(RECORDED, name, "sequences of builds", FACTS[name]["group"], wrong)
    assert not wrong, "\n".join(wrong)
