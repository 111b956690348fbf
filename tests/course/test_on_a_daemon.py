"""What the labs teach is true of Docker: their solutions earn all points on a real Docker, and the tour's story is told there as well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dockerlab.course.labs import LABS
from dockerlab.engine.daemon.engine import DaemonEngine
from dockerlab.errors import RuntimeUnavailableError
from tests.course.conftest import with_images_of
from tests.course.outcomes import outcomes_of
from tests.parts import ROOT, missing, sample

pytestmark = [pytest.mark.network, pytest.mark.slow]


@pytest.fixture
def on_the_daemon(bases: Path, tmp_path: Path) -> dict[str, str]:
    try:
        DaemonEngine.open().close()
    except RuntimeUnavailableError:
        missing("a Docker that answers", 'as root on Debian: eval "$(scripts/reference-docker start)"')
    return {**os.environ, "PYTHONPATH": str(ROOT), "DOCKERLAB_ENGINE": "daemon", "DOCKERLAB_LANG": "en"}


@pytest.mark.parametrize("lab", sample(LABS, 4))
def test_the_solutions_of_a_lab_earn_all_points_on_a_real_docker(
    lab: str, on_the_daemon: dict[str, str], bases: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = with_images_of(lab, bases, tmp_path_factory)
    done = subprocess.run(
        [sys.executable, "-m", "tests.course.on_a_daemon", lab],
        cwd=ROOT,
        env={**on_the_daemon, "DOCKERLAB_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["engine"].startswith("Docker daemon at ")
    assert {name: found for name, found in told["exercises"].items() if found[0] != found[1]} == {}
    assert told["predictions"] == outcomes_of(lab)


def test_the_tour_is_walked_on_a_real_docker(on_the_daemon: dict[str, str], bases: Path) -> None:
    environment = {**on_the_daemon, "DOCKERLAB_HOME": str(bases)}
    done = subprocess.run(
        [sys.executable, "-m", "dockerlab", "tour"], cwd="/", env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "→ 200\n<h1>Changed in a container</h1>" in done.stdout and "tour:2 only" in done.stdout
    subprocess.run(
        [sys.executable, "-m", "dockerlab", "rmi", "-f", "tour:1", "tour:2"], cwd="/", env=environment, check=True, capture_output=True
    )
