"""Every recorded build of Docker 28.5's BuildKit, done by our builder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.figures import Figures
from tests.conformance.replay_builds import Build, World, wrong_in

RECORDED = "builds"
FACTS: dict[str, Any] = json.loads((Path(__file__).parent / "facts/docker-builds.json").read_text())


@pytest.mark.parametrize("name", FACTS)
def test_a_build_is_as_recorded(name: str, world: World, figures: Figures) -> None:
    fact = FACTS[name]
    wrong = wrong_in(Build, name, fact, world)
    figures.add(RECORDED, name, f"builds that Docker {'builds' if fact['buildkit']['ok'] else 'refuses'}", fact["group"], wrong)
    assert not wrong, "\n".join(wrong)
