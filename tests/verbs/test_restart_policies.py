"""Restart policies: how often, after what, how soon, and that a stop is a stop."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from dockerlab.runtime.helper.restart import Policy
from tests.conftest import Docker
from tests.parts import until

pytestmark = pytest.mark.usefixtures("containers_run_here")


def inspect(docker: Docker, name: str) -> dict[str, Any]:
    return dict(json.loads(docker("inspect", name).out)[0])


def status(docker: Docker, name: str) -> str:
    return str(inspect(docker, name)["State"]["Status"])


def always(docker: Docker, script: str, *flags: str) -> None:
    docker("run", "-d", "--name", "box", "--restart", "always", *flags, "busybox", "sh", "-c", script)


def test_on_failure_tries_again_as_often_as_it_may(docker: Docker) -> None:
    docker("run", "-d", "--name", "ff", "--restart", "on-failure:2", "busybox", "sh", "-c", "echo try; exit 4")
    until(lambda: status(docker, "ff") == "exited")
    shown = inspect(docker, "ff")
    assert (shown["RestartCount"], shown["State"]["ExitCode"], shown["State"]["Restarting"]) == (2, 4, False)
    assert docker("logs", "ff").out == "try\n" * 3
    docker("start", "ff")  # counts anew
    until(lambda: status(docker, "ff") == "exited")
    assert inspect(docker, "ff")["RestartCount"] == 2 and docker("logs", "ff").out == "try\n" * 6


def test_a_success_is_no_failure(docker: Docker) -> None:
    docker("run", "-d", "--name", "ok", "--restart", "on-failure", "busybox", "true")
    assert docker("wait", "ok").out == "0\n"
    until(lambda: status(docker, "ok") == "exited")
    assert inspect(docker, "ok")["RestartCount"] == 0


def test_each_run_is_a_fresh_start_on_the_same_files(docker: Docker) -> None:
    script = "echo $$ $(ls /dev/shm) $(wc -l </runs); echo x >>/runs; touch /dev/shm/f; (sleep 1000 &); test $(wc -l </runs) = 3"
    docker("run", "-d", "--name", "box", "--restart", "on-failure", "busybox", "sh", "-c", f"touch /runs; {script}")
    until(lambda: status(docker, "box") == "exited")
    assert docker("logs", "box").out == "1 0\n1 1\n1 2\n"


def test_between_two_runs_it_is_restarting_and_not_to_be_entered(docker: Docker) -> None:
    docker("run", "-d", "--name", "always", "--restart", "always", "busybox", "sh", "-c", "exit 3")
    until(lambda: inspect(docker, "always")["RestartCount"] >= 4 and status(docker, "always") == "restarting")
    state = inspect(docker, "always")["State"]
    assert (state["Running"], state["Restarting"], state["ExitCode"], state["Pid"]) == (True, True, 3, 0)
    assert docker("ps", "--filter", "status=restarting", "--format", "{{.Names}} {{.Status}}").out.startswith("always Restarting (3) ")
    answer = docker("exec", "always", "true")
    assert answer.code == 1 and "is restarting, wait until the container is running" in answer.err
    assert docker("kill", "always").code == 0
    until(lambda: status(docker, "always") == "exited")
    assert inspect(docker, "always")["State"]["ExitCode"] == 3 and docker("rm", "always").code == 0


@pytest.mark.parametrize("verb", [("stop", "-t", "0"), ("kill",), ("kill", "-s", "TERM")])
def test_what_is_stopped_stays_stopped(docker: Docker, verb: tuple[str, ...]) -> None:
    always(docker, "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done")
    until(lambda: docker("logs", "box").out == "ready\n")
    assert docker(*verb, "box").code == 0
    until(lambda: status(docker, "box") == "exited")
    assert inspect(docker, "box")["RestartCount"] == 0
    docker("start", "box")
    assert status(docker, "box") == "running"
    assert docker("rm", "-f", "box").code == 0 and docker("ps", "-aq").out == ""


def test_another_signal_than_the_stop_signal_is_no_stop(docker: Docker) -> None:
    script = "trap 'exit 5' USR1; while :; do sleep 0.05; done"
    docker("run", "-d", "--name", "box", "--restart", "unless-stopped", "--stop-signal", "QUIT", "busybox", "sh", "-c", script)
    until(lambda: docker("kill", "-s", "USR1", "box").code == 0 and inspect(docker, "box")["RestartCount"] >= 1)
    docker("rm", "-f", "box")


def test_restart_begins_to_count_anew(docker: Docker) -> None:
    always(docker, "test -e /second && sleep 1000; touch /second")
    until(lambda: inspect(docker, "box")["RestartCount"] == 1 and status(docker, "box") == "running")
    assert docker("restart", "-t", "0", "box").code == 0
    assert (status(docker, "box"), inspect(docker, "box")["RestartCount"]) == ("running", 0)


def test_an_attached_client_hears_of_the_first_end(docker: Docker) -> None:
    answer = docker("run", "--name", "box", "--restart", "on-failure:1", "busybox", "sh", "-c", "echo said; exit 4")
    assert (answer.code, answer.out) == (4, "said\n")
    until(lambda: status(docker, "box") == "exited")
    assert docker("logs", "box").out == "said\nsaid\n"


def test_what_can_not_be_started_is_not_tried_again(docker: Docker) -> None:
    answer = docker("run", "--name", "box", "--restart", "always", "busybox", "nosuch")
    assert answer.code == 127 and (status(docker, "box"), inspect(docker, "box")["RestartCount"]) == ("created", 0)


def test_published_ports_come_back_with_each_run(docker: Docker) -> None:
    always(docker, "test -e /second && sleep 1000; touch /second", "-p", "80")
    until(lambda: inspect(docker, "box")["RestartCount"] == 1 and status(docker, "box") == "running")
    assert docker("port", "box").out.startswith("80/tcp -> ")


def test_nothing_outlives_who_keeps_the_runs(docker: Docker, home: Path) -> None:
    docker("run", "-d", "--name", "box", "--restart", "always", "busybox", "sleep", "1000")
    state = json.loads((home / "containers" / inspect(docker, "box")["Id"] / "state.json").read_text())
    with open(f"/proc/{state['keeper']}/stat", encoding="utf-8") as file:
        parent = int(file.read().rsplit(") ", 1)[1].split()[1])
    os.kill(parent, signal.SIGKILL)
    until(lambda: not os.path.exists(f"/proc/{state['init']}/cwd"))
    until(lambda: status(docker, "box") == "exited")
    assert inspect(docker, "box")["State"]["ExitCode"] == 137


def test_a_killed_keeper_is_an_end_like_another(docker: Docker, home: Path) -> None:
    docker("run", "-d", "--name", "box", "--restart", "on-failure:1", "busybox", "sleep", "1000")
    folder = home / "containers" / inspect(docker, "box")["Id"]
    os.kill(json.loads((folder / "state.json").read_text())["keeper"], signal.SIGKILL)
    until(lambda: inspect(docker, "box")["RestartCount"] == 1 and status(docker, "box") == "running")


def test_the_delay_doubles_up_to_a_minute_and_begins_anew_after_a_long_run() -> None:
    policy = Policy("always", 0)
    delays = [policy.next_delay(0, count, 0.1) for count in range(12)]
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8] and delays[-1] == 60.0
    assert [policy.next_delay(0, 12, 10.0), policy.next_delay(0, 13, 9.9)] == [0.1, 0.2]
    assert Policy("on-failure", 2).next_delay(1, 2, 0.1) is None and Policy("on-failure", 0).next_delay(1, 99, 0.1) == 0.1


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("nosuch", "invalid restart policy: unknown policy 'nosuch'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"),
        ("on-failure:x", "invalid restart policy format: maximum retry count must be an integer"),
        ("on-failure:1:2", "invalid restart policy format: maximum retry count must be an integer"),
        ("on-failure:-1", "invalid restart policy: maximum retry count cannot be negative"),
        ("always:3", "invalid restart policy: maximum retry count can only be used with 'on-failure'"),
        (":3", "invalid restart policy format: no policy provided before colon"),
    ],
)
def test_a_policy_that_docker_refuses_is_refused_in_its_words(docker: Docker, value: str, words: str) -> None:
    answer = docker("run", "-d", "--restart", value, "busybox", "true")
    assert answer.code == 125 and words in answer.err and docker("ps", "-aq").out == ""
