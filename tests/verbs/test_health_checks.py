"""Health checks: what is run, how it is judged, what inspect and ps say of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Docker, build, refused
from tests.parts import until

pytestmark = pytest.mark.usefixtures("containers_run_here")
FAST = ("--health-interval", "100ms", "--health-retries", "2")


def health(docker: Docker, name: str) -> dict[str, Any]:
    return dict(json.loads(docker("inspect", name).out)[0]["State"].get("Health") or {"Status": "", "FailingStreak": 0, "Log": []})


def comes_to(docker: Docker, name: str, status: str) -> dict[str, Any]:
    until(lambda: health(docker, name)["Status"] == status)
    return health(docker, name)


def test_a_container_is_starting_then_healthy_then_not(docker: Docker) -> None:
    docker("run", "-d", "--name", "box", "--health-cmd", "test -f /ok", *FAST, "busybox", "sleep", "1000")
    docker("run", "-d", "--name", "slow", "--health-cmd", "true", "busybox", "sleep", "1000")
    assert health(docker, "slow") == {"Status": "starting", "FailingStreak": 0, "Log": []}
    assert docker("ps", "--filter", "name=slow", "--format", "{{.Status}}").out.endswith(" (health: starting)\n")
    docker("exec", "box", "touch", "/ok")
    found = comes_to(docker, "box", "healthy")
    assert found["FailingStreak"] == 0 and found["Log"][-1]["ExitCode"] == 0
    assert docker("ps", "--filter", "health=healthy", "--format", "{{.Names}} {{.Status}}").out.endswith("(healthy)\n")
    docker("exec", "box", "rm", "/ok")
    found = comes_to(docker, "box", "unhealthy")
    assert found["FailingStreak"] >= 2 and found["Log"][-1]["ExitCode"] == 1
    assert docker("ps", "--filter", "health=unhealthy", "--format", "{{.Names}}").out == "box\n"
    assert docker("ps", "--filter", "health=starting", "--format", "{{.Names}}").out == "slow\n"


def test_the_log_keeps_the_last_five_with_what_they_said(docker: Docker) -> None:
    docker("run", "-d", "--name", "box", "--health-cmd", "echo out; echo err >&2; exit 3", *FAST, "busybox", "sleep", "1000")
    until(lambda: health(docker, "box")["FailingStreak"] >= 6)
    log = health(docker, "box")["Log"]
    assert len(log) == 5 and all(one["ExitCode"] == 3 and sorted(one["Output"].split()) == ["err", "out"] for one in log)
    assert [one["Start"] for one in log] == sorted(one["Start"] for one in log) and log[0]["Start"] < log[0]["End"] < log[1]["Start"]


def test_a_check_that_takes_too_long_has_failed(docker: Docker) -> None:
    slow = ("--health-cmd", "echo begun; sleep 1000", "--health-timeout", "200ms", "--health-interval", "50ms", "--health-retries", "1")
    docker("run", "-d", "--name", "box", *slow, "busybox", "sleep", "1000")
    found = comes_to(docker, "box", "unhealthy")
    assert found["Log"][0]["ExitCode"] == -1 and found["Log"][0]["Output"] == "Health check exceeded timeout (200ms): begun\n"


def test_failures_of_the_start_period_do_not_count(docker: Docker) -> None:
    flags = ("--health-start-period", "1000s", "--health-start-interval", "50ms", "--health-interval", "50ms", "--health-retries", "1")
    docker("run", "-d", "--name", "box", "--health-cmd", "test -f /ok", *flags, "busybox", "sleep", "1000")
    until(lambda: len(health(docker, "box")["Log"]) >= 3)
    assert (health(docker, "box")["Status"], health(docker, "box")["FailingStreak"]) == ("starting", 0)
    docker("exec", "box", "touch", "/ok")
    comes_to(docker, "box", "healthy")
    docker("exec", "box", "rm", "/ok")  # once it was well, failures count
    comes_to(docker, "box", "unhealthy")


def test_the_images_check_runs_as_its_user_in_its_folder(docker: Docker) -> None:
    check = "HEALTHCHECK --interval=100ms --retries=1 CMD id -u; pwd; echo $A; head -c 6000 /dev/zero | tr '\\0' x"
    answer = build(docker, f"FROM busybox\n{check}\nUSER nobody\nENV A=1\nWORKDIR /tmp\n", tag="hc")
    assert answer.code == 0, answer.err
    docker("run", "-d", "--name", "box", "hc", "sleep", "1000")
    output = comes_to(docker, "box", "healthy")["Log"][0]["Output"]
    assert output.startswith("65534\n/tmp\n1\nxxx") and len(output) == 4099 and output.endswith("x...")
    docker("run", "-d", "--name", "off", "--no-healthcheck", "hc", "sleep", "1000")
    shown = docker("inspect", "--format", "{{json .Config.Healthcheck}} {{json .State.Health}}", "off").out
    assert shown == '{"Test":["NONE"],"Interval":100000000,"Retries":1} null\n'
    docker("create", "--name", "mixed", "--health-timeout", "1m30s", "hc")
    mixed = json.loads(docker("inspect", "mixed").out)[0]["Config"]["Healthcheck"]
    assert mixed["Test"][0] == "CMD-SHELL" and (mixed["Interval"], mixed["Timeout"], mixed["Retries"]) == (100_000_000, 90_000_000_000, 1)


def test_a_check_that_is_not_there_is_told_as_an_exec_would(docker: Docker) -> None:
    build(docker, 'FROM busybox\nHEALTHCHECK --interval=100ms --retries=1 CMD ["nosuch"]\n', tag="hc")
    docker("run", "-d", "--name", "box", "hc", "sleep", "1000")
    last = comes_to(docker, "box", "unhealthy")["Log"][-1]
    words = 'OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": executable file not found in $PATH'
    assert (last["ExitCode"], last["Output"]) == (-1, words)


def test_a_check_sees_the_containers_processes_and_counts_as_one(docker: Docker) -> None:
    docker(
        "run",
        "-d",
        "--name",
        "box",
        "--health-cmd",
        "cat /proc/1/comm; ulimit -n",
        "--ulimit",
        "nofile=99",
        *FAST,
        "busybox",
        "sleep",
        "1000",
    )
    assert comes_to(docker, "box", "healthy")["Log"][0]["Output"] == "sleep\n99\n"


def test_what_has_ended_is_not_healthy_and_begins_anew(docker: Docker) -> None:
    docker("run", "-d", "--name", "box", "--health-cmd", "true", "--health-interval", "100ms", "busybox", "sleep", "1000")
    comes_to(docker, "box", "healthy")
    docker("stop", "-t", "0", "box")
    assert health(docker, "box")["Status"] == "unhealthy" and health(docker, "box")["Log"]
    assert docker("ps", "-a", "--format", "{{.Status}}").out.startswith("Exited (137)")
    docker("start", "box")
    comes_to(docker, "box", "healthy")


def test_an_end_in_the_midst_of_a_check_is_an_end(docker: Docker) -> None:
    docker(
        "run", "-d", "--name", "box", "--health-cmd", "echo on >/on; sleep 1000", "--health-interval", "50ms", "busybox", "sleep", "1000"
    )
    until(lambda: docker("exec", "box", "cat", "/on").code == 0)
    assert docker("stop", "-t", "0", "box").code == 0 and docker("rm", "box").code == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--no-healthcheck", "--health-cmd", "true"), "--no-healthcheck conflicts with --health-* options"),
        (("--health-interval", "-1s"), "--health-interval cannot be negative"),
        (("--health-interval", "1us"), "Interval in Healthcheck cannot be less than 1ms"),
        (("--health-interval", "x"), 'invalid argument "x" for "--health-interval" flag: time: invalid duration "x"'),
        (("--health-timeout", "5"), 'time: missing unit in duration "5"'),
        (("--health-retries", "-1"), "--health-retries cannot be negative"),
    ],
)
def test_what_docker_refuses_is_refused_in_its_words(docker: Docker, flags: tuple[str, ...], words: str) -> None:
    refused(docker, *flags, words=words)
