"""The export for otter-grader: questions with solutions and tests; where otter is installed, it assigns and grades them to the same points."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from dockerlab.cli import release as command
from dockerlab.course.material import names, read, source
from dockerlab.course.otter import exported
from dockerlab.course.release import ReleaseError
from dockerlab.errors import ConflictError, NotFoundError
from tests.course.own_course import HIDDEN, Course, answer, code, grading_cell, mark, of_cells, prose
from tests.parts import ROOT, missing, whole

Json = dict[str, Any]
LAB = of_cells(
    code("import os\nlimit = int(open('limit.txt').read())"),
    prose("Write a function."),
    answer("double", "    return 2 * n", "def double(n):\n"),
    code("print(double(2))"),
    grading_cell("test-double", "assert double(2) == 4\n" + HIDDEN.format("assert double(0) == 0"), 2),
    answer("root", "    return n ** 0.5", "def root(n):\n"),
    grading_cell("test-root", "right = [root(n * n) == n for n in range(limit)]\nsum(right) / len(right) * 1.5", 1.5),
    answer("extra", "extra = 1"),
    prose("Why?\n### BEGIN SOLUTION\nBecause.\n### END SOLUTION", metadata=mark("why", solution=True, grade=True, points=4)),
    prose("Do it.", metadata=mark("task", task=True, locked=True, points=5)),
)


def heads(notebook: Json) -> list[str]:
    return [cell["source"].split("\n")[0].removeprefix("# ") for cell in notebook["cells"] if cell["cell_type"] == "raw"]


def questions(notebook: Json) -> dict[str, Json]:
    found = {}
    for cell in notebook["cells"]:
        if cell["source"].startswith("# BEGIN QUESTION"):
            lines = [line.partition(": ") for line in cell["source"].split("\n")[1:]]
            config = {key: json.loads(value) for key, _, value in lines}
            found[config["name"]] = config
    return found


def cases(notebook: Json) -> list[tuple[float, bool, str]]:
    """(points, hidden, source) of each test case."""
    found = []
    for cell in notebook["cells"]:
        if cell["source"].startswith('""" # BEGIN TEST CONFIG'):
            head, _, body = cell["source"].partition('""" # END TEST CONFIG\n')
            config = dict(line.split(": ") for line in head.split("\n")[1:] if line)
            found.append((float(config["points"]), json.loads(config["hidden"]), body))
    return found


@pytest.mark.parametrize("name", names("en"))
def test_every_lab_is_a_notebook_of_otter_s_with_all_its_points(name: str) -> None:
    pristine = read(source(name, "en"))
    found = exported(pristine, name)
    points = sum(
        cell["metadata"]["nbgrader"].get("points", 0) for cell in pristine["cells"] if cell["metadata"].get("nbgrader", {}).get("grade")
    )
    assert sum(one["points"] for one in questions(found).values()) == points == pytest.approx(sum(worth for worth, _, _ in cases(found)))
    for _, hidden, body in cases(found):
        ast.parse(body)
        assert not hidden and "points_of(" in body
    assert heads(found)[0] == "ASSIGNMENT CONFIG" and heads(found).count("BEGIN SOLUTION") == heads(found).count("END SOLUTION")
    identifiers = [cell["id"] for cell in found["cells"]]
    assert len(set(identifiers)) == len(identifiers) and "nbgrader" not in json.dumps(found)


def test_hidden_tests_stay_hidden_and_partial_credit_is_in_half_points() -> None:
    found = exported(LAB, "ps1", ["limit.txt"])
    assert questions(found) == {
        "test-double": {"name": "test-double", "points": 2},
        "test-root": {"name": "test-root", "points": 1.5},
        "extra": {"name": "extra", "points": 0},
        "why": {"name": "why", "points": 4, "manual": True},
        "task": {"name": "task", "points": 5, "manual": True},
    }
    public, hidden, *root = cases(found)
    assert public[:2] == (0, False) and "double(0)" not in public[2]
    assert hidden[:2] == (2, True) and "double(0)" in hidden[2]
    assert [one[:2] for one in root] == [(0.5, False)] * 3 and [one[2].split()[-1] for one in root] == ["0.5", "1", "1.5"]
    assert 'files: ["limit.txt"]' in found["cells"][0]["source"]


def test_a_test_that_is_no_python_can_not_be_said() -> None:
    with pytest.raises(ReleaseError, match="cell 1: the tests a are no plain Python"):
        exported(of_cells(grading_cell("a", "%%bash\nls")), "ps1")


def test_it_is_written_once_unless_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    course = Course(tmp_path / "course", LAB)
    (course.folder / "source/ps1/limit.txt").write_text("3")
    words = ["ps1", "--course", str(course.folder), "--to", str(tmp_path / "out"), "--format", "otter"]
    assert command.main(words) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "out/ps1" / name) for name in ("requirements.txt", "ps1.ipynb", "limit.txt")]
    with pytest.raises(ConflictError):
        command.main(words)
    assert command.main([*words, "--force"]) == 0
    with pytest.raises(NotFoundError):
        command.main(["ps2", *words[1:]])


@pytest.mark.slow
def test_otter_gives_the_points(tmp_path: Path) -> None:
    if find_spec("otter") is None:  # half a gigabyte: only where everything is played
        missing("otter-grader", "pip install otter-grader") if whole() else pytest.skip("otter-grader is not installed")
    course = Course(tmp_path / "course", of_cells(*LAB["cells"][:7]))
    (course.folder / "source/ps1/limit.txt").write_text("3")
    assert command.main(["ps1", "--course", str(course.folder), "--to", str(tmp_path / "out"), "--format", "otter"]) == 0
    folder = tmp_path / "out/ps1"

    def otter(*words: str | Path) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
        done = subprocess.run(
            [sys.executable, "-m", "otter", *map(str, words)], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-2000:]

    otter("assign", "ps1.ipynb", "dist")
    student = (folder / "dist/student/ps1.ipynb").read_text()
    assert "return 2 * n" not in student and "double(0)" not in student and "double(2)" in student
    (archive,) = (folder / "dist/autograder").glob("*.zip")
    handed_in = json.loads(student)
    for cell in handed_in["cells"]:
        text = "".join(cell["source"])
        if "def double" in text:
            cell["source"] = "def double(n):\n    return n * n"
        elif "def root" in text:
            cell["source"] = "def root(n):\n    return n and 1"
    (tmp_path / "half.ipynb").write_text(json.dumps(handed_in))
    for notebook, expected in (
        (folder / "dist/autograder/ps1.ipynb", [2, 1.5]),
        (tmp_path / "half.ipynb", [2, 1.0]),
        (folder / "dist/student/ps1.ipynb", [0, 0]),
    ):
        otter("run", "-a", archive, notebook, "-o", tmp_path)
        results = json.loads((tmp_path / "results.json").read_text())
        assert [one["score"] for one in results["tests"] if "score" in one and one["name"] != "Public Tests"] == expected, notebook
