"""A class: whose each submission is, several at a time, one that is broken beside the others, tables."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from dockerlab.cli import grade as command
from dockerlab.course.classes import Graded, as_csv, find, grade_class, student_of
from dockerlab.course.grading import GradeReport
from dockerlab.course.material import grader, read, source
from dockerlab.course.release import released
from dockerlab.course.verdict import Finding, Verdict
from dockerlab.errors import NotFoundError, UsageError


@pytest.fixture
def submitted(tmp_path: Path) -> Path:
    """A class as nbgrader collects it: one who can, one who can't yet, one whose file is damaged, one who kills the kernel, one of another course."""
    solved = read(source("build", "ko"))
    handed = released(solved)
    fatal = json.loads(json.dumps(handed))
    for cell in fatal["cells"]:
        if grader(cell).get("grade_id") == "build-1-answer":
            cell["source"] = "import os; os._exit(1)"
    for student, text in {
        "able": json.dumps(solved),
        "beginner": json.dumps(handed),
        "damaged": "{",
        "fatal": json.dumps(fatal),
        "stranger": json.dumps({**handed, "metadata": {}}),
    }.items():
        folder = tmp_path / "submitted" / student / ("build" if student != "stranger" else "other")
        folder.mkdir(parents=True)
        (folder / ("build.ipynb" if student != "stranger" else "other.ipynb")).write_text(text)
    (tmp_path / "submitted/able/build/.ipynb_checkpoints").mkdir()
    shutil.copy(tmp_path / "submitted/able/build/build.ipynb", tmp_path / "submitted/able/build/.ipynb_checkpoints/build-checkpoint.ipynb")
    return tmp_path / "submitted"


def test_the_notebooks_of_a_class_are_found_in_order_and_their_students_known(submitted: Path, tmp_path: Path) -> None:
    found = find([submitted, submitted / "able/build/build.ipynb"])
    assert [student_of(path, path.stem) for path in found] == ["able", "beginner", "damaged", "fatal", "stranger"]
    assert student_of(tmp_path / "ada.ipynb", "build") == "ada"
    assert student_of(tmp_path / "ada/build.ipynb", "build") == "ada"
    (submitted / "empty").mkdir()
    with pytest.raises(NotFoundError, match="no notebook"):
        find([submitted / "empty"])


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.usefixtures("containers_run_here")
def test_a_class_is_graded_side_by_side_and_a_bad_submission_costs_nobody_else(
    submitted: Path, bases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    subprocess.run(["cp", "-a", "--reflink=auto", str(bases), str(home)], check=True)
    monkeypatch.setenv("DOCKERLAB_HOME", str(home))
    monkeypatch.setenv("DOCKERLAB_BASES", "catalogue")
    assert command.main([str(submitted), "--json", "--jobs", "2", "--out", str(tmp_path / "grades.csv")]) == 0
    graded = {one["student"]: one for one in json.loads(capsys.readouterr().out)}
    assert list(graded) == ["able", "beginner", "damaged", "fatal", "stranger"]
    assert {name: (one["assignment"], one["points"], one["max_points"]) for name, one in graded.items()} == {
        "able": ("build", 12.0, 12.0),
        "beginner": ("build", 0.0, 12.0),
        "damaged": ("build", 0.0, 0.0),
        "fatal": ("build", 0.0, 12.0),
        "stranger": ("other", 0.0, 0.0),
    }
    assert "can't be read as a notebook" in graded["damaged"]["error"] and "no submission of a lab" in graded["stranger"]["error"]
    assert any("died" in error for error in graded["fatal"]["errors"]) and not graded["able"]["errors"]
    with open(tmp_path / "grades.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["student"], row["points"], row["build-1"]) for row in rows][:2] == [("able", "12", "3"), ("beginner", "0", "0")]


def test_one_that_is_named_alone_and_can_not_be_graded_is_an_error(submitted: Path) -> None:
    from dockerlab.errors import DockerlabError

    with pytest.raises(DockerlabError, match="can't be read as a notebook"):
        command.main([str(submitted / "damaged/build/build.ipynb")])
    for words in (["--jobs", "0"], ["--out", "grades.xlsx"]):
        with pytest.raises(UsageError):
            command.main([str(submitted), *words])


def test_a_table_has_a_column_for_each_exercise() -> None:
    report = GradeReport(
        "build", "en", (Verdict("build-1", "en", 2, (Finding("a", True),)), Verdict("build-2", "en", 1, (Finding("b", False),)))
    )
    table = as_csv([Graded(Path("a"), "ada", "build", report), Graded(Path("b"), "bob", "build", error='damaged, "so"')])
    assert list(csv.reader(io.StringIO(table))) == [
        ["student", "assignment", "points", "max_points", "build-1", "build-2", "error"],
        ["ada", "build", "2", "3", "2", "0", ""],
        ["bob", "build", "0", "", "", "", 'damaged, "so"'],
    ]


def test_nothing_to_grade_is_an_empty_class() -> None:
    assert list(grade_class([])) == []
