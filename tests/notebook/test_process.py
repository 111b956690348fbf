"""The process of a container word by word: what Docker starts, checked by starting it."""

from __future__ import annotations

import json

import pytest

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.notebook.process import ProcessSeen
from tests.conftest import Docker, build

CASES = [
    ("CMD echo hi", [], [("/bin/sh", "shell"), ("-c", "shell"), ("echo hi", "CMD")]),
    ('CMD ["echo", "hi"]', [], [("echo", "CMD"), ("hi", "CMD")]),
    ('CMD ["echo", "hi"]', ["ls", "/"], [("ls", "argument"), ("/", "argument")]),
    ('ENTRYPOINT ["echo"]\nCMD ["hi"]', [], [("echo", "ENTRYPOINT"), ("hi", "CMD")]),
    ('ENTRYPOINT ["echo"]\nCMD ["hi"]', ["you"], [("echo", "ENTRYPOINT"), ("you", "argument")]),
    ('ENTRYPOINT ["echo"]\nCMD hi', [], [("echo", "ENTRYPOINT"), ("/bin/sh", "shell"), ("-c", "shell"), ("hi", "CMD")]),
    (
        'ENTRYPOINT echo one\nCMD ["two"]',
        ["three"],
        [("/bin/sh", "shell"), ("-c", "shell"), ("echo one", "ENTRYPOINT"), ("three", "argument")],
    ),
    ('SHELL ["/bin/ash", "-ec"]\nCMD echo hi', [], [("/bin/ash", "shell"), ("-ec", "shell"), ("echo hi", "CMD")]),
]


@pytest.mark.parametrize(("text", "arguments", "words"), CASES)
def test_it_is_what_docker_would_start(
    docker: Docker, engine: EmbeddedEngine, text: str, arguments: list[str], words: list[tuple[str, str]]
) -> None:
    assert build(docker, f"FROM busybox\n{text}\n").code == 0
    seen = ProcessSeen.of(engine, "t:1", arguments)
    assert [(one.text, one.source) for one in seen.words] == words
    name = docker("create", "t:1", *arguments).out.strip()
    started = json.loads(docker("inspect", name).out)[0]
    assert [one.text for one in seen.words] == [started["Path"], *started["Args"]]


def test_a_words_image_is_named_and_a_dropped_cmd_told(docker: Docker, engine: EmbeddedEngine) -> None:
    build(docker, 'FROM busybox\nCMD ["from", "base"]\n', tag="base:1")
    build(docker, "FROM base:1\nENV A=1\n", tag="child:1")
    build(docker, 'FROM base:1\nENTRYPOINT ["echo"]\n', tag="new:1")
    child, new = ProcessSeen.of(engine, "child:1", []), ProcessSeen.of(engine, "new:1", [])
    assert [one.note for one in child.words] == ["of base:1"] * 2 and child.notes == []
    assert [one.text for one in new.words] == ["echo"] and new.notes == ["the new ENTRYPOINT has dropped the CMD of base:1: from base"]


def test_a_committed_image_starts_with_its_containers_own_words(docker: Docker, engine: EmbeddedEngine) -> None:
    build(docker, 'FROM busybox\nCMD ["from", "base"]\n', tag="base:1")
    docker("create", "--name", "hand", "base:1", "sleep", "300")
    docker("commit", "hand", "byhand:1")
    assert [(one.text, one.note) for one in ProcessSeen.of(engine, "byhand:1", []).words] == [("sleep", ""), ("300", "")]


def test_entrypoint_of_run_drops_both(docker: Docker, engine: EmbeddedEngine) -> None:
    build(docker, 'FROM busybox\nENTRYPOINT ["a"]\nCMD ["b"]\n')
    seen = ProcessSeen.of(engine, "t:1", [], "sh")
    assert [(one.text, one.source) for one in seen.words] == [
        ("sh", "--entrypoint")
    ] and "--entrypoint drops the image's CMD: b" in seen.notes
    assert ProcessSeen.of(engine, "t:1", ["x"], "").words[0].source == "argument"


def test_an_image_without_either_says_so(docker: Docker, engine: EmbeddedEngine) -> None:
    build(docker, "FROM scratch\nCOPY a /a\n", a="1")
    seen = ProcessSeen.of(engine, "t:1", [])
    assert seen.words == [] and "neither ENTRYPOINT nor CMD" in repr(seen) and "<img" in seen._repr_html_()
