"""Containers that outlive their starter, known by their folder."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dockerlab.errors import ConflictError, ContainerStartError
from dockerlab.runtime import ContainerDirectory, ProcessSpec, Runtime


def text(container, **options):
    return b"".join(line.data for line in container.logs(**options)).decode()


def until(condition, limit=5.0):
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_life_from_start_to_end(box):
    assert ContainerDirectory(box.folder).state().status == "created"
    container = box.start("sh", "-c", "echo out; echo err >&2; sleep 0.2; exit 3")
    state = container.state()
    assert (state.status, state.running) == ("running", True) and state.pid > 0 and state.started_at.endswith("Z")
    assert container.wait() == 3
    state = container.state()
    assert (state.status, state.exit_code, state.pid) == ("exited", 3, 0) and state.finished_at > state.started_at
    assert sorted((line.stream, line.data) for line in container.logs()) == [("stderr", b"err\n"), ("stdout", b"out\n")]


def test_the_log_is_dockers_json_file(box):
    container = box.start("printf", "one\\ntwo\\nno line feed \\377")
    container.wait()
    records = [json.loads(line) for line in (box.folder / "log").read_text().splitlines()]
    assert [record["log"] for record in records][:2] == ["one\n", "two\n"] and set(records[0]) == {"log", "stream", "time"}
    assert [line.data for line in container.logs()] == [b"one\n", b"two\n", b"no line feed \xff"]
    assert [line.data for line in container.logs(tail=1)] == [b"no line feed \xff"]
    assert list(container.logs(tail=0)) == []


def test_mount_points_of_a_container_are_no_change(box):
    container = box.start("sh", "-c", "ls -A /; ls -A /etc; cat /etc/hostname; ls -ld /etc", hostname="abc123")
    container.wait()
    out = text(container)
    assert ".dockerenv" in out and "resolv.conf" in out and "mtab" in out and "\nabc123\n" in out and "drwxr-xr-x" in out
    assert box.paths() == []


def test_follow_ends_with_the_container(box):
    container = box.start("sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.1; done")
    assert text(container, follow=True) == "1\n2\n3\n"


def test_attached_output_goes_to_the_client_and_the_log(box):
    reader, writer = os.pipe()
    container = box.runtime.start(box.folder, box.spec("sh", "-c", "echo hi; sleep 0.1; exit 4"), stdout=writer)
    os.close(writer)
    assert container.control.wait() == 4
    with os.fdopen(reader, "rb") as file:
        assert file.read() == b"hi\n"
    assert text(ContainerDirectory(box.folder)) == "hi\n"


def test_a_client_that_goes_away_or_reads_nothing_harms_no_container(box):
    reader, writer = os.pipe()
    container = box.start(
        "sh", "-c", "for i in $(seq 2000); do echo 0123456789012345678901234567890123456789; done; echo end", stdout=writer
    )
    os.close(writer)
    os.close(reader)
    assert container.wait(10) == 0
    assert text(container).endswith("end\n")


def test_input_of_an_attached_container(box):
    (reader, writer), (out_reader, out_writer) = os.pipe(), os.pipe()
    started = box.runtime.start(box.folder, box.spec("cat"), stdin=reader, stdout=out_writer)
    os.close(reader)
    os.close(out_writer)
    os.write(writer, b"typed\n")
    os.close(writer)
    assert started.control.wait() == 0
    assert os.read(out_reader, 100) == b"typed\n"
    os.close(out_reader)


def test_attach_later(box):
    container = box.start("sh", "-c", "read line; echo got $line", open_stdin=True)
    (reader, writer), (out_reader, out_writer) = os.pipe(), os.pipe()
    container.attach(stdin=reader, stdout=out_writer)
    os.close(reader)
    os.close(out_writer)
    os.write(writer, b"it\n")
    with os.fdopen(out_reader, "rb") as file:
        assert file.read() == b"got it\n"
    os.close(writer)
    assert container.wait(5) == 0


def test_a_container_outlives_its_starter_and_another_process_waits_for_it(box):
    with Runtime(box.runtime.capabilities) as other:
        other.start(box.folder, box.spec("sh", "-c", "sleep 0.5; exit 6")).control.close()
    script = "import sys, pathlib; from dockerlab.runtime import ContainerDirectory; sys.exit(ContainerDirectory(pathlib.Path(sys.argv[1])).wait())"
    done = subprocess.run([sys.executable, "-c", script, str(box.folder)], env={**os.environ, "PYTHONPATH": ":".join(sys.path)})
    assert done.returncode == 6


def test_start_again_keeps_the_changes(box):
    box.start("sh", "-c", "echo one > /file").wait()
    for _ in range(5):  # the end is told when the next start may come
        started = box.runtime.start(box.folder, box.spec("true"))
        assert started.control.wait() == 0
        started.control.close()
    container = box.start("sh", "-c", "cat /file; exit 5")
    assert container.wait() == 5
    assert text(container) == "one\n"


def test_a_running_container_is_not_started_twice(box):
    box.start("sleep", "100")
    with pytest.raises(ContainerStartError, match="running already"):
        box.start("sleep", "100")


def test_a_start_waits_for_those_who_only_ask_whether_the_container_lives(box):
    with open(box.folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        asked = threading.Timer(0.1, fcntl.flock, (lock, fcntl.LOCK_UN))
        asked.start()
        container = box.start("sh", "-c", "exit 3")
        asked.join()
    assert container.wait() == 3


def test_what_can_not_start(box):
    with pytest.raises(ContainerStartError) as caught:
        box.start("nosuch")
    assert caught.value.exit_code == 127 and caught.value.message.endswith('exec: "nosuch": executable file not found in $PATH')
    state = ContainerDirectory(box.folder).state()
    assert (state.status, state.exit_code) == ("created", 127) and state.error == caught.value.message


def test_stop_with_a_handler_and_without(make_box):
    one = make_box()
    container = one.start("sh", "-c", "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.05; done")
    until(lambda: text(container) == "up\n")
    assert container.stop() == 5
    other = make_box().start("sleep", "100")
    began = time.monotonic()
    assert other.stop(grace=0.3) == 137
    assert 0.3 <= time.monotonic() - began < 3
    assert other.state().signal == signal.SIGKILL


def test_kill_of_what_does_not_run_is_a_conflict(box):
    container = box.start("true")
    container.wait()
    with pytest.raises(ConflictError):
        container.kill()


def test_a_killed_keeper_takes_everything_along(box):
    container = box.start("sh", "-c", "sleep 4333 & sleep 4333 & wait")
    until(lambda: len(container.top()) == 3)
    pids = [row.pid for row in container.top()]
    os.kill(json.loads((box.folder / "state.json").read_text())["keeper"], signal.SIGKILL)
    assert container.wait(5) == 137
    assert container.state().status == "exited"
    until(lambda: not any(_lives(pid) for pid in pids))


def _lives(pid):
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_an_exec_has_the_host_name_and_the_processes_of_its_container(box):
    box.start("sleep", "100", hostname="here")
    out = box.exec("hostname; echo $$ >&2; ls /proc | grep -c '^[0-9]*$'")[1].splitlines()
    assert out[0] == "here" and 1 < int(out[1]) < 10 and 1 < int(out[2]) < 10


def test_exec(box):
    container = box.start("sleep", "100")
    assert box.exec("echo out; echo err >&2; exit 9") == (9, "out\nerr\n")
    out = box.exec("echo x > /new; id -u; pwd", uid=1000, gid=1000, cwd="/tmp")[1]
    assert out.endswith("can't create /new: Permission denied\n1000\n/tmp\n")
    assert box.exec("echo x > /tmp/f; stat -c %u:%g /tmp/f", uid=1000, gid=50)[1] == "1000:50\n"
    for args, code in ((("nosuch",), 127), (("/etc",), 126)):
        with pytest.raises(ContainerStartError) as caught:
            box.runtime.exec(box.folder, ProcessSpec(args))
        assert caught.value.exit_code == code
    with pytest.raises(ContainerStartError) as caught:
        box.runtime.exec(box.folder, ProcessSpec(("pwd",), cwd="/no/such"))
    assert caught.value.message == 'chdir to cwd ("/no/such") set in config.json failed: no such file or directory'
    container.kill()
    container.wait()
    with pytest.raises(ContainerStartError, match="not running"):
        box.exec("true")


def test_exec_and_the_first_process_agree_about_owners(box):
    container = box.start("sh", "-c", "ln -s x /l; chown -h 5:6 /l; echo ready; while [ ! -e /go ]; do sleep 0.05; done; stat -c %u:%g /m")
    until(lambda: text(container) == "ready\n")
    assert box.exec("stat -c %u:%g /l; ln -s y /m; chown -h 7:8 /m; : > /go")[1] == "5:6\n"
    container.wait()
    assert text(container) == "ready\n7:8\n"
    container = box.start("stat", "-c", "%u:%g", "/l", "/m")
    container.wait()
    assert text(container).endswith("5:6\n7:8\n")


def test_an_exec_dies_with_its_container(box):
    container = box.start("sleep", "100")
    control = box.runtime.exec_start(box.folder, ProcessSpec(("sleep", "100"), ("PATH=/bin",)))
    container.kill()
    assert control.wait() == 137
    control.close()


def test_a_terminal(box):
    (reader, writer) = os.pipe()
    started = box.runtime.start(
        box.folder, box.spec("sh", "-c", "tty; test -t 0 && test -t 1 && stty size; sleep 0.3; stty size", terminal=True), stdout=writer
    )
    os.close(writer)
    started.control.resize(40, 120)
    with os.fdopen(reader, "rb") as file:
        out = file.read()
    assert started.control.wait() == 0
    assert out.startswith(b"/dev/pts/0\r\n") and out.endswith(b"40 120\r\n")
    assert text(ContainerDirectory(box.folder)).encode() == out


def test_the_exit_code_is_heard_though_the_window_changes_in_the_last_moment(box):
    for _ in range(10):
        started = box.runtime.start(box.folder, box.spec("sh", "-c", "exit 3", terminal=True))
        for row in range(40):
            started.control.resize(row + 1, 80)
        assert started.control.wait() == 3
        started.control.close()


def test_a_terminal_of_an_exec_takes_input(box):
    box.start("sleep", "100")
    master, slave = pty.openpty()
    control = box.runtime.exec_start(
        box.folder, ProcessSpec(("sh", "-c", "read x; echo got $x"), ("PATH=/bin",), terminal=True), stdin=slave, stdout=slave, stderr=slave
    )
    os.write(master, b"word\n")
    assert control.wait() == 0
    control.close()
    seen = b""
    while b"got word" not in seen and select.select([master], [], [], 5)[0]:  # the echo may come alone
        seen += os.read(master, 1000)
    assert b"got word" in seen
    os.close(master)
    os.close(slave)


def test_pause_and_unpause(box):
    container = box.start("sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done")
    until(lambda: text(container))
    container.pause()
    assert container.state().status == "paused"
    time.sleep(0.1)
    before = text(container)
    time.sleep(0.2)
    assert text(container) == before
    container.unpause()
    until(lambda: text(container) != before)
    assert container.state().status == "running"


def test_a_container_whose_keeper_was_killed_in_a_pause_is_not_paused_when_it_runs_again(box):
    container = box.start("sleep", "100")
    container.pause()
    os.kill(json.loads((box.folder / "state.json").read_text())["keeper"], signal.SIGKILL)
    assert container.wait(5) == 137
    assert box.start("sleep", "100").state().status == "running"


def test_top(box):
    container = box.start("sh", "-c", "sleep 4334 & wait")
    until(lambda: [row.command for row in container.top()] == ["sh -c sleep 4334 & wait", "sleep 4334"])


def test_processes_show_their_users_inside(box):
    container = box.start("sh", "-c", "sleep 4335 & wait", uid=1000)
    until(lambda: any(row.command == "sleep 4335" for row in container.top()))
    assert box.exec("ps -o user,args | grep -c '^app .*sleep 4335$'")[1] == "1\n"
    assert (
        box.exec("grep -E '^(Uid|Gid|CapEff)' /proc/1/status")[1]
        == "Uid:\t1000\t1000\t1000\t1000\nGid:" + "\t1000" * 4 + "\nCapEff:\t" + "0" * 16 + "\n"
    )
    assert "Operation not permitted" in box.exec("kill 1", uid=1001)[1]
    assert "Permission denied" in box.exec("cat /proc/1/environ", uid=1001)[1]
    assert box.exec("cat /proc/self/environ | wc -c; kill -0 1 && echo may", uid=1000)[1].endswith("may\n")
