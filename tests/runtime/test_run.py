"""A build's RUN."""

from __future__ import annotations

import errno
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from dockerlab.errors import ContainerStartError, RuntimeUnavailableError
from dockerlab.layers import is_whiteout
from dockerlab.runtime import Capabilities, Mount, Runtime, Waiting
from dockerlab.runtime.fallbacks import overlay_remedy


def test_output_comes_by_stream_and_the_exit_code_is_the_programs(box, runtime):
    said = []
    code = runtime.run(box.spec("sh", "-c", "echo out; echo err >&2; exit 7"), on_output=lambda *piece: said.append(piece))
    assert code == 7
    assert sorted(said) == [("stderr", b"err\n"), ("stdout", b"out\n")]


def test_a_signal_is_128_and_its_number(box):
    assert box.run("sh", "-c", "sleep 100 & kill -9 $!; wait $!")[0] == 137


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("nosuch",), 127, 'exec: "nosuch": executable file not found in $PATH'),
        (("/no/such",), 127, 'exec: "/no/such": stat /no/such: no such file or directory'),
        (("/etc/passwd",), 126, 'exec: "/etc/passwd": permission denied'),
        (("/etc",), 126, 'exec: "/etc": is a directory: permission denied'),
    ],
)
def test_what_can_not_start_has_dockers_code_and_words(box, args, code, words):
    with pytest.raises(ContainerStartError) as caught:
        box.run(*args)
    assert caught.value.exit_code == code
    assert caught.value.message == f"error during container init: {words}"


def test_why_a_program_can_not_start_is_never_lost_in_its_end(box):
    for _ in range(40):  # process 1 tells why and is gone: its end is often heard of first
        with pytest.raises(ContainerStartError, match="permission denied"):
            box.run("/etc/passwd")


def test_a_missing_interpreter_is_the_programs_own_failure(box):
    box.sh("printf '#!/no/such\\n' > /script; chmod +x /script; printf 'no magic' > /none; chmod +x /none")
    assert box.run("/script") == (255, "exec /script: no such file or directory\n")
    assert box.run("/none") == (255, "exec /none: exec format error\n")


def test_environment_working_directory_and_home(box):
    assert box.sh("echo $FOO; pwd; echo $HOME; umask", env=("FOO=1", "FOO=2"), cwd="/new/folder") == "2\n/new/folder\n/root\n0022\n"
    assert box.sh("echo $HOME", uid=1000) == "/home/app\n"
    assert box.sh("echo $HOME", env=("HOME=/x",)) == "/x\n"


def test_user_group_and_supplementary_groups(box):
    assert box.sh("id -u; id -g; id -G", uid=1000, gid=7, groups=(7, 50, 60)) == "1000\n7\n7 50 60\n"
    assert box.sh("id -u; id -g; id -G", uid=1234, gid=0) == "1234\n0\n0\n"


def test_process_one_its_host_name_and_its_root(box):
    out = box.sh("echo $$; hostname; ls /; read name < /proc/1/comm; echo $name", hostname="here").split()
    assert out[:2] == ["1", "here"] and out[-1] == "sh"
    assert {"bin", "dev", "etc", "proc", "sys"} <= set(out)


def test_devices_work_and_new_ones_open_nothing(box):
    out = box.sh(
        "ls /dev | tr '\\n' ' '; ls -ln /dev/null | cut -c1-40; echo x > /dev/null; head -c 3 /dev/zero | wc -c; echo y > /dev/stdout"
    )
    assert out.startswith("fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ")
    assert "crw-rw-rw-    1 0        0" in out and out.endswith("3\ny\n")
    assert "made" not in box.run("sh", "-c", "mknod /dev/disk b 254 0; test $(head -c 1 /dev/disk | wc -c) = 1 && echo made")[1]
    assert "made" not in box.run("sh", "-c", "mknod /disk b 254 0; test $(head -c 1 /disk | wc -c) = 1 && echo made")[1]


def test_no_write_reaches_this_machines_kernel(box):
    assert box.run("sh", "-c", "echo 1 > /proc/sys/kernel/sysrq")[0] != 0
    assert box.run("sh", "-c", "echo h > /proc/sysrq-trigger")[0] != 0
    assert box.run("sh", "-c", "mount -t tmpfs none /tmp")[0] != 0
    assert box.run("sh", "-c", "touch /sys/kernel/x")[0] != 0


def test_changes_land_in_upper_only(box, base):
    before = sorted(base.rglob("*"))
    box.sh("echo hi > /etc/new; rm /etc/group; mkdir -p /a/b")
    assert sorted(base.rglob("*")) == before
    assert (box.upper / "etc/new").read_text() == "hi\n"
    assert is_whiteout(str(box.upper / "etc/group"), (box.upper / "etc/group").lstat())
    assert (box.upper / "a/b").is_dir()


def test_a_step_leaves_what_buildkit_leaves(box):
    """Mount points of /etc vanish, its folder's time stays; those of /dev, /proc and /sys stay where the image had none."""
    box.sh("true")
    assert box.paths() == ["dev", "etc", "proc", "sys"]


def test_a_step_that_writes_the_bound_files_leaves_nothing(box):
    box.sh("echo nameserver 9.9.9.9 > /etc/resolv.conf; echo 1.2.3.4 x >> /etc/hosts; cat /etc/hosts")
    assert "etc/hosts" not in box.paths() and "etc/resolv.conf" not in box.paths()


def test_files_of_etc_that_the_image_has_stay_the_images(make_box, tmp_path):
    layer = tmp_path / "layer/tree"
    for name in ("dev", "proc", "sys", "etc"):
        (layer / name).mkdir(parents=True)
    (layer / "etc/hosts").write_text("1.2.3.4 image\n")
    (layer / "etc/resolv.conf").write_text("")
    box = make_box(layer)
    assert "localhost" in box.sh("cat /etc/hosts")
    assert box.paths() == []


def test_a_link_in_the_image_does_not_lead_out_of_it(make_box, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    layer = tmp_path / "layer/tree"
    layer.mkdir(parents=True)
    (layer / "etc").symlink_to(outside)
    (layer / "proc").symlink_to("/" + "../" * 20 + str(outside))
    box = make_box(layer)
    box.run("true")
    assert list(outside.iterdir()) == []


def test_two_hundred_layers(make_box, tmp_path):
    layers = []
    for number in range(200):
        tree = tmp_path / f"layer-{number:03d}-with-a-rather-long-name-so-that-no-page-holds-them-all" / "tree"
        tree.mkdir(parents=True)
        (tree / f"f{number}").write_text("")
        (tree / "which").write_text(f"{number}\n")
        layers.append(tree)
    assert make_box(*layers).sh("ls / | grep -c ^f; cat /which") == "200\n0\n"


def test_no_layers_at_all(make_box, busybox, tmp_path):
    box = make_box()
    box.rootfs = type(box.rootfs)((), box.rootfs.upper, box.rootfs.work, box.rootfs.merged, box.rootfs.point)
    (box.upper / "busybox").write_bytes(busybox.read_bytes())
    (box.upper / "busybox").chmod(0o755)
    assert box.run("/busybox", "echo", "hi") == (0, "hi\n")
    assert box.paths() == ["busybox", "dev", "proc", "sys"]


def test_mounts(box, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "file").write_text("from outside\n")
    mounts = (Mount(str(shared), "/a"), Mount(str(shared / "file"), "/b/file", readonly=True), Mount("size=1m", "/t", kind="tmpfs"))
    assert (
        box.sh("cat /a/file /b/file; echo x > /a/new; echo x > /t/y; echo x > /b/file || echo refused", mounts=mounts).count("from outside")
        == 2
    )
    assert (shared / "new").read_text() == "x\n"
    assert (shared / "file").read_text() == "from outside\n"
    assert "t" not in box.paths()


def test_a_read_only_root(box):
    assert "Read-only file system" in box.run("touch", "/x", readonly=True)[1]


def test_no_network(box):
    out = box.sh("ip -o addr 2>/dev/null | grep -c inet; ls /sys/class/net", network="none")
    assert "lo" in out and "eth0" not in out


def test_a_time_limit(box):
    began = time.monotonic()
    code, out = box.run("sleep", "100", timeout=0.3)
    assert (code, "killed after 0.3 s" in out) == (137, True) and time.monotonic() - began < 5


def test_input_is_empty_unless_given(box, tmp_path):
    assert box.run("cat") == (0, "")
    (tmp_path / "in").write_text("hello")
    with open(tmp_path / "in") as file:
        pieces = []
        box.runtime.run(box.spec("cat"), stdin=file.fileno(), on_output=lambda _s, data: pieces.append(data))
    assert pieces == [b"hello"]


def test_nothing_of_this_process_is_left_open_inside(box):
    assert box.sh("ls /proc/self/fd | tr '\\n' ' '") == "0 1 2 3 "


def test_two_threads_run_at_once(make_box):
    results = []

    def work(box):
        results.append([box.sh(f"echo {n}") for n in range(10)])

    threads = [threading.Thread(target=work, args=(make_box(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[f"{n}\n" for n in range(10)]] * 2


def test_much_output(box):
    assert len(box.sh("dd if=/dev/zero bs=1k count=3000 2>/dev/null")) == 3_072_000


def test_an_interrupt_ends_the_step_and_leaves_no_process(box, tmp_path):
    script = textwrap.dedent(f"""
        import pathlib, sys, time
        from dockerlab.runtime import *
        from dockerlab.store.rootfs import RootFs
        runtime = Runtime(Capabilities.load(None, pathlib.Path({str(tmp_path)!r})))
        spec = BoxSpec({box.rootfs!r}, ProcessSpec(("sh", "-c", "trap '' INT TERM; sleep 4321 & sleep 4321 & echo up; wait"), ("PATH=/bin",)))
        try:
            runtime.run(spec, on_output=lambda *_: print("up", flush=True))
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": ":".join(sys.path)}
    )
    assert process.stdout.readline() == "up\n"
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "interrupted\n"
    assert time.monotonic() - began < 30, "the step itself would last an hour"
    assert _named("sleep\0" + "4321") == 0
    process.wait(5)


def test_a_step_dies_with_the_process_that_asked_for_it(box, tmp_path):
    script = textwrap.dedent(f"""
        import pathlib
        from dockerlab.runtime import *
        from dockerlab.store.rootfs import RootFs
        runtime = Runtime(Capabilities.load(None, pathlib.Path({str(tmp_path)!r})))
        runtime.run(BoxSpec({box.rootfs!r}, ProcessSpec(("sh", "-c", "echo up; sleep 4322"), ("PATH=/bin",))), on_output=lambda *_: print("up", flush=True))
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": ":".join(sys.path)}
    )
    assert process.stdout.readline() == "up\n"
    process.kill()
    process.wait()
    _until(lambda: _named("sleep\0" + "4322") == 0)


def test_closing_the_stream_of_a_step_kills_it(box, runtime):
    steps = runtime.stream(box.spec("sh", "-c", "echo up; sleep 4323"))
    assert next(told for told in steps if not isinstance(told, Waiting)) == ("stdout", b"up\n")
    steps.close()
    assert _named("sleep\0" + "4323") == 0


def test_a_killed_helper_is_replaced(box, capabilities):
    with Runtime(capabilities) as runtime:
        assert runtime.run(box.spec("true"), on_output=print) == 0
        helper = [int(path.parts[2]) for path in Path("/proc").glob("[0-9]*/cmdline") if _is_helper(path)]
        for pid in helper:
            os.kill(pid, signal.SIGKILL)
        _until(lambda: all(") Z " in Path(f"/proc/{pid}/stat").read_text() for pid in helper))
        assert runtime.run(box.spec("true"), on_output=print) == 0


def _is_helper(path: Path) -> bool:
    """A helper that this process has started."""
    try:
        parent = int(path.with_name("stat").read_text().rsplit(") ", 1)[1].split()[1])
        return parent == os.getpid() and "helper_main" in path.read_text()
    except OSError:
        return False


def test_no_helper_is_left_behind(box, capabilities):
    runtime = Runtime(capabilities)
    runtime.run(box.spec("true"), on_output=print)
    before = sum(map(_is_helper, Path("/proc").glob("[0-9]*/cmdline")))
    del runtime
    gc.collect()
    assert sum(map(_is_helper, Path("/proc").glob("[0-9]*/cmdline"))) == before - 1


def test_isolation_none_says_why(monkeypatch, box, capabilities, tmp_path):
    monkeypatch.setenv("DOCKERLAB_ISOLATION", "none")
    with Runtime(Capabilities.load(tmp_path / "c.json")) as runtime, pytest.raises(RuntimeUnavailableError, match="DOCKERLAB_ISOLATION"):
        runtime.run(box.spec("true"), on_output=print)


@pytest.mark.usefixtures("containers_run_here")
def test_capabilities_are_probed_once(tmp_path):
    first = Capabilities.load(tmp_path / "c.json")
    assert (tmp_path / "c.json").exists()
    assert Capabilities.load(tmp_path / "c.json") == first
    assert first.get("pid_namespace").available and first.get("pid_namespace").purpose


def _named(command: str) -> int:
    count = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            count += command in path.read_text()
        except OSError:
            pass
    return count


def _until(condition, limit: float = 2.0) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "remedy"), [(errno.ENODEV, "`modprobe overlay`"), (errno.EINVAL, "put DOCKERLAB_HOME on a file system")]
)
def test_where_overlays_can_not_be_had_the_remedy_is_the_reasons(number, remedy):
    assert remedy in overlay_remedy({"overlay": (False, "fsopen overlay: refused", number)})
