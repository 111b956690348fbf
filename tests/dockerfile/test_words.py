"""What becomes of quotes and variables."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockerlab.dockerfile import Scope

SCOPE = Scope({"A": "1", "EMPTY": "", "WORDS": "x  y", "PATHS": "/a/b/c.tar.gz"})


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("$A", "1"),
        ("${A}b", "1b"),
        ("$NOPE", ""),
        ("${NOPE:-default}", "default"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY-default}", ""),
        ("${A:+set}", "set"),
        ("${NOPE:+set}", ""),
        ("'$A'", "$A"),
        ('"$A"', "1"),
        ("\\$A", "$A"),
        ("${NOPE:-${A}}", "1"),
        ("${PATHS%.gz}", "/a/b/c.tar"),
        ("${PATHS%%.*}", "/a/b/c"),
        ("${PATHS#*/}", "a/b/c.tar.gz"),
        ("${PATHS##*/}", "c.tar.gz"),
        ("${PATHS/b/x}", "/a/x/c.tar.gz"),
        ("${PATHS//\\//-}", "-a-b-c.tar.gz"),
        ("a'b'\"c\"d", "abcd"),
        ("가${A}나", "가1나"),
    ],
)
def test_a_word_is_expanded_as_buildkit_does(text: str, word: str) -> None:
    assert SCOPE.word(text) == word


@pytest.mark.parametrize("text", ["${A", "${A:?why}x${B:?gone}", "'open", '"open', "${A:x}"])
def test_what_cannot_be_expanded_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        SCOPE.word(text)


def test_white_space_of_a_variable_splits_words_only_where_words_are_wanted() -> None:
    assert SCOPE.words("$WORDS z") == ["x", "y", "z"]
    assert SCOPE.word("$WORDS") == "x  y"


def test_a_step_keeps_its_quotes_in_its_name() -> None:
    assert SCOPE.raw("RUN echo '$A' \"$A\"") == "RUN echo '$A' \"1\""


plain = st.text(st.characters(blacklist_characters="$'\"\\`\0", blacklist_categories=("Cs",)), max_size=40)


@settings(max_examples=200, deadline=None)
@given(plain)
def test_a_text_without_quotes_and_variables_stays_as_it_is(text: str) -> None:
    assert SCOPE.word(text) == text


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(blacklist_characters="'\0\n", blacklist_categories=("Cs",)), max_size=40))
def test_single_quotes_protect_everything(text: str) -> None:
    assert SCOPE.word(f"'{text}'") == text


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(blacklist_categories=("Cs",)), max_size=40))
def test_any_text_is_a_word_or_a_value_error(text: str) -> None:
    for read in (SCOPE.word, SCOPE.words):
        try:
            read(text)
        except ValueError:
            pass
    assert isinstance(SCOPE.raw(text), str)
