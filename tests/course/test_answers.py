"""Every exercise of every lab: answers of different style that are right, typical ones that are wrong, and solutions gone slightly wrong.

The answers are in answers/LAB.toml: [[right]] has exercise, style and cell; [[wrong]] besides the points that it is worth, and words of the part that must fail.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dockerlab.course.checks import checks_of
from dockerlab.course.labs import LABS
from tests.course import killing
from tests.course.classroom import Classroom
from tests.course.conftest import with_images_of
from tests.course.outcomes import outcomes_of
from tests.parts import sample, whole

pytestmark = [
    pytest.mark.network, pytest.mark.slow, pytest.mark.usefixtures("containers_run_here", "own_process_environment")
]  # fmt: skip
ANSWERS = {lab: tomllib.loads((Path(__file__).parent / "answers" / f"{lab}.toml").read_text(encoding="utf-8")) for lab in LABS}
EXERCISES = [(lab, check.name) for lab in LABS for check in checks_of(lab)]
EVERY = 16
"""Of the mutants one in so many is tried, where not everything is asked for."""


@pytest.fixture(scope="module")
def rooms(bases: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Classroom]]:
    """Only one room is open at a time: the shell is this process's."""
    found: dict[str, Classroom] = {}
    yield found
    for room in found.values():
        room.close()


@pytest.fixture
def room(lab: str, rooms: dict[str, Classroom], bases: Path, tmp_path_factory: pytest.TempPathFactory) -> Classroom:
    if lab not in rooms:
        for name in list(rooms):
            rooms.pop(name).close()
        rooms[lab] = Classroom(lab, with_images_of(lab, bases, tmp_path_factory), tmp_path_factory.mktemp(f"lab-{lab}"))
    return rooms[lab]


def _cases(kind: str) -> list[Any]:
    cases = [(lab, case) for lab, answers in ANSWERS.items() for case in answers[kind]]
    return [pytest.param(lab, case, id=f"{case['exercise']}: {case['style']}") for lab, case in sample(cases, 5)]


@pytest.mark.parametrize(("lab", "exercise"), EXERCISES)
def test_an_exercise_has_answers_enough_to_be_judged_by(lab: str, exercise: str) -> None:
    counts = Counter(kind for kind in ("right", "wrong") for case in ANSWERS[lab][kind] if case["exercise"] == exercise)
    assert counts["right"] >= 3 and counts["wrong"] >= 5, counts


MEANT_TO_FAIL = {
    "tour": ["runn"], "layers": ["COPPY"], "commit": ["unlucky", "the page again"], "build": ["broken:1", "typo:1"],
    "context": ["named:1", "bakery:1", "parent:classic"], "directives": [], "multistage": ["typo:1", "untested:test", "untested:classic"],
    "capstone": ["secret:1"],
}  # fmt: skip
"""Of each lab what stands in the cells that fail although all is answered: failures on purpose."""


@pytest.mark.parametrize("lab", LABS)
def test_the_instructors_answers_are_worth_all_points_and_only_what_is_meant_to_fail_fails(lab: str, room: Classroom) -> None:
    assert {name: (one.points, one.max_points) for name, one in room.run_all().items() if not one.passed} == {}
    assert len(room.failed) == len(MEANT_TO_FAIL[lab]), room.failed
    assert all(part in cell for part, cell in zip(MEANT_TO_FAIL[lab], room.failed, strict=True)), room.failed
    assert room.compared == outcomes_of(lab, room.engine.info()["Emulated"])


@pytest.mark.parametrize(("lab", "exercise"), sample(EXERCISES, 5))
def test_a_cell_that_was_run_unanswered_is_worth_nothing_and_no_hindrance(lab: str, room: Classroom, exercise: str) -> None:
    later: list[Any] = []
    assert (
        room.answer(exercise, room.stub(exercise), look=lambda here: later.append(here.tried(exercise, here.solution(exercise)))).points
        == 0
    )
    assert later[0].passed, f"{later[0]!r}\n{room.last.error!r}"


@pytest.mark.parametrize(("lab", "case"), _cases("right"))
def test_a_right_answer_of_another_style_passes(lab: str, room: Classroom, case: dict[str, Any]) -> None:
    found = room.answer(case["exercise"], case["cell"])
    assert found.passed, f"{found!r}\n{room.last.error!r}\n{room.last.text}"


@pytest.mark.parametrize(("lab", "case"), _cases("wrong"))
def test_a_wrong_answer_is_told_by_its_part_and_keeps_the_points_of_the_others(lab: str, room: Classroom, case: dict[str, Any]) -> None:
    found = room.answer(case["exercise"], case["cell"])
    told = "\n".join(f"{one.text} · {one.seen} · {one.expected} · {one.look}" for one in found.findings if not one.passed)
    assert not found.passed and found.points == case["points"], f"{found!r}\n{room.last.error!r}\n{room.last.text}"
    assert case["told"] in told and all(one.seen and one.expected and one.look for one in found.findings if not one.passed), repr(found)


@pytest.mark.parametrize("lab", LABS)
def test_of_solutions_that_have_gone_slightly_wrong_nearly_all_are_found_out(lab: str, room: Classroom) -> None:
    """One that leaves the same artefacts as the solution is not wrong."""
    counts = [killing.count(room, check.name, 1 if whole() else EVERY) for check in checks_of(lab)]
    killing.COUNTED += counts
    killed, lived = sum(one.killed for one in counts), [f"{one.exercise}: {what}" for one in counts for what in one.lived]
    enough = killed >= killing.AT_LEAST * (killed + len(lived)) or (
        not whole() and len(lived) == 1
    )  # of a small sample one is more than a twentieth
    assert enough, f"{killed} found out; not: {lived}"
