"""`build --call`: targets and outlines as Docker 28.5 printed them for the same Dockerfile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Docker

DOCKERFILE = """ARG UNUSED=0
# TAG which
ARG TAG=latest
ARG BOTH=global
# lower case name
FROM busybox:$TAG AS one
# BOTH of it
ARG BOTH=stage
# first
# A second A
ARG A=1 B=2
# C: colon
ARG C="x y$A"
RUN --mount=type=secret,id=s1 --mount=type=secret,target=/x,env=ZZ --mount=type=ssh,id=k,required=true true
FROM busybox AS other
ARG NOTNEEDED
RUN true
# Two is it
# two is the last

FROM one as Two
#TARGETARCH hh
ARG TARGETARCH
ARG A
RUN --mount=type=secret,id=s1,required true
"""
OUTLINE = """TARGET:      two
DESCRIPTION: is the last

BUILD ARG   VALUE    DESCRIPTION
TAG         latest   which
BOTH        stage    of it
B           2        
C           x y1     
A                    

SECRET   REQUIRED
x        
s1       true

SSH   REQUIRED
k     true

"""  # noqa: W291


def call(docker: Docker, *words: str) -> str:
    Path("Dockerfile").write_text(DOCKERFILE)
    answer = docker("build", "--call", *words, ".")
    assert answer.code == 0, answer.err
    return answer.out


def test_the_targets_with_what_comments_say_of_them(docker: Docker) -> None:
    assert call(docker, "targets") == "TARGET        DESCRIPTION\none           \nother         \ntwo (default) is the last\n"
    found = json.loads(call(docker, "targets,format=json"))
    assert [one.get("name") for one in found["targets"]] == ["one", "other", "two"]
    assert found["targets"][2] == {
        "name": "two", "default": True, "description": "is the last", "base": "one",
        "location": {"ranges": [{"start": {"line": 21}, "end": {"line": 21}}]},
    }  # fmt: skip


def test_an_outline_tells_what_the_needed_stages_take(docker: Docker) -> None:
    assert call(docker, "outline") == OUTLINE
    assert "C           3" in call(docker, "outline", "--build-arg", "C=3") and "NOTNEEDED" in call(docker, "outline", "--target", "other")
    found = json.loads(call(docker, "outline,format=json"))
    assert [one["name"] for one in found["args"]] == ["TAG", "BOTH", "B", "C", "A"]
    assert found["secrets"][1] == {"name": "s1", "required": True, "location": {"ranges": [{"start": {"line": 25}, "end": {"line": 25}}]}}


@pytest.mark.parametrize(
    ("method", "hint"), [("outlin", "did you mean --call outline?"), ("x", "--call takes build, check, outline or targets")]
)
def test_a_method_that_is_none_is_refused(docker: Docker, method: str, hint: str) -> None:
    Path("Dockerfile").write_text(DOCKERFILE)
    answer = docker("build", "--call", method, ".")
    assert answer.code == 1 and f"unsupported request frontend.{method}" in answer.err and hint in answer.err
