"""`docker stats`: figures of the processes, zeros where there are none."""

from __future__ import annotations

import json

import pytest

from dockerlab.verbs.units import binary_size
from tests.conftest import Docker

pytestmark = pytest.mark.usefixtures("containers_run_here")
HEADS = ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS"]


def stats(docker: Docker, *words: str) -> dict[str, str]:
    answer = docker("stats", "--no-stream", "--format", "json", *words)
    assert answer.code == 0, answer.err
    found: dict[str, str] = json.loads(answer.out)
    return found


def test_a_busy_container_uses_a_processor_and_an_idle_one_none(docker: Docker) -> None:
    docker("run", "-d", "--name", "busy", "busybox", "sh", "-c", "while :; do :; done")
    docker("run", "-d", "--name", "idle", "busybox", "sleep", "300")
    assert float(stats(docker, "busy")["CPUPerc"].rstrip("%")) > 5 > float(stats(docker, "idle")["CPUPerc"].rstrip("%"))


def test_memory_is_that_of_all_processes_and_its_share_of_the_limit(docker: Docker) -> None:
    docker(
        "run",
        "-d",
        "--name",
        "box",
        "--memory",
        "64m",
        "busybox",
        "sh",
        "-c",
        "x=$(head -c 8000000 /dev/zero | tr '\\0' a); sleep 300 & sleep 300; true",
    )
    docker("exec", "box", "sh", "-c", "until [ $(grep -l sleep /proc/[0-9]*/comm 2>/dev/null | wc -l) -ge 2 ]; do usleep 100000; done")
    found = stats(docker, "box")
    used, limit = found["MemUsage"].split(" / ")
    assert limit == "64MiB" and used.endswith("MiB") and 7 < float(used.removesuffix("MiB")) < 40
    assert abs(float(found["MemPerc"].rstrip("%")) - float(used.removesuffix("MiB")) / 64 * 100) < 0.1
    assert found["PIDs"] == "3"


def test_a_stopped_container_shows_zeros_and_only_with_all_or_by_name(docker: Docker) -> None:
    docker("create", "--name", "made", "busybox")
    row = "made made 0.00% 0B / 0B 0.00% 0B / 0B 0B / 0B 0\n"
    form = "{{.Name}} {{.Container}} {{.CPUPerc}} {{.MemUsage}} {{.MemPerc}} {{.NetIO}} {{.BlockIO}} {{.PIDs}}"
    assert docker("stats", "--no-stream", "--format", form).out == ""
    assert docker("stats", "--no-stream", "--format", form, "made").out == row
    assert docker("stats", "--no-stream", "-a", "--format", "{{.Name}} {{.PIDs}}").out == "made 0\n"
    assert docker("stats", "--no-stream").out.split("   ")[0] == "CONTAINER ID"


def test_the_table_and_the_whole_id(docker: Docker) -> None:
    identifier = docker("create", "--name", "made", "busybox").out.strip()
    lines = docker("stats", "--no-stream", "--no-trunc", "made").out.splitlines()
    assert [head.strip() for head in lines[0].split("   ") if head.strip()] == HEADS
    assert lines[1].split()[:2] == [identifier, "made"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nosuch",), "No such container: nosuch"),
        (("--format", "{{.Nosuch}}", "made"), "can't evaluate field Nosuch in type *container.statsContext"),
        (("--format", "{{.Name", "made"), "template parsing error: template: :1: unclosed action"),
    ],
)
def test_a_mistake_is_told_before_anything_is_shown(docker: Docker, words: tuple[str, ...], said: str) -> None:
    docker("create", "--name", "made", "busybox")
    answer = docker("stats", "--no-stream", *words)
    assert answer.code == 1 and said in answer.err and answer.out == ""


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0B"), (1343488, "1.281MiB"), (64 << 20, "64MiB"), (1023, "1023B"), (25275990000, "23.54GiB")]
)
def test_sizes_of_memory_have_four_digits(count: int, text: str) -> None:
    assert binary_size(count) == text
