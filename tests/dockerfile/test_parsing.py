"""The language: every instruction is understood, and a mistake is shown at its place, with the word that was probably meant."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dockerlab.dockerfile import Instruction, parse
from dockerlab.dockerfile.grammar import KEYWORDS, duration, suggestion
from dockerlab.errors import DockerfileError

EVERYTHING = """\
# escape=\\
ARG BASE=busybox
FROM --platform=linux/amd64 ${BASE} AS one
MAINTAINER somebody <a@b>
ARG V=1 W
ENV A=1 B="two words" C=$V
ENV OLD form with spaces
LABEL a.b="x y" c=d
SHELL ["/bin/sh", "-e", "-c"]
WORKDIR /w
USER 5:6
COPY --chown=1:2 --chmod=644 a b /d/
ADD a.tar /x/
RUN --network=none echo \\
    # a comment between
    more
RUN ["echo", "exec form"]
EXPOSE 80 81/udp
VOLUME ["/v"]
VOLUME /w /x
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=5s --retries=2 CMD true
ONBUILD RUN echo later
ENTRYPOINT ["/e"]
CMD ["a", "b"]
FROM scratch
COPY --from=one /w /w
"""


def one(line: str) -> Instruction:
    return parse("FROM busybox\n" + line).stages[0].instructions[0]


def error(text: str) -> DockerfileError:
    with pytest.raises(DockerfileError) as caught:
        parse(text)
    return caught.value


def carets(shown: DockerfileError) -> str:
    """The text that the carets stand under."""
    lines = shown.excerpt.splitlines()
    at = next(n for n, line in enumerate(lines) if line.strip() and set(line.strip()) == {"^"})
    begin = lines[at].index("^")
    return lines[at - 1][begin : begin + lines[at].count("^")]


def test_every_instruction_is_understood() -> None:
    found = parse(EVERYTHING)
    assert {one.keyword for one in found.instructions} == set(KEYWORDS)
    assert [stage.shown_name for stage in found.stages] == ["one", "stage-1"]
    assert found.arguments[0].words == ("BASE=busybox",)
    by = {one.keyword: one for one in found.stages[0].instructions}
    assert found.stages[0].instructions[2].pairs == [("A", "1"), ("B", '"two words"'), ("C", "$V")]
    assert by["ENV"].pairs == [("OLD", "form with spaces")]
    assert (by["COPY"].flag("chown"), by["COPY"].flag("chmod"), by["COPY"].words) == ("1:2", "644", ("a", "b", "/d/"))
    assert by["RUN"].exec_form and by["RUN"].words == ("echo", "exec form")
    assert by["HEALTHCHECK"].words == ("CMD", "true") and by["HEALTHCHECK"].flag("retries") == "2"
    assert by["ONBUILD"].words == ("RUN echo later",)
    assert found.stages[1].instructions[0].flag("from") == "one"


def test_lines_of_an_instruction_that_goes_on_are_counted_in_the_file() -> None:
    run = next(one for one in parse(EVERYTHING).stages[0].instructions if one.keyword == "RUN")
    assert (run.first, run.last) == (14, 16)
    assert run.shown.split() == ["RUN", "--network=none", "echo", "more"]


@pytest.mark.parametrize("keyword", sorted(KEYWORDS))
def test_a_letter_too_few_still_finds_the_instruction(keyword: str) -> None:
    assert suggestion(keyword[:-1] if len(keyword) > 3 else keyword[:2]) == keyword
    assert suggestion(keyword.lower()) == keyword


@pytest.mark.parametrize(
    ("text", "message", "line", "under"),
    [
        ("FROM busybox\n\nRUM ls", "unknown instruction: RUM (did you mean RUN?)", 3, "RUM"),
        ("FROM busybox\nENTRYPONT x", "did you mean ENTRYPOINT?", 2, "ENTRYPONT"),
        ("FROM busybox\nCOPY --chwon=1 a b", "unknown flag: --chwon (did you mean chown?)", 2, "--chwon"),
        ("FROM busybox\n한글 x", "unknown instruction: 한글", 2, ""),
        ("RUN ls\nFROM busybox", "no build stage in current context", 1, "RUN"),
        ("FROM busybox\nCOPY a", "COPY requires at least two arguments, but only one was provided", 2, ""),
        ("FROM busybox\nFROM", "FROM requires either one or three arguments", 2, ""),
        ("FROM busybox AS 1x", 'invalid name for build stage: "1x"', 1, "1x"),
        ("FROM busybox\nSHELL /bin/sh", "SHELL requires the arguments to be in JSON form", 2, ""),
        ("FROM busybox\nENV A", "ENV must have two arguments", 2, ""),
        ("FROM busybox\nENV A=1 B", "can't find =", 2, ""),
        ("FROM busybox\nWORKDIR", "WORKDIR requires exactly one argument", 2, ""),
        ("FROM busybox\nONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger", 2, "FROM"),
        ("FROM busybox\nONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", 2, "ONBUILD"),
        ("FROM busybox\nHEALTHCHECK SMD true", 'Unknown type "SMD" in HEALTHCHECK (try CMD)', 2, ""),
        ("FROM busybox\nHEALTHCHECK --interval=5 CMD true", 'missing unit in duration "5"', 2, ""),
        ("FROM busybox\nRUN <<E\necho\n", "unterminated heredoc", 2, ""),
        ("FROM busybox\nRUN --network=my true", 'invalid network mode "my"', 2, ""),
    ],
)
def test_a_mistake_is_told_with_its_line_its_excerpt_and_its_word(text: str, message: str, line: int, under: str) -> None:
    found = error(text)
    assert message in found.message
    assert found.line == line
    wrong = text.split("\n")[line - 1]
    assert f"{line:4} | >>> {wrong}" in found.excerpt.splitlines()
    if under:
        assert carets(found) == under


@pytest.mark.parametrize("text", ["", "   \n\n", "# only a comment\n", "ARG A=1\n"])
def test_a_file_without_a_stage_says_what_to_begin_with(text: str) -> None:
    assert "FROM" in error(text).hint


def test_carets_stand_under_the_word_also_behind_wide_letters() -> None:
    found = error("FROM busybox\nCOPY --chwon=가 가 /")
    assert carets(found) == "--chwon"


def test_heredocs_keep_their_text_and_know_whether_variables_count() -> None:
    run = one("RUN <<-A <<'B'\n\ttabs $X\n\tA\nplain $X\nB\n")
    assert [(doc.name, doc.text, doc.expand, doc.strip_tabs) for doc in run.heredocs] == [
        ("A", "\ttabs $X\n", True, True),
        ("B", "plain $X\n", False, False),
    ]


def test_another_escape_character_and_windows_lines() -> None:
    found = parse("# escape=`\r\nFROM busybox\r\nRUN echo a `\r\n  b\r\n")
    assert found.escape == "`"
    assert found.stages[0].instructions[0].words[0].split() == ["echo", "a", "b"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m30s", 90), ("1.5s", 1.5), ("100ms", 0.1), ("0", 0), ("2h", 7200), ("-1s", -1), ("1us", 1e-6)]
)
def test_durations_are_gos(text: str, seconds: float) -> None:
    assert duration(text) == round(seconds * 1e9)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(blacklist_categories=("Cs",)), max_size=200))
@example("FROM \\")
@example("FROM busybox\nRUN <<")
@example("FROM a\nENV =")
@example("# escape=\nFROM a")
@example('FROM a\nCOPY ["a"')
@example('FROM a\nLABEL "')
def test_any_text_is_read_or_refused_with_an_error_of_ours(text: str) -> None:
    try:
        parse(text)
    except DockerfileError as found:
        assert found.message


lines = st.sampled_from(
    ["RUN", "RUN <<A", "A", "COPY", "COPY --from", "ENV a b", "ENV a=", 'CMD ["a",', "ONBUILD", "ONBUILD x", "HEALTHCHECK", "USER ''", "EXPOSE",
     "SHELL []", "ARG", "ARG =", "FROM", "FROM a AS", "LABEL a='", "VOLUME", "STOPSIGNAL", "\\", "#", "ADD <<A /", "WORKDIR $", "run --mount"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(lines, max_size=6))
def test_any_lines_are_read_or_refused_with_a_place(body: list[str]) -> None:
    text = "\n".join(["FROM busybox", *body])
    try:
        parse(text)
    except DockerfileError as found:
        assert found.message and 0 < found.line <= len(body) + 1 and found.excerpt


def test_a_trigger_may_have_a_document() -> None:
    found = parse("FROM busybox\nONBUILD RUN <<E\necho 1\nE\nONBUILD COPY <<A <<B /x\n1\nA\n2\nB\nENV A=1\n").stages[0].instructions
    assert [(one.keyword, one.words[0], one.first, one.last) for one in found[:2]] == [
        ("ONBUILD", "RUN <<E\necho 1\nE", 2, 4),
        ("ONBUILD", "COPY <<A <<B /x\n1\nA\n2\nB", 5, 9),
    ]
    assert found[2].keyword == "ENV"
    inner = parse("FROM busybox\nRUN <<E\nONBUILD RUN <<X\nE\n").stages[0].instructions
    assert [one.keyword for one in inner] == ["RUN"] and inner[0].heredocs[0].text == "ONBUILD RUN <<X\n"
