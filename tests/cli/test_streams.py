"""The command where its standard streams are not what a terminal gives."""

from __future__ import annotations

import base64
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.parts import ROOT


@pytest.mark.usefixtures("containers_run_here", "home")
@pytest.mark.parametrize("closed", [fds for count in (1, 2, 3) for fds in itertools.combinations((0, 1, 2), count)], ids=str)
def test_whoever_starts_it_without_some_of_them_gets_the_exit_code(closed: tuple[int, ...], tmp_path: Path) -> None:
    said = tmp_path / "said"
    script = f"""
import os, sys
for fd in {closed}:
    os.close(fd)
os.execv(sys.executable, [sys.executable, "-m", "dockerlab", "run", "--rm", "busybox", "sh", "-c", "echo hello; exit 3"])
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with open(said, "w", encoding="utf-8") as out:
        done = subprocess.run([sys.executable, "-c", script], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, timeout=60)
    assert done.returncode == 3
    assert said.read_text() == ("" if 1 in closed else "hello\n")


COUNT = "i=0; while [ $i -lt 200 ]; do echo $i; i=$((i+1)); echo $i >&2; i=$((i+1)); done"


@pytest.mark.usefixtures("containers_run_here")
def test_output_and_errors_that_go_to_one_place_come_in_the_order_in_which_they_were_written(home: Path, tmp_path: Path) -> None:
    """Of a container that is removed, of an exec, of a build's step; of others the log tells them apart, and two pipes keep no order."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def both(*words: str) -> list[str]:
        started = [sys.executable, "-m", "dockerlab", *words]
        return subprocess.run(started, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment).stdout.splitlines()

    counted = [str(n) for n in range(200)]
    assert both("run", "--rm", "busybox", "sh", "-c", COUNT) == counted
    both("run", "-d", "--name", "there", "busybox", "sleep", "100")
    assert both("exec", "there", "sh", "-c", COUNT) == counted
    both("rm", "-f", "there")
    (tmp_path / "Dockerfile").write_text(f"FROM busybox\nRUN {COUNT}\n")
    built = [line.split() for line in both("build", "--progress=plain", str(tmp_path))]
    assert [words[2] for words in built if len(words) == 3 and words[0] == "#2" and words[2].isdigit()] == counted


@pytest.mark.usefixtures("containers_run_here")
def test_output_and_errors_that_go_to_two_places_are_told_apart(command: Command, tmp_path: Path) -> None:
    ran = command("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2")
    assert (ran.stdout, ran.stderr) == ("out\n", "err\n")
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN echo out; echo err >&2\n")
    told = [json.loads(line) for line in command("build", "--progress=rawjson", str(tmp_path)).stderr.splitlines()]
    logs = [(log["stream"], base64.b64decode(log["data"])) for one in told for log in one.get("logs", [])]
    assert sorted(logs) == [(1, b"out\n"), (2, b"err\n")]
