"""No word of a check says more than is known: what is hidden from learners waits, what a person judges waits, and nobody hears that all tests passed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dockerlab.course import checks, vocabulary
from dockerlab.course.checks import Check
from dockerlab.course.expectations import About, Number
from dockerlab.course.saying import LANGUAGES, same
from dockerlab.course.verdict import Verdict
from dockerlab.course.vocabulary import Look, expect
from dockerlab.engine.embedded import EmbeddedEngine
from tests.parts import ROOT

NUMBER = Number(About(same("layers"), same("%layers site:1")), 3)


@pytest.fixture
def exercise(monkeypatch: pytest.MonkeyPatch) -> None:
    """One exercise of which a part is looked at only when it is graded, and fails."""

    def look(one: Look) -> None:
        one.expect(NUMBER == 3)
        one.expect((NUMBER < 3).called("the secret part", "비밀 항목"), hidden=True)

    check = Check("layers-9", 2, look, same("a hint"), same("a question"))
    monkeypatch.setattr(checks, "find", lambda name: check)
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)


def test_a_learner_hears_that_public_checks_passed_and_that_hidden_ones_follow(exercise: None, engine: EmbeddedEngine) -> None:
    told = {language: checks.check("layers-9", engine, language) for language in LANGUAGES}
    assert repr(told["en"]).splitlines() == [
        "layers-9: public checks passed (2 points; hidden checks follow when it is graded)",
        "  ✓ layers: 3",
    ]
    assert repr(told["ko"]).splitlines()[0] == "layers-9: 공개 채점 항목을 통과했습니다 (2 점; 비공개 채점 항목은 채점할 때 확인합니다)"
    assert "secret" not in told["en"]._repr_html_() and told["en"].passed


def test_a_grader_sees_the_hidden_part_also_in_a_notebook(exercise: None, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = checks.verdict("layers-9", engine, "en")
    assert not whole.passed and whole.points == 1 and "the secret part" in repr(whole)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert not checks.check("layers-9", engine, "en").passed


def test_feedback_tells_of_a_hidden_check_without_its_words(exercise: None, engine: EmbeddedEngine) -> None:
    masked = repr(checks.verdict("layers-9", engine, "en").masked())
    assert "✗ a hidden check" in masked and "secret" not in masked and "expected" not in masked


def test_a_cell_of_an_instructor_s_own_speaks_of_public_checks_until_it_is_graded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    shown: list[Verdict] = []
    monkeypatch.setattr(vocabulary, "shown", shown.append)
    monkeypatch.setenv("DOCKERLAB_LANG", "en")
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    assert expect(NUMBER == 3, points=2) is None
    monkeypatch.setenv("DOCKERLAB_LANG", "ko")
    expect(NUMBER == 3, points=2)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    monkeypatch.setenv("DOCKERLAB_LANG", "en")
    expect(NUMBER == 3, points=2)
    assert [repr(one).splitlines()[0] for one in shown] == [
        "public checks passed (2/2 points)",
        "공개 채점 항목을 통과했습니다 (2/2 점)",
        "passed (2/2 points)",
    ]


def test_what_waits_for_a_person_says_so() -> None:
    assert repr(Verdict("why", "en", 4, manual=True)) == "why: needs manual grading (4 points)"
    assert repr(Verdict("why", "ko", 4, manual=True)) == "why: 사람이 직접 채점해야 합니다 (4 점)"


def test_nobody_is_told_that_all_tests_passed() -> None:
    for path in (*(ROOT / "dockerlab").rglob("*.py"), *(ROOT / "labs/text").glob("*.md")):
        found = re.search(r"all (tests|checks) (have )?passed|모든 (테스트|채점 항목)(을|를)? 통과", path.read_text(encoding="utf-8"))
        assert found is None, f"{path}: {found}"
