"""Our own commands: doctor, tour, lab, grade."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
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
    assert found["isolation"] in ("namespaces", "none")
    assert {"name", "available", "probed", "used for", "emulated", "remedy"} <= set(found["capabilities"][0])
    text = cli("doctor").stdout
    assert text.startswith("isolation: ") and found["store"]["path"] in text


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
        "tour:2 only",
        "→ 200\n<h1>Changed in a container</h1>",
    ):
        assert part in answer.stdout
    assert re.search(r"GET http://127\.0\.0\.1:\d+/", answer.stdout)
    assert cli("ps", "-aq").stdout == ""
    assert ("카피 온 라이트" in answer.stdout) == (language == "ko")


@pytest.mark.network
@pytest.mark.usefixtures("catalogue")
def test_lab_copies_the_notebooks_and_never_touches_a_learners_file(cli: Cli, tmp_path: Path) -> None:
    first = cli("lab", "--no-start", "--lang", "ko", str(tmp_path / "mine"))
    assert first.returncode == 0 and "nginx: ready" in first.stdout
    notebook = tmp_path / "mine/layers.ipynb"
    assert "SOLUTION" not in notebook.read_text() and "레이어" in notebook.read_text()
    notebook.write_text("mine")
    assert "left as it is" in cli("lab", "--no-start", "--lang", "ko", str(tmp_path / "mine")).stdout
    assert notebook.read_text() == "mine"


@pytest.mark.network
@pytest.mark.usefixtures("catalogue")
def test_lab_opens_jupyterlab_on_loopback(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("jupyterlab")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DOCKERLAB_HOME": str(tmp_path / "home"),
        "PYTHONUNBUFFERED": "1",
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
    }
    words = [sys.executable, "-m", "dockerlab", "lab", "--port", "18899", str(tmp_path / "labs")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    try:
        assert process.stdout is not None
        url = next(line for line in process.stdout if "JupyterLab: http" in line).split()[1]
        assert url.startswith("http://127.0.0.1:188")
        api = url.replace("/lab?", "/api/contents?")
        for _ in range(120):
            try:
                listed = json.loads(urllib.request.urlopen(api, timeout=5).read())
                break
            except OSError:
                import time

                time.sleep(0.5)
        assert [item["name"] for item in listed["content"]] == ["layers.ipynb"]
    finally:
        process.kill()
        process.wait()


def test_grade_of_something_else_is_one_message(cli: Cli, tmp_path: Path) -> None:
    answer = cli("grade", str(tmp_path / "nosuch.ipynb"))
    assert answer.returncode == 1 and "can't be read as a notebook" in answer.stderr and "Traceback" not in answer.stderr
