"""Flags and mounts that BuildKit 0.25 (Docker 28.5) refuses, in its words."""

from __future__ import annotations

import pytest

from dockerlab.dockerfile import Scope, parse
from dockerlab.dockerfile.mounts import mount_fields
from dockerlab.errors import DockerfileError


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("COPY --chown=1 --chown=2 a b", "duplicate flag specified: --chown"),
        ("COPY --link --link a b", "duplicate flag specified: --link"),
        ("COPY --link=maybe a b", "expecting boolean value for flag --link, not: maybe"),
        ("COPY --link= a b", "missing a value on flag: --link"),
        ("ADD --unpack=maybe a b", "expecting boolean value for flag --unpack, not: maybe"),
        ("COPY --parents a b", "unknown flag: --parents"),
        ("RUN --security=insecure true", "unknown flag: --security"),
    ],
)
def test_a_wrong_flag_is_refused_in_buildkits_words(line: str, said: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        parse(f"FROM busybox\n{line}\n")
    assert f"dockerfile parse error on line 2: {said}" in caught.value.message


def test_a_file_that_names_its_syntax_may_use_newer_flags() -> None:
    copy = parse("# syntax=docker/dockerfile:1-labs\nFROM busybox\nCOPY --parents a/b /c/\n").stages[0].instructions[0]
    assert copy.on("parents")


def test_flags_that_may_come_several_times_do() -> None:
    copy = parse("FROM busybox\nCOPY --exclude=a --exclude=b . /c/\n").stages[0].instructions[0]
    assert copy.flag_values("exclude") == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("typ=bind,target=/x", "unexpected key 'typ' in 'typ=bind' (did you mean type?)"),
        ("type=bind,target=/x,foo", "invalid field 'foo' must be a key=value pair"),
        ("type=bind,target=/x,rw=maybe", "invalid value for rw: maybe"),
        ("type=bind,target=/x,required", "unexpected key 'required' for mount type 'bind'"),
        ("type=bind,target=/x,uid=1", 'uid not allowed for "bind" type mounts'),
        ("type=bind,target=/x,sharing=shared", "invalid cache sharing set for bind mount"),
        ("type=bind,target=/x,size=1", "unexpected key 'size' for mount type 'bind'"),
        ("type=cache,target=/x,sharing=foo", 'unsupported sharing value "foo"'),
        ("type=cache,target=/x,mode=9z", "invalid value 9z for mode"),
        ("type=cache,target=/x,uid=a", "invalid value a for uid"),
        ("type=tmpfs,target=/x,size=zz", "invalid value for size: zz"),
        ("type=secret", "invalid secret mount. one of source, target required"),
        ("type=foo,target=/x", 'unsupported mount type "foo"'),
    ],
)
def test_a_wrong_mount_is_refused_in_buildkits_words(text: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        mount_fields(text, str)
    assert str(caught.value) == said


def test_a_mount_is_a_bind_unless_it_says_otherwise_and_its_values_are_expanded() -> None:
    assert mount_fields("target=$T,ro", Scope({"T": "/x"}).word) == {"type": "bind", "target": "/x", "ro": "true"}


def test_the_word_that_cant_be_expanded_is_quoted_as_go_does() -> None:
    with pytest.raises(ValueError, match='failed to process "\\$\\{B\\^\\^\\}": unsupported modifier'):
        Scope({}).word("${B^^}")
