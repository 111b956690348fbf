"""A class graded by a Dask cluster: two workers on loopback, to which everything travels that they need."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from dockerlab.cli import grade as command
from dockerlab.course import cluster
from dockerlab.course.classes import find, grade_class
from dockerlab.course.room.allowance import Allowance
from dockerlab.errors import DockerlabError
from tests.course.own_course import Course, answer, code, grading_cell, of_cells
from tests.parts import missing

LAB = of_cells(
    code("import os\nlimit = int(open('data/limit.txt').read())"),
    answer("a", "x = 1"),
    grading_cell("t", "assert x == 1 and limit == 3", 2),
)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    one = Course(tmp_path / "course", LAB)
    (one.folder / "source/ps1/data").mkdir()
    (one.folder / "source/ps1/data/limit.txt").write_text("3")
    return one


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Two workers, each a process of its own with a nanny, in a folder that holds nothing."""
    if find_spec("distributed") is None:
        missing("Dask's distributed", "pip install distributed")
    from distributed import LocalCluster

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None, local_directory=str(tmp_path / "dask")
    ) as local:
        yield str(local.scheduler_address)


@pytest.mark.slow
def test_a_cluster_gives_what_this_machine_gives(course: Course, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    course.hand_in("able", {"a": "x = 1"})
    course.hand_in("beginner", {})
    course.hand_in("fatal", {"a": "os.kill(os.getppid(), 9)\nos._exit(1)"})
    course.hand_in("with file", {"a": "x = int(open('mine.txt').read())"})
    (course.folder / "submitted/with file/ps1/mine.txt").write_text("1")
    (course.folder / "submitted/damaged/ps1").mkdir(parents=True)
    (course.folder / "submitted/damaged/ps1/ps1.ipynb").write_text("{")
    words = [str(course.folder / "submitted"), "--course", str(course.folder), "--json", "--cell-seconds", "20"]
    assert command.main([*words, "--scheduler", address]) == 0
    theirs = json.loads(capsys.readouterr().out)
    assert [(one["student"], one["points"]) for one in theirs] == [
        ("able", 2),
        ("beginner", 0),
        ("damaged", 0),
        ("fatal", 0),
        ("with file", 2),
    ]
    assert command.main(words) == 0
    assert json.loads(capsys.readouterr().out) == theirs


def test_a_worker_that_is_lost_costs_its_submission_alone(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster.sys, "executable", "/bin/false")
    parcel = cluster.Parcel("ps1", "ps1.ipynb", {}, {}, "en", Allowance())
    assert cluster.opened(parcel) == {"error": "its grading was killed (exit code 1)"}


def test_a_parcel_holds_all_that_is_needed_and_no_more(course: Course, tmp_path: Path) -> None:
    from dockerlab.course.grading import Request, Submission

    path = course.hand_in("ada")
    (course.folder / "secret.txt").write_text("not for a worker")
    request = Request.of(path, "ko", course.folder)
    parcel = cluster.Parcel.of(request, Submission.read(path, course.folder).assignment)
    assert set(parcel.course) == {"ps1.ipynb", "data/limit.txt"} and set(parcel.submission) == {"ps1.ipynb"}
    again = parcel.unpacked(tmp_path / "unpacked")
    assert again.language == "ko" and again.path.read_bytes() == path.read_bytes()
    assert Submission.read(again.path, again.course).assignment.title == "ps1"


def test_where_there_is_no_scheduler_it_says_so(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = find([course.hand_in("ada")])
    if find_spec("distributed") is not None:
        monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
        with pytest.raises(DockerlabError, match=r"no scheduler answers at tcp://127\.0\.0\.1:1"):
            list(grade_class(paths, course=course.folder, scheduler="tcp://127.0.0.1:1"))
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(DockerlabError, match="not installed"):
        list(grade_class(paths, course=course.folder, scheduler="tcp://127.0.0.1:1"))
