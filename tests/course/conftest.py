"""What the tests of the course share: a store with the base images that the labs begin with, and nbgrader itself."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from dockerlab.course.checks import all_checks
from dockerlab.course.labs import USUAL, images_of
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.store import Store
from tests.course import killing
from tests.course.classroom import own_process_environment  # noqa: F401 - for every module
from tests.parts import ROOT, missing, package_tools


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known where these tests are named on the command line."""
    parser.addoption("--mutants-report", default="", help="write how many mutants each exercise finds out to this file")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many of its mutants each exercise has found out, if this run tried any."""
    if not killing.COUNTED:
        return
    terminalreporter.section("mutants")
    for line in killing.lines(killing.rows(killing.COUNTED)):
        terminalreporter.write_line(line)
    if path := terminalreporter.config.getoption("--mutants-report", ""):
        killing.write(Path(path), killing.COUNTED, list(all_checks()))


_PROGRAMS = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
"""nbgrader calls alembic by its name."""


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a store with every base image of the course; take a copy to write to it."""
    package_tools()
    home = tmp_path_factory.mktemp("bases") / "home"
    engine = EmbeddedEngine(Store.open(home))
    for name in USUAL:
        engine.resolve_name(name)
    engine.close()
    return home


@pytest.fixture
def nbgrader(tmp_path: Path) -> Any:
    """Run nbgrader in a course folder."""
    if find_spec("nbgrader") is None:
        missing("nbgrader", "pip install nbgrader")

    def run(course: Path, *words: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *words],
            cwd=course,
            env={**os.environ, "PATH": _PROGRAMS, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stderr

    return run


IN_ONE_PROCESS = """
import os, sys
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config, PyFileConfigLoader

config = PyFileConfigLoader("nbgrader_config.py", ".").load_config()
config.CourseDirectory.root = os.getcwd()
api = NbGraderAPI(config=config)

def done(result):
    if not result["success"]:
        sys.exit(result.get("error") or result.get("log"))

"""


@pytest.fixture
def nbgrader_api(tmp_path: Path) -> Any:
    """Let nbgrader do several things in a course folder, one after the other in one process, with its settings: done(api.autograde(…)). It takes long to start."""
    if find_spec("nbgrader") is None:
        missing("nbgrader", "pip install nbgrader")

    def run(course: Path, text: str, **environment: str) -> None:
        done = subprocess.run(
            [sys.executable, "-c", IN_ONE_PROCESS + text],
            cwd=course,
            env={**os.environ, "PATH": _PROGRAMS, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), **environment},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stderr[-4000:]

    return run


def with_images_of(lab: str, bases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a store with what a lab begins with: the usual one, or a copy of it with more."""
    if set(images_of(lab)) <= set(USUAL):
        return bases
    home = tmp_path_factory.mktemp(f"bases-{lab}") / "home"
    subprocess.run(["cp", "-a", "--reflink=auto", str(bases), str(home)], check=True)
    engine = EmbeddedEngine(Store.open(home))
    for name in images_of(lab):
        engine.resolve_name(name)
    engine.close()
    return home
