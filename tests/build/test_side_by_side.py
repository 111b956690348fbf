"""Independent stages at once: they meet while both run, share what they have in common, wait for what they need, and end together."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.conftest import Docker, build

pytestmark = pytest.mark.usefixtures("containers_run_here")

MEET = "RUN --mount=type=cache,target=/m touch /m/{0}; i=0; while [ ! -e /m/{1} ]; do sleep 0.1; i=$((i+1)); [ $i -lt 300 ] || exit 9; done; {2}\n"
"""A step that ends only while another one runs."""


def pair(first: str, second: str, last: str = "FROM scratch\nCOPY --from=a /etc/passwd /a\nCOPY --from=b /etc/passwd /b\n") -> str:
    """Two stages that meet, and then do this."""
    return f"FROM busybox AS a\n{MEET.format('a', 'b', first)}FROM busybox AS b\n{MEET.format('b', 'a', second)}{last}"


def test_two_stages_that_need_nothing_of_each_other_run_at_once(docker: Docker) -> None:
    answer = build(docker, pair("echo met", "echo met too"), "--progress", "plain")
    assert answer.code == 0, answer.err
    assert " met\n" in answer.err and " met too\n" in answer.err


def test_a_stage_goes_on_until_it_copies_from_one_that_is_not_ready(docker: Docker) -> None:
    text = (
        f"FROM busybox AS a\n{MEET.format('a', 'b', 'echo 1 > /made')}FROM busybox\n{MEET.format('b', 'a', ':')}COPY --from=a /made /made\n"
    )
    answer = build(docker, text)
    assert answer.code == 0, answer.err
    assert docker("run", "--rm", "t:1", "cat", "/made").out == "1\n"


def test_a_failure_ends_the_other_stages_and_is_the_one_that_is_told(docker: Docker) -> None:
    answer = build(docker, pair("exit 3", "sleep 4331"), "--progress", "plain")
    assert answer.code == 1
    assert "exit code: 3" in answer.err and "Dockerfile:2" in answer.err
    assert answer.err.count("CANCELED") == 1
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if b"sleep\0" + b"4331" in _read(path)]
    assert os.listdir(f"{os.environ['DOCKERLAB_HOME']}/snapshots") == []


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_raw_progress_tells_which_steps_a_step_builds_on(docker: Docker) -> None:
    answer = build(docker, pair(":", ":"), "--progress", "rawjson")
    found = {one["name"]: one for line in answer.err.splitlines() for one in json.loads(line).get("vertexes", ())}
    copies = [one for name, one in found.items() if "COPY --from" in name]
    runs = {name[1]: one["digest"] for name, one in found.items() if "] RUN" in name}
    assert copies[0]["inputs"] == [runs["a"]]
    assert copies[1]["inputs"] == [copies[0]["digest"], runs["b"]]


def test_what_two_stages_have_in_common_is_done_once_even_without_the_cache(docker: Docker) -> None:
    step = "RUN cat /proc/sys/kernel/random/uuid > /id\n"
    text = f"FROM busybox AS a\n{step}FROM busybox AS b\n{step}FROM busybox\nCOPY --from=a /id /a\nCOPY --from=b /id /b\n"
    assert build(docker, text, "--no-cache").code == 0
    first, second = docker("run", "--rm", "t:1", "cat", "/a", "/b").out.splitlines()
    assert first == second


def test_a_locked_cache_is_one_step_s_at_a_time(docker: Docker) -> None:
    step = "RUN --mount=type=cache,target=/c,sharing=locked mkdir /c/mine && sleep 0.3 && rmdir /c/mine # {}\n"
    text = f"FROM busybox AS a\n{step.format(1)}FROM busybox AS b\n{step.format(2)}FROM scratch\nCOPY --from=a /etc/group /a\nCOPY --from=b /etc/group /b\n"
    answer = build(docker, text)
    assert answer.code == 0, answer.err


def test_a_private_cache_is_another_one_for_who_comes_meanwhile(docker: Docker) -> None:
    text = pair("mkdir /c/mine", "mkdir /c/mine").replace("target=/m", "target=/m --mount=type=cache,target=/c,sharing=private")
    answer = build(docker, text)
    assert answer.code == 0, answer.err


def test_the_same_locked_cache_at_two_places_of_one_step_is_one_cache(docker: Docker) -> None:
    mount = "--mount=type=cache,id=c,sharing=locked,target="
    answer = build(docker, f"FROM busybox\nRUN {mount}/c {mount}/d echo word > /c/x && cat /d/x\n", "--progress", "plain")
    assert answer.code == 0 and " word\n" in answer.err


def test_a_trace_tells_one_stage_after_the_other(docker: Docker) -> None:
    text = "FROM busybox AS a\nRUN sleep 0.2; echo 1 > /a\nFROM busybox\nRUN echo 2 > /b\nCOPY --from=a /a /a\n"
    answer = build(docker, text, "--trace")
    assert answer.code == 0
    names = [line for line in answer.err.splitlines() if line.startswith("[")]
    assert [name.split("]")[0] for name in names] == ["[a 1/2", "[a 2/2", "[stage-1 1/3", "[stage-1 2/3", "[stage-1 3/3"]
