"""Every recorded build of Docker 28.5's classic builder, done by ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.figures import Figures
from tests.conformance.replay_builds import World, wrong_in
from tests.conformance.replay_classic import ClassicBuild

RECORDED = "classic"
FACTS: dict[str, Any] = json.loads((Path(__file__).parent / "facts/docker-builds.json").read_text())


@pytest.mark.parametrize("name", FACTS)
def test_a_build_of_the_classic_builder_is_as_recorded(name: str, world: World, figures: Figures) -> None:
    fact = FACTS[name]
    wrong = wrong_in(ClassicBuild, name, fact, world)
    figures.add(
        RECORDED, name, f"builds that Docker's classic builder {'builds' if fact['classic']['ok'] else 'refuses'}", fact["group"], wrong
    )
    assert not wrong, "\n".join(wrong)
