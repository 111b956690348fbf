"""Cells that hang, end their kernel, or want more than there is: each costs its own exercise, the ones behind it are run, and the report says what happened."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from dockerlab.cli import grade as command
from dockerlab.course.classes import Graded, find, grade_class
from dockerlab.course.execution import _is_plain
from dockerlab.course.report import GradeReport
from dockerlab.course.room.allowance import Allowance
from dockerlab.errors import UsageError
from tests.course.own_course import Course, answer, code, grading_cell, of_cells
from tests.parts import until

LAB = of_cells(
    code("import os, subprocess, sys, time\nbase = 5"),
    answer("first", "x = 1"),
    grading_cell("test-first", "assert x == 1"),
    answer("second", "y = 2"),
    grading_cell("test-second", "assert y == 2 and base == 5"),
    answer("third", "z = 3"),
    grading_cell("test-third", "assert z == 3 and x == 1 and base == 5"),
)
SMALL = Allowance(cell_seconds=2, seconds=60, memory=400 << 20, disk=100 << 20, processes=60)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path / "course", LAB)


def classed(course: Course, allowance: Allowance = SMALL) -> dict[str, Graded]:
    return {one.student: one for one in grade_class(find([course.folder / "submitted"]), course=course.folder, jobs=2, allowance=allowance)}


def hand_in(course: Course, **second: str) -> None:
    for student, text in second.items():
        course.hand_in(student, {"first": "x = 1", "second": text, "third": "z = 3"})


def report(graded: Graded) -> GradeReport:
    assert graded.report is not None, graded.error
    return graded.report


def points(graded: Graded) -> list[float]:
    return [one.points for one in report(graded).verdicts]


def kinds(graded: Graded) -> list[tuple[str, str]]:
    return [(one.kind, one.cell) for one in report(graded).incidents]


def test_a_cell_that_hangs_or_ends_its_kernel_costs_its_own_exercise(course: Course) -> None:
    hand_in(
        course,
        sleeper="time.sleep(3600)",
        talker="while True:\n    print('x' * 1000)",
        deaf="while True:\n    try:\n        time.sleep(60)\n    except BaseException:\n        pass",
        dead="os._exit(3)",
        gone="os.execv('/bin/true', ['true'])",
        stopped="os.kill(os.getpid(), 19)",
    )
    graded = classed(course)
    for student, one in graded.items():
        assert points(one) == [1, 0, 1], (student, one)
    assert {student: kinds(one) for student, one in graded.items()} == {
        "sleeper": [("late", "second")],
        "talker": [("late", "second")],
        "deaf": [("deaf", "second")],
        "dead": [("dead", "second")],
        "gone": [("dead", "second")],
        "stopped": [("deaf", "second")],
    }
    texts = report(graded["dead"]).incidents[0].text
    assert texts["en"] == "it ended the kernel; a new kernel went on behind it" and texts["ko"].startswith("커널을 종료시켰습니다.")
    assert report(graded["sleeper"]).errors == ("second: interrupted after 2 seconds",) and "died" in report(graded["dead"]).errors[0]


def test_a_test_that_kills_its_kernel_is_worth_nothing_and_the_next_one_is_reached(course: Course) -> None:
    hand_in(course, mined="class Mine:\n    def __eq__(self, other):\n        os._exit(0)\ny = Mine()")
    (one,) = classed(course).values()
    assert points(one) == [1, 0, 1] and kinds(one) == [("dead", "test-second")]
    assert "the kernel ended while it ran" in repr(report(one).verdicts[1])


def test_kernels_are_not_started_for_ever(course: Course) -> None:
    lab = of_cells(code("import os"), *(cell for n in range(6) for cell in (answer(f"a{n}", "pass"), grading_cell(f"t{n}", "pass"))))
    endless = Course(course.folder.parent / "endless", lab)
    endless.hand_in("ada", {f"a{n}": "os._exit(1)" for n in range(6)})
    (one,) = classed(endless).values()
    assert points(one) == [1, 1, 1, 0, 0, 0]
    assert kinds(one) == [*(("dead", f"a{n}") for n in range(4)), ("restarts", "a3")]
    assert "it was not run" in repr(report(one).verdicts[-1])


def test_time_for_the_whole_notebook(course: Course) -> None:
    hand_in(course, slow="time.sleep(3)\ny = 2")
    (one,) = classed(course, Allowance(cell_seconds=5, seconds=2)).values()
    assert points(one) == [1, 0, 0] and kinds(one)[0] == ("late", "second") and kinds(one)[-1][0] == "time"


def test_memory_the_disk_and_processes_are_bounded(course: Course) -> None:
    hand_in(
        course,
        one_process="blobs = [os.urandom(1 << 20) for _ in range(4000)]",
        many_processes="children = [subprocess.Popen([sys.executable, '-c', 'import os, time; a = os.urandom(120 << 20); time.sleep(30)']) for _ in range(6)]\ntime.sleep(30)",
        many_files="for n in range(4000):\n    open(f'/tmp/{n}', 'wb').write(os.urandom(1 << 20))",
        one_file="with open('large', 'wb') as file:\n    while True:\n        file.write(os.urandom(1 << 20))",
        children="children = []\nwhile True:\n    children.append(subprocess.Popen(['sleep', '60']))",
    )
    graded = classed(course)
    for student, one in graded.items():
        assert points(one) == ([1, 0, 0] if student == "many_files" else [1, 0, 1]), (student, one)
    assert kinds(graded["many_files"]) == [("disk", "second")]
    assert "100MiB" in report(graded["many_files"]).incidents[0].text["ko"]


def test_there_is_no_network_unless_it_is_asked_for(course: Course) -> None:
    ask = "import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)\ny = 2"
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        hand_in(course, caller=ask.format(port=server.getsockname()[1]))
        (shut,) = classed(course).values()
        (let_out,) = classed(course, Allowance(network=True)).values()
    if report(shut).open:
        pytest.skip(f"no walls here: {report(shut).open}")
    assert points(shut) == [1, 0, 1] and points(let_out) == [1, 1, 1]


def test_nothing_is_left_of_a_submission(course: Course, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    name = f"3600.{os.getpid()}"
    hand_in(
        course, leaver=f"subprocess.Popen(['setsid', 'sleep', '{name}'], start_new_session=True)\nopen('/tmp/left', 'w').write('x')\ny = 2"
    )
    (one,) = classed(course).values()
    assert points(one) == [1, 1, 1]

    def left() -> list[str]:
        found = []
        for number in filter(str.isdigit, os.listdir("/proc")):
            try:
                if name in Path(f"/proc/{number}/cmdline").read_text():
                    found.append(number)
            except OSError:
                pass
        return found

    until(lambda: left() == [])
    assert not Path("/tmp/left").exists() and not list(tmp_path.glob("dockerlab-grade-*"))


def test_the_same_submission_gives_the_same_report(course: Course) -> None:
    hand_in(course, one="raise ValueError(os.getcwd(), sorted(os.listdir('..')), os.environ['HOME'], hash('a'))")
    first, second = ([one.report for one in classed(course).values()] for _ in range(2))
    assert first == second and first[0] and "/tmp/dockerlab/work" in first[0].errors[0]


def test_limits_are_set_on_the_command_line(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(course, ada="time.sleep(3600)")
    words = [str(course.folder / "submitted"), "--course", str(course.folder)]
    assert command.main([*words, "--cell-seconds", "1", "--seconds", "30", "--memory", "500m", "--disk", "1g", "--processes", "100"]) == 0
    assert "! second: it took longer than 1 seconds and was interrupted" in capsys.readouterr().out
    assert command.main([*words, "--cell-seconds", "1", "--json", "--lang", "ko"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["incidents"] == [{"kind": "late", "cell": "second", "text": "1초가 지나도 끝나지 않아 중단했습니다"}]
    for wrong in (["--memory", "much"], ["--seconds", "0"], ["--processes", "-1"]):
        with pytest.raises(UsageError):
            command.main([*words, *wrong])


@pytest.mark.parametrize(
    ("source", "plain"),
    [
        ("x = 1", True),
        ("%load_ext dockerlab\nimport os", True),
        ("%%dockerfile\nFROM busybox", False),
        ("x = %layers site:1", False),
        ("for a in 'b':\n    !ls", False),
        ("get_ipython().system('ls')", False),
        ("x = 7 % 3", True),
    ],
)
def test_what_is_run_again_in_a_new_kernel(source: str, plain: bool) -> None:
    assert _is_plain(source) is plain


def test_each_setting_is_told_where_there_are_no_walls(
    course: Course, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKERLAB_ISOLATION", "none")
    hand_in(course, ada="y = 2", dead="os._exit(1)")
    graded = classed(course)
    assert {name: points(one) for name, one in graded.items()} == {"ada": [1, 1, 1], "dead": [1, 0, 1]}
    assert report(graded["ada"]).open
    assert command.main([str(course.folder / "submitted/ada"), "--course", str(course.folder)]) == 0
    said: Any = capsys.readouterr()
    assert "no walls" in said.err
