"""Help for those who try again, and grading that nobody can talk into anything."""

from __future__ import annotations

import copy
import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dockerlab.course import check, checks, classes
from dockerlab.course.checks import checks_of
from dockerlab.course.grading import grade
from dockerlab.course.material import grader, names, read, source
from dockerlab.course.release import released
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.store import Store
from tests.course.conftest import with_images_of
from tests.parts import sample

POINTS = sum(one.points for one in checks_of("layers"))
pytestmark = [pytest.mark.network, pytest.mark.usefixtures("containers_run_here")]


@pytest.fixture(scope="module")
def home(bases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the base images, to write to."""
    copied = tmp_path_factory.mktemp("bases") / "home"
    subprocess.run(["cp", "-a", "--reflink=auto", str(bases), str(copied)], check=True)
    return copied


@pytest.fixture(scope="module")
def engine(home: Path) -> Iterator[EmbeddedEngine]:
    one = EmbeddedEngine(Store.open(home))
    yield one
    for item in one.containers(all=True):
        one.remove(item["Id"], force=True)
    one.close()


def test_the_second_failure_brings_a_hint_and_the_third_a_smaller_question(engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_failures", Counter())  # others have failed in this process
    helps = [check("layers-3", engine).hint for _ in range(3)]
    assert helps[0] == "" and helps[1] and helps[2] and helps[1] != helps[2]


@pytest.fixture
def submission(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Any], None]], Any]:
    """Change the instructor's notebook as a student would, hand it in, get the report."""
    monkeypatch.setenv("DOCKERLAB_HOME", str(home))
    monkeypatch.chdir(tmp_path)

    def hand_in(change: Callable[[Any], None]) -> Any:
        notebook = copy.deepcopy(read(source("layers", "en")))
        change(notebook)
        path = tmp_path / "layers.ipynb"
        path.write_text(json.dumps(notebook))
        return grade(path)

    return hand_in


@pytest.mark.slow
def test_the_solution_gets_every_point_in_both_languages(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_HOME", str(home))
    for language in ("en", "ko"):
        report = grade(source("layers", language))
        assert report.points == report.max_points == POINTS, report


@pytest.mark.slow
def test_the_handed_out_notebook_gets_nothing_and_no_solution_is_in_it(submission: Any) -> None:
    def empty(notebook: Any) -> None:
        notebook["cells"] = released(notebook)["cells"]
        assert "SOLUTION" not in json.dumps(notebook)

    assert submission(empty).points == 0


@pytest.mark.slow
def test_a_notebook_that_cheats_gains_nothing(submission: Any) -> None:
    def cheat(notebook: Any) -> None:
        notebook["cells"] = released(notebook)["cells"]
        for cell in notebook["cells"]:
            about = grader(cell)
            if about.get("grade"):
                cell["source"] = "print('passed'); 11.0"
            elif about.get("solution"):
                cell["source"] = (
                    "import dockerlab.course.checks as c\nc.verdict = c.check = lambda *a, **k: type('V', (), dict(passed=True, points=9, max_points=9))()\n"
                    "get_ipython().register_magic_function(lambda line: None, 'line', 'check')\nprint('layers-1: passed (2/2 points)')"
                )

    report = submission(cheat)
    assert report.points == 0 and report.max_points == POINTS


@pytest.mark.slow
@pytest.mark.parametrize("lab", sample(names("en"), 4))
def test_a_class_that_was_rehearsed_is_graded_as_each_alone(
    lab: str, bases: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKERLAB_HOME", str(with_images_of(lab, bases, tmp_path_factory)))
    solved = read(source(lab, "en"))
    half = copy.deepcopy(solved)
    answers = [cell for cell in half["cells"] if grader(cell).get("solution")]
    for cell in answers[len(answers) // 2 :]:
        cell["source"] = "pass"
    paths = []
    for student, notebook in (("able", solved), ("half", half), ("absent", {**solved, "cells": released(solved)["cells"]})):
        paths.append(tmp_path / student / lab / f"{lab}.ipynb")
        paths[-1].parent.mkdir(parents=True)
        paths[-1].write_text(json.dumps(notebook))
    apart = [one.report for one in classes.grade_class(paths, jobs=2)]
    monkeypatch.setattr(classes, "SEVERAL", 0)
    monkeypatch.setattr(classes, "MANY", 0)
    together = [one.report for one in classes.grade_class(paths, jobs=2)]
    assert together == apart and all(apart)
    able, half_able, absent = [one.points for one in apart if one]
    assert able == sum(one.points for one in checks_of(lab)) > half_able > absent == 0


def test_what_is_no_submission_is_refused_kindly(tmp_path: Path) -> None:
    from dockerlab.errors import DockerlabError

    (tmp_path / "other.ipynb").write_text('{"cells": []}')
    with pytest.raises(DockerlabError, match="no submission of a lab"):
        grade(tmp_path / "other.ipynb")
    (tmp_path / "broken.ipynb").write_text("{")
    with pytest.raises(DockerlabError, match="can't be read"):
        grade(tmp_path / "broken.ipynb")
