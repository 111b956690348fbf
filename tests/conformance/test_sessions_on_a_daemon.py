"""The recorded command-line sessions once more, through `dockerlab` with a daemon for its engine."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.apart import OneDaemon, started
from tests.conformance.figures import Figures, expected
from tests.conformance.replay_cli import Stage
from tests.conformance.test_sessions import FACTS
from tests.parts import ROOT, missing, sample

RECORDED = "daemon"
SCENARIOS: dict[str, dict[str, Any]] = {one["name"]: one for one in json.loads(FACTS.read_text())["scenarios"]}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    for tool in ("bash", "curl", "script"):
        if not shutil.which(tool):
            missing(tool, f"the recorded sessions need it: apt install {'bsdutils' if tool == 'script' else tool}")
    folder = tmp_path_factory.mktemp("daemon-sessions")
    with started(folder / "docker") as (named, process):
        ground = OneDaemon(folder, named, process)
        yield Stage(folder, ground)
        ground.close()


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize("name", sample(SCENARIOS, 18))
def test_a_session_goes_as_recorded(name: str, stage: Stage, figures: Figures) -> None:
    wrong = stage.play(SCENARIOS[name])
    figures.add(RECORDED, name, "command-line sessions through a daemon", name.split("-")[0], wrong)
    assert not wrong, "\n".join(wrong)


def test_the_page_about_engines_lists_what_does_not_hold() -> None:
    section = (ROOT / "docs/engines.md").read_text(encoding="utf-8").partition("\n## Recorded sessions\n")[2].partition("\n## ")[0]
    listed = dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", section, re.M))
    assert listed == expected()[RECORDED] and listed.keys() <= SCENARIOS.keys()
    assert f"{len(SCENARIOS) - len(listed)} of {len(SCENARIOS)} hold" in section
