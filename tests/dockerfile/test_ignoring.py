"""Which paths .dockerignore leaves out, and which line did it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockerlab.dockerfile.ignore import IgnoreRules


def rules(*lines: str) -> IgnoreRules:
    return IgnoreRules.read("\n".join(lines), ".dockerignore")


@pytest.mark.parametrize(
    ("lines", "path", "ignored"),
    [
        (["*.key"], "my.key", True),
        (["*.key"], "sub/my.key", False),
        (["**/*.key"], "sub/deep/my.key", True),
        (["**/*.key"], "my.key", True),
        (["node_modules"], "node_modules/a/b", True),
        (["node_modules/"], "node_modules/a", True),
        (["/a"], "a", True),
        (["./a"], "a", True),
        (["a/../b"], "b", True),
        (["*"], "anything/at/all", True),
        (["*", "!keep.txt"], "keep.txt", False),
        (["*", "!d/keep.txt"], "d/keep.txt", False),
        (["*", "!d/keep.txt"], "d/other", True),
        (["!a", "a"], "a", True),
        (["a", "!a", "a"], "a", True),
        (["# a"], "a", False),
        (["", "  a  "], "a", True),
        (["a?c"], "abc", True),
        (["a?c"], "a/c", False),
        (["[ab].txt"], "b.txt", True),
        (["\\*"], "*", True),
        (["\\*"], "x", False),
        (["."], "a", False),
        (["가*"], "가나", True),
    ],
)
def test_patterns_mean_what_dockers_mean(lines: list[str], path: str, ignored: bool) -> None:
    assert rules(*lines).ignores(path) is ignored


def test_the_culprit_is_the_last_line_that_decided() -> None:
    found = rules("# comment", "*.txt", "!a.txt", "a.*").culprit("a.txt")
    assert found is not None and (found.text, found.file, found.line) == ("a.*", ".dockerignore", 4)
    assert rules("*.txt", "!a.txt").culprit("a.txt") is None
    assert rules("*.md").culprit("a.txt") is None


def test_what_a_notebook_leaves_out_is_the_notebooks_doing() -> None:
    found = IgnoreRules.read("*.txt", ".dockerignore", ("lesson.ipynb",)).culprit("lesson.ipynb")
    assert found is not None and found.line == 0


def test_a_pattern_that_cannot_be_read_says_so() -> None:
    with pytest.raises(ValueError, match="syntax error in pattern"):
        rules("a[").ignores("a")


shapes = st.lists(st.sampled_from(["a", "b", "*", "**", "!a", "!a/b", "a/b", "a/*", "**/b", "!**", "?", "!b"]), max_size=6)
paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)


@settings(max_examples=200, deadline=None)
@given(shapes, paths)
def test_there_is_a_culprit_exactly_where_something_is_ignored(lines: list[str], path: str) -> None:
    one = rules(*lines)
    culprit = one.culprit(path)
    assert (culprit is not None) == one.ignores(path)
    if culprit is not None:
        assert lines[culprit.line - 1] == culprit.text
