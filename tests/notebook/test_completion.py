"""What Tab offers and Shift-Tab says, asked of real kernels."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

from dockerlab.dockerfile import KEYWORDS
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.notebook.directives import _DOES, explained
from dockerlab.notebook.offers import offers
from tests.conftest import Docker
from tests.parts import ROOT

Complete = Callable[..., list[str]]


@pytest.fixture
def offered(engine: EmbeddedEngine, docker: Docker) -> Callable[..., set[str]]:
    Path("src/deep").mkdir(parents=True)
    Path("src/main.c").write_text("")
    Path("notes").write_text("")
    Path(".hidden").write_text("")
    docker("create", "--name", "idle", "busybox")
    docker("tag", "busybox", "base/one:2")
    docker("volume", "create", "data")

    def ask(before: str, **more: bool) -> set[str]:
        found = offers(before, lambda: engine, **more)
        return {one.text.strip() for one in found.offers} if found else set()

    return ask


@pytest.mark.parametrize(
    ("before", "some", "none"),
    [
        ("%%dockerfile\nC", {"CMD", "COPY"}, {"RUN"}),
        ("%%dockerfile\nFROM busybox\nru", {"RUN"}, {"COPY"}),
        ("%%variables\nFROM bu", {"busybox"}, {"base/one:2"}),
        ("%%dockerfile\nFROM bu", {"busybox"}, {"base/one:2"}),
        ("%%dockerfile\nFROM ", {"busybox", "base/one:2", "nginx", "scratch"}, set()),
        ("%%dockerfile\nFROM open", {"openjdk", "openjdk:17-jre"}, {"openjdk-jre", "openjdk-jdk"}),
        ("%%dockerfile\nFROM busybox AS build\nFROM ", {"build", "busybox"}, set()),
        ("%%dockerfile\nFROM busybox AS build\nCOPY --from=", {"--from=build", "--from=busybox"}, set()),
        ("%%dockerfile\nFROM busybox\nCOPY --", {"--from=", "--chown=", "--chmod=", "--link"}, {"--mount="}),
        ("%%dockerfile\nFROM busybox\nRUN --m", {"--mount="}, set()),
        ("%%dockerfile\nFROM busybox\nRUN --mount=type=c", {"--mount=type=cache"}, {"--mount=type=bind"}),
        ("%%dockerfile\nFROM busybox\nCOPY s", {"src/"}, {"notes"}),
        ("%%dockerfile\nFROM busybox\nCOPY src/", {"src/deep/", "src/main.c"}, {"src/"}),
        ("%%dockerfile\nFROM busybox\nCOPY ", {"src/", "notes"}, {".hidden"}),
        ("%%dockerfile\nFROM busybox\nCOPY .", {".hidden"}, {"src/"}),
        ("%%dockerfile\nFROM busybox\nCOPY notes \\\n  s", {"src/"}, {"SHELL"}),
        ("%%dockerfile\nFROM busybox\nCOPY --from=busybox /e", set(), {"etc"}),
        ("%%dockerfile --no", {"--no-cache", "--no-cache-filter"}, {"--pull"}),
        ("%docker r", {"run", "rm", "rmi", "rename", "restart"}, {"ps"}),
        ("%docker volume ", {"ls", "rm", "inspect"}, {"run"}),
        ("%docker run --re", {"--read-only", "--restart"}, {"--rm"}),
        ("%docker run -it b", {"busybox", "base/one:2"}, {"idle"}),
        ("%docker rm ", {"idle"}, {"busybox"}),
        ("%docker exec ", set(), {"idle"}),
        ("%docker rmi base", {"base/one:2"}, set()),
        ("%docker volume rm ", {"data"}, set()),
        ("%layers b", {"busybox"}, {"nginx"}),
        ("%cow ", {"idle"}, {"busybox"}),
        ("%context s", {"src/"}, set()),
        ("x = 1\nFR", set(), {"FROM"}),
        ("%%exec idle\nFR", set(), {"FROM"}),
    ],
)
def test_what_is_offered(offered: Callable[..., set[str]], before: str, some: set[str], none: set[str]) -> None:
    found = offered(before)
    assert some <= found and not none & found, found


def test_in_a_cell_that_is_a_dockerfile(offered: Callable[..., set[str]]) -> None:
    assert offered("FROM busybox\nCO", dockerfile=True) == {"COPY"} and offered("FROM busybox\nCO") == set()


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_instruction_is_explained(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_LANG", language)
    assert set(_DOES) == set(KEYWORDS) and explained("x") is None
    for keyword in KEYWORDS:
        found = explained(keyword)
        assert found and f"reference/dockerfile/#{keyword.lower()}" in found["text/html"]
    copy, user = explained("COPY"), explained("USER")
    assert copy and user and ("adds a layer" if language == "en" else "레이어를 추가") in copy["text/plain"]
    assert ("no layer" if language == "en" else "메타데이터만") in user["text/plain"]


@pytest.mark.parametrize("own", [False, True])
def test_a_kernel_completes_and_explains(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    manager = KernelManager(kernel_name="python3")
    if own:
        manager.kernel_spec.argv = [sys.executable, "-m", "dockerlab.notebook.kernel", "-f", "{connection_file}"]
    manager.start_kernel(env={**os.environ, "DOCKERLAB_LANG": "en"})
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(60)
    try:
        if not own:
            client.execute_interactive("%load_ext dockerlab", timeout=30)

        def completed(code: str) -> list[str]:
            answer = client.complete(code, len(code), reply=True, timeout=30)["content"]
            return sorted({code[: answer["cursor_start"]] + match for match in answer["matches"]})

        assert completed("%docker run --rm busyb") == ["%docker run --rm busybox"]
        assert completed("%%dockerfile -t a:1\nFROM busybox\nENTR") == ["%%dockerfile -t a:1\nFROM busybox\nENTRYPOINT "]
        assert completed("%%dockerfile\nFROM busybox\nCOPY --fro") == ["%%dockerfile\nFROM busybox\nCOPY --from="]
        assert ("FROM busybox\nENTRYPOINT " in completed("FROM busybox\nENTR")) is own
        assert "import os" in completed("import o")
        told = client.inspect("FROM busybox\nCOPY a /", 15, reply=True, timeout=30)["content"]
        assert told["found"] and "adds a layer" in told["data"]["text/plain"]
        client.execute_interactive("USER = 5", timeout=30)
        assert "int" in client.inspect("USER", 2, reply=True, timeout=30)["content"]["data"]["text/plain"]
        client.execute_interactive("%unload_ext dockerlab", timeout=30)
        assert not client.inspect("COPY", 2, reply=True, timeout=30)["content"]["found"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
