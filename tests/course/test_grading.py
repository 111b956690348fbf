"""The first lab: checks that pass right answers and tell wrong ones, grading that nobody can talk into anything."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dockerlab.course import check
from dockerlab.course.checks import verdict
from dockerlab.course.grading import grade
from dockerlab.course.material import grader, read, source, student_version
from dockerlab.engine import BuildOptions, ContainerSpec
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.store import Store

pytestmark = [pytest.mark.network, pytest.mark.usefixtures("containers_run_here")]
CONF, PAGE = "COPY default.conf /etc/nginx/conf.d/default.conf\n", "COPY index.html /usr/share/nginx/html/index.html\n"


@pytest.fixture(scope="module")
def bases(composed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with nginx and busybox from the catalogue."""
    home = tmp_path_factory.mktemp("bases") / "home"
    subprocess.run(["cp", "-a", "--reflink=auto", str(composed), str(home)], check=True)
    return home


@pytest.fixture(scope="module")
def engine(bases: Path) -> Iterator[EmbeddedEngine]:
    one = EmbeddedEngine(Store.open(bases))
    yield one
    for item in one.containers(all=True):
        one.remove(item["Id"], force=True)
    one.close()


@pytest.fixture
def build(engine: EmbeddedEngine, tmp_path: Path) -> Callable[[str, str], None]:
    (tmp_path / "default.conf").write_text("server { listen 80; root /usr/share/nginx/html; }\n")
    (tmp_path / "index.html").write_text("<h1>mine</h1>\n")

    def run(tag: str, text: str) -> None:
        list(engine.build(BuildOptions(context=str(tmp_path), dockerfile_text=text, tags=(tag,))))

    return run


RIGHT = {
    "as in the lesson": "FROM nginx\n" + CONF + PAGE,
    "with metadata between": "FROM nginx\nLABEL a=b\n" + CONF + "ENV A=1\n" + PAGE + 'CMD ["nginx", "-g", "daemon off;"]\n',
    "with a here-document": "FROM nginx\n" + CONF + "COPY <<EOF /usr/share/nginx/html/index.html\n<h1>x</h1>\nEOF\n",
}
WRONG = {
    "from another base": ("FROM busybox\n" + CONF + PAGE, 1),
    "in the wrong order": ("FROM nginx\n" + PAGE + CONF, 4),
    "with one layer too many": ("FROM nginx\n" + CONF + PAGE + "RUN true\n", 2),
    "without the page": ("FROM nginx\n" + CONF + "COPY index.html /elsewhere\n", 3),
    "to the wrong folder": ("FROM nginx\nCOPY default.conf /etc/nginx/\n" + PAGE, 4),
}


@pytest.mark.parametrize("style", RIGHT)
def test_a_right_answer_of_any_style_passes(engine: EmbeddedEngine, build: Any, style: str) -> None:
    build("site:1", RIGHT[style])
    found = check("layers-1", engine)
    assert found.passed and found.points == 2, found


@pytest.mark.parametrize("style", WRONG)
def test_a_typical_wrong_answer_is_told_where_to_look(engine: EmbeddedEngine, build: Any, style: str) -> None:
    text, which = WRONG[style]
    build("site:1", text)
    found = verdict("layers-1", engine, "en")
    assert not found.passed and 0 < found.points < 2
    assert not found.findings[which].passed and found.findings[which].look
    assert "COPY default.conf /etc" not in repr(found)
    assert repr(verdict("layers-1", engine, "ko")) != repr(found)


def test_the_second_failure_brings_a_hint_and_the_third_a_smaller_question(engine: EmbeddedEngine, build: Any) -> None:
    build("small:1", "FROM busybox\nRUN dd if=/dev/zero of=/download bs=1024 count=5120; wc -c < /download > /result\nRUN rm /download\n")
    helps = [check("layers-3", engine).hint for _ in range(3)]
    assert helps[0] == "" and helps[1] and helps[2] and helps[1] != helps[2]


def test_containers_are_looked_at_by_what_they_wrote(engine: EmbeddedEngine, build: Any) -> None:
    build("site:1", RIGHT["as in the lesson"])
    for name in ("one", "two"):
        engine.create(ContainerSpec("site:1", ("sleep", "300"), name=name))
    assert check("layers-2", engine).points == 0.5
    (page := Path(engine.container_inspect("one")["Id"]))
    engine.copy_in("one", str(_file(page.name)), "/usr/share/nginx/html/index.html")
    assert check("layers-2", engine).passed


def _file(name: str) -> Path:
    path = Path("/tmp") / f"page-{name[:12]}"
    path.write_text("<h1>changed</h1>")
    return path


@pytest.fixture
def submission(bases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Any], None]], Any]:
    """Change the instructor's notebook as a student would, hand it in, get the report."""
    monkeypatch.setenv("DOCKERLAB_HOME", str(bases))
    monkeypatch.chdir(tmp_path)

    def hand_in(change: Callable[[Any], None]) -> Any:
        notebook = copy.deepcopy(read(source("layers", "en")))
        change(notebook)
        path = tmp_path / "layers.ipynb"
        path.write_text(json.dumps(notebook))
        return grade(path)

    return hand_in


@pytest.mark.slow
def test_the_solution_gets_every_point_in_both_languages(bases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_HOME", str(bases))
    for language in ("en", "ko"):
        report = grade(source("layers", language))
        assert report.points == report.max_points == 7, report


@pytest.mark.slow
def test_the_handed_out_notebook_gets_nothing_and_no_solution_is_in_it(submission: Any) -> None:
    def empty(notebook: Any) -> None:
        notebook["cells"] = student_version(notebook)["cells"]
        assert "SOLUTION" not in json.dumps(notebook)

    assert submission(empty).points == 0


@pytest.mark.slow
def test_a_notebook_that_cheats_gains_nothing(submission: Any) -> None:
    def cheat(notebook: Any) -> None:
        notebook["cells"] = student_version(notebook)["cells"]
        for cell in notebook["cells"]:
            about = grader(cell)
            if about.get("grade"):
                cell["source"] = "print('passed'); 7.0"
            elif about.get("solution"):
                cell["source"] = (
                    "import dockerlab.course.checks as c\nc.verdict = c.check = lambda *a, **k: type('V', (), dict(passed=True, points=9, max_points=9))()\n"
                    "get_ipython().register_magic_function(lambda line: None, 'line', 'check')\nprint('layers-1: passed (2/2 points)')"
                )

    report = submission(cheat)
    assert report.points == 0 and report.max_points == 7


def test_what_is_no_submission_is_refused_kindly(tmp_path: Path) -> None:
    from dockerlab.errors import DockerlabError

    (tmp_path / "other.ipynb").write_text('{"cells": []}')
    with pytest.raises(DockerlabError, match="no submission of a lab"):
        grade(tmp_path / "other.ipynb")
    (tmp_path / "broken.ipynb").write_text("{")
    with pytest.raises(DockerlabError, match="can't be read"):
        grade(tmp_path / "broken.ipynb")
