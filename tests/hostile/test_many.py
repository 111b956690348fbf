"""Many containers at once, and much that they say: all of them live, nothing of them is left, and what keeps them stays small."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dockerlab.engine import ContainerSpec
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.store.fsck import examine
from tests.benchmarks.absolute import keepers, sleepers
from tests.conftest import Docker, build
from tests.parts import ROOT, until, whole

pytestmark = pytest.mark.usefixtures("containers_run_here")
SECONDS = str(500_000_000 + os.getpid())


def files(home: Path) -> list[str]:
    """Everything in the store but for what is written down of the past."""
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if not path.name.startswith(("events", "lock", "capabilities")))


def test_twenty_containers_at_once_live_and_leave_no_process_mount_or_file(docker: Docker, engine: EmbeddedEngine, home: Path) -> None:
    for _ in range(2):
        docker("run", "--rm", "busybox", "true")
    # a helper and its spare; from the second container on, where they have namespaces, a workshop and its spare
    own = 4 if engine.runtime.capabilities.isolation == "namespaces" else 2
    until(lambda: len(keepers(home)) == own)
    before, mounts = files(home), Path("/proc/self/mountinfo").read_text()
    made = [engine.create(ContainerSpec("busybox", ("sh", "-c", f"echo $HOSTNAME > /me; exec sleep {SECONDS}"))) for _ in range(20)]
    for one in made:
        engine.start(one)
    until(lambda: len(sleepers(SECONDS)) == 20)
    assert len(engine.containers()) == 20
    until(lambda: len(keepers(home)) == own + 20)
    for one in made:
        assert docker("exec", one, "cat", "/me").out == one[:12] + "\n"
    for number, one in enumerate(made):
        if number % 2:
            docker("rm", "-f", one)
        else:
            docker("stop", "-t", "0", one), docker("rm", one)
    assert sleepers(SECONDS) == [] and engine.containers(all=True) == []
    until(lambda: len(keepers(home)) == own)
    assert (files(home), Path("/proc/self/mountinfo").read_text()) == (before, mounts)
    assert examine(engine.store).problems == ()


def peak(pid: int) -> int:
    """The most memory that a process has had, in MB."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) >> 10


def started(*words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dockerlab", *words]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


LINE = "0123456789" * 10
GIGABYTE = 1 << 30
TALKS = {
    "one line": f"head -c {GIGABYTE} /dev/zero | tr '\\0' x",
    "lines": f"yes {LINE} | head -c {GIGABYTE if whole() else GIGABYTE >> 2}",
}


@pytest.mark.parametrize("talk", TALKS)
def test_a_gigabyte_is_printed_as_it_comes_and_nothing_of_ours_grows(talk: str, home: Path) -> None:
    with started("run", "--rm", "--log-driver", "none", "busybox", "sh", "-c", TALKS[talk]) as process:  # fmt: skip
        assert process.stdout is not None
        count, most, turn = 0, 0, 0
        while data := process.stdout.read1(1 << 20):  # type: ignore[attr-defined]
            count, turn = count + len(data), turn + 1
            if turn % 1000 == 1:
                most = max(most, peak(process.pid), *(peak(pid) for pid in keepers(home)))
    assert process.returncode == 0 and count == int(TALKS[talk].partition("-c ")[2].split()[0])
    assert 0 < most < 40
    assert os.listdir(home / "containers") == []


@pytest.mark.parametrize("flags", [(), ("--init",), ("--restart", "on-failure:1")])
def test_who_reads_late_gets_all_and_nobody_waits_for_it(docker: Docker, flags: tuple[str, ...]) -> None:
    with started("run", "--name", "box", *flags, "busybox", "sh", "-c", "head -c 900000 /dev/zero; exit 3") as process:
        until(lambda: docker("inspect", "-f", "{{.State.Status}}", "box").out == "exited\n")
        assert docker("start", "box").code == 0 and docker("wait", "box").out == "3\n"
        assert process.stdout is not None and process.stderr is not None
        assert len(process.stdout.read()) == 900_000
        assert process.wait(30) == 3 and process.stderr.read() == b""


@pytest.mark.parametrize("reads", [True, False])
def test_an_interrupt_ends_what_prints_without_end(reads: bool, home: Path) -> None:
    """Whoever reads it, or has stopped reading."""
    talk = ("--log-driver", "none", "busybox", "sh", "-c", "trap '' INT TERM; exec yes")
    with started("run", "--rm", *talk) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.read(10 << 20).startswith(b"y\ny\n")
        process.send_signal(signal.SIGINT)
        if reads:
            while process.stdout.read(1 << 20):
                pass
        assert process.wait(60) == 137 and b"Traceback" not in process.stderr.read()
    until(lambda: os.listdir(home / "containers") == [])


def test_what_keeps_a_container_stays_small_however_much_it_says(docker: Docker, engine: EmbeddedEngine, home: Path) -> None:
    script = "yes 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789 | head -c 30000000; tr '\\0' x < /dev/zero | head -c 20000000; echo; echo end; exec sleep 1000"
    docker("run", "-d", "--name", "talker", "busybox", "sh", "-c", script)
    until(lambda: docker("logs", "--tail", "1", "talker").out == "end\n", 60)
    log = home / "containers" / docker("inspect", "-f", "{{.Id}}", "talker").out.strip() / "log"
    assert log.stat().st_size > 50_000_000, "as Docker's json-file driver without max-size: all of it is kept"
    assert max(peak(pid) for pid in keepers(home)) < 40
    docker("rm", "-f", "talker")


def test_a_step_shows_as_much_as_buildkit_shows_and_its_error_the_last_lines(docker: Docker) -> None:
    for what in ("yes 0123456789 | head -c 20000000", "yes 0123456789 | head -c 20000000 | tr -d [:space:]"):
        answer = build(docker, f"FROM busybox\nRUN {what}; echo the end; false\n", "--progress", "plain")
        shown, _, told = answer.err.rpartition("[output clipped, log limit 2MiB reached]\n")
        assert (
            answer.code == 1
            and len(shown) < 12_000_000
            and len(told) < 100_000
            and "the end\n------" in told
            and "Traceback" not in answer.err
        )
