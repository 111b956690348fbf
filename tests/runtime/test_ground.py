"""What stands ready before a container is asked for: the same as what would be made for it, as this machine is, and gone with whoever it was made for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dockerlab.runtime import Capabilities, ContainerDirectory, Mount, Runtime
from dockerlab.runtime.helper.serve import tell
from dockerlab.runtime.spec import Limits
from tests.parts import missing, until
from tests.runtime.conftest import Box

ENGINE = """
import sys, time
from tests.runtime.test_ground import warm
runtime = warm(*sys.argv[1:])
print("ready", flush=True)
time.sleep(600)
"""


SEVERAL = """
import sys, tempfile
from pathlib import Path
from dockerlab.runtime import Capabilities, Runtime
from tests.runtime.test_ground import printed
with Runtime(Capabilities.load(None, Path(tempfile.mkdtemp()))) as runtime:
    for number in range(8):
        print(printed(runtime, Path(tempfile.mkdtemp(), "c"), Path(sys.argv[1]), "cat /proc/keys; sed -n 's/^Name:.//p' /proc/self/status"), end="")
"""


@pytest.fixture
def own_runtime(capabilities: Capabilities):
    if capabilities.isolation != "namespaces":
        missing("namespaces", capabilities.reason)
    with Runtime(capabilities) as one:
        yield one


def spares(helper: int) -> list[int]:
    """Processes of a helper that stand on ground of their own, and have no container yet."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
            parent = Path(f"/proc/{stat[1]}/stat").read_text().rsplit(") ", 1)[1].split()
            apart = os.readlink(f"/proc/{pid}/ns/mnt") != os.readlink(f"/proc/{helper}/ns/mnt")
        except OSError:
            continue
        if int(parent[1]) == helper and apart:
            found.append(int(pid))
    return found


def alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def ready(runtime: Runtime) -> int:
    """The spare that waits, once it does so."""
    helper = runtime._helper._helper._pid
    waiting: list[int] = []

    def one_waits() -> bool:
        waiting[:] = spares(helper)  # it gives way to another whenever something is mounted on this machine
        return len(waiting) == 1

    until(one_waits)
    return waiting[0]


def printed(runtime: Runtime, folder: Path, base: Path, script: str, **more) -> str:
    """What a script prints in a container."""
    container = Box(runtime, folder, (base,)).start("sh", "-c", script, **{"network": "none", **more})
    code, text = container.wait(), b"".join(line.data for line in container.logs()).decode()
    assert code == 0, text
    return text


def warm(folder: str, base: str) -> Runtime:
    """A runtime that has made two containers, and so something for a third."""
    runtime = Runtime(Capabilities.load(Path(folder) / "capabilities.json"))
    for number in range(2):
        printed(runtime, Path(folder) / f"warm{number}", Path(base), "true")
    return runtime


def test_the_third_container_of_a_kind_stands_on_ground_that_was_there_before(own_runtime, base, tmp_path):
    for number in range(2):
        printed(own_runtime, tmp_path / str(number), base, "true")
    spare = ready(own_runtime)
    network = os.readlink(f"/proc/{spare}/ns/net")
    container = Box(own_runtime, tmp_path / "third", (base,)).start("sleep", "60", network="none")
    state = json.loads((tmp_path / "third/state.json").read_text())
    assert state["keeper"] == spare and os.readlink(f"/proc/{state['init']}/ns/net") == network
    container.stop(grace=0)
    assert ready(own_runtime) != spare


def test_a_container_looks_the_same_on_ground_that_was_there_before(own_runtime, base, tmp_path):
    script = (
        "cut -d' ' -f2-3 /proc/mounts | sort; ls -l /dev /dev/pts | sed 's/[A-Z][a-z][a-z] .*:.. / /'; ls /proc/1/fd; grep control /proc/net/unix;"
        "ls -d /sys/*; umask; ulimit -a; cat /proc/self/cgroup; grep -E 'Cap|Groups' /proc/self/status; cat /etc/hosts; hostname"
    )
    seen = [printed(own_runtime, tmp_path / "0", base, script, hostname="same")]
    printed(own_runtime, tmp_path / "1", base, "true")
    ready(own_runtime)
    seen.append(printed(own_runtime, tmp_path / "2", base, script, hostname="same"))
    assert seen[0] == seen[1] and "control" not in seen[0]


def test_process_1_began_when_its_container_was_started(own_runtime, base, tmp_path):
    for number in range(2):
        printed(own_runtime, tmp_path / str(number), base, "true")
    ready(own_runtime)
    time.sleep(1.2)
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    began = int(printed(own_runtime, tmp_path / "2", base, "cut -d' ' -f22 /proc/1/stat")) / os.sysconf("SC_CLK_TCK")
    assert began > before - 0.1


def test_what_was_mounted_meanwhile_is_there(own_runtime, base, tmp_path):
    for number in range(2):
        printed(own_runtime, tmp_path / str(number), base, "true")
    ready(own_runtime)
    late = tmp_path / "late"
    late.mkdir()
    mount = (Mount(str(late), "/late"),)
    if subprocess.run(["mount", "-t", "tmpfs", "late", late], capture_output=True).returncode:
        pytest.skip("to mount in the machine's own namespace takes CAP_SYS_ADMIN")
    try:
        (late / "file").write_text("here")
        assert printed(own_runtime, tmp_path / "2", base, "cat /late/file", mounts=mount) == "here"
        ready(own_runtime)
    finally:
        subprocess.run(["umount", late], check=True)
    assert printed(own_runtime, tmp_path / "3", base, "ls -A /late", mounts=mount) == ""


def test_other_kinds_are_made_as_ever(own_runtime, base, tmp_path):
    for number in range(2):
        printed(own_runtime, tmp_path / str(number), base, "true")
    ready(own_runtime)
    assert "172.17.0.2" in printed(own_runtime, tmp_path / "2", base, "ip addr; ifconfig lo:0", network="private")
    host = printed(own_runtime, tmp_path / "3", base, "readlink /proc/self/ns/net", network="host").strip()
    assert host == os.readlink("/proc/self/ns/net")
    box = Box(own_runtime, tmp_path / "4", (base,))
    container = box.start("sleep", "60", network="none")
    assert box.exec("echo inside; cat /proc/1/comm") == (0, "inside\nsleep\n")
    container.stop(grace=0)


def test_limits_are_kept_as_ever(own_runtime, base, tmp_path):
    groups = []
    for number in range(4):
        container = Box(own_runtime, tmp_path / str(number), (base,)).start("sleep", "60", network="none", limits=Limits(pids=20))
        groups.append(len(json.loads((tmp_path / f"{number}/state.json").read_text())["groups"]))
        container.stop(grace=0)
    assert len(set(groups)) == 1


def test_nothing_is_left_where_whoever_it_was_made_for_is_killed(own_runtime, base, tmp_path):
    environment = {**os.environ, "DOCKERLAB_HOME": str(tmp_path)}
    words = [sys.executable, "-c", ENGINE, str(tmp_path), str(base)]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as engine:
        assert engine.stdout is not None and engine.stdout.readline() == b"ready\n"
        mark = f"DOCKERLAB_HOME={tmp_path}".encode()

        def ours() -> list[str]:
            found = []
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") and int(pid) != engine.pid:
                        found.append(pid)
                except OSError:
                    continue
            return found

        try:
            until(lambda: len(ours()) == 4)  # the helper and its spare, the workshop and its
        finally:
            engine.kill()
        until(lambda: ours() == [])


def test_a_runtime_goes_on_where_its_workshop_was_killed(own_runtime, base, tmp_path):
    for number in range(2):
        printed(own_runtime, tmp_path / str(number), base, "true")
    spare = ready(own_runtime)
    workshop = int(Path(f"/proc/{spare}/stat").read_text().rsplit(") ", 1)[1].split()[1])
    os.kill(workshop, signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in (workshop, spare)))
    for number in range(2, 6):
        assert printed(own_runtime, tmp_path / str(number), base, "echo again") == "again\n"


def test_no_ground_is_made_for_who_starts_one_container(own_runtime, base, tmp_path):
    printed(own_runtime, tmp_path / "0", base, "true")
    time.sleep(0.2)
    assert spares(own_runtime._helper._helper._pid) == []
    assert ContainerDirectory(tmp_path / "0").state().status == "exited"


def test_where_proc_is_partly_hidden_from_us_the_outer_one_is_shown_each_time(capabilities, base, ordinary_user):
    """The kernel refuses a new one there; one container after the other, so that process 1 is there in advance too."""
    if capabilities.isolation != "namespaces":
        missing("namespaces", capabilities.reason)
    shutil.copytree(base, own := ordinary_user.home / "base", symlinks=True)
    done = ordinary_user(sys.executable, "-c", SEVERAL, own, cwd=Path(__file__).parents[2], first="mount --bind /dev/null /proc/keys")
    if "unshare failed" in done.stderr:
        pytest.skip("this root may not unshare mounts")
    assert done.stdout == "sed\n" * 8, done.stdout + done.stderr[-2000:]


def test_one_after_another_at_once_each_says_that_it_began_then(own_runtime, base, tmp_path):
    began = []
    for number in range(8):
        before = time.clock_gettime(time.CLOCK_BOOTTIME)
        told = int(printed(own_runtime, tmp_path / str(number), base, "cut -d' ' -f22 /proc/1/stat")) / os.sysconf("SC_CLK_TCK")
        began.append(told - before)
    assert all(late > -0.1 for late in began), began


def test_a_word_to_a_helper_that_is_gone_is_nobodys_end():
    """Whoever starts a container that stays may end, and its helper too, before the keeper has told the helper that the program runs."""
    reader, writer = os.pipe()
    os.close(reader)
    tell(writer, b"s")
    os.close(writer)
