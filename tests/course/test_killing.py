"""The table of mutants: what is counted, what of an older table stays, and that the page tells of every exercise."""

from __future__ import annotations

from pathlib import Path

from dockerlab.course.checks import all_checks
from tests.course.killing import AT_LEAST, Count, lines, rows, write
from tests.parts import ROOT


def test_a_run_of_one_lab_replaces_its_rows_and_leaves_the_others(tmp_path: Path) -> None:
    page, order = tmp_path / "mutants.md", ["a-1", "a-2", "b-1"]
    write(page, [Count("b-1", made=4, killed=3, lived=["without RUN true"]), Count("a-1", made=2, same=2)], order)
    first = page.read_text()
    assert first.index("| a-1 ") < first.index("| b-1 ") and "| 75 %" in first and "- b-1: without RUN true" in first
    write(page, [Count("b-1", made=4, killed=4), Count("a-2", made=1, killed=1)], order)
    again = page.read_text()
    assert again.index("| a-1 ") < again.index("| a-2 ") < again.index("| b-1 ") and "without RUN" not in again and "100.0 %" in again


def test_the_sum_counts_only_what_is_wrong() -> None:
    told = lines(rows([Count("a-1", made=10, same=5, killed=4, lived=["x"]), Count("a-2", made=5, killed=5)]))
    assert told[-1].split("|")[1:6] == [" all      ", " 15   ", " 5        ", " 9      ", " 90.0 % "]


def test_the_page_tells_of_every_exercise_and_no_rate_is_too_low() -> None:
    table = [line.split("|") for line in (ROOT / "docs/mutants.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    told = {row[1].strip(): row[5].strip() for row in table[1:]}
    assert set(told) == {*all_checks(), "all"}
    assert float(told["all"].removesuffix(" %")) >= 100 * AT_LEAST
