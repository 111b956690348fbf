"""Every recorded command-line session of Docker 28.5, played through `dockerlab` in place of `docker`, command by command."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import sessions

HERE = Path(__file__).parent
RECORDED = (HERE / "facts/docker-cli.json").read_text()
# on purpose: where docker publishes on every address of the machine, we listen on loopback unless we are told otherwise, and say so
SCENARIOS: list[dict[str, Any]] = json.loads(RECORDED.replace("0.0.0.0", "127.0.0.1"))["scenarios"]
EXPECTED: dict[str, str] = tomllib.loads((HERE / "expected.toml").read_text()).get("sessions", {})
EVERY = 1 if os.environ.get("DOCKERLAB_FULL") else 3
"""All of them take a quarter of an hour; without DOCKERLAB_FULL=1 a fixed third is played."""


@pytest.fixture(scope="module")
def stage(static_busybox: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sessions.Stage]:
    for tool in ("bash", "curl", "script"):
        if not shutil.which(tool):
            if os.environ.get("CI"):
                pytest.fail(f"install {tool}: CI must play these sessions")
            pytest.skip(f"the sessions need {tool}")
    home = tmp_path_factory.mktemp("sessions-home")
    before = {name: os.environ.get(name) for name in ("DOCKERLAB_HOME", "BUSYBOX", "DOCKER_HOST", "PYTHONPATH")}
    os.environ.update(DOCKERLAB_HOME=str(home), BUSYBOX=str(static_busybox), PYTHONPATH=str(HERE.parent.parent))
    os.environ.pop("DOCKER_HOST", None)
    one = sessions.Stage(f"{sys.executable} -m dockerlab", limit=60, work=str(tmp_path_factory.mktemp("sessions")), wipe=True)
    yield one
    one.close()
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(
            scenario,
            id=scenario["name"],
            marks=[pytest.mark.xfail(reason=EXPECTED[scenario["name"]])] if scenario["name"] in EXPECTED else [],
        )
        for scenario in SCENARIOS[::EVERY]
    ],
)
def test_a_session_goes_as_recorded(scenario: dict[str, Any], stage: sessions.Stage, figures: Any) -> None:
    bad: list[str] = []

    def each(step: dict[str, Any], code: int, kind: str, out: str, err: str) -> None:
        what = " ".join(step.get("args") or [step["shell"]])
        bad.extend(f"{what}: {one}" for one in sessions.differences(step, code, out, err))

    stage.play(scenario, each)
    figures.add("command-line sessions", "all", not bad)
    assert not bad, "\n".join(bad)
