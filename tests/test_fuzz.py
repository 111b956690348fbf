"""What comes from outside is understood or refused, in one error of ours, whatever it is: archives, configurations, manifests, references, Dockerfiles, patterns."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dockerlab.build.sources import pattern_of
from dockerlab.dockerfile import IgnoreRules, Scope, parse
from dockerlab.dockerfile.library import PatternMatcher
from dockerlab.dockerfile.linear import matcher, stars
from dockerlab.dockerfile.parser import parse_trigger
from dockerlab.errors import DockerlabError
from dockerlab.oci import ImageConfig, Reference
from dockerlab.store import Store
from dockerlab.store.fsck import examine
from dockerlab.transfer.loading import load as read_archive
from tests.parts import whole

_RUNS = 3000 if whole() else 200
fuzz = settings(max_examples=_RUNS, deadline=None, derandomize=not whole(), suppress_health_check=list(HealthCheck))

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KEYS = (
    "architecture", "os", "config", "rootfs", "history", "created", "author", "variant", "type", "diff_ids", "created_by", "empty_layer", "comment",
    "Env", "Cmd", "Entrypoint", "User", "ExposedPorts", "Volumes", "WorkingDir", "Labels", "StopSignal", "Shell", "Healthcheck", "OnBuild",
)  # fmt: skip
configuration = st.recursive(
    anything,
    lambda inner: st.dictionaries(st.sampled_from(_KEYS), inner, max_size=6) | st.lists(inner, max_size=2),
    max_leaves=12,
)
_WORDS = (
    "FROM", "busybox", "AS", "a", "RUN", "COPY", "--from=a", "ADD", "ENV", "A=1", "ARG", "LABEL", "CMD", "[", "]", '"x"', ",", "ENTRYPOINT", "ONBUILD", "<<E", "<<-'E'", "E",
    "HEALTHCHECK", "NONE", "--interval=1s", "SHELL", "USER", "$A", "${A", "}", "${A:-b}", "${A%", "\\", "`", "'", '"', "#", "escape=`", "syntax=x", "check=skip=all", "--mount=type=cache",
    "--mount=", "target=/x", "EXPOSE", "80/tcp", "80-90", "VOLUME", "STOPSIGNAL", "MAINTAINER", "WORKDIR", "/", "..", "--platform=", "--chmod=", "--chown=", "é", "\0", "\ufeff",
)  # fmt: skip
dockerfiles = st.lists(st.sampled_from(_WORDS) | st.text(max_size=6), max_size=24).flatmap(
    lambda words: st.lists(st.sampled_from([" ", "\n", " \\\n", "\t", ""]), min_size=len(words), max_size=len(words)).map(
        lambda gaps: "".join(word + gap for word, gap in zip(words, gaps, strict=True))
    )
)


@fuzz
@given(dockerfiles | st.text(max_size=200))
def test_any_text_is_a_dockerfile_or_is_refused_with_its_place(text: str) -> None:
    try:
        read = parse(text, "Dockerfile")
    except DockerlabError as error:
        assert str(error)
        return
    assert read.stages and all(0 < one.first <= one.last for one in read.instructions)


@fuzz
@given(dockerfiles)
def test_any_trigger_is_read_or_refused(text: str) -> None:
    try:
        parse_trigger(text)
    except DockerlabError as error:
        assert str(error)


@fuzz
@given(st.lists(st.sampled_from([*"${}:-+#%/'\"\\`aA1? *", "A", "é"]), max_size=20).map("".join), st.sampled_from("\\`"))
def test_any_word_is_expanded_or_refused(text: str, escape: str) -> None:
    scope = Scope({"A": "value/a", "a": ""}, escape)
    for expand in (scope.word, scope.words, scope.raw, scope.document):
        try:
            expand(text)  # type: ignore[operator]
        except ValueError as error:
            assert "failed to process" in str(error)


@fuzz
@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from(["a", "A", "_", "-", ".", "/", ":", "@", "sha256:", "0" * 64, "localhost", "[::1]", " "]), max_size=12).map(
        "".join
    )
)
def test_any_name_is_a_reference_or_refused(text: str) -> None:
    try:
        found = Reference.parse(text)
    except DockerlabError as error:
        assert str(error)
        return
    assert Reference.parse(str(found)) == found and found.familiar


@fuzz
@given(configuration.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200))
def test_any_bytes_are_a_configuration_or_refused(data: bytes) -> None:
    for read in (ImageConfig.from_outside, ImageConfig.from_bytes):
        try:
            config = read(data)
        except ValueError as error:
            assert str(error)
            continue
        assert ImageConfig.from_bytes(config.to_bytes()).diff_ids == config.diff_ids


@fuzz
@given(
    st.lists(st.sampled_from(["*", "**", "?", "[", "]", "a", "/", "!", "\\", "^", "-", "..", " ", "#", "é"]), max_size=12).map("".join),
    st.text(max_size=12),
)
def test_any_pattern_is_one_or_refused(pattern: str, path: str) -> None:
    try:
        rules = IgnoreRules.read(pattern, ".dockerignore")
    except ValueError as error:
        assert "syntax error in pattern" in str(error)
        return
    rules.ignores(path)
    rules.culprit(path)


def archive(members: list[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


_MANIFEST = st.lists(
    st.fixed_dictionaries(
        {}, optional={"Config": anything | st.just("c.json"), "RepoTags": anything, "Layers": anything | st.just(["l.tar"])}
    ),
    max_size=2,
)


@settings(max_examples=_RUNS // 2, deadline=None, derandomize=not whole(), suppress_health_check=list(HealthCheck))
@given(
    _MANIFEST | anything,
    configuration,
    st.binary(max_size=40) | st.just(archive([("f", b"1")])),
    st.integers(0, 3000) | st.none(),
    st.booleans(),
)
def test_any_archive_is_loaded_or_refused_and_leaves_nothing(
    manifest: Any, config: Any, layer: bytes, cut: int | None, compressed: bool
) -> None:
    data = archive([("manifest.json", json.dumps(manifest).encode()), ("c.json", json.dumps(config).encode()), ("l.tar", layer)])[:cut]
    with tempfile.TemporaryDirectory() as home:
        store = Store.open(home)
        try:
            read_archive(store, io.BytesIO(gzip.compress(data) if compressed else data))
        except DockerlabError as error:
            assert str(error) and store.images.ids() == [] and store.layers.all() == []
        assert list(Path(store.home / "tmp").iterdir()) == [] and examine(store).sound


def test_patterns_that_are_meant_to_be_slow_are_not() -> None:
    long = "/".join("a" * 9 for _ in range(400))
    assert not IgnoreRules.read("**/a*/**/b", ".dockerignore").ignores(long)
    for pattern in ("a*" * 30 + "b", "**/" * 30 + "b", "*" * 200 + "b", "[a-z]*" * 30 + "!", "(a+)+" * 10):
        rules = IgnoreRules.read(pattern, ".dockerignore")
        assert not rules.ignores("a" * 300 + "/c") and rules.culprit("a" * 300) is None
    assert not pattern_of("a*" * 30 + "b").match("a" * 250)


@fuzz
@given(
    st.lists(st.sampled_from(["*", "**", "**/", "?", "[ab]", "[^a]", "a", "b", "/", "\\a"]), min_size=4, max_size=9).map("".join),
    st.lists(st.sampled_from(["a", "b", "/", "ab", "*"]), max_size=10).map("".join),
)
def test_many_stars_mean_what_few_mean(pattern: str, path: str) -> None:
    try:
        library = PatternMatcher([pattern])
    except ValueError:
        return
    for one, text in zip(library._patterns, library.patterns, strict=True):
        if "*" in text and not text.startswith("!") and (stars(text) > 1 or "?" in text or "[" in text):
            assert matcher(text)(path) == bool(one.match(path)), text


@fuzz
@given(st.lists(st.sampled_from(["*", "?", "[ab]", "a", "b", "\\*"]), max_size=7).map("".join), st.text("ab*", max_size=9))
def test_wildcards_of_copy_match_as_they_always_did(pattern: str, name: str) -> None:
    plain = "".join("[^/]*" if one == "*" else "[^/]" if one == "?" else one for one in re.findall(r"\\.|\[[^]]*\]|.", pattern))
    assert bool(pattern_of(pattern).match(name)) == bool(re.match(plain + r"\Z", name))


def test_a_dockerfile_of_ten_megabytes_is_read() -> None:
    text = (
        "FROM busybox\n" + ("RUN " + "x" * 65_531 + "\n") * 80 + "".join(f"ENV V{n}=1\n" for n in range(1000)) + ("#" * 60_000 + "\n") * 80
    )
    assert len(parse(text).instructions) == 1081
