"""A class that was interrupted goes on where it stopped; results are in the order of the paths, and the same however they came."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dockerlab.cli import grade as command
from dockerlab.course.classes import find, grade_class
from dockerlab.course.ledger import Ledger
from dockerlab.course.room.allowance import Allowance
from dockerlab.errors import ConflictError
from tests.course.own_course import Course, answer, code, grading_cell, of_cells
from tests.parts import ROOT, until

LAB = of_cells(code("import time"), answer("a", "x = 1"), grading_cell("t", "assert x == 1", 2))


@pytest.fixture
def course(tmp_path: Path) -> Course:
    one = Course(tmp_path / "course", LAB)
    (one.folder / "source/ps1/data.txt").write_text("1")
    for student in ("ada", "bob", "eve"):
        one.hand_in(student, {"a": f"x = 1  # {student}"})
    return one


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def words(course: Course, kept: Path) -> list[str]:
    return [str(course.folder / "submitted"), "--course", str(course.folder), "--resume", str(kept), "--json"]


def test_what_was_graded_is_not_graded_again(course: Course, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "kept.jsonl"
    assert command.main(words(course, kept)) == 0
    first = capsys.readouterr().out
    assert len(records(kept)) == 3
    # as if it had been interrupted in the middle of the third line; the second one is marked
    lines = kept.read_text().splitlines()
    marked = lines[1].replace('"text": "the tests in cell t"', '"text": "kept"')
    kept.write_text("\n".join([lines[0], marked, lines[2][:40]]))
    assert command.main(words(course, kept)) == 0
    second = json.loads(capsys.readouterr().out)
    assert [one["exercises"][0]["findings"][0]["text"] for one in second].count("kept") == 1
    assert [one["student"] for one in second] == ["ada", "bob", "eve"] == [one["student"] for one in json.loads(first)]
    assert len(kept.read_text().splitlines()) == 4


def test_a_change_of_anything_that_counts_is_graded_anew(course: Course, tmp_path: Path) -> None:
    paths = find([course.folder / "submitted"])

    def graded(name: str = "", allowance: Allowance | None = None) -> int:
        with Ledger(tmp_path / "kept.jsonl") as ledger:
            list(grade_class(paths, name, course=course.folder, allowance=allowance, ledger=ledger))
        return len(records(tmp_path / "kept.jsonl"))

    assert graded() == 3 == graded()
    course.hand_in("bob", {"a": "x = 2"})
    assert graded() == 4
    (course.folder / "submitted/eve/ps1/more.txt").write_text("2")
    assert graded() == 5
    assert graded("ko") == 8
    assert graded("ko", Allowance(cell_seconds=5)) == 11
    (course.folder / "source/ps1/data.txt").write_text("2")
    assert graded() == 14


def test_two_runs_do_not_share_a_file(tmp_path: Path) -> None:
    with Ledger(tmp_path / "kept"), pytest.raises(ConflictError, match="in use by another run"):
        Ledger(tmp_path / "kept")


STUBBORN = """
import sys, time
from pathlib import Path
from dockerlab.course.workers import each

def asked(path):
    try:
        Path(path).touch()
        time.sleep(600)
    except SystemExit:
        time.sleep(600)

if __name__ == "__main__":
    list(each(asked, sys.argv[1:], 1))
"""


def test_a_worker_in_which_the_word_to_end_is_lost_hears_it_again(tmp_path: Path) -> None:
    """As where it comes in the middle of a fork: the interpreter drops what is raised then."""
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    begun = tmp_path / "begun"
    run = subprocess.Popen(
        [sys.executable, "stubborn.py", str(begun)], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL
    )
    until(begun.exists, 60)
    run.send_signal(signal.SIGINT)
    assert run.wait(20) != 0


def test_an_interrupt_keeps_what_is_done_and_leaves_nothing_behind(course: Course, tmp_path: Path) -> None:
    course.hand_in("bob", {"a": "time.sleep(600)\nx = 1"})
    kept, scratch = tmp_path / "kept.jsonl", tmp_path / "scratch"
    scratch.mkdir()
    run = subprocess.Popen(
        [sys.executable, "-m", "dockerlab", "grade", *words(course, kept)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch)},
        stdout=subprocess.DEVNULL,
    )
    until(lambda: kept.exists() and len(kept.read_text().splitlines()) == 1 and bool(list(scratch.iterdir())), 60)
    run.send_signal(signal.SIGINT)
    assert run.wait(60) == 130
    assert [path for path in scratch.iterdir() if path.name.startswith("dockerlab-grade-")] == []
    course.hand_in("bob", {"a": "x = 1"})
    graded = list(grade_class(find([course.folder / "submitted"]), course=course.folder))
    assert [one.report.points for one in graded if one.report] == [2, 2, 2]
