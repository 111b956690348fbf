"""`dockerlab lab` fetches what most labs begin with, and offers the rest with its size."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dockerlab.cli import lab
from dockerlab.engine import open_engine
from dockerlab.errors import DockerlabError

pytestmark = [pytest.mark.network]


@pytest.fixture(autouse=True)
def somewhere(bases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh store above one with busybox and nginx, and only the C compiler as what else there is."""
    for name, value in {"HOME": tmp_path / "home", "BASE_STORES": bases, "BASES": "catalogue", "LANG": "en"}.items():
        monkeypatch.setenv(f"DOCKERLAB_{name}", str(value))
    monkeypatch.setattr(lab, "FURTHER", {"multistage": ("gcc",)})
    monkeypatch.chdir(tmp_path)


def gcc_is_here() -> bool:
    engine = open_engine()
    try:
        engine.image_inspect("gcc")
    except DockerlabError:
        return False
    finally:
        engine.close()
    return True


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], str]) -> list[str]:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return answer(question)

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(builtins, "input", ask)
    return asked


def test_where_nobody_can_answer_the_rest_is_told_with_its_size_and_not_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    assert lab.main(["labs", "--no-start"]) == 0
    said = capsys.readouterr().out
    assert "The lab multistage needs gcc besides: about 25 MB" in said and "dockerlab lab --all" in said and not gcc_is_here()


def test_who_sits_at_a_terminal_is_asked_and_may_decline(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked = at_a_terminal(monkeypatch, lambda question: "")
    assert lab.main(["labs", "--no-start", "--lang", "ko"]) == 0
    assert asked == ["네트워크 없이도 실습할 수 있게 지금 가져올까요? [y/N] "] and not gcc_is_here()
    assert "실습 multistage에는 gcc가 더 필요합니다" in capsys.readouterr().out


@pytest.mark.slow
def test_what_was_asked_for_is_fetched_and_nobody_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = at_a_terminal(monkeypatch, lambda question: "y")
    assert lab.main(["labs", "--no-start"]) == 0 and len(asked) == 1
    said = capsys.readouterr().out
    assert "gcc: ready" in said and "taken from the catalogue (composed from Debian packages, about 25 MB, this once)" in said
    assert gcc_is_here()
    assert lab.main(["labs", "--no-start", "--all"]) == 0 and len(asked) == 1


def test_an_interrupted_question_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(question: str) -> str:
        raise KeyboardInterrupt

    at_a_terminal(monkeypatch, interrupt)
    assert lab.main(["labs", "--no-start"]) == 0 and not gcc_is_here()
