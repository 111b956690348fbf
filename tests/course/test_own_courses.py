"""A course directory of anybody's: plain Python cells are graded as nbgrader grades them, hidden tests too, and what a person must judge is said to wait."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat
import pytest

from dockerlab.cli import grade as command
from dockerlab.course.assignments import assignments
from dockerlab.course.classes import Graded, find, grade_class
from dockerlab.course.exercises import APART, CELL, CHECK, HAND, exercises_of
from dockerlab.course.room.cells import Ran
from dockerlab.course.scoring import score_of_cell
from dockerlab.errors import DockerlabError, NotFoundError
from tests.course.own_course import HIDDEN, Course, answer, code, grading_cell, mark, of_cells, prose
from tests.parts import missing

SECRET = "quixo" + "tic"
LAB = of_cells(
    code("import sys\nlimit = int(open('limit.txt').read())"),
    answer("double", "    return 2 * n", "def double(n):\n"),
    grading_cell(
        "test-double", "assert double(2) == 4\n" + HIDDEN.format(f"assert double(0) == 0, '{SECRET}'\nassert double(-3) == -6"), 2
    ),
    answer("root", "    return n ** 0.5", "def root(n):\n"),
    grading_cell("test-root", "right = [root(n * n) == n for n in range(limit)]\nsum(right) / len(right) * 3", 3),
    answer("quiet", "warning = False"),
    grading_cell("test-quiet", "print('all tests passed')\nif warning: print('beware', file=sys.stderr)"),
    answer("text", "word = 'any'"),
    grading_cell("test-text", "word and None\nword"),
    prose("Why?\n### BEGIN SOLUTION\nBecause.\n### END SOLUTION", metadata=mark("why", solution=True, grade=True, points=4)),
    prose("Do it.", metadata=mark("task", task=True, locked=True, points=5)),
)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    one = Course(tmp_path / "course", LAB)
    (one.folder / "source/ps1/limit.txt").write_text("3")
    return one


def classed(course: Course, **more: Any) -> dict[str, Graded]:
    return {one.student: one for one in grade_class(find([course.folder / "submitted"]), course=course.folder, jobs=2, **more)}


def points(graded: Graded) -> dict[str, float]:
    assert graded.report is not None, graded.error
    return {one.exercise: one.points for one in graded.report.verdicts}


@pytest.mark.slow
def test_plain_cells_give_what_nbgrader_gives(course: Course, nbgrader_api: Any) -> None:
    course.hand_in(
        "able",
        {
            "double": "double = lambda n: n + n",
            "root": "def root(n):\n    return n ** 0.5",
            "quiet": "warning = False",
            "text": "word = 'x'",
            "why": "So.",
        },
    )
    course.hand_in(
        "partly",
        {
            "double": "def double(n):\n    return n * n",
            "root": "def root(n):\n    return n and 1",
            "quiet": "warning = True",
            "text": "word = 0.25",
        },
    )
    course.hand_in("beginner", {})
    (course.folder / "submitted/able/ps1/limit.txt").write_text("1000")  # the instructor's own is put over it
    graded = classed(course)
    nbgrader_api(
        course.folder, "done(api.generate_assignment('ps1'))\nfor name in os.listdir('submitted'):\n    done(api.autograde('ps1', name))"
    )
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course.folder}/gradebook.db", "own") as book:
        for student, one in graded.items():
            theirs = {
                grade.name: (grade.auto_score or 0.0, grade.needs_manual_grade)
                for grade in book.find_submission_notebook("ps1", "ps1", student).grades
            }
            ours = {verdict.exercise: (verdict.points, verdict.manual) for verdict in one.report.verdicts}  # type: ignore[union-attr]
            assert ours == theirs, student
    assert points(graded["able"]) == {"test-double": 2, "test-root": 3, "test-quiet": 1, "test-text": 1, "why": 0, "task": 0}
    assert points(graded["partly"]) == {"test-double": 0, "test-root": 2, "test-quiet": 0, "test-text": 0.25, "why": 0, "task": 0}


def test_what_a_person_must_judge_waits_and_is_no_zero(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    path = course.hand_in("ada")
    assert command.main([str(path), "--course", str(course.folder)]) == 0
    said = capsys.readouterr().out
    assert (
        "7 of 16; 9 of them need manual grading" in said
        and "why: needs manual grading (4 points)" in said
        and "task: needs manual grading (5 points)" in said
    )
    assert command.main([str(path), "--course", str(course.folder), "--json", "--lang", "ko"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["assignment"], found["points"], found["max_points"], found["manual_points"]) == ("ps1", 7.0, 16.0, 9.0)
    assert [one["name"] for one in found["exercises"] if one["needs_manual_grading"]] == ["why", "task"]


def test_a_hidden_test_that_fails_is_told_without_its_words_and_a_public_one_with_them(course: Course) -> None:
    course.hand_in("hidden", {"double": "def double(n):\n    return n * n"})
    course.hand_in("public", {"double": "def double(n):\n    raise ValueError('never mind')"})
    found = {name: one.report.verdicts[0] for name, one in classed(course).items() if one.report}
    assert "the public checks passed, a hidden one did not" in repr(found["hidden"]) and SECRET not in json.dumps(found["hidden"].to_json())
    assert "ValueError: never mind" in repr(found["public"])


SEARCH = f"""
import gc, os, re
marker = '{SECRET[:5]}' + '{SECRET[5:]}'
found = []
for folder in ({{folder!r}}, '/tmp', os.path.expanduser('~')):
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                if marker in open(os.path.join(root, name), errors='replace').read():
                    found.append(os.path.join(root, name))
            except OSError:
                pass
own = marker.encode()
with open('/proc/self/mem', 'rb', 0) as memory:
    for line in open('/proc/self/maps'):
        begin, end, mode = re.match(r'(\\w+)-(\\w+) (....)', line).groups()
        if mode[:2] != 'rw':
            continue
        memory.seek(int(begin, 16))
        try:
            held = memory.read(int(end, 16) - int(begin, 16))
        except (OSError, OverflowError):
            continue
        found += ['memory'] * (b"0, '" + own in held)
        del held
raise RuntimeError(found or 'nowhere')
"""


def test_a_test_s_text_is_nowhere_before_its_turn(course: Course) -> None:
    (course.folder / "notes.txt").write_text(SECRET)
    course.hand_in("spy", {"double": SEARCH.format(folder=str(course.folder))})
    report = classed(course)["spy"].report
    assert report and report.errors[0] == "double: RuntimeError: nowhere"


PATCHED = {
    "no traceback": "get_ipython().showtraceback = lambda *a, **k: None\ndef double(n): return 0",
    "no assertions": "import ast\nclass Drop(ast.NodeTransformer):\n    visit_Assert = lambda self, node: ast.Pass()\nget_ipython().ast_transformers.append(Drop())\ndouble = abs",
    "other builtins": "import builtins\nbuiltins.AssertionError = None\nbuiltins.sum = lambda values: 3 * len(values)\ndouble = abs",
    "no code": "shell = type(get_ipython())\nshell.run_code = lambda *a, **k: False\ndouble = abs",
    "text transformed": "get_ipython().input_transformers_post.append(lambda lines: [])\ndouble = abs",
    "printed": "print('test-double: passed (2/2 points)')\n2.0",
    "number displayed": "class Two:\n    def __repr__(self): return '2.0'\n    def __eq__(self, other): return Two()\n    def __bool__(self): return False\ndouble = lambda n: Two()",
}


def test_a_kernel_that_was_tampered_with_in_ways_that_are_known_gains_nothing(course: Course) -> None:
    for student, text in PATCHED.items():
        course.hand_in(student, {"double": text})
    for student, one in classed(course).items():
        assert points(one)["test-double"] == 0, student


@pytest.mark.slow
@pytest.mark.network
def test_a_cell_in_our_words_is_judged_outside_the_kernel(tmp_path: Path, bases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_HOME", str(bases))
    words = "from dockerlab.course.vocabulary import dockerfile, expect, text\n"
    lab = of_cells(
        code("%load_ext dockerlab"),
        answer("write", "open('Dockerfile', 'w').write('FROM busybox\\nUSER 1\\n')"),
        grading_cell(
            "stages",
            words
            + "expect(\n    dockerfile().exists,\n    dockerfile().has('USER'),\n"
            + HIDDEN.format("    dockerfile().stages.count == 1,")
            + "\n    points=3)",
            3,
        ),
        grading_cell("plain", words + "assert text('Dockerfile').exists\n1.5", 2),
    )
    assert [one.kind for one in exercises_of(lab)] == [APART, APART]
    course = Course(tmp_path / "course", lab)
    course.hand_in("able")
    course.hand_in("partly", {"write": "open('Dockerfile', 'w').write('FROM busybox\\nRUN true\\n')"})
    course.hand_in(
        "liar", {"write": "import dockerlab.course.vocabulary as v\nv.expect = lambda *a, **k: None\nv.text = v.dockerfile = None"}
    )
    graded = classed(course)
    assert points(graded["able"]) == {"stages": 3, "plain": 1.5}
    assert points(graded["partly"]) == {"stages": 2, "plain": 1.5}
    assert points(graded["liar"]) == {"stages": 0, "plain": 0}
    findings = graded["partly"].report.verdicts[0].findings  # type: ignore[union-attr]
    assert [(one.passed, one.hidden) for one in findings] == [(True, False), (False, False), (True, True)]


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("%check layers-1", CHECK),
        ("# look\n%check layers-1\n", CHECK),
        ("%check layers-1\nx", CELL),
        ("from dockerlab.course.vocabulary import image\nassert image('a').exists", APART),
        ("from dockerlab.course.vocabulary import image\nassert image(name).exists", CELL),
        ("from dockerlab.course.vocabulary import image\ndef f():\n    return image(name)\nassert f()", CELL),
        ("from dockerlab.course.vocabulary import image\nfor name in 'ab':\n    assert image(name).exists and [x for x in name]", APART),
        ("assert image('a').exists", CELL),
        ("assert", CELL),
    ],
)
def test_who_judges_a_cell(source: str, kind: str) -> None:
    lab = of_cells(grading_cell("a", source))
    assert [one.kind for one in exercises_of(lab)] == [kind]


def test_an_answer_that_is_graded_by_hand_is_known() -> None:
    assert [(one.name, one.kind, one.points) for one in exercises_of(LAB)][-2:] == [("why", HAND, 4), ("task", HAND, 5)]


RESULTS: dict[str, list[Any]] = {
    "nothing": [],
    "display": [nbformat.v4.new_output("display_data", {"text/plain": "1"})],
    "number": [nbformat.v4.new_output("execute_result", {"text/plain": "0.5"})],
    "zero": [nbformat.v4.new_output("execute_result", {"text/plain": "0"})],
    "too many": [nbformat.v4.new_output("execute_result", {"text/plain": "2.5"})],
    "negative": [nbformat.v4.new_output("execute_result", {"text/plain": "-1"})],
    "not a number": [nbformat.v4.new_output("execute_result", {"text/plain": "nan"})],
    "false": [nbformat.v4.new_output("execute_result", {"text/plain": "False"})],
    "words": [nbformat.v4.new_output("execute_result", {"text/plain": "'1'"})],
    "printed": [nbformat.v4.new_output("stream", name="stdout", text="0")],
    "standard error": [
        nbformat.v4.new_output("stream", name="stderr", text=""),
        nbformat.v4.new_output("execute_result", {"text/plain": "1"}),
    ],
    "result first": [
        nbformat.v4.new_output("execute_result", {"text/plain": "1"}),
        nbformat.v4.new_output("stream", name="stderr", text="x"),
    ],
    "error": [nbformat.v4.new_output("error", ename="E", evalue="e", traceback=[])],
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_cell_s_outputs_count_as_nbgrader_counts_them(name: str) -> None:
    if find_spec("nbgrader") is None:
        missing("nbgrader", "pip install nbgrader")
    from nbgrader.utils import determine_grade

    cell = nbformat.from_dict({**dict(grading_cell("a", "", 2)), "outputs": RESULTS[name]})
    (exercise,) = exercises_of({"cells": [cell]})
    ours = score_of_cell(Ran("ok", tuple(RESULTS[name])), exercise).verdict(exercise, "en")
    try:
        theirs, _ = determine_grade(cell)
    except ValueError:  # where nbgrader stops
        theirs = 0
        assert "more than it has" in repr(ours)
    assert ours.points == theirs


def test_which_assignment_a_submission_answers(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no assignment"):
        assignments(tmp_path)
    first = Course(tmp_path, LAB, "ps1", "problem")
    second = Course(tmp_path, LAB, "ps2", "problem")
    Course(tmp_path, LAB, "ps2", "bonus")
    assert [one.title for one in assignments(tmp_path)] == ["ps1", "ps2/bonus", "ps2/problem"]
    from dockerlab.course.grading import Submission

    assert Submission.read(first.hand_in("ada"), tmp_path).assignment.title == "ps1"
    assert Submission.read(second.hand_in("ada"), tmp_path).assignment.title == "ps2/problem"
    for name, words in (("problem", "could answer ps1 or ps2"), ("other", "answers no notebook")):
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(LAB))
        with pytest.raises(DockerlabError, match=words):
            Submission.read(tmp_path / f"{name}.ipynb", tmp_path)
    renamed = tmp_path / "submitted/bob/ps1/problem (1).ipynb"
    renamed.parent.mkdir(parents=True)
    renamed.write_text(json.dumps(LAB))
    assert Submission.read(renamed, tmp_path).assignment.title == "ps1"
