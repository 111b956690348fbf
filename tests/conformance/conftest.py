"""The recorded Docker beside ours: expected failures are strict, and the figures are told at the end."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockerlab.runtime import Capabilities
from tests.conformance.figures import Figures, expected
from tests.conformance.program import Program, recorded_base
from tests.conformance.replay_builds import FileServer, World
from tests.parts import missing

_FIGURES = Figures()


@pytest.fixture(scope="session")
def figures() -> Figures:
    return _FIGURES


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, busybox_file: Path, isolation_here: Capabilities) -> Iterator[World]:
    """Where no container runs, as much of it as needs none; unless containers must run here, because this is CI."""
    runs = isolation_here.isolation != "none"
    if not runs and os.environ.get("CI"):
        missing("a way to run containers", isolation_here.reason)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKERLAB_HOME", str(tmp_path_factory.mktemp("builds")))
        server = FileServer(tmp_path_factory.mktemp("web"))
        for name, fact in json.loads((Path(__file__).parent / "facts/docker-builds.json").read_text()).items():
            server.offer(name, fact["case"])
        program = Program()
        yield World(program, recorded_base(program, busybox_file), server, runs)
        program.engine.close()
        server.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--conformance-update", action="store_true", help="write expected.toml anew from this run")
    parser.addoption("--conformance-report", default="", help="write the figures to this file")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    known = expected()
    if config.getoption("--conformance-update", False):
        return
    for item in items:
        kind = getattr(getattr(item, "module", None), "RECORDED", "")
        callspec = getattr(item, "callspec", None)
        if kind and callspec and (reason := known[kind].get(callspec.params.get("name", ""))):
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if terminalreporter.config.getoption("--conformance-update", False):
        _FIGURES.update()
    if path := terminalreporter.config.getoption("--conformance-report", ""):
        Path(path).write_text(_FIGURES.page(time.strftime("%Y-%m-%d")), encoding="utf-8")
    if lines := _FIGURES.lines():
        terminalreporter.section("recorded Docker")
        for line in lines:
            terminalreporter.write_line(line)
