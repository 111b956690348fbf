"""The tests that matter to everybody once more as an ordinary user, where the suite runs as root; and where no container can run at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import Docker, build
from tests.ordinary import OrdinaryUser

ROOMS = ("build", "verbs", "store", "layers", "engine", "notebook/test_magics.py", "notebook/test_terminals.py")


@pytest.mark.skipif(os.geteuid() != 0, reason="this is an ordinary user")
@pytest.mark.parametrize("room", ROOMS)
def test_as_an_ordinary_user(room: str, ordinary_user: OrdinaryUser) -> None:
    ordinary_user.pass_tests(f"tests/{room}")


@pytest.fixture
def no_isolation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_ISOLATION", "none")


@pytest.mark.usefixtures("no_isolation")
def test_without_namespaces_everything_but_processes_works(docker: Docker) -> None:
    assert build(docker, "FROM busybox\nCOPY a /d/\nENV A=1\nWORKDIR /w\n", a="text").code == 0
    assert docker("history", "t:1").out.count("buildkit.dockerfile.v0") == 3
    assert docker("create", "--name", "box", "t:1").code == 0
    Path("b").write_text("edited")
    assert docker("cp", "b", "box:/d/a").code == 0
    assert docker("diff", "box").out == "C /d\nC /d/a\n"
    assert docker("commit", "box", "t:2").code == 0
    assert docker("cp", "box:/d/a", "c").code == 0 and Path("c").read_text() == "edited"


@pytest.mark.usefixtures("no_isolation")
def test_without_namespaces_a_process_is_refused_with_the_cause(docker: Docker) -> None:
    for answer in (build(docker, "FROM busybox\nRUN true\n"), docker("run", "--rm", "busybox", "true")):
        assert answer.code in (1, 125)
        assert "this machine can't run containers: DOCKERLAB_ISOLATION=none asks for it" in answer.err
        assert "Traceback" not in answer.err
