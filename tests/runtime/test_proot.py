"""The isolation `proot`: an ordinary user, no namespace, no mount. Where the suite is root's, an ordinary user runs this, beside namespaces and in a pod that refuses both (tests/isolations)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from dockerlab.errors import RuntimeUnavailableError
from dockerlab.layers import tree_entries
from dockerlab.runtime import Capabilities, Port, Runtime
from dockerlab.runtime.copied_root import bring_up, members
from dockerlab.runtime.helper.passage import is_part_of_one
from tests.parts import missing, until
from tests.runtime.conftest import asked_for, runtime_of
from tests.runtime.test_chroot import (  # noqa: F401 - what holds for root's copies holds for an ordinary user's
    processes,
    random_script,
    test_a_change_right_after_a_look_is_found_at_the_next,
    test_a_file_rewritten_with_its_old_size_and_time_is_found,
    test_a_fork_bomb_ends_with_its_step,
    test_a_killed_keeper_or_first_process_takes_everything_along,
    test_a_link_in_the_place_of_a_mount_takes_nothing_from_outside,
    test_a_name_of_a_hard_link_that_is_written_leaves_the_others_alone,
    test_a_pause_holds_this_containers_processes_and_no_others,
    test_a_program_that_is_not_there_leaves_no_root_behind,
    test_an_images_device_is_true_in_its_layer_whether_it_can_be_made_or_not,
    test_closing_the_stream_kills_all,
    test_deleted_replaced_and_made_again,
    test_dev_stdout_is_the_output_of_a_step_and_of_a_container,
    test_no_link_is_followed_out_of_the_root_by_who_looks_at_it,
    test_no_process_outlives_its_step,
    test_random_steps_make_the_layers_that_overlay_makes,
    test_the_change_set_is_right_while_it_runs_and_after_it_ended,
    test_the_first_process_is_kept_from_signals_that_it_does_not_handle,
    test_what_a_step_mounts_is_there_and_in_no_layer,
    test_what_an_exec_leaves_behind_ends_with_the_container,
    test_what_needs_a_namespace_is_refused_before_anything_is_made,
)

pytestmark = pytest.mark.skipif(os.geteuid() == 0, reason="root has chroot; an ordinary user runs this (tests/isolations)")


@pytest.fixture(scope="module")
def capabilities(tmp_path_factory: pytest.TempPathFactory):
    if not shutil.which("proot"):
        missing("proot", "apt install proot")
    return asked_for("proot", tmp_path_factory)


runtime = pytest.fixture(scope="module")(runtime_of)


# ------------------------------------------------------------------ owners and modes


def described(upper: Path) -> dict[str, tuple[object, ...]]:
    return {entry.path: (entry.kind, entry.uid, entry.gid, entry.mode, entry.link) for entry, _ in tree_entries(upper)}


def test_owner_mode_and_links_are_in_the_layer(box):
    out = box.sh("echo a > /f; chown 5:6 /f; chmod 4750 /f; ln -s /nowhere /l; chown -h 7:8 /l; ln /f /g; mkfifo /p; stat -c '%u:%g %a' /f")
    assert out == "5:6 4750\n"
    found = described(box.upper)
    assert found["f"] == ("file", 5, 6, 0o4750, "")
    assert found["g"][0] == "hardlink" and found["g"][-1] == "f"
    assert found["l"] == ("symlink", 7, 8, 0o777, "/nowhere") and found["p"][:3] == ("fifo", 0, 0)


def test_root_is_above_modes_and_they_are_the_layers(box, make_box):
    script = "mkdir -m 000 /d; echo 1 > /d/f; chmod 555 /d; echo 2 > /d/g; echo a > /f; chmod 000 /f; echo b >> /f; cat /f; stat -c %a /d /f; umask 777; : > /m; mkdir /n; : > /n/o"
    assert box.sh(script) == "a\nb\n555\n0\n"
    found = described(box.upper)
    assert {path: found[path][3] for path in ("d", "f", "m", "n", "n/o")} == {"d": 0o555, "f": 0, "m": 0, "n": 0, "n/o": 0}
    again = make_box(box.upper)
    assert again.sh("stat -c %a /d /f /m; cat /f; chmod 644 /f; rm -r /d /n; stat -c %a /f") == "555\n0\n0\na\nb\n644\n"
    changed = described(again.upper)
    assert changed["f"][3] == 0o644 and {".wh.d", ".wh.n"} <= set(changed)


def test_a_locked_folder_is_compared_and_laid_out_once_more(box):
    container = box.start("sh", "-c", "mkdir -m 500 /d; echo 1 > /d/f; echo up; sleep 300")
    until(lambda: b"up" in b"".join(line.data for line in container.logs()))
    bring_up(box.folder)
    assert stat.S_IMODE((box.upper / "d").stat().st_mode) == 0o500
    assert box.exec("rm /d/f; echo 2 > /d/g") == (0, "")
    container.stop(grace=0)
    bring_up(box.folder)
    assert os.listdir(box.upper / "d") == ["g"] and stat.S_IMODE((box.upper / "d").stat().st_mode) == 0o500


def test_the_owner_of_a_link_is_known_while_the_container_runs(box):
    container = box.start("sh", "-c", "ln -s x /l; chown -h 7:8 /l; mkfifo /p; chown 9:9 /p; echo up; sleep 300")
    until(lambda: b"up" in b"".join(line.data for line in container.logs()))
    bring_up(box.folder)
    assert json.loads((box.folder / "owners.json").read_text()) == {"l": [7, 8], "p": [9, 9]}
    box.exec("rm /l /p; ln -s x /l")
    container.stop(grace=0)
    bring_up(box.folder)
    assert not (box.folder / "owners.json").exists() and not (box.folder / "laid.owners").exists()


def test_a_user_is_refused_what_docker_refuses(box, make_box):
    box.sh("mkdir -m 700 /closed; cp /bin/busybox /bin/own; chmod 700 /bin/own; mkdir /home/app; chown 1000:1000 /home/app")
    above = make_box(box.upper)
    code, said = above.run(
        "sh", "-c", "id -u; echo x > /f; ls /closed; rm /etc/passwd; chmod 666 /etc/passwd; chown 5 /etc/passwd; echo y > ~/y; stat -c %u:%g ~/y; grep Uid /proc/self/status",
        uid=1000,
    )  # fmt: skip
    assert code == 0 and said.count("ermission denied") == 3 and said.count("not permitted") == 2
    assert "1000\n" in said and "1000:1000\n" in said and "Uid:\t1000\t1000" in said
    with pytest.raises(Exception, match=r'exec: "/bin/own": permission denied'):
        above.run("/bin/own", uid=1000)


# ------------------------------------------------------------------ processes


def test_what_runs_sees_its_own_root_and_its_own_name(box):
    out = box.sh(
        "cd /tmp; pwd; readlink /proc/self/exe; ls -d /../..; cat /proc/self/comm; echo a > /dev/null; cat /dev/null; head -c 3 /dev/zero | wc -c"
    )
    assert out == "/tmp\n/bin/busybox\n/../..\ncat\n3\n"


def test_the_exit_code_is_the_first_processs_whatever_ends_later(box):
    assert box.run("sh", "-c", "(sleep 0.2; exit 7) & exit 3") == (3, "")
    assert box.run("sh", "-c", "kill -9 $$")[0] == 137


def test_a_container_ends_when_its_proot_is_killed(box):
    container = box.start("sh", "-c", "sleep 300 & sleep 300; true")
    until(lambda: len(container.top()) == 3)
    tracers = [pid for pid in members(str(box.folder / "merged")) if is_part_of_one(pid)]
    os.kill(tracers[0], signal.SIGKILL)
    assert container.wait(20) == 137
    until(lambda: members(str(box.folder / "merged")) == [])


def test_nothing_of_proot_is_left_when_a_container_has_been_killed(box):
    before = set(Path("/tmp").glob("prooted-*"))
    container = box.start("sleep", "300")
    box.exec("sleep 300 > /dev/null 2>&1 &")
    loaders = set(Path("/tmp").glob("prooted-*")) - before
    container.kill()
    container.wait()
    assert not any(path.exists() for path in loaders)
    assert os.listdir(box.folder / "work") == []


def test_signals_reach_the_containers_own_processes_and_no_others(box):
    outside = subprocess.Popen(["sleep", "300"])
    script = f"kill {outside.pid} || echo none; trap 'echo trapped' TERM; kill 1; sleep 300 & kill -9 -1; wait; kill -9 -1 || echo nobody; kill -0 $$ && echo here"
    try:
        said = box.sh(script, timeout=20).split("\n")
        assert {"none", "trapped", "nobody", "here"} <= set(said)
        assert outside.poll() is None
    finally:
        outside.kill()
        outside.wait()


def test_a_paused_container_goes_on_where_it_stood(box):
    container = box.start("sh", "-c", "i=0; while :; do i=$((i + 1)); echo $i; sleep 0.01; done")

    def said() -> int:
        return len(list(container.logs()))

    until(lambda: said() > 3)
    for _ in range(3):
        container.pause()
        until(
            lambda: (
                {Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] for pid in processes(box.folder / "merged")} <= {"T", "t", "D"}
            )
        )  # D: whoever has called vfork waits for its child, which is stopped
        before = said()
        time.sleep(0.1)
        assert said() == before
        container.unpause()
        until(lambda before=before: said() > before + 3)
    assert container.stop(grace=0) == 137


# ------------------------------------------------------------------ ports

PORTS = r"""
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static void show(int fd) {
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    getsockname(fd, (void *)&a, &n);
    printf("%s:%d %d\n", inet_ntoa(a.sin_addr), ntohs(a.sin_port), n);
}
int main(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(80)};
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_STREAM, 0), last, one = 1;
    if (bind(listener, (void *)&a, sizeof a) || listen(listener, 5)) return perror("bind"), 1;
    show(listener);
    if (bind(other, (void *)&a, sizeof a)) perror("again");
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(client, (void *)&a, sizeof a)) return perror("connect"), 1;
    last = accept(listener, 0, 0);
    show(last);
    close(last), close(listener), close(client);
    setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    a.sin_addr.s_addr = 0;
    printf("%d\n", bind(other, (void *)&a, sizeof a));
    a.sin_port = htons(81);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    printf("%d\n", connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&a, sizeof a));
    return 0;
}
"""


def test_a_program_finds_the_port_that_it_asked_for(box, tmp_path):
    compiler = shutil.which("cc") or missing("a C compiler", "apt-get install gcc libc6-dev")
    (tmp_path / "ports.c").write_text(PORTS)
    subprocess.run([compiler, "-static", "-o", box.upper / "ports", tmp_path / "ports.c"], check=True)
    expected = "0.0.0.0:80 16\n127.0.0.1:80 16\n0\n-1\n"
    code, said = box.run("/ports")
    assert (code, said.replace("again: Address already in use\n", "")) == (0, expected) and "again" in said


def test_two_containers_have_one_port_and_each_its_own_server(make_box):
    containers = []
    for text in ("one", "two"):
        box = make_box()
        box.sh(f"mkdir /www; echo {text} > /www/index.html")
        containers.append((text, box, box.start("httpd", "-f", "-p", "80", "-h", "/www", network="private", ports=(Port("", 0, 80),))))
    for text, box, container in containers:
        until(lambda box=box: box.exec("wget -qO- http://127.0.0.1/")[0] == 0)
        assert box.exec("wget -qO- http://127.0.0.1/; wget -qO- 'http://[::1]:80/'") == (0, f"{text}\n{text}\n")
        with urllib.request.urlopen(f"http://127.0.0.1:{container.state().ports[0][1]}/") as answer:
            assert answer.read().decode() == f"{text}\n"


def test_a_port_published_under_its_own_number_leads_to_the_container(box):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    box.sh("mkdir /www; echo here > /www/index.html")
    box.start("httpd", "-f", "-p", str(number), "-h", "/www", network="private", ports=(Port("", number, number),))
    until(lambda: box.exec(f"wget -qO- http://127.0.0.1:{number}/") == (0, "here\n"))
    with urllib.request.urlopen(f"http://127.0.0.1:{number}/") as answer:
        assert answer.read() == b"here\n"


def test_with_the_hosts_network_ports_are_the_hosts(box):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    box.sh("mkdir /www; echo there > /www/index.html")
    box.start("httpd", "-f", "-p", str(number), "-h", "/www", network="host")
    until(lambda: box.exec(f"wget -qO- http://127.0.0.1:{number}/") == (0, "there\n"))
    with urllib.request.urlopen(f"http://127.0.0.1:{number}/") as answer:
        assert answer.read() == b"there\n"


# ------------------------------------------------------------------ the choice


def test_where_namespaces_are_refused_proot_is_chosen(monkeypatch, tmp_path):
    monkeypatch.delenv("DOCKERLAB_ISOLATION", raising=False)
    found = Capabilities.load(None, tmp_path)
    if "namespaces" in found.possible:
        pytest.skip("this machine allows namespaces; in a pod that refuses them it is tried")
    assert (found.isolation, found.identity) == ("proot", "single") and "unshare" in found.reason


def test_without_the_program_doctor_and_the_error_say_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.delenv("DOCKERLAB_ISOLATION", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = Capabilities.load(None, tmp_path / "probe")
    item = found.get("proot")
    assert item and not item.available and "apt-get install proot" in item.remedy and "apt.txt" in item.remedy
    if not found.possible:
        assert found.isolation == "none" and "apt-get install proot" in str(found.unavailable())
    monkeypatch.setenv("DOCKERLAB_ISOLATION", "proot")
    asked = Capabilities.load(None, tmp_path / "probe")
    assert asked.isolation == "none" and "asks for what can't be had" in asked.reason and "proot is not installed" in asked.reason


def test_where_ptrace_is_refused_too_the_error_says_so(tmp_path):
    if os.environ.get("POD_REFUSES") != "ptrace":
        pytest.skip("ptrace is allowed; where it is not, this is tried")
    found = Capabilities.load(None, tmp_path)
    assert found.isolation == "none" and "ptrace" in found.reason and "unshare" in found.reason
    with (
        Runtime(found) as runtime,
        pytest.raises(RuntimeUnavailableError, match=r"ptrace(.|\n)*hint: .*seccomp profile that allows ptrace"),
    ):
        runtime._require()
