"""What Docker 28.5 does where one would guess otherwise: names of one file, names of nobody, what a key of the cache holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import Docker, build

pytestmark = pytest.mark.usefixtures("containers_run_here")


def inodes(docker: Docker, *paths: str) -> list[str]:
    return docker("run", "--rm", "t:1", "stat", "-c", "%i", *paths).out.split()


def test_names_of_one_file_stay_one_file_within_a_source_only(docker: Docker) -> None:
    text = (
        "FROM busybox AS s\nRUN mkdir /d && echo 1 > /d/a && ln /d/a /d/b\n"
        "FROM busybox\nCOPY --from=s --chown=5 /d /d\nCOPY --from=s /d/a /d/b /two/\n"
    )
    assert build(docker, text).code == 0
    a, b, one, two = inodes(docker, "/d/a", "/d/b", "/two/a", "/two/b")
    assert a == b and one != two


def test_names_of_one_file_in_the_context_stay_one_file(docker: Docker) -> None:
    Path("c").mkdir()
    Path("c/a").write_text("1")
    os.link("c/a", "c/b")
    assert build(docker, "FROM busybox\nCOPY c /c\n").code == 0
    a, b = inodes(docker, "/c/a", "/c/b")
    assert a == b


def test_chown_to_a_name_that_the_image_has_not_is_root_and_said(docker: Docker) -> None:
    built = build(docker, "FROM busybox\nCOPY --chown=ghost a /a\n", a="1")
    assert built.code == 0
    assert "no user or group ghost" in built.err
    assert docker("run", "--rm", "t:1", "stat", "-c", "%u:%g", "/a").out == "0:0\n"


def test_a_wrong_mount_stops_the_build_before_anything_is_done(docker: Docker) -> None:
    failed = build(docker, "FROM busybox\nRUN echo begun\nRUN --mount=typ=cache,target=/c true\n")
    assert failed.code == 1
    assert "unexpected key 'typ' in 'typ=cache' (did you mean type?)" in failed.err and "Dockerfile:3" in failed.err
    assert "begun" not in failed.err.split("--------------------")[0]


def test_a_proxy_counts_for_the_cache_only_if_the_stage_declares_it(docker: Docker) -> None:
    for declared, cached in (("", True), ("ARG HTTP_PROXY\n", False)):
        text = f"FROM busybox\n{declared}RUN echo 1 > /a\n"
        build(docker, text, "--build-arg", "HTTP_PROXY=http://one:1")
        again = build(docker, text, "--build-arg", "HTTP_PROXY=http://two:2")
        assert ("#2 CACHED" in again.err) is cached


def test_a_mount_makes_even_the_only_stage_shown_by_name(docker: Docker) -> None:
    assert "[stage-0 2/2] RUN --mount" in build(docker, "FROM busybox\nRUN --mount=type=tmpfs,target=/t true\n").err
    assert "[2/2] RUN true" in build(docker, "FROM busybox AS named\nRUN true\n").err


def test_a_script_in_a_here_document_is_told_by_its_first_line(docker: Docker) -> None:
    built = build(docker, "FROM busybox\nRUN <<EOF\necho 1\necho 2\nEOF\nRUN <<EOF\ntrue\nEOF\n")
    assert "RUN <<EOF (echo 1...)" in built.err and "RUN <<EOF (true)" in built.err
