"""Containers and RUN steps that look around and lash out: they find nothing of this machine, and change nothing of it. In every isolation that there is here."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockerlab.engine import BuildOptions
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.runtime.capabilities import Capabilities
from dockerlab.store import Store
from tests.conftest import Docker, build
from tests.hostile.asking import HERE, ask
from tests.parts import ROOT, missing, until

pytestmark = pytest.mark.usefixtures("containers_run_here", "isolation")
TOKEN = "a-token-that-nobody-should-see"
ECONNREFUSED, EPERM = 111, 1


@pytest.fixture(params=["namespaces", "chroot"])
def isolation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    if request.param == "chroot":
        if os.geteuid():
            pytest.skip("only root can chroot")
        monkeypatch.setenv("DOCKERLAB_ISOLATION", "chroot")
    found = Capabilities.load(None, tmp_path)
    if found.isolation != request.param:
        pytest.skip(found.reason)
    return str(request.param)


@pytest.fixture(scope="module")
def armed(template_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with t:1, which has a user, and programs with the set-user-ID bit, one of root and one that asks for a socket."""
    folder = tmp_path_factory.mktemp("armed")
    subprocess.run(["cp", "-a", str(template_home), str(folder / "home")], check=True)
    (folder / "ask").write_bytes(ask("outside") if HERE else b"")
    (folder / "ask").chmod(0o755)
    text = "FROM busybox\nCOPY ask /ask\nRUN cp /bin/busybox /bin/mine && chmod 4755 /bin/mine && echo app:x:1000:1000::/:/bin/sh >> /etc/passwd\n"
    engine = EmbeddedEngine(Store.open(folder / "home"))
    list(engine.build(BuildOptions(context=str(folder), dockerfile_text=text, tags=("t:1",), exclude=("home",))))
    engine.close()
    return folder / "home"


@pytest.fixture
def home(armed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One for all of them: its containers go with each test."""
    monkeypatch.setenv("DOCKERLAB_HOME", str(armed))
    return armed


Look = Callable[[str], str]


@pytest.fixture(params=["run", "run as app", "exec", "RUN", "run --init"])
def look(request: pytest.FixtureRequest, docker: Docker, isolation: str) -> Iterator[Look]:
    """What a script in a container prints."""
    if isolation == "chroot" and request.param not in ("run", "RUN"):
        pytest.skip("in a chroot they are all alike, and --init needs a PID namespace")

    def by(script: str) -> str:
        if request.param == "RUN":
            return build(docker, f"FROM t:1\nRUN <<'E'\n{script}\nE\n", "--no-cache", "--progress", "plain", tag="t:2").err.partition(
                "<<'E'"
            )[2]
        if request.param == "exec":
            docker("run", "-d", "--name", "box", "t:1", "sleep", "1000")
            answer = docker("exec", "box", "sh", "-c", script)
        else:
            flags = {"run as app": ["-u", "app"], "run --init": ["--init"]}.get(request.param, [])
            answer = docker("run", "--rm", *flags, "t:1", "sh", "-c", script)
        return answer.out + answer.err

    yield by


def test_no_file_of_this_machine_is_seen(look: Look, outside: Path) -> None:
    ways = [
        "",
        "/..",
        "/../../..",
        "/proc/1/root",
        "/proc/self/root",
        "/proc/1/cwd/../../..",
        "/proc/self/cwd/../../../../..",
        "/dev/fd/3/..",
        "/proc/1/fd/3/..",
    ]
    each = " ".join(f"'{way}'" for way in ways)
    script = f'cd /; for way in {each}; do cat "$way{outside}/secret"; ls -d "$way{ROOT}"; done > /tmp/seen 2>/dev/null; echo seen=[$(cat /tmp/seen)]'
    assert "seen=[]\n" in look(script)


def test_no_process_of_this_machine_is_seen_or_signalled(look: Look, isolation: str) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)", "a-process-of-this-machine"]) as other:
        script = "seen=$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c 'of-this-[m]achine'); "
        script += f"test -e /proc/{other.pid}/stat && there=yes; echo seen=$seen there=[$there]"
        if isolation != "chroot":  # there one of root may signal any other, as doctor says
            script += f"; (kill -9 {other.pid}; trap '' TERM; kill -TERM -1) 2>/dev/null"
        said = look(script)
        assert "seen=0 there=[]\n" in said and other.poll() is None, said
        other.kill()


def test_no_descriptor_but_the_first_three_is_handed_down(look: Look) -> None:
    script = "n=3; while [ $n -lt 64 ]; do for how in '<' '>'; do (eval \"true $how&$n\") 2>/dev/null && has=\"$has $n\"; done; n=$((n+1)); done; echo has=[$has]"
    assert "has=[]\n" in look(script)


@pytest.mark.parametrize(
    "words", [["run", "--rm", "t:1"], ["run", "--rm", "--init", "t:1"], ["build"], ["exec", "box"]], ids=["run", "init", "RUN", "exec"]
)
def test_no_token_of_the_environment_is_seen(docker: Docker, isolation: str, home: Path, words: list[str]) -> None:
    if "--init" in words and isolation == "chroot":
        pytest.skip("--init needs a PID namespace")
    script = "env; cat /proc/*/environ /proc/*/task/*/environ 2>/dev/null | tr '\\0' '\\n'; echo looked"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JUPYTER_TOKEN": TOKEN, "AWS_SECRET_ACCESS_KEY": TOKEN, "TOKEN": TOKEN}

    def command(*more: str) -> str:
        done = subprocess.run([sys.executable, "-m", "dockerlab", *more], env=environment, capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    if words == ["build"]:
        Path("Dockerfile").write_text(f"FROM t:1\nARG TOKEN\nRUN {script}\n")
        said = command("build", "--no-cache", "-t", "t:2", ".")
    else:
        if words[0] == "exec":
            command("run", "-d", "--name", "box", "--init" if isolation != "chroot" else "--rm", "t:1", "sleep", "1000")
        said = command(*words, "sh", "-c", script)
    assert "looked\n" in said and "PATH=" in said and TOKEN not in said


def test_no_abstract_socket_of_this_machine_is_reached(docker: Docker, isolation: str) -> None:
    if not HERE:
        missing("x86-64", "the program that asks is written for it")
    if not _scoped():
        missing("Landlock's scopes", "Linux 6.12 or newer keeps a RUN, which shares this machine's network, from its abstract sockets")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mine:
        mine.bind("\0outside")
        mine.listen(5)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
            other.connect("\0outside")
        answer = build(docker, "FROM t:1\nRUN /ask; echo said $?\n", "--progress", "plain", "--no-cache", tag="t:2")
        assert f"said {EPERM}\n" in answer.err, answer.err
        if isolation != "chroot":  # there a container has this machine's network, as doctor says
            for flags in ([], ["--network", "none"], ["-u", "app"]):
                assert docker("run", "--rm", *flags, "t:1", "/ask").code == ECONNREFUSED


def _scoped() -> bool:
    script = "from dockerlab.runtime.helper import kernel; kernel.prctl(38, 1); raise SystemExit(not kernel.confine(1))"
    return subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(ROOT)}).returncode == 0


def test_a_program_with_the_set_id_bit_gives_no_right_that_docker_does_not_give(look: Look) -> None:
    script = "/bin/mine mount -t tmpfs none /tmp 2>/dev/null && did=mounted; /bin/mine mknod /tmp/d b 8 0 && /bin/mine head -c 1 /tmp/d && did=opened; "
    said = look(script + "echo did=[$did]; /bin/mine grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status")
    dockers = 0xA80425FB  # what CapPrm of a container's root is in Docker
    for line in said.splitlines():
        if "\t" in line and "Cap" in line:
            assert int(line.rpartition("\t")[2], 16) & ~dockers == 0, line
    assert "did=[]\n" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's programs have an ordinary user's rights")
def test_a_program_with_roots_set_id_bit_is_out_of_reach_of_others_here(docker: Docker, engine: EmbeddedEngine) -> None:
    tree = engine.store.layers_of(engine.store.images.find("t:1").config)[-1].tree
    program = tree / "bin/mine"
    assert program.stat().st_mode & stat.S_ISUID and program.stat().st_uid == 0
    done = subprocess.run(["setpriv", "--reuid", "nobody", "--clear-groups", str(program), "id", "-u"], capture_output=True, text=True)
    assert done.returncode and "0" not in done.stdout.split()


def test_nothing_that_is_written_to_proc_and_sys_reaches_this_machine(look: Look) -> None:
    names = ["kernel/hostname", "kernel/core_pattern", "kernel/panic", "kernel/shmmax", "vm/swappiness", "vm/overcommit_memory", "vm/drop_caches", "fs/file-max",
             "net/ipv4/ip_forward", "net/core/somaxconn", "kernel/modprobe", "kernel/randomize_va_space", "fs/suid_dumpable", "kernel/domainname"]  # fmt: skip

    def values() -> list[str]:
        return [path.read_text() for path in (Path("/proc/sys", name) for name in names) if path.exists() and os.access(path, os.R_OK)]

    before = values()
    mounts = Path("/proc/self/mountinfo").read_text()
    script = "".join(f"echo 1 > /proc/sys/{name}; /bin/mine sh -c 'echo |/bin/sh > /proc/sys/{name}'; " for name in names)
    script += "echo b > /proc/sysrq-trigger; echo 1 > /sys/kernel/mm/ksm/run; echo mem > /sys/power/state; touch /sys/fs/cgroup/x; mkdir /sys/fs/cgroup/evil; "
    script += "mount -o remount,rw /proc/sys; mount -o remount,rw /sys; echo -1000 > /proc/1/oom_score_adj; mount -t proc p /mnt; umount /proc; umount /dev; echo looked"
    assert "looked" in look(script)
    assert values() == before and not Path("/sys/fs/cgroup/evil").exists()
    assert Path("/proc/self/mountinfo").read_text() == mounts


def test_no_device_that_is_made_inside_opens_anything(look: Look) -> None:
    devices = "'b 8 0' 'b 254 0' 'b 259 0' 'b 7 0' 'c 1 1' 'c 1 2' 'c 1 4' 'c 1 5' 'c 5 1' 'c 10 229' 'c 10 237' 'c 4 0'"
    script = f"cd /tmp; n=0; for device in {devices}; do n=$((n+1)); mknod d$n $device 2>/dev/null; "
    said = look(script + 'head -c 1 d$n > got 2>/dev/null && test -s got && opened="$opened $device"; done; echo opened=[$opened]')
    assert "opened=[]\n" in said


def test_a_fork_bomb_ends_with_its_container(docker: Docker, isolation: str, home: Path) -> None:
    if isolation == "chroot":
        pytest.skip("no limit of processes is kept there: see test_a_fork_bomb_ends_with_its_step")
    bomb = "b() { b | b & }; trap '' TERM INT HUP; (b) & exec sleep 1000"
    assert docker("run", "-d", "--name", "bomb", "--pids-limit", "40", "busybox", "sh", "-c", bomb).code == 0
    until(lambda: "can't fork" in docker("logs", "--tail", "5", "bomb").err)
    namespace = docker("inspect", "-f", "{{.State.Pid}}", "bomb").out.strip()
    of_the_bomb = os.readlink(f"/proc/{namespace}/ns/pid")
    assert docker("run", "--rm", "busybox", "echo", "still works").out == "still works\n"
    assert docker("rm", "-f", "bomb").code == 0
    assert [pid for pid in filter(str.isdigit, os.listdir("/proc")) if _namespace(pid) == of_the_bomb] == []


def _namespace(pid: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""
