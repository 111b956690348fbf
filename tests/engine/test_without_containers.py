"""Where no container can run at all: everything but processes works, and a process is refused with the cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Docker, build


@pytest.fixture(autouse=True)
def no_isolation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_ISOLATION", "none")


def test_without_namespaces_everything_but_processes_works(docker: Docker) -> None:
    assert build(docker, "FROM busybox\nCOPY a /d/\nENV A=1\nWORKDIR /w\n", a="text").code == 0
    assert docker("history", "t:1").out.count("buildkit.dockerfile.v0") == 3
    assert docker("create", "--name", "box", "t:1").code == 0
    Path("b").write_text("edited")
    assert docker("cp", "b", "box:/d/a").code == 0
    assert docker("diff", "box").out == "C /d\nC /d/a\n"
    assert docker("commit", "box", "t:2").code == 0
    assert docker("cp", "box:/d/a", "c").code == 0 and Path("c").read_text() == "edited"


def test_without_namespaces_a_process_is_refused_with_the_cause(docker: Docker) -> None:
    for answer in (build(docker, "FROM busybox\nRUN true\n"), docker("run", "--rm", "busybox", "true")):
        assert answer.code in (1, 125)
        assert "this machine can't run containers: DOCKERLAB_ISOLATION=none asks for it" in answer.err
        assert "Traceback" not in answer.err
