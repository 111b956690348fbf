"""What a careless learner sees: in the learner's language, what to do next, and no traceback of ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dockerlab.language import particles
from dockerlab.notebook import slips
from dockerlab.notebook.hints import in_language
from dockerlab.notebook.predictions import GUESSES

Run = Callable[[str], str]

MISTAKES = {
    "an unknown instruction": "%%dockerfile -t x\nFROM busybox\nXYZ a b",
    "no FROM": "%%dockerfile -t x\nRUN true",
    "a base that nobody has": "%%dockerfile -t x\nFROM qwertz",
    "a base that is misspelt": "%%dockerfile -t x\nFROM busybix",
    "a file that is missing": "%%dockerfile -t x\nFROM busybox\nCOPY 없음.txt /",
    "a file that is misspelt": "%%dockerfile -t x\nFROM busybox\nCOPY page.tx /",
    "a file that is left out": "%%dockerfile -t x ignoring\nFROM busybox\nCOPY a.txt /",
    "a stage that is misspelt": "%%dockerfile -t x\nFROM busybox AS build\nFROM busybox\nCOPY --from=biuld /bin /x",
    "an argument in capital letters": "%%dockerfile -t Big\nFROM busybox",
    "a name in Hangul": "%%dockerfile -t 사이트\nFROM busybox",
    "no such folder": "%%dockerfile -t x nowhere\nFROM busybox",
    "ENV without a value": "%%dockerfile -t x\nFROM busybox\nENV A=1 B",
    "an unknown target": "%%dockerfile -t x --target nobody\nFROM busybox AS build",
    "a RUN that fails": "%%dockerfile -t x\nFROM busybox\nRUN exit 3",
    "no such container": "%docker exec nobody ls",
    "a container's name in Hangul": "%docker run -d --name 하나 busybox sleep 9",
    "a name that is taken": "%docker run --name one busybox true\n%docker run --name one busybox true",
    "a container that is not running": "%docker run --name two busybox true\n%docker exec two ls",
    "an unknown verb": "%docker rnu busybox",
    "an image that is used": "%docker run --name three busybox true\n%docker rmi busybox",
    "an open quote": "%docker run busybox echo 'hi",
    "no such exercise": "%check layers-99",
    "no such prediction": "%compare layers-caches",
    "the stub": "# YOUR CODE HERE\nraise NotImplementedError()",
    "the stub of a Dockerfile": "%%dockerfile -t x\n# YOUR CODE HERE\nraise NotImplementedError()",
    "an answer with its stub": "%%dockerfile -t x\nFROM busybox\nraise NotImplementedError()",
    "a Dockerfile without its first line": "FROM busybox\nRUN true",
    "the file of another cell": "%%dockerfile -t x -f page.txt\nFROM busybox",
}


@pytest.fixture
def run(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """A cell's text → what is seen of it."""
    monkeypatch.setenv("DOCKERLAB_WIDGETS", "off")
    monkeypatch.setenv("DOCKERLAB_BASES", "catalogue")
    monkeypatch.chdir(tmp_path)
    Path("page.txt").write_text("page\n")
    Path("ignoring").mkdir()
    Path("ignoring/a.txt").write_text("a\n")
    Path("ignoring/.dockerignore").write_text("*.txt\n")
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(user_ns={}, history_length=0)
    shell.run_line_magic("colors", "nocolor")
    shell.history_manager.enabled = False  # type: ignore[union-attr]
    shell.run_line_magic("load_ext", "dockerlab")

    def ran(cell: str) -> str:
        capsys.readouterr()
        shell.run_cell(cell, store_history=False)
        said = capsys.readouterr()
        return said.out + said.err

    yield ran
    shell.run_line_magic("docker", "rm -f one two three")
    InteractiveShell.clear_instance()


@pytest.mark.usefixtures("containers_run_here")
def test_a_hint_is_in_the_learners_language_and_nothing_of_ours_is_a_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_LANG", "ko")
    for name, cell in MISTAKES.items():
        said = run(cell)
        assert "Traceback" not in said and "hint:" not in said, f"{name}\n{said}"
        told = re.findall(r"힌트: (.*)", said)
        assert told and all(re.search("[가-힣]", hint) for hint in told), f"{name}\n{said}"
        assert all(re.search("(니다|십시오|니까\\?|흔히 . 을 씁니다|: .*)[.]?$", hint) for hint in told), f"{name}\n{told}"


@pytest.mark.usefixtures("containers_run_here")
def test_in_english_nothing_is_korean(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_LANG", "en")
    for name, cell in MISTAKES.items():
        said = run(cell)
        hints = re.findall(r"hint: (.*)", said)
        assert hints and "힌트" not in said and "Traceback" not in said, f"{name}\n{said}"


def test_an_answer_above_its_stub_runs_and_the_stub_says_to_go(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_LANG", "en")
    said = run("print('my', 'answer')\n# YOUR CODE HERE\nraise NotImplementedError()")
    assert said.startswith("my answer\n") and "not answered yet" in said and "Traceback" not in said


def test_an_error_of_the_learners_own_is_python_s(run: Run) -> None:
    assert "Traceback" in run("def later():\n    raise NotImplementedError()\nlater()")
    assert "NotImplementedError: not yet" in run("raise NotImplementedError('not yet')")
    run("try:\n    raise NotImplementedError()\nexcept NotImplementedError as error:\n    kept = type(error).__name__")
    assert "'NotImplementedError'" in run("print(repr(kept))")


def test_the_extension_can_be_loaded_twice_and_taken_away(run: Run) -> None:
    run("%reload_ext dockerlab")
    shell = InteractiveShell.instance()
    assert sum(type(one).__name__ == "_Stubs" for one in shell.ast_transformers) == 1
    slips.unwatch(shell)
    assert "SyntaxError" in run("FROM busybox\nRUN true") and "Traceback" in run("raise NotImplementedError()")


def test_a_comparison_without_its_question_says_where_the_question_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_LANG", "en")
    monkeypatch.setattr(GUESSES, "_asked", {})  # other tests of this process may have asked
    run("%%dockerfile -q -t where:1\nFROM busybox\nRUN pwd > /where")
    assert "run the cell with %%predict build-cd above" in run("%compare build-cd")


def test_a_hint_that_nobody_has_put_into_korean_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_LANG", "ko")
    assert in_language("ask whoever runs this machine") == "ask whoever runs this machine"
    assert in_language("did you mean site:1?") == "site:1을 쓰려고 하셨습니까?"


def test_particles_fit_the_word_before_them_and_stay_open_where_people_differ() -> None:
    words = ("site:1", "one", "two", "shop", "file", "한글", "나무", "1000")
    assert [particles(f"{word}이(가)") for word in words] == [
        "site:1이",
        "one이",
        "two가",
        "shop이(가)",
        "file이",
        "한글이",
        "나무가",
        "1000이",
    ]
    assert [particles(f"{word}(으)로") for word in words] == [
        "site:1로",
        "one으로",
        "two로",
        "shop(으)로",
        "file로",
        "한글로",
        "나무로",
        "1000으로",
    ]
