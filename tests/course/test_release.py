"""`dockerlab release`: byte for byte what nbgrader hands out, of the bundled labs and of anybody's course; nbgrader grades what comes back."""

from __future__ import annotations

import copy
import csv
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import nbformat
import pytest

from dockerlab.cli import release as command
from dockerlab.course.authoring import LANGUAGES, paths
from dockerlab.course.checks import checks_of
from dockerlab.course.material import grader, labs_folder, read
from dockerlab.course.release import ReleaseError, release
from dockerlab.errors import ConflictError, NotFoundError
from tests.course.conftest import with_images_of
from tests.parts import ROOT, sample

LABS = [path.stem for path in (labs_folder() / "text").glob("*.md")]
CONFIG = "c = get_config()\nc.CourseDirectory.course_id = 'other'\nc.ExecutePreprocessor.timeout = 120\n"


def mark(grade_id: str, **more: Any) -> dict[str, Any]:
    base = {"schema_version": 3, "grade": False, "solution": False, "locked": False, "task": False, "grade_id": grade_id}
    return {"nbgrader": {**base, **more}}


def of_cells(*cells: Any) -> Any:
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "celltoolbar": "Create Assignment"}
    return nbformat.v4.new_notebook(cells=list(cells), metadata=metadata)


code, prose = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
OTHER = of_cells(
    prose("# A course of somebody's own"),
    code("x = 1", metadata={"collapsed": True, "scrolled": False, "tags": ["a"]}, execution_count=3),
    code("def double(n):\n    ### BEGIN SOLUTION\n    return 2 * n\n    ### END SOLUTION", metadata=mark("double", solution=True)),
    code("whole", metadata=mark("whole", solution=True)),
    code("assert double(2) == 4\n### BEGIN HIDDEN TESTS\nassert double(0) == 0\n### END HIDDEN TESTS", metadata=mark("test", grade=True, locked=True, points=2)),
    prose("Why?\n### BEGIN SOLUTION\nBecause.\n### END SOLUTION", metadata=mark("why", solution=True, grade=True, points=1)),
    prose("Do it.\n### BEGIN MARK SCHEME\none point each\n### END MARK SCHEME", metadata=mark("task", task=True, locked=True, points=3)),
    code("print('locked')", metadata=mark("kept", locked=True)),
)  # fmt: skip


def written(course: Path, name: str, notebook: Any) -> Path:
    folder = course / "source" / name
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")
    (course / "nbgrader_config.py").write_text(CONFIG)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_lab_is_released_as_nbgrader_releases_it(language: str, nbgrader_api: Any, tmp_path: Path) -> None:
    course = tmp_path / "course"
    shutil.copytree(paths(labs_folder(), "layers")[language].parents[1], course / "source")
    shutil.copy(ROOT / "labs/nbgrader_config.py", course)
    nbgrader_api(course, f"for name in {LABS!r}:\n    done(api.generate_assignment(name))\n")
    for name in LABS:
        assert command.main([name, "--to", str(tmp_path / "ours"), "--lang", language]) == 0
        assert (tmp_path / f"ours/{name}/{name}.ipynb").read_bytes() == (course / f"release/{name}/{name}.ipynb").read_bytes()


def test_anybodys_course_is_released_as_nbgrader_releases_it(nbgrader: Any, tmp_path: Path) -> None:
    course = tmp_path / "course"
    folder = written(course, "first", OTHER)
    (folder / "data").mkdir()
    (folder / "data/numbers.csv").write_text("1,2\n")
    nbgrader(course, "generate_assignment", "first")
    assert command.main(["first", "--course", str(course), "--to", str(tmp_path / "ours")]) == 0
    for name in ("first.ipynb", "data/numbers.csv"):
        assert (tmp_path / "ours/first" / name).read_bytes() == (course / "release/first" / name).read_bytes()


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.usefixtures("containers_run_here")
def test_nbgrader_grades_the_labs_as_they_are(nbgrader: Any, bases: Path, tmp_path: Path) -> None:
    course, home = tmp_path / "course", tmp_path / "home"
    shutil.copytree(ROOT / "labs/source/layers", course / "source/layers")
    shutil.copy(ROOT / "labs/nbgrader_config.py", course)
    subprocess.run(["cp", "-a", "--reflink=auto", str(bases), str(home)], check=True)
    nbgrader(course, "generate_assignment", "layers")
    handed, solved = read(course / "release/layers/layers.ipynb"), read(course / "source/layers/layers.ipynb")
    answers = {grader(cell)["grade_id"]: cell["source"] for cell in solved["cells"] if grader(cell).get("solution")}
    for student, known in (("able", list(answers)), ("beginner", ["layers-1-answer"]), ("absent", [])):
        notebook = copy.deepcopy(handed)
        for cell in notebook["cells"]:
            if grader(cell).get("grade_id") in known:
                cell["source"] = answers[grader(cell)["grade_id"]]
        path = course / f"submitted/{student}/layers/layers.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(notebook))
        # a store for each student, as each has one where they work
        shutil.rmtree(tmp_path / "one", ignore_errors=True)
        subprocess.run(["cp", "-a", "--reflink=auto", str(home), str(tmp_path / "one")], check=True)
        nbgrader(course, "autograde", "layers", "--student", student, DOCKERLAB_HOME=str(tmp_path / "one"), DOCKERLAB_BASES="catalogue")
    nbgrader(course, "generate_feedback", "layers")
    nbgrader(course, "export", "--to", "grades.csv")
    with open(course / "grades.csv", newline="") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores == {"able": 11.0, "beginner": 2.0, "absent": 0.0}
    assert "layers-3: not yet" in (course / "feedback/beginner/layers/layers.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.usefixtures("containers_run_here")
@pytest.mark.parametrize("language", LANGUAGES)
def test_nbgrader_gives_every_point_to_a_solution_and_writes_its_feedback(
    language: str, nbgrader_api: Any, bases: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    course = tmp_path / "course"
    labs = sample(sorted(LABS), 4) if language == "en" else sample(sorted(LABS), 8)
    folders = {name: paths(labs_folder(), name)[language].parent for name in labs}
    text = ""
    for name, folder in folders.items():
        shutil.copytree(folder, course / "source" / name)
        shutil.copytree(folder, course / "submitted/able" / name)
        home = tmp_path / f"home-{name}"  # a store for each, as if each were somebody else's
        subprocess.run(["cp", "-a", "--reflink=auto", str(with_images_of(name, bases, tmp_path_factory)), str(home)], check=True)
        text += f"os.environ['DOCKERLAB_HOME'] = {str(home)!r}\ndone(api.generate_assignment({name!r}))\n"
        text += f"done(api.autograde({name!r}, 'able'))\ndone(api.generate_feedback({name!r}))\n"
    shutil.copy(folders[labs[0]].parents[1] / "nbgrader_config.py", course)
    nbgrader_api(course, text, DOCKERLAB_BASES="catalogue")
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course}/gradebook.db", "") as book:
        for name in labs:
            submission = book.find_submission(name, "able")
            assert submission.score == submission.max_score == sum(one.points for one in checks_of(name)), name
            page = (course / f"feedback/able/{name}/{name}.html").read_text(encoding="utf-8")
            assert all(one.name in page for one in checks_of(name)), name


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (code("### BEGIN SOLUTION\nx", metadata=mark("a", solution=True)), "cell 1: BEGIN SOLUTION has no end"),
        (code("# BEGIN SOLUTION\n# BEGIN SOLUTION\n# END SOLUTION", metadata=mark("a", solution=True)), "inside another one"),
        (code("# BEGIN SOLUTION\nx\n# END SOLUTION"), "is not marked as an answer"),
        (code("# BEGIN HIDDEN TESTS\nx\n# END HIDDEN TESTS", metadata=mark("a", locked=True)), "is not marked as a test"),
    ],
)
def test_what_would_leave_a_solution_behind_is_refused_and_nothing_is_written(cell: Any, message: str, tmp_path: Path) -> None:
    folder = written(tmp_path / "course", "first", of_cells(cell))
    with pytest.raises(ReleaseError, match=message) as refused:
        release(folder, tmp_path / "out")
    assert refused.value.message.startswith("first.ipynb, cell 1") and refused.value.hint
    assert not (tmp_path / "out").exists()


def test_what_was_released_is_not_written_over_unasked(tmp_path: Path) -> None:
    folder = written(tmp_path / "course", "first", OTHER)
    release(folder, tmp_path / "out")
    (tmp_path / "out/first.ipynb").write_text("mine")
    with pytest.raises(ConflictError, match="is there already"):
        release(folder, tmp_path / "out")
    assert (tmp_path / "out/first.ipynb").read_text() == "mine"
    release(folder, tmp_path / "out", force=True)
    assert "double" in (tmp_path / "out/first.ipynb").read_text()
    with pytest.raises(NotFoundError, match="there is no assignment"):
        release(tmp_path / "course/source/second", tmp_path / "out")
