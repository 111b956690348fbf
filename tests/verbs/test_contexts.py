"""`docker context`: one, called default; and what `docker version` has for scripts."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Docker


def test_there_is_one_context(docker: Docker) -> None:
    assert (
        docker("context", "show").out
        == docker("context", "ls", "-q").out
        == docker("context", "ls", "--format", "{{.Name}}").out
        == "default\n"
    )
    lines = docker("context", "ls").out.splitlines()
    assert lines[0].split() == ["NAME", "DESCRIPTION", "DOCKER", "ENDPOINT", "ERROR"] and lines[1].startswith("default *   ")
    assert json.loads(docker("context", "ls", "--format", "json").out)["Current"] is True
    assert json.loads(docker("context", "inspect").out) == json.loads(docker("context", "inspect", "default").out)
    assert docker("context", "use", "default").out == "default\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("inspect", "nosuch"), 'context "nosuch": context not found'),
        (("use", "nosuch"), 'context "nosuch": context not found'),
        (("rm", "default"), 'context "default" cannot be removed'),
        (("create", "other"), "speaks to its own engine only"),
        (("update", "default"), "speaks to its own engine only"),
        (("export", "default"), "speaks to its own engine only"),
        (("ls", "--format", "{{.Nosuch}}"), "can't evaluate field Nosuch in type *formatter.clientContextContext"),
    ],
)
def test_another_context_can_not_be_had(docker: Docker, words: tuple[str, ...], said: str) -> None:
    answer = docker("context", *words)
    assert answer.code == 1 and said in answer.err


def test_what_version_tells_of_the_engine(docker: Docker) -> None:
    [part] = json.loads(docker("version", "--format", "json").out)["Server"]["Components"]
    assert set(part["Details"]) >= {
        "ApiVersion",
        "BuildTime",
        "Experimental",
        "GitCommit",
        "GoVersion",
        "MinAPIVersion",
        "Os",
        "KernelVersion",
    }
