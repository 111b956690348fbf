"""Cells that a student copied, split, retyped, deleted, edited, turned into text or moved: the answers are found, and what was done is said in both languages."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockerlab.cli import grade as command
from dockerlab.course.material import grader, read, source
from dockerlab.course.release import released
from dockerlab.course.repair import Repaired, repaired
from tests.course.own_course import Course, answer, code, grading_cell, mark, of_cells, prose

Json = dict[str, Any]
LAB = of_cells(
    prose("# A lab"),
    code("base = 1"),
    answer("first", "    return 1", "def first():\n"),
    grading_cell("test-first", "assert first() == 1"),
    prose("Now the next."),
    answer("second", "second = 2"),
    answer("third", "%%dockerfile -t third:1\nFROM busybox"),
    grading_cell("test-rest", "assert second == 2"),
    prose("Why?\n### BEGIN SOLUTION\nBecause.\n### END SOLUTION", metadata=mark("why", solution=True, grade=True, points=1)),
)
FIRST, SECOND, THIRD, REST = 2, 5, 6, 7


def own(text: str, kind: str = "code") -> Json:
    """A cell that a student has made."""
    return {"cell_type": kind, "metadata": {}, "source": text, "id": f"own-{abs(hash(text))}"}


@pytest.fixture
def mended() -> Callable[..., Repaired]:
    """What becomes of the notebook as handed out, answered, and then changed."""

    def run(change: Callable[[list[Json]], None]) -> Repaired:
        notebook = copy.deepcopy(released(LAB))
        for at, text in ((FIRST, "def first():\n    return 1"), (SECOND, "second = 2"), (THIRD, "%%dockerfile -t third:1\nFROM debian")):
            notebook["cells"][at]["source"] = text
        change(notebook["cells"])
        return repaired(LAB, notebook)

    return run


def kinds(found: Repaired) -> list[tuple[str, str]]:
    for one in found.repairs:
        assert set(one.text) == {"en", "ko"} and one.cell in one.text["en"] and one.cell in one.text["ko"]
    return [(one.kind, one.cell) for one in found.repairs]


def test_nothing_is_said_where_nothing_was_put_right(mended: Any) -> None:
    found = mended(lambda cells: cells[1].update(source="base = 7"))  # a cell that is not locked may be played with
    assert found.repairs == () and found.answers["second"] == ("second = 2",)
    assert found.notebook["cells"][1]["source"] == "base = 1" and len(found.notebook["cells"]) == len(LAB["cells"])
    assert repaired(LAB, copy.deepcopy(LAB)).repairs == ()


def test_a_copy_that_was_written_in_counts_beside_the_first(mended: Any) -> None:
    def copied(cells: list[Json]) -> None:
        cells.insert(SECOND + 1, {**cells[SECOND], "id": "copy", "source": "second += 0"})

    found = mended(copied)
    assert found.answers["second"] == ("second = 2", "second += 0") and kinds(found) == [("copied", "second")]
    texts = [cell["source"] for cell in found.notebook["cells"]]
    assert texts[SECOND : SECOND + 2] == ["second = 2", "second += 0"] and len(texts) == len(LAB["cells"]) + 1
    identifiers = [cell["id"] for cell in found.notebook["cells"]]
    assert len(set(identifiers)) == len(identifiers)


@pytest.mark.parametrize("at", [SECOND, SECOND + 1])
def test_of_a_copy_that_was_left_as_handed_out_nothing_is_run(mended: Any, at: int) -> None:
    stub = released(LAB)["cells"][SECOND]
    found = mended(lambda cells: cells.insert(at, {**stub, "id": "copy"}))
    assert found.answers["second"] == ("second = 2",) and kinds(found) == [("copied", "second")]


def test_a_copied_test_is_no_answer_and_stays_one(mended: Any) -> None:
    found = mended(lambda cells: cells.insert(4, {**cells[3], "id": "copy"}))
    assert [grader(cell).get("grade_id") for cell in found.notebook["cells"]].count("test-first") == 1


def test_a_split_answer_is_run_whole(mended: Any) -> None:
    def split(cells: list[Json]) -> None:
        cells[SECOND]["source"] = "second = 1"
        cells.insert(SECOND + 1, own("second += 1"))

    found = mended(split)
    assert found.answers["second"] == ("second = 1", "second += 1") and kinds(found) == [("joined", "second")]


def test_a_cell_of_one_s_own_above_an_answer_runs_above_it(mended: Any) -> None:
    found = mended(lambda cells: cells.insert(FIRST, own("one = 1")))
    assert found.answers["first"] == ("one = 1", "def first():\n    return 1") and kinds(found) == [("joined", "first")]


def test_a_cell_of_one_s_own_elsewhere_is_left_out_and_notes_are_nobody_s_matter(mended: Any) -> None:
    def elsewhere(cells: list[Json]) -> None:
        cells.insert(4, own("print('an experiment')"))
        cells.insert(1, own("A note", "markdown"))
        cells.append(own(" "))

    found = mended(elsewhere)
    assert kinds(found) == [("left out", "")] and "experiment" not in json.dumps(found.notebook)


@pytest.mark.parametrize("with_id", [True, False])
def test_a_retyped_answer_is_found_by_its_id_or_by_its_place(mended: Any, with_id: bool) -> None:
    def retyped(cells: list[Json]) -> None:
        cells[THIRD] = {**own(cells[THIRD]["source"]), **({"id": cells[THIRD]["id"]} if with_id else {})}

    # the place of the third answer is directly behind the second one
    found = mended(retyped)
    assert found.answers["third"] == ("%%dockerfile -t third:1\nFROM debian",) and kinds(found) == [("unmarked", "third")]
    assert found.answers["second"] == ("second = 2",)


def test_a_retyped_answer_in_another_place_is_found_by_what_was_handed_out_in_it(mended: Any) -> None:
    def moved(cells: list[Json]) -> None:
        cells.insert(4, own(cells.pop(FIRST)["source"]))

    found = mended(moved)
    assert found.answers["first"] == ("def first():\n    return 1",) and kinds(found) == [("unmarked", "first")]


def test_all_marks_lost_and_everything_is_found_again(mended: Any) -> None:
    def stripped(cells: list[Json]) -> None:
        for cell in cells:
            cell["metadata"] = {}
            cell.pop("id")

    found = mended(stripped)
    assert found.answers == {
        "first": ("def first():\n    return 1",),
        "second": ("second = 2",),
        "third": ("%%dockerfile -t third:1\nFROM debian",),
        "why": ("Why?\nYOUR ANSWER HERE",),
    }


def test_what_was_deleted_is_put_back_and_an_answer_counts_as_none(mended: Any) -> None:
    def deleted(cells: list[Json]) -> None:
        del cells[REST], cells[SECOND]

    found = mended(deleted)
    assert kinds(found) == [("unanswered", "second"), ("deleted", "test-rest")]
    assert found.answers["second"] == ("",) and found.notebook["cells"][REST]["source"] == "assert second == 2"


def test_a_locked_cell_that_was_edited_is_restored(mended: Any) -> None:
    found = mended(lambda cells: cells[3].update(source="pass"))
    assert kinds(found) == [("edited", "test-first")] and found.notebook["cells"][3]["source"] == "assert first() == 1"


def test_an_answer_that_became_text_is_code_again(mended: Any) -> None:
    found = mended(lambda cells: cells[SECOND].update(cell_type="markdown"))
    assert kinds(found) == [("type", "second")] and found.answers["second"] == ("second = 2",)
    assert found.notebook["cells"][SECOND]["cell_type"] == "code"


def test_cells_that_were_moved_run_in_the_assignment_s_order(mended: Any) -> None:
    def swapped(cells: list[Json]) -> None:
        cells[FIRST], cells[SECOND] = cells[SECOND], cells[FIRST]

    found = mended(swapped)
    assert kinds(found) == [("moved", "")] and found.answers["first"] == ("def first():\n    return 1",)


CHANGES = st.lists(
    st.tuples(st.sampled_from(["drop", "copy", "strip", "own", "swap", "text"]), st.integers(0, 30), st.integers(0, 30)), max_size=8
)


@given(CHANGES)
def test_whatever_becomes_of_a_notebook_its_tests_are_the_instructor_s_and_no_answer_is_invented(changes: Any) -> None:
    notebook = copy.deepcopy(released(LAB))
    for at, cell in enumerate(notebook["cells"]):
        if grader(cell).get("solution"):
            cell["source"] = f"answer {at}"
    cells = notebook["cells"]
    for kind, at, to in changes:
        if not cells:
            break
        at, to = at % len(cells), to % len(cells)
        if kind == "drop":
            del cells[at]
        elif kind == "copy":
            cells.insert(to, copy.deepcopy(cells[at]))
        elif kind == "strip":
            cells[at].update(metadata={}, id=f"new-{at}")
        elif kind == "own":
            cells.insert(to, own(f"mine {to}"))
        elif kind == "swap":
            cells[at], cells[to] = cells[to], cells[at]
        else:
            cells[at]["cell_type"] = "markdown"
    found = repaired(LAB, notebook)
    kept = [cell for cell in found.notebook["cells"] if not grader(cell).get("solution")]
    assert kept == [cell for cell in LAB["cells"] if not grader(cell).get("solution")]
    handed_in = {cell["source"] for cell in cells} | {""}
    assert set(found.answers) == {"first", "second", "third", "why"}
    assert all(text in handed_in for texts in found.answers.values() for text in texts)


def test_the_bundled_labs_need_no_repair_and_survive_the_loss_of_all_marks() -> None:
    for name in ("layers", "build"):
        pristine = read(source(name, "ko"))
        assert repaired(pristine, released(pristine)).repairs == repaired(pristine, copy.deepcopy(pristine)).repairs == ()
        bare = copy.deepcopy(pristine)
        for cell in bare["cells"]:
            cell["metadata"] = {}
            del cell["id"]
        solved = {grader(cell)["grade_id"]: (cell["source"],) for cell in pristine["cells"] if grader(cell).get("solution")}
        assert repaired(pristine, bare).answers == solved


@pytest.mark.slow
def test_the_report_tells_what_was_put_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    course = Course(tmp_path, of_cells(*LAB["cells"][:4], dockerlab={"language": "ko"}))
    notebook = course.handed_out()
    notebook["cells"][FIRST]["source"] = "def first():"
    notebook["cells"][FIRST : FIRST + 1] = [own("one = 1"), {**notebook["cells"][FIRST], "source": "def first():\n    return one"}]
    notebook["cells"].pop()
    path = course.hand_in("ada", notebook=notebook)
    assert command.main([str(path), "--course", str(tmp_path), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["points"] == 1 and [(one["kind"], one["cell"]) for one in found["repairs"]] == [
        ("joined", "first"),
        ("deleted", "test-first"),
    ]
    assert found["repairs"][1]["text"] == "test-first 셀이 지워져 있어서 되돌려 놓았습니다"
    assert command.main([str(path), "--course", str(tmp_path), "--lang", "en"]) == 0
    assert "↻ the cell test-first had been deleted and was put back" in capsys.readouterr().out
