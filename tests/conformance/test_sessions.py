"""Every recorded command-line session of Docker 28.5, played through `dockerlab` in place of `docker`, command by command."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.figures import Figures
from tests.conformance.replay_cli import OwnStore, Stage
from tests.parts import missing, sample, whole

RECORDED = "sessions"
FACTS = Path(__file__).parent / "facts/docker-cli.json"
_ON_LOOPBACK = FACTS.read_text().replace("0.0.0.0", "127.0.0.1")
"""We publish on loopback where docker publishes everywhere: the recorded address is the only thing changed."""
SCENARIOS: dict[str, dict[str, Any]] = {one["name"]: one for one in json.loads(_ON_LOOPBACK)["scenarios"]}
_AT_ONCE = 3 if whole() else 1
"""Sessions mostly wait: for a container to mind TERM, for a follower of logs."""


@pytest.fixture(scope="module")
def performances(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, template_home: Path, containers_run_here: None
) -> Iterator[dict[str, Future[list[str]]]]:
    """Name → what will have differed; all that were selected are played ahead, a few at once."""
    for tool in ("bash", "curl", "script"):
        if not shutil.which(tool):
            missing(tool, f"the recorded sessions need it: apt install {'bsdutils' if tool == 'script' else tool}")
    folder = tmp_path_factory.mktemp("sessions")
    stage = Stage(folder, OwnStore(folder, template_home))
    ports = threading.Lock()  # sessions that publish use the same ports

    def perform(scenario: dict[str, Any]) -> list[str]:
        if "1808" not in json.dumps(scenario["steps"]):
            return stage.play(scenario)
        with ports:
            return stage.play(scenario)

    names = [item.callspec.params["name"] for item in request.session.items if getattr(item, "module", None) is request.module]  # type: ignore[attr-defined]
    pool = ThreadPoolExecutor(_AT_ONCE)
    yield {name: pool.submit(perform, SCENARIOS[name]) for name in names}
    pool.shutdown(cancel_futures=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", sample(SCENARIOS, 3))
def test_a_session_goes_as_recorded(name: str, performances: dict[str, Future[list[str]]], figures: Figures) -> None:
    wrong = performances[name].result()
    figures.add(RECORDED, name, "command-line sessions", name.split("-")[0], wrong)
    assert not wrong, "\n".join(wrong)
