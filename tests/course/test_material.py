"""The labs as they are written, generated and handed out."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dockerlab.cli import lab
from dockerlab.course.authoring import LANGUAGES, as_text, in_language, notebook, paths, read_blocks
from dockerlab.course.checks import all_checks
from dockerlab.course.material import grader, hand_out, labs_folder, names, read, source
from dockerlab.course.release import released
from dockerlab.errors import DockerlabError
from tests.parts import ROOT

LABS = [path.stem for path in (labs_folder() / "text").glob("*.md")]


@pytest.mark.parametrize("name", LABS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_notebooks_are_what_the_text_makes(name: str, language: str) -> None:
    text = (labs_folder() / "text" / f"{name}.md").read_text(encoding="utf-8")
    written = paths(labs_folder(), name)[language].read_text(encoding="utf-8")
    assert written == as_text(notebook(text, language, name)), "run python scripts/make_labs.py"


@pytest.mark.parametrize("name", LABS)
def test_code_and_exercises_are_the_same_in_both_languages(name: str) -> None:
    english, korean = (read(source(name, language))["cells"] for language in LANGUAGES)
    assert [(cell["cell_type"], cell["id"], cell["metadata"]) for cell in english] == [
        (cell["cell_type"], cell["id"], cell["metadata"]) for cell in korean
    ]
    for one, other in zip(english, korean, strict=True):
        asked = one["source"].startswith("%%predict")
        assert (one["source"] == other["source"]) == (one["cell_type"] == "code" and not asked)
        if asked:
            (head, *_), choices = one["source"].splitlines(), re.compile(r"(?m)^([a-z])\)")
            assert other["source"].splitlines()[0] == head and choices.findall(one["source"]) == choices.findall(other["source"])


@pytest.mark.parametrize("name", LABS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_nbgrader_can_read_the_cells_and_each_exercise_has_its_check(name: str, language: str) -> None:
    import nbformat

    found = read(source(name, language))
    nbformat.validate(nbformat.from_dict(found))
    marks = [grader(cell) for cell in found["cells"] if grader(cell)]
    allowed = {"schema_version", "grade_id", "grade", "solution", "locked", "task", "points"}
    assert all(set(mark) <= allowed and re.fullmatch(r"[a-zA-Z0-9_\-]+", mark["grade_id"]) for mark in marks)
    assert len({mark["grade_id"] for mark in marks}) == len(marks)
    graded = {mark["grade_id"]: mark["points"] for mark in marks if mark["grade"]}
    assert graded == {check.name: check.points for check in all_checks().values() if check.name.startswith(f"{name}-")}
    assert all(mark["locked"] for mark in marks if mark["grade"])


@pytest.mark.parametrize("name", LABS)
def test_no_other_cell_gives_an_answer_away(name: str) -> None:
    handed = released(read(source(name, "en")))["cells"]
    answers = [cell["source"] for cell in read(source(name, "en"))["cells"] if grader(cell).get("solution")]
    rest = [cell["source"] for cell in handed]
    for answer in answers:
        region = answer.partition("# BEGIN SOLUTION\n")[2].partition("# END SOLUTION")[0]
        lines = [line for line in region.splitlines() if line.strip() and not line.startswith("#")]
        assert lines
        assert not any(in_order(lines, cell) for cell in rest)


def in_order(lines: list[str], cell: str) -> bool:
    """Whether the lines stand in a cell one after the other; in another order they may be the exercise."""
    rest = iter(cell.splitlines())
    return all(any(line in other for other in rest) for line in lines)


def test_every_hint_and_question_is_in_both_languages() -> None:
    for check in all_checks().values():
        assert set(check.hint) == set(check.question) == set(LANGUAGES)
        assert re.search("[가-힣]", check.hint["ko"] + check.question["ko"]) and not re.search("[가-힣]", check.hint["en"])


def test_the_student_version_is_what_nbgrader_would_leave() -> None:
    handed = released(read(source("layers", "en")))
    answers = {grader(cell)["grade_id"]: cell for cell in handed["cells"] if grader(cell).get("solution")}
    assert answers["layers-1-answer"]["source"] == "%%dockerfile -t site:1\n# YOUR CODE HERE\nraise NotImplementedError()"
    assert "SOLUTION" not in json.dumps(handed)
    assert all(cell["outputs"] == [] for cell in handed["cells"] if cell["cell_type"] == "code")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_of_a_student_is_never_overwritten(language: str, tmp_path: Path) -> None:
    assert [written for _, written in hand_out(tmp_path, language)] == [True] * len(names(language))
    (tmp_path / "layers.ipynb").write_text("mine")
    assert (tmp_path / "layers.ipynb", False) in hand_out(tmp_path, language)
    assert (tmp_path / "layers.ipynb").read_text() == "mine"


@pytest.mark.parametrize(
    ("language", "first"), [("en", "[The tools in ten minutes](tour.ipynb)"), ("ko", "[10분 만에 보는 도구](tour.ipynb)")]
)
def test_an_index_leads_to_the_labs_in_the_order_of_the_course(language: str, first: str, tmp_path: Path) -> None:
    hand_out(tmp_path, language)
    text = "".join(json.loads((tmp_path / "index.ipynb").read_text())["cells"][0]["source"])
    assert f"0. {first}\n" in text
    assert re.findall(r"\((\w+)\.ipynb\)", text) == ["tour", "layers", "commit", "build", "context", "directives", "multistage", "capstone"]


def test_a_text_with_an_unknown_block_or_a_missing_language_is_refused() -> None:
    with pytest.raises(ValueError, match="no such kind"):
        read_blocks("=== picture\nx\n")
    with pytest.raises(ValueError, match="no text in ko"):
        in_language("--- en\nhello\n", "ko")


def test_a_port_that_is_taken_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert lab.free_port(port) != port


def test_a_folder_that_can_t_be_made_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_BASES", "catalogue")
    monkeypatch.setenv("DOCKERLAB_LANG", "en")
    (tmp_path / "file").write_text("")
    with pytest.raises(DockerlabError, match="can't be copied"):
        lab.main([str(tmp_path / "file" / "labs"), "--no-start"])


def test_a_missing_jupyterlab_names_the_extra_before_anything_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DockerlabError, match="JupyterLab") as caught:
        lab.main([str(tmp_path / "labs")])
    assert "jupyter-dockerlab[lab]" in caught.value.hint and not (tmp_path / "labs").exists()


@pytest.mark.slow
def test_the_server_comes_up_on_loopback_with_a_token_that_ps_does_not_show(home: Path, tmp_path: Path) -> None:
    import signal
    import time
    import urllib.request

    pytest.importorskip("jupyterlab")
    code = "import dockerlab.cli.lab as lab; lab.fetch_bases = lambda **_: None; lab.main(['labs', '--no-browser', '--port', '18888'])"
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        for _ in range(240):
            url = re.search(r"http://127\.0\.0\.1:\d+/lab/tree/index\.ipynb\?token=\w+", (tmp_path / "log").read_text())
            try:
                listed = json.load(opener.open(url[0].replace("/lab/tree/index.ipynb?", "/api/contents?"), timeout=10)) if url else None
            except OSError:
                listed = None
            if listed or server.poll() is not None:
                break
            time.sleep(0.25)
        assert listed and sorted(item["name"] for item in listed["content"]) == sorted(f"{lab}.ipynb" for lab in ["index", *LABS]), (
            tmp_path / "log"
        ).read_text()
        assert url and url[0].split("token=")[1] not in Path(f"/proc/{server.pid}/cmdline").read_text()
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
