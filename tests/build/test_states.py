"""The state after each step of a build can be entered, also where the build failed."""

from __future__ import annotations

import re

import pytest

from tests.conftest import Docker, build
from tests.verbs.test_containers import inspect

pytestmark = pytest.mark.usefixtures("containers_run_here")

STAGES = """FROM busybox AS b
RUN mkdir /d
ENV A=1
RUN touch /d/x
FROM busybox
WORKDIR /w
COPY --from=b /d e
ENV B=2
LABEL l=1
RUN touch last{}
"""


def shell(docker: Docker, image: str, step: str, script: str) -> str:
    answer = docker("run", "--rm", "--step", step, image, "sh", "-c", script)
    assert answer.code == 0, answer.err
    return answer.out


def test_a_step_is_entered_with_its_files_and_what_was_set_until_the_next(docker: Docker) -> None:
    assert build(docker, STAGES.format("")).code == 0
    assert shell(docker, "t:1", "1", "pwd; ls /w 2>&1 | wc -l") == "/\n1\n"
    assert shell(docker, "t:1", "3", "pwd; ls; ls e; echo $B") == "/w\ne\nx\n2\n"
    assert shell(docker, "t:1", "4", "ls") == "e\nlast\n"
    assert shell(docker, "t:1", "b:2", "ls /d; echo $A") == "1\n"
    assert shell(docker, "t:1", "b:3", "ls /d") == "x\n"


def test_a_failed_build_tells_the_way_into_the_state_before(docker: Docker) -> None:
    answer = build(docker, STAGES.format(" && exit 3"))
    found = re.search(r"^hint: .*dockerlab run --rm -it --step (\d+) ([0-9a-f]{12}) sh$", answer.err, re.M)
    assert answer.code == 1 and found and found[1] == "3"
    assert shell(docker, found[2], found[1], "pwd; ls; echo $B") == "/w\ne\n2\n"
    assert docker("images", "-aq").out.count("\n") == 1  # nothing but busybox
    assert build(docker, STAGES.format(" && exit 3")).err.endswith(found[0] + "\n")  # the same failure has the same name


def test_the_first_step_of_a_stage_that_is_built_on_another_fails_in_the_other(docker: Docker) -> None:
    answer = build(docker, "FROM busybox AS b\nRUN echo 1 > /one\nFROM b\nRUN false\n")
    found = re.search(r"--step (\d+) (\w+) sh", answer.err)
    assert found and shell(docker, found[2], found[1], "cat /one") == "1\n"


def test_what_is_no_step_is_refused_with_those_that_are(docker: Docker) -> None:
    build(docker, STAGES.format(""))
    for step in ("5", "b:4", "x:1", "two"):
        answer = docker("run", "--rm", "--step", step, "t:1", "true")
        assert answer.code == 125 and f"t:1 has no step {step}" in answer.err and "b:1, b:2, b:3, 1 [stage-1 1/4]" in answer.err
    answer = docker("run", "--step", "1", "busybox", "true")
    assert answer.code == 125 and "the steps of busybox are not known here" in answer.err
    docker("builder", "prune", "-af")
    assert "not known here" in docker("run", "--step", "1", "t:1", "true").err


def test_a_container_in_a_step_lives_and_is_committed_like_any_other(docker: Docker) -> None:
    build(docker, STAGES.format(""))
    docker("run", "--name", "inside", "--step", "3", "t:1", "touch", "/w/own")
    docker("rmi", "t:1")
    assert inspect(docker, "inside")["Config"]["Image"] == "t:1"
    assert docker("commit", "inside", "kept").code == 0
    assert docker("run", "--rm", "kept", "ls").out == "e\nown\n"
    assert [line for line in docker("history", "--format", "{{.CreatedBy}}", "kept").out.splitlines() if "COPY" in line]
