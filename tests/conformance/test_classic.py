"""Every recorded build of Docker 28.5's classic builder, done by ours."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.figures import Figures
from tests.conformance.replay_builds import World, anybody_can_lay_out
from tests.conformance.replay_classic import ClassicBuild

RECORDED = "classic"
FACTS: dict[str, Any] = json.loads((Path(__file__).parent / "facts/docker-builds.json").read_text())


@pytest.mark.parametrize("name", FACTS)
def test_a_build_of_the_classic_builder_is_as_recorded(name: str, world: World, figures: Figures) -> None:
    fact = FACTS[name]
    if os.geteuid() and not anybody_can_lay_out(fact):
        pytest.skip("this context has files of other owners, which only root can make")
    wrong = [f"{aspect}: {text}" for aspect, text in ClassicBuild(world.program, world.base, world.server, name, fact).replay().items()]
    what = "builds" if fact["classic"]["ok"] else "refuses"
    figures.add(RECORDED, name, f"builds that Docker's classic builder {what}", fact["group"], wrong)
    assert not wrong, "\n".join(wrong)
