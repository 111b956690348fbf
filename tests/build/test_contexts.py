"""The build context and the files that name it: what is in it, what .dockerignore leaves out, what a source's words find there."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.conftest import Docker, build, sh

pytestmark = pytest.mark.usefixtures("containers_run_here")


def test_a_dockerfile_of_another_name_its_own_ignore_file_and_standard_input(docker: Docker) -> None:
    Path("ctx").mkdir()
    Path("ctx/a").write_text("a")
    Path("ctx/b").write_text("b")
    Path("Other").write_text("FROM busybox\nCOPY . /c/\n")
    Path("Other.dockerignore").write_text("b\n")
    Path("ctx/.dockerignore").write_text("a\n")
    assert docker("build", "-t", "t:1", "-f", "Other", "ctx").code == 0
    assert sh(docker, "ls /c") == "a\n"
    assert docker("build", "-t", "t:2", "-f", "-", "ctx", stdin=b"FROM busybox\nCOPY . /c/\n").code == 0
    assert sh(docker, "ls /c", "t:2") == "b\n"
    assert docker("build", "-t", "t:3", "-", stdin=b"FROM busybox\nENV A=1\n").code == 0
    failed = docker("build", "-", stdin=b"FROM busybox\nCOPY a /\n")
    assert failed.code == 1 and "this build has no context" in failed.err


def test_ignored_files_are_not_copied_and_what_is_brought_back_is(docker: Docker) -> None:
    text = "FROM busybox\nCOPY . /c/\n"
    Path(".dockerignore").write_text("**\n!keep\n!d/inner\n")
    Path("d").mkdir()
    assert build(docker, text, keep="", other="", **{"d/inner": "", "d/outer": ""}).code == 0
    assert sh(docker, "cd /c && find . | sort") == ".\n./d\n./d/inner\n./keep\n"


def test_a_file_below_an_ignored_folder_names_the_pattern_of_the_folder(docker: Docker) -> None:
    Path(".dockerignore").write_text("\n# builds\nbuild\n")
    failed = build(docker, "FROM busybox\nCOPY build/out /\n", **{"build/out": "x"})
    assert failed.code == 1 and '"build" in line 3 of .dockerignore' in failed.err and ">>> COPY build/out /" in failed.err


@pytest.mark.parametrize("pattern", ["a[", "[z-a]"])
def test_an_ignore_file_that_cannot_be_read_is_one_message(docker: Docker, pattern: str) -> None:
    Path(".dockerignore").write_text(pattern + "\n")
    failed = build(docker, "FROM busybox\nCOPY a /\n", a="x")
    assert failed.code == 1 and ".dockerignore" in failed.err and "Traceback" not in failed.err


def test_links_of_the_context_do_not_lead_out_of_it(docker: Docker, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    Path("way").symlink_to(tmp_path)
    Path("file").symlink_to(tmp_path / "outside")
    for source in ("way/outside", "file", "../outside"):
        failed = build(docker, f"FROM busybox\nCOPY {source} /got\n")
        assert failed.code == 1 and "not found" in failed.err, source


def test_sockets_and_odd_names_of_the_context_do_no_harm(docker: Docker) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("s.sock")
        os.mkfifo("pipe")
        Path("odd name\n가").write_text("x")
        Path(os.fsdecode(b"\xff\xfe")).write_text("y")
        assert build(docker, "FROM busybox\nCOPY . /c/\n").code == 0
        assert build(docker, "FROM busybox\nCOPY . /c/\n", "--explain").err.count("CACHED") == 1
    assert sh(docker, "cat /c/odd*; ls /c | wc -l").startswith("x")


def test_an_empty_context_and_scratch(docker: Docker) -> None:
    assert build(docker, "FROM scratch\nCOPY a /a\n", a="1").code == 0
    assert docker("run", "--rm", "t:1").code == 125
    assert "no command specified" in docker("run", "--rm", "t:1").err
    assert docker("run", "--rm", "t:1", "/a").code == 126


def test_a_missing_dockerfile_and_a_missing_context_are_one_message(docker: Docker) -> None:
    for words, part in (
        ([".", "-f", "None"], "None: no such file or directory"),
        (["."], "open Dockerfile: no such file or directory"),
        (["nosuch"], 'path "nosuch" not found'),
    ):
        failed = docker("build", *words)
        assert failed.code == 1 and part in failed.err and "Traceback" not in failed.err
    Path("Dockerfile.dev").write_text("FROM busybox\n")
    assert "did you mean -f Dockerfile.dev?" in docker("build", ".").err


def test_a_store_inside_of_the_context_is_left_out_of_it(docker: Docker, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nCOPY . /c/\n")
    assert docker("build", "-t", "t:1", str(tmp_path)).code == 0
    assert sh(docker, "ls /c").split() == ["Dockerfile", "work"]
    (tmp_path / "Dockerfile").write_text("FROM busybox\nCOPY home /c/\n")
    failed = docker("build", str(tmp_path))
    assert failed.code == 1 and "leaves out the running notebook and the store" in failed.err


@pytest.mark.parametrize(
    ("word", "found"),
    [
        (r"a\*", ["/d/a*", "/d/ab"]),  # the Dockerfile's own escape goes first
        (r"sub/a*", ["/d/a*"]),
        (r"a\\*", '"/a\\\\*": not found'),  # and what is left of two names a star, which is no pattern
        (r'"a\*"', '"/a\\\\*": not found'),
        (r"d[[]1]/x", ["/d/x"]),
        (r"q\?", ["/d/q?"]),
        ("sub/*/../ab", '"/sub/ab": not found'),
        ("*/x", ["/d/x"]),
    ],
)
def test_escapes_in_a_source_are_buildkits(docker: Docker, word: str, found: list[str] | str) -> None:
    files = {name: "" for name in ("a*", "ab", "sub/a*", "d[1]/x", "q?")}
    answer = build(docker, f"FROM busybox\nCOPY {word} /d/\n", **files)
    if isinstance(found, str):
        assert answer.code == 1 and found in answer.err
    else:
        assert docker("run", "--rm", "t:1", "find", "/d", "-type", "f").out.split() == found


@pytest.mark.parametrize(
    ("instruction", "refused"),
    [
        ("COPY d/*.no /t/", "lstat /d: no such file or directory"),
        ("COPY nosuch/* /t/", "lstat /nosuch: no such file or directory"),
        ("COPY d/sub/no* /t/", "lstat /d/sub: no such file or directory"),
        ("COPY a/* /t/", "lstat /a: no such file or directory"),
        ("COPY a d/*.no /t/", "lstat /d: no such file or directory"),
        ("COPY --from=s /nosuch/* /t/", "lstat /nosuch: no such file or directory"),
        ("COPY l* /t/", '"/link": not found'),
        ("COPY . /t/", ""),
        ("COPY no* /t/", ""),
        ("COPY d/x d/*.no /t/", ""),
        ("COPY d/*.no /t/\nCOPY d/x /u", ""),
        ("COPY . d/*.no /t/", ""),
        ("COPY --from=s /d/*.no /t/", ""),
        ("COPY --from=s /d/x/* /t/", ""),
    ],
)
def test_a_pattern_needs_its_folder_and_what_it_matches(docker: Docker, instruction: str, refused: str) -> None:
    text = f"FROM busybox AS s\nRUN mkdir -p /d/sub && touch /d/x\nFROM busybox\n{instruction}\n"
    os.symlink("nowhere", "link")
    answer = build(docker, text, **{"a": "", "d/x": "", "d/sub/y": ""})
    assert (answer.code, refused in answer.err) == (1 if refused else 0, True)


def test_a_quoted_name_with_spaces_is_told_the_form_that_takes_it(docker: Docker) -> None:
    answer = build(docker, 'FROM busybox\nCOPY "a file" /d/\n')
    assert answer.code == 1
    assert 'COPY ["a name", "/to/"]' in answer.err and "Dockerfile:2" in answer.err


def test_several_platforms_are_refused(docker: Docker) -> None:
    answer = build(docker, "FROM busybox\n", "--platform", "linux/amd64,linux/arm64")
    assert answer.code == 1 and "Multi-platform build is not supported for the docker driver." in answer.err
