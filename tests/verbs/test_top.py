"""`docker top`: the columns of `ps -ef`, and those of this machine's `ps`."""

from __future__ import annotations

import shutil

import pytest

from tests.conftest import Docker
from tests.parts import missing, until

pytestmark = pytest.mark.usefixtures("containers_run_here")


def rows(docker: Docker, *options: str) -> list[dict[str, str]]:
    answer = docker("top", "box", *options)
    assert answer.code == 0, answer.err
    heads, *lines = (line.split(maxsplit=len(answer.out.splitlines()[0].split()) - 1) for line in answer.out.splitlines())
    return [dict(zip(heads, line, strict=True)) for line in lines]


def test_processes_have_their_parents_and_commands(docker: Docker) -> None:
    docker("run", "-d", "--name", "box", "busybox", "sh", "-c", "sleep 300 & sleep 301; true")
    until(lambda: {"sleep 300", "sleep 301"} <= {row["CMD"] for row in rows(docker)})
    found = {row["CMD"]: row for row in rows(docker)}
    first = found["sh -c sleep 300 & sleep 301; true"]
    assert found["sleep 300"]["PPID"] == found["sleep 301"]["PPID"] == first["PID"]
    assert (first["TTY"], first["TIME"]) == ("?", "00:00:00") and first["PPID"].isdigit()
    assert docker("top", "box").out.splitlines()[0].split() == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]


def test_a_process_on_a_terminal_and_one_that_works(docker: Docker) -> None:
    docker("run", "-dt", "--name", "box", "busybox", "sh", "-c", "while :; do :; done")
    until(lambda: rows(docker)[0]["TIME"] > "00:00:00")
    row = rows(docker)[0]
    assert row["TTY"].startswith("pts/") and int(row["C"]) > 0


def test_a_container_that_was_started_is_its_program_already(docker: Docker) -> None:
    for number in range(12):
        docker("run", "-d", "--name", f"box{number}", *(["--init"] if number % 3 == 2 else []), "busybox", "sleep", "300")
        commands = [line.split(None, 1)[1] for line in docker("top", f"box{number}", "-o", "pid,comm").out.splitlines()[1:]]
        assert commands[-1] == "sleep", commands


def test_options_are_those_of_ps(docker: Docker) -> None:
    if not shutil.which("ps"):
        missing("ps", "apt install procps")
    docker("run", "-d", "--name", "box", "busybox", "sleep", "300")
    assert [row["COMMAND"] for row in rows(docker, "-o", "pid,comm")] == ["sleep"]
    assert rows(docker, "aux")[0]["COMMAND"] == "sleep 300"
    answer = docker("top", "box", "-o", "comm")
    assert answer.code == 1 and "Couldn't find PID field in ps output" in answer.err
    answer = docker("top", "box", "-o", "nosuch")
    assert answer.code == 1 and 'unknown user-defined format specifier "nosuch"' in answer.err


def test_a_container_that_does_not_run_has_none(docker: Docker) -> None:
    identifier = docker("create", "--name", "box", "busybox").out.strip()
    answer = docker("top", "box")
    assert answer.code == 1 and f"container {identifier} is not running" in answer.err
