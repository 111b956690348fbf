"""Limits of a container: kept by whatever this machine has for it, told where one is exceeded, refused in docker's words."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from dockerlab.runtime.limits import keepers, memory_may_wait
from tests.conftest import Docker
from tests.parts import until

pytestmark = pytest.mark.usefixtures("containers_run_here")


def inspect(docker: Docker, name: str) -> dict[str, Any]:
    return dict(json.loads(docker("inspect", name).out)[0])


def needs(what: str) -> None:
    keeper = keepers()[what]
    if not keeper.keeps:
        pytest.skip(f"nothing keeps the limit of {what} here: {keeper.why}")


def processes_of(group: str) -> str:
    """Who is in a control group of ours."""
    return "".join(path.read_text() for path in Path("/sys/fs/cgroup").glob(f"**/dockerlab/{group}/cgroup.procs"))


def groups_left() -> list[str]:
    from dockerlab.runtime.helper.limits import tops

    return [name for top, _ in tops().values() for name in os.listdir(top) if os.path.isdir(f"{top}/{name}")] if os.geteuid() == 0 else []


def test_a_fork_bomb_stops_at_the_limit_of_processes(docker: Docker) -> None:
    needs("pids")
    script = "i=0; while [ $i -lt 50 ]; do sleep 100 & i=$((i+1)); done"
    docker("run", "-d", "--name", "bomb", "--pids-limit", "10", "busybox", "sh", "-c", f"({script}); sleep 100")
    until(lambda: "can't fork" in docker("logs", "bomb").err)
    assert 8 <= len(docker("top", "bomb").out.splitlines()) - 1 <= 10
    answer = docker("run", "--rm", "--pids-limit", "4", "busybox", "sh", "-c", "for i in 1 2 3 4 5 6; do sleep 1 & done; wait")
    assert answer.code == 2 and "can't fork" in answer.err
    assert docker("run", "--rm", "--pids-limit", "4", "busybox", "sh", "-c", "sleep 0 & sleep 0 & wait; echo all").out == "all\n"


def test_a_memory_bomb_is_killed_and_said_to_have_been_out_of_memory(docker: Docker) -> None:
    answer = docker("run", "--name", "oom", "-m", "32m", "--memory-swap", "32m", "busybox", "tail", "/dev/zero")
    assert (answer.code, answer.out, answer.err) == (137, "", "")
    state = inspect(docker, "oom")["State"]
    assert (state["OOMKilled"], state["ExitCode"], state["Status"], state["Error"]) == (True, 137, "exited", "")
    docker("run", "--name", "well", "-m", "32m", "busybox", "true")
    assert inspect(docker, "well")["State"]["OOMKilled"] is False


def test_as_the_kernel_does_it_only_the_process_that_took_the_memory_is_killed(docker: Docker) -> None:
    answer = docker(
        "run", "--name", "child", "-m", "32m", "--memory-swap", "32m", "busybox", "sh", "-c", "tail /dev/zero; echo still here $?"
    )
    assert answer.code == 0 and answer.out == "still here 137\n"
    assert inspect(docker, "child")["State"]["OOMKilled"] is True


def test_a_full_layer_ends_the_container_and_is_told(docker: Docker) -> None:
    filler = "dd if=/dev/zero of=/big bs=1M count=2; echo wrote; dd if=/dev/zero of=/more bs=1M count=60 2>/dev/null; sleep 1000"
    for flag, value in (("--disk", "8m"), ("--storage-opt", "size=8m")):
        answer = docker("run", "--name", "full", flag, value, "busybox", "sh", "-c", filler)
        assert answer.code == 137 and "wrote\n" in answer.out
        assert answer.err.splitlines()[-1] == "docker: container killed: its writable layer takes more than --disk 8m"
        assert inspect(docker, "full")["State"]["Error"] == "container killed: its writable layer takes more than --disk 8m"
        docker("rm", "full")
    assert (
        docker(
            "run", "--rm", "--disk", "8m", "busybox", "sh", "-c", "dd if=/dev/zero of=/b bs=1M count=2 2>/dev/null; sleep 0.5; echo ok"
        ).out
        == "ok\n"
    )


def test_what_hides_in_a_folder_counts_too(docker: Docker) -> None:
    script = "mkdir -p /a/b/c; dd if=/dev/zero of=/a/b/c/d bs=1M count=20 2>/dev/null; chmod 0 /a/b; sleep 1000"
    assert docker("run", "--rm", "--disk", "8m", "busybox", "sh", "-c", script).code == 137


def test_a_hog_is_ended_in_time_however_much_it_says(docker: Docker) -> None:
    answer = docker("run", "--name", "hog", "--timeout", "0.5", "busybox", "sh", "-c", "while :; do :; done")
    assert (answer.code, answer.err) == (137, "docker: container killed: it ran longer than --timeout 0.5\n")
    assert inspect(docker, "hog")["State"]["Error"] == "container killed: it ran longer than --timeout 0.5"
    assert docker("run", "--rm", "--timeout", "0.5", "busybox", "yes").code == 137
    assert docker("run", "--rm", "--timeout", "100", "busybox", "true").code == 0


def test_a_detached_container_is_limited_too(docker: Docker) -> None:
    docker("run", "-d", "--name", "hog", "--timeout", "0.3", "busybox", "sleep", "1000")
    assert docker("wait", "hog").out == "137\n"


def test_ulimits_hold_for_every_process_of_the_container(docker: Docker) -> None:
    script = "ulimit -n; ulimit -Hn; ulimit -c; ulimit -u"
    flags = ("--ulimit", "nofile=64:128", "--ulimit", "core=0", "--ulimit", "nproc=77")
    assert docker("run", "--rm", *flags, "busybox", "sh", "-c", script).out == "64\n128\n0\n77\n"
    docker("run", "-d", "--name", "box", *flags, "busybox", "sleep", "1000")
    assert docker("exec", "box", "sh", "-c", script).out == "64\n128\n0\n77\n"
    shown = inspect(docker, "box")["HostConfig"]["Ulimits"]
    assert [one["Name"] for one in shown] == ["core", "nofile", "nproc"] and shown[1] == {"Name": "nofile", "Hard": 128, "Soft": 64}
    answer = docker("run", "--rm", "--ulimit", "nofile=-1", "busybox", "true")
    assert answer.code == 125 and "error setting rlimit type 7" in answer.err


def test_an_exec_counts_as_the_containers_own(docker: Docker) -> None:
    needs("pids")
    docker("run", "-d", "--name", "box", "--pids-limit", "6", "-m", "64m", "busybox", "sleep", "1000")
    answer = docker("exec", "box", "sh", "-c", "for i in 1 2 3 4 5 6 7; do sleep 5 & done; wait")
    assert answer.code == 2 and "can't fork" in answer.err


def test_a_program_finds_its_limits_where_it_looks_for_them(docker: Docker) -> None:
    script = "cd /sys/fs/cgroup; cat memory.max 2>/dev/null || cat memory/memory.limit_in_bytes; cat pids.max 2>/dev/null || cat pids/pids.max; echo x >f"
    answer = docker("run", "--rm", "-m", "64m", "--pids-limit", "20", "busybox", "sh", "-c", script)
    assert answer.out == "67108864\n20\n" and "Read-only file system" in answer.err


def test_a_limit_of_memory_comes_with_the_groups_without_which_java_does_not_heed_it(docker: Docker) -> None:
    from dockerlab.runtime.helper.limits import BESIDE, tops

    if not memory_may_wait() or not {*BESIDE} <= tops(BESIDE).keys():
        pytest.skip("no control groups of version 1 may be made here")
    answer = docker(
        "run", "--rm", "-m", "64m", "busybox", "sh", "-c", "ls /sys/fs/cgroup; cat /proc/self/cgroup; cat /sys/fs/cgroup/cpuset/cpuset.cpus"
    )
    assert {"memory", *BESIDE} <= set(answer.out.split())
    rows = [line.split(":", 2) for line in answer.out.splitlines() if line.count(":") >= 2]
    own = {path for _, names, path in rows if {"memory", *BESIDE} & {*names.split(",")}}
    assert len(own) == 1 and next(iter(own)).startswith("/dockerlab/") and answer.out.splitlines()[-1]
    assert not [name for top, _ in tops(BESIDE).values() for name in os.listdir(top) if next(iter(own)).endswith(name)]


def test_inspect_shows_limits_as_docker_does(docker: Docker) -> None:
    flags = "-m 64m --cpus 1/2 --cpu-shares 512 --pids-limit 20 --shm-size 2m --memory-reservation 10m --oom-kill-disable --init"
    answer = docker("create", "--name", "shown", *flags.split(), "busybox")
    assert answer.code == 0, answer.err
    host = inspect(docker, "shown")["HostConfig"]
    names = ("Memory", "MemorySwap", "NanoCpus", "CpuShares", "PidsLimit", "ShmSize", "MemoryReservation", "OomKillDisable", "Init")
    assert [host[name] for name in names] == [67108864, 134217728, 500000000, 512, 20, 2097152, 10485760, True, True]
    docker("create", "--name", "none", "--pids-limit", "-1", "-m", "64m", "--memory-swap", "-1", "busybox")
    assert [inspect(docker, "none")["HostConfig"][name] for name in ("PidsLimit", "MemorySwap")] == [None, -1]
    assert docker("run", "--rm", "--shm-size", "2m", "busybox", "sh", "-c", "df -k /dev/shm | tail -n 1 | awk '{print $2}'").out == "2048\n"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("-m -1", 'invalid argument "-1" for "-m, --memory" flag: invalid size: \'-1\''),
        ("-m 1m", "Minimum memory limit allowed is 6MB"),
        ("--memory-swap 10m", "You should always set the Memory limit when using Memoryswap limit, see usage"),
        ("-m 64m --memory-swap 32m", "Minimum memoryswap limit should be larger than memory limit, see usage"),
        ("-m 64m --memory-reservation 128m", "Minimum memory limit can not be less than memory reservation limit, see usage"),
        ("--cpus -1", "range of CPUs is from 0.01 to"),
        ("--cpus 1 --cpu-quota 5000", "Conflicting options: Nano CPUs and CPU Quota cannot both be set"),
        ("--cpu-shares -3", "invalid CPU shares (-3): value must be a positive integer"),
        ("--ulimit nofile", 'invalid argument "nofile" for "--ulimit" flag: invalid ulimit argument: nofile'),
        ("--ulimit nofile=1:2:3", "too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`"),
        ("--ulimit nofile=x", 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("--ulimit nofile=-1:5", "ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: 5"),
        ("--shm-size x", 'invalid argument "x" for "--shm-size" flag: invalid size: \'x\''),
        ("--timeout soon", 'invalid argument "soon" for "--timeout" flag'),
        ("--storage-opt inodes=5", "Unknown option inodes"),
    ],
)
def test_what_docker_refuses_is_refused_in_its_words(docker: Docker, flags: str, words: str) -> None:
    answer = docker("run", "--rm", *flags.split(), "busybox", "true")
    assert answer.code == 125 and words in answer.err and docker("ps", "-aq").out == ""


def test_a_limit_that_nothing_keeps_is_told(docker: Docker) -> None:
    answer = docker("run", "--rm", "--cpus", "0.5", "busybox", "echo", "done")
    assert answer.out == "done\n"
    assert answer.err == (
        "" if keepers()["cpu"].keeps else f"WARNING: --cpus is recorded, and has no effect here: {keepers()['cpu'].why}\n"
    )


def test_the_cpu_share_is_the_kernels(docker: Docker) -> None:
    needs("cpu")
    script = (
        "cat /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us | xargs"
    )
    assert docker("run", "--rm", "--cpus", "0.5", "busybox", "sh", "-c", script).out == "50000 100000\n"


def test_no_group_stays_behind_and_one_of_a_killed_keeper_goes_with_the_next(docker: Docker, home: Path) -> None:
    docker("run", "-d", "--name", "box", "-m", "64m", "--pids-limit", "20", "busybox", "sleep", "1000")
    identifier = inspect(docker, "box")["Id"]
    mine = [name for name in groups_left() if name.startswith(identifier[:12])]
    assert bool(mine) == (os.geteuid() == 0 and bool(groups_left()))
    keeper = json.loads((home / "containers" / identifier / "state.json").read_text())["keeper"]
    os.kill(keeper, 9)
    until(lambda: not inspect(docker, "box")["State"]["Running"] and not any(processes_of(name) for name in mine))
    assert docker("run", "--name", "next", "-m", "64m", "--pids-limit", "20", "busybox", "true").code == 0
    assert not [name for name in groups_left() if name.startswith((identifier[:12], inspect(docker, "next")["Id"][:12]))]
