"""Our own commands: doctor, tour, lab, grade."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.parts import ROOT, package_tools

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """`dockerlab …` on a store that all tests of this module share, so that base images are composed once."""
    home = tmp_path_factory.mktemp("cli") / "home"

    def run(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "DOCKERLAB_HOME": str(home), "DOCKERLAB_LANG": "en"}
        return subprocess.run(
            [sys.executable, "-m", "dockerlab", *words], capture_output=True, text=True, env=environment, timeout=300, **more
        )  # type: ignore[call-overload,no-any-return]

    return run


@pytest.fixture
def catalogue() -> None:
    package_tools()


def test_doctor_tells_each_capability_and_how_it_was_probed(cli: Cli) -> None:
    found = json.loads(cli("doctor", "--json").stdout)
    assert found["isolation"] in ("namespaces", "chroot", "proot", "none")
    assert {"name", "available", "probed", "used for", "emulated", "remedy"} <= set(found["capabilities"][0])
    text = cli("doctor").stdout
    assert text.startswith("isolation: ") and found["store"]["path"] in text


def test_doctor_says_which_engine_is_asked_for_and_whether_a_daemon_listens(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/d.sock")
    assert json.loads(cli("doctor", "--json").stdout)["engine"] == {
        "asked for": "embedded",
        "daemon": f"unix://{tmp_path}/d.sock",
        "listens": "no",
    }
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(tmp_path / "d.sock"))
        daemon.listen()
        assert f"engine: embedded; a daemon listens at unix://{tmp_path}/d.sock" in cli("doctor").stdout


def test_doctor_says_who_keeps_the_limits_of_a_container(cli: Cli) -> None:
    limits = json.loads(cli("doctor", "--json").stdout)["limits"]
    assert set(limits) == {"memory", "pids", "cpu", "disk", "time"} and all(one["by"] for one in limits.values())
    assert limits["disk"]["kept"] and f"disk: {limits['disk']['by']}" in cli("doctor").stdout


def test_doctor_says_when_isolation_was_switched_off(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DOCKERLAB_HOME": str(tmp_path / "home"), "DOCKERLAB_ISOLATION": "none"}
    answer = subprocess.run([sys.executable, "-m", "dockerlab", "doctor"], capture_output=True, text=True, env=environment)
    assert answer.stdout.startswith("isolation: none: DOCKERLAB_ISOLATION=none asks for it")


@pytest.mark.network
@pytest.mark.usefixtures("catalogue", "containers_run_here")
@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_tour_tells_the_whole_story_and_serves_the_page(cli: Cli, language: str) -> None:
    answer = cli("tour", "--lang", language)
    assert answer.returncode == 0, answer.stderr
    for part in (
        "$ docker build -t tour:1 .",
        "C /usr/share/nginx/html/index.html",
        "tour:2에만" if language == "ko" else "tour:2 only",
        "→ 200\n<h1>Changed in a container</h1>",
    ):
        assert part in answer.stdout
    assert re.search(r"GET http://127\.0\.0\.1:\d+/", answer.stdout)
    assert cli("ps", "-aq").stdout == ""
    assert ("카피 온 라이트" in answer.stdout) == (language == "ko")


@pytest.mark.network
@pytest.mark.usefixtures("catalogue", "containers_run_here")
def test_a_tour_that_nobody_reads_to_its_end_leaves_nothing_and_another_goes_on_beside_it(cli: Cli, tmp_path: Path) -> None:
    assert cli("create", "--name", "tour-one", "nginx").returncode == 0
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "dockerlab", "tour"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(b"$ docker diff"):
            break
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert cli("ps", "-a", "--format", "{{.Names}}").stdout == "tour-one\n"
    assert cli("tour").returncode == 0


@pytest.mark.network
@pytest.mark.usefixtures("catalogue")
def test_lab_copies_the_notebooks_and_never_touches_a_learners_file(cli: Cli, tmp_path: Path) -> None:
    first = cli("lab", "--no-start", "--lang", "ko", str(tmp_path / "mine"))
    assert first.returncode == 0 and "nginx: 준비되었습니다" in first.stdout
    notebook = tmp_path / "mine/layers.ipynb"
    assert "SOLUTION" not in notebook.read_text() and "레이어" in notebook.read_text()
    notebook.write_text("mine")
    assert "그대로 둡니다" in cli("lab", "--no-start", "--lang", "ko", str(tmp_path / "mine")).stdout
    assert notebook.read_text() == "mine"


def test_grade_of_something_else_is_one_message(cli: Cli, tmp_path: Path) -> None:
    answer = cli("grade", str(tmp_path / "nosuch.ipynb"))
    assert answer.returncode == 1 and "can't be read as a notebook" in answer.stderr and "Traceback" not in answer.stderr
