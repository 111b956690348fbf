"""Flags, filters and words that can't be done are told, and nothing is done in their place."""

from __future__ import annotations

import pytest

from tests.conftest import Docker

pytestmark = pytest.mark.usefixtures("containers_run_here")


def test_a_flag_that_does_nothing_here_is_told(docker: Docker) -> None:
    answer = docker("run", "--rm", "--cpuset-cpus", "0", "--mac-address", "02:42:ac:11:00:02", "busybox", "echo", "word")
    assert (answer.code, answer.out) == (0, "word\n")
    assert answer.err.splitlines() == [
        f"WARNING: --{name} has no effect here: dockerlab does not do it yet" for name in ("cpuset-cpus", "mac-address")
    ]


@pytest.mark.parametrize(
    "words", [("run", "--rm", "-e", "A=1", "-w", "/", "--name", "one", "busybox", "true"), ("ps", "-a", "--no-trunc"), ("images", "-q")]
)
def test_flags_that_are_done_say_nothing(docker: Docker, words: tuple[str, ...]) -> None:
    assert docker(*words).err == ""


def test_a_prune_that_can_not_filter_removes_nothing(docker: Docker) -> None:
    docker("commit", docker("create", "busybox").out.strip())
    before = docker("images", "-q").out
    answer = docker("builder", "prune", "-f", "--filter", "until=24h")
    assert answer.code == 1 and "nothing was removed" in answer.err
    assert docker("images", "-q").out == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "--cpus", "abc", "busybox"), "failed to parse abc as a rational number"),
        (("run", "--restart", "on-failure:x", "busybox"), "maximum retry count must be an integer"),
        (("run", "-p", "80:-80", "busybox"), "Invalid containerPort: -80"),
        (("run", "-p", "1-2-3:80", "busybox"), "Invalid hostPort: 1-2-3"),
        (("ps", "-a", "-f", "name=["), "invalid filter 'name=['"),
        (("ps", "-f", "health=well"), "invalid filter 'health=well'"),
        (("images", "-f", "dangling=True"), "invalid filter 'dangling=[True]'"),
        (("images", "-f", "until=soon"), "failed to parse value as time or duration"),
        (("inspect", "--type", "network", "mine"), "network mine not found"),
        (("inspect", "--type", "volume", "mine"), "get mine: no such volume"),
        (("-H", "tcp://127.0.0.1:1", "ps"), "dockerlab speaks to its own engine only"),
    ],
)
def test_a_mistake_is_one_message(docker: Docker, words: tuple[str, ...], message: str) -> None:
    docker("create", "busybox")
    answer = docker(*words)
    assert answer.code and message in answer.err and "Traceback" not in answer.err


def test_before_and_since_can_be_given_together(docker: Docker) -> None:
    names = []
    for n in range(3):
        docker("create", "--name", f"box{n}", "busybox")
        docker("commit", "-m", str(n), f"box{n}", f"image:{n}")
        names.append(f"image:{n}")
    listed = docker("images", "-f", "since=image:0", "-f", "before=image:2", "--format", "{{.Repository}}:{{.Tag}}").out
    assert listed == "image:1\n"


def test_a_volume_can_be_inspected_without_its_kind(docker: Docker) -> None:
    docker("volume", "create", "data")
    assert '"Name": "data"' in docker("inspect", "data").out


def test_global_flags_come_before_the_verb(docker: Docker) -> None:
    assert docker("--debug", "images", "-q").out == docker("images", "-q").out != ""


def test_a_container_that_could_not_start_is_removed_if_it_was_to_be(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    assert docker("run", "--rm", "busybox", "nowhere").code == 127
    assert docker("run", "--rm", "-d", "busybox", "nowhere").code == 127
    assert docker("ps", "-aq").out == ""
