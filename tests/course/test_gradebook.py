"""nbgrader's gradebook, written by nbgrader's interface: what nbgrader itself would have written, and nothing that a person has given is lost."""

from __future__ import annotations

import csv
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from dockerlab.cli import grade as command
from dockerlab.course import gradebook as module
from dockerlab.course.classes import Graded
from dockerlab.course.gradebook import write_gradebook
from dockerlab.course.grading import Submission
from dockerlab.course.repair import Repair
from dockerlab.course.report import GradeReport
from dockerlab.course.saying import say
from dockerlab.course.verdict import Finding, Verdict
from dockerlab.errors import DockerlabError
from tests.course.own_course import Course, answer, code, grading_cell, mark, of_cells, prose
from tests.parts import missing

LAB = of_cells(
    code("import os"),
    answer("double", "    return 2 * n", "def double(n):\n"),
    grading_cell("test-double", "assert double(2) == 4", 2),
    prose("Why?\n### BEGIN SOLUTION\nBecause.\n### END SOLUTION", metadata=mark("why", solution=True, grade=True, points=4)),
    prose("Do it.", metadata=mark("task", task=True, locked=True, points=5)),
)
Rows = dict[tuple[str, str], tuple[Any, ...]]


@pytest.fixture(autouse=True)
def there() -> None:
    if find_spec("nbgrader") is None:
        missing("nbgrader", "pip install nbgrader")


@pytest.fixture
def course(tmp_path: Path) -> Course:
    one = Course(tmp_path / "course", LAB)
    one.hand_in("ada", {"double": "double = lambda n: 2 * n", "why": "I think so."})
    one.hand_in("bob", {"double": "double = abs"})
    return one


def rows(path: Path, students: tuple[str, ...] = ("ada", "bob")) -> Rows:
    """(student, cell) → what the gradebook says of it, the structure of the assignment too."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{path}", "") as book:
        found: Rows = {
            (student, grade.name): (grade.auto_score, grade.manual_score, grade.needs_manual_grade, grade.max_score)
            for student in students
            for grade in book.find_submission_notebook("ps1", "ps1", student).grades
        }
        for cell in book.find_notebook("ps1", "ps1").source_cells:
            found["source", cell.name] = (cell.cell_type, cell.locked, cell.source, cell.checksum)
        return found


def grade(course: Course, path: Path) -> None:
    assert command.main([str(course.folder / "submitted"), "--course", str(course.folder), "--gradebook", str(path), "--json"]) == 0


@pytest.mark.slow
def test_ours_and_nbgrader_s_are_the_same_and_nbgrader_goes_on_with_ours(
    course: Course, nbgrader: Any, nbgrader_api: Any, tmp_path: Path
) -> None:
    grade(course, tmp_path / "ours.db")
    nbgrader_api(
        course.folder, "done(api.generate_assignment('ps1'))\nfor name in os.listdir('submitted'):\n    done(api.autograde('ps1', name))"
    )
    theirs = course.folder / "gradebook.db"
    assert rows(tmp_path / "ours.db") == rows(theirs)
    # over nbgrader's own, and exported by it
    before = rows(theirs)
    grade(course, theirs)
    assert rows(theirs) == before
    (tmp_path / "ours.db").replace(theirs)
    nbgrader(course.folder, "export", "--to", "grades.csv")
    with open(course.folder / "grades.csv", newline="") as file:
        assert {row["student_id"]: (row["score"], row["max_score"]) for row in csv.DictReader(file)} == {
            "ada": ("2.0", "11.0"),
            "bob": ("0.0", "11.0"),
        }


def graded(course: Course, student: str, *verdicts: Verdict, repairs: tuple[Repair, ...] = ()) -> Graded:
    path = course.folder / "submitted" / student / "ps1/ps1.ipynb"
    report = GradeReport("ps1", "en", verdicts, repairs=repairs)
    return Graded(path, student, "ps1", report, answers=Submission.read(path, course.folder).assignment)


def test_what_a_person_has_given_stays_and_is_looked_at_again(course: Course, tmp_path: Path) -> None:
    from nbgrader.api import Gradebook

    right = Verdict("test-double", "en", 2, (Finding("right", True),))
    wrong = Verdict("test-double", "en", 2, (Finding("right", False),))
    why, task = Verdict("why", "en", 4, manual=True), Verdict("task", "en", 5, manual=True)
    repaired = (Repair("joined", "double", say("joined", "합쳤습니다")),)
    book = tmp_path / "gradebook.db"
    (course.folder / "submitted/ada/ps1/timestamp.txt").write_text("2026-03-01 12:00:00 UTC")
    assert (
        write_gradebook([graded(course, "ada", wrong, why, task, repairs=repaired), Graded(Path("x"), "eve", "ps1", error="damaged")], book)
        == 1
    )
    with Gradebook(f"sqlite:///{book}", "") as opened:
        assert [one.id for one in opened.students] == ["ada"]
        assert str(opened.find_submission("ps1", "ada").timestamp) == "2026-03-01 12:00:00"
        assert opened.find_comment("double", "ps1", "ps1", "ada").auto_comment == "joined"
        opened.find_grade("why", "ps1", "ps1", "ada").manual_score = 3
        opened.db.commit()
    write_gradebook([graded(course, "ada", right, why, task)], book, course.folder)
    found = rows(book, ("ada",))
    assert found["ada", "test-double"] == (2, None, False, 2) and found["ada", "why"] == (None, 3, True, 4)
    with Gradebook(f"sqlite:///{book}", "") as opened:
        assert opened.find_submission("ps1", "ada").score == 5


def test_without_nbgrader_it_says_what_to_do(course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(DockerlabError, match="not installed") as refused:
        write_gradebook([], tmp_path / "gradebook.db")
    assert refused.value.hint == "pip install nbgrader" and not list(tmp_path.glob("*.db"))


def test_a_gradebook_is_made_where_the_environment_is_not_an_active_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert write_gradebook([], tmp_path / "gradebook.db") == 0 and (tmp_path / "gradebook.db").exists()
    assert os.environ["PATH"] == "/usr/bin:/bin"


def test_what_is_no_gradebook_is_not_written_over(course: Course, tmp_path: Path) -> None:
    (tmp_path / "other.db").write_text("not a database, but a text of somebody's, and longer than a page's head " * 20)
    with pytest.raises(DockerlabError, match="can't be written as a gradebook"):
        write_gradebook([], tmp_path / "other.db")
    assert (tmp_path / "other.db").read_text().startswith("not a database")
