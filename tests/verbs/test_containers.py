"""Verbs on containers: streams, terminals, signals, files, and what is left behind."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.errors import NotFoundError
from tests.conftest import Docker, build
from tests.parts import ROOT, until

pytestmark = pytest.mark.usefixtures("containers_run_here")


def inspect(docker: Docker, name: str) -> dict[str, Any]:
    return dict(json.loads(docker("inspect", name).out)[0])


def test_both_streams_and_standard_input(docker: Docker) -> None:
    answer = docker("run", "--rm", "-i", "busybox", "sh", "-c", "cat; echo err >&2", stdin=b"given\n")
    assert (answer.code, answer.out, answer.err) == (0, "given\n", "err\n")
    assert docker("run", "--rm", "busybox", "cat", stdin=b"not given").out == ""


def typed_into(words: list[str], text: bytes) -> tuple[int, bytes]:
    """(exit code, what the terminal showed) of a process that gets `text` typed as soon as it says something."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "dockerlab", *words],
        stdin=follower, stdout=follower, stderr=follower, env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    seen, typed = b"", False
    while select.select([leader], [], [], 30)[0]:
        try:
            data = os.read(leader, 4096)
        except OSError:
            break
        if not data:
            break
        seen += data
        if b"/dev/" in seen and not typed:
            os.write(leader, text)
            typed = True
    os.close(leader)
    return process.wait(timeout=30), seen


def test_a_terminal_is_one_inside_and_takes_what_is_typed_and_shows_it_once(docker: Docker) -> None:
    script = "test -t 0 && tty; read a; echo got $a; exit 5"
    docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    for words in (["run", "--rm", "-it", "busybox"], ["exec", "-it", "box"]):
        code, seen = typed_into([*words, "sh", "-c", script], b"hello\n")
        assert code == 5
        assert seen.startswith(b"/dev/") and seen.endswith(b"\r\nhello\r\ngot hello\r\n") and seen.count(b"hello") == 2, words


def test_i_and_t_without_a_terminal_say_so(docker: Docker) -> None:
    answer = docker("run", "--rm", "-it", "busybox", "true", stdin=b"")
    assert answer.code == 1 and answer.err.startswith("the input device is not a TTY")


def test_a_container_removed_at_its_end_leaves_nothing(docker: Docker, home: Path) -> None:
    assert docker("run", "--rm", "--name", "gone", "-v", "/anonymous", "busybox", "true").code == 0
    assert docker("run", "--rm", "busybox", "nosuch").code == 127
    assert docker("ps", "-aq").out == "" and os.listdir(home / "containers") == [] and os.listdir(home / "container-names") == []
    assert docker("volume", "ls", "-q").out == ""


def test_the_life_of_a_container_in_its_state(docker: Docker) -> None:
    identifier = docker("create", "--name", "one", "busybox", "sh", "-c", "echo begun; exit 6").out.strip()
    assert inspect(docker, "one")["State"]["Status"] == "created"
    assert docker("start", "-a", identifier[:12]).code == 6
    state = inspect(docker, "one")["State"]
    assert (state["Status"], state["ExitCode"], state["Running"]) == ("exited", 6, False)
    assert docker("wait", "one").out == "6\n" and docker("logs", "one").out == "begun\n"
    assert docker("start", "one").out == "one\n" and docker("wait", "one").out == "6\n"
    assert docker("logs", "one").out == "begun\nbegun\n" and docker("logs", "-n", "1", "one").out == "begun\n"
    assert docker("rename", "one", "two").code == 0 and docker("logs", "one").code == 1
    assert docker("rm", "two").out == "two\n"


def test_what_was_killed_has_ended_when_kill_says_so(docker: Docker) -> None:
    for number in range(8):
        docker("run", "-d", "--name", f"short{number}", "busybox", "sleep", "60")
        assert docker("kill", f"short{number}").code == 0
        removed = docker("rm", f"short{number}")
        assert removed.code == 0, removed.err


def test_signals_reach_process_1_and_kill_ends_it(docker: Docker) -> None:
    docker("run", "-d", "--name", "deaf", "busybox", "sh", "-c", "trap 'echo caught' USR1; echo up; while :; do sleep 0.05; done")
    follow = docker("exec", "deaf", "sh", "-c", "true")
    assert follow.code == 0
    assert docker("kill", "-s", "USR1", "deaf").out == "deaf\n"
    assert docker("stop", "-t", "0", "deaf").out == "deaf\n"
    assert inspect(docker, "deaf")["State"]["ExitCode"] == 137
    again = docker("kill", "deaf")
    assert again.code == 1 and "is not running" in again.err
    assert docker("kill", "-s", "NOSUCH", "deaf").code == 1


def test_exec_in_a_container_with_its_own_user_folder_and_variables(docker: Docker) -> None:
    docker("run", "-d", "--name", "box", "-e", "A=1", "busybox", "sleep", "1000")
    answer = docker("exec", "-u", "5:6", "-w", "/tmp", "-e", "B=2", "box", "sh", "-c", "echo $A $B $(pwd) $(id -u):$(id -g)")
    assert answer.out == "1 2 /tmp 5:6\n"
    assert docker("exec", "-i", "box", "cat", stdin=b"in").out == "in"
    assert docker("exec", "box", "nosuch").code == 127 and docker("exec", "box", "/etc/passwd").code == 126
    assert docker("exec", "-d", "box", "touch", "/detached").code == 0
    docker("stop", "-t", "0", "box")
    stopped = docker("exec", "box", "true")
    assert stopped.code == 1 and "is not running" in stopped.err


def test_entrypoint_cmd_and_what_replaces_them(docker: Docker) -> None:
    build(docker, 'FROM busybox\nENTRYPOINT ["echo", "entry"]\nCMD ["cmd"]\n')
    assert docker("run", "--rm", "t:1").out == "entry cmd\n"
    assert docker("run", "--rm", "t:1", "given").out == "entry given\n"
    assert docker("run", "--rm", "--entrypoint", "printf", "t:1", "x").out == "x"


def test_variables_from_files_and_from_the_caller(docker: Docker) -> None:
    Path("vars").write_text("# comment\nA=from file\nB\n")
    answer = docker("run", "--rm", "--env-file", "vars", "-e", "C", "-e", "A=last", "busybox", "env", env={"B": "b", "C": "c"})
    assert {"A=last", "B=b", "C=c"} <= set(answer.out.splitlines())
    wrong = docker("run", "--rm", "--env-file", "none", "busybox", "env")
    assert wrong.code == 125 and "open none: no such file or directory" in wrong.err


def test_host_name_read_only_and_networks(docker: Docker) -> None:
    assert docker("run", "--rm", "-h", "named", "busybox", "hostname").out == "named\n"
    assert docker("run", "--rm", "--read-only", "busybox", "touch", "/f").code == 1
    assert docker("run", "--rm", "--network", "host", "busybox", "true").code == 0
    assert docker("run", "--rm", "--network", "nosuch", "busybox", "true").code == 125


def test_several_mounts_and_their_mistakes(docker: Docker) -> None:
    Path("in").mkdir()
    Path("in/f").write_text("bound")
    answer = docker(
        "run", "--rm", "--mount", f"type=bind,src={Path.cwd()}/in,dst=/b,readonly", "--tmpfs", "/t", "-v", "named:/n", "busybox", "sh", "-c",
        "cat /b/f; touch /t/x /n/y; touch /b/z 2>/dev/null || echo ro",
    )  # fmt: skip
    assert answer.out == "boundro\n"
    assert docker("volume", "ls", "-q").out == "named\n"
    for words, part in (
        (["-v", "xx:relative"], "must be absolute"),
        (["--mount", "type=bind,src=/nosuch,dst=/x"], "does not exist"),
        (["-v", ""], "empty volume"),
    ):
        wrong = docker("run", "--rm", *words, "busybox", "true")
        assert wrong.code == 125 and part in wrong.err
    used = docker("create", "--name", "user", "-v", "named:/n", "busybox")
    assert used.code == 0
    busy = docker("volume", "rm", "named")
    assert busy.code == 1 and "volume is in use" in busy.err


def test_a_new_volume_begins_with_what_the_image_holds_there(docker: Docker) -> None:
    build(docker, "FROM busybox\nRUN mkdir /data && echo first > /data/f && chown -R 5:6 /data\nVOLUME /data\n")
    assert (
        docker("run", "--rm", "-v", "kept:/data", "t:1", "sh", "-c", "cat /data/f; stat -c %u:%g /data/f; echo second > /data/f").out
        == "first\n5:6\n"
    )
    assert docker("run", "--rm", "-v", "kept:/data", "t:1", "cat", "/data/f").out == "second\n"


def test_a_port_in_use_says_so(docker: Docker) -> None:
    docker("run", "-d", "--name", "first", "-p", "127.0.0.1::80", "busybox", "sleep", "1000")
    port = docker("port", "first", "80").out.strip().rpartition(":")[2]
    second = docker("run", "-d", "--name", "second", "-p", f"127.0.0.1:{port}:80", "busybox", "sleep", "1000")
    assert second.code == 125 and port in second.err and "Traceback" not in second.err
    assert "127.0.0.1:" + port in docker("ps").out


def test_diff_tells_what_was_added_changed_and_deleted(docker: Docker) -> None:
    docker(
        "run",
        "--name",
        "one",
        "busybox",
        "sh",
        "-c",
        "echo x >> /etc/passwd; rm /etc/group; mkdir -p /a/b; touch /a/b/c; chmod 700 /tmp; ln -s x /l",
    )
    assert docker("diff", "one").out.splitlines() == [
        "A /a",
        "A /a/b",
        "A /a/b/c",
        "C /etc",
        "D /etc/group",
        "C /etc/passwd",
        "A /l",
        "C /tmp",
    ]
    assert {change["Kind"] for change in json.loads(docker("diff", "--json", "one").out)} == {"A", "C", "D"}


@pytest.mark.parametrize("running", [False, True])
def test_cp_of_folders_links_and_streams(docker: Docker, running: bool) -> None:
    docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    if not running:
        docker("stop", "-t", "0", "box")
    Path("d/sub").mkdir(parents=True)
    Path("d/sub/f").write_text("f")
    Path("d/l").symlink_to("sub/f")
    assert (
        docker("cp", "d", "box:/new").code == 0 and docker("cp", "d", "box:/new").code == 0 and docker("cp", "d/.", "box:/flat").code == 0
    )
    raw = docker("cp", "box:/new", "-").out.encode("utf-8", "replace")
    assert raw.startswith(b"new/")
    assert docker("cp", "box:/new", "out").code == 0
    assert sorted(str(path.relative_to("out")) for path in Path("out").rglob("*")) == ["d", "d/l", "d/sub", "d/sub/f", "l", "sub", "sub/f"]
    assert os.readlink("out/l") == "sub/f"
    assert docker("cp", "-L", "box:/flat/l", "followed").code == 0 and Path("followed").read_text() == "f"
    for words, part in (
        (["none", "box:/"], "no such file"), (["d", "box:/etc/passwd"], "cannot copy directory"), (["d/sub/f", "box:/no/where"], "Could not find the file /no"),
        (["box:/none", "x"], "Could not find the file /none"), (["d", "d"], "at least one container"), (["nobox:/x", "y"], "No such container"),
    ):  # fmt: skip
        wrong = docker("cp", *words)
        assert wrong.code == 1 and part in wrong.err, words
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as out:
        out.addfile(tarfile.TarInfo("from-a-stream"))
    assert docker("cp", "-", "box:/tmp", stdin=tar.getvalue()).code == 0
    assert "A /tmp/from-a-stream" in docker("diff", "box").out


@pytest.mark.parametrize("running", [False, True])
def test_cp_does_not_follow_a_containers_link_to_the_host(docker: Docker, tmp_path: Path, running: bool) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hosts")
    docker("run", "-d", "--name", "box", "busybox", "sh", "-c", f"ln -s {secret} /link; ln -s {tmp_path} /folder; echo ready; sleep 1000")
    until(lambda: "ready" in docker("logs", "box").out)
    if not running:
        docker("stop", "-t", "0", "box")
    assert docker("cp", "-L", "box:/link", "stolen").code == 1 and docker("cp", "box:/folder/secret", "stolen").code == 1
    Path("mine").write_text("mine")
    docker("cp", "mine", "box:/link")
    docker("cp", "mine", "box:/folder/secret")
    assert secret.read_text() == "hosts"


def test_cp_of_what_cannot_be_read_or_written_is_one_message(docker: Docker) -> None:
    docker("create", "--name", "box", "busybox")
    assert "Traceback" not in docker("cp", "box:/etc/passwd", "/proc/nowhere").err
    if os.geteuid():
        Path("locked").write_text("x")
        Path("locked").chmod(0)
        wrong = docker("cp", "locked", "box:/x")
        assert wrong.code == 1 and "permission denied" in wrong.err.lower() and "store" not in wrong.err


def test_commit_with_changes_of_the_configuration(docker: Docker) -> None:
    docker("create", "--name", "one", "-e", "KEPT=1", "busybox", "sh")
    changes = ["ENV A=1", 'CMD ["x"]', "LABEL l=1", "EXPOSE 80", "WORKDIR /w", "USER 5"]
    assert docker("commit", *(word for one in changes for word in ("-c", one)), "-a", "me", "-m", "why", "one", "mine:1").code == 0
    config = inspect(docker, "mine:1")["Config"]
    assert config["Cmd"] == ["x"] and config["Labels"] == {"l": "1"} and config["WorkingDir"] == "/w" and config["User"] == "5"
    assert {"KEPT=1", "A=1"} <= set(config["Env"]) and config["ExposedPorts"] == {"80/tcp": {}}
    assert (inspect(docker, "mine:1")["Author"], inspect(docker, "mine:1")["Comment"]) == ("me", "why")
    wrong = docker("commit", "-c", "RUN x", "one", "mine:2")
    assert wrong.code == 1 and "RUN is not a valid change command" in wrong.err
    assert docker("commit", "one", "Mine:2").code == 1


def test_prune_removes_what_nobody_needs(docker: Docker) -> None:
    build(docker, "FROM busybox\nENV A=1\n")
    build(docker, "FROM busybox\nENV A=2\n")
    docker("create", "--name", "ended", "t:1")
    docker("run", "-d", "--name", "runs", "busybox", "sleep", "1000")
    assert len(docker("images", "-q", "-f", "dangling=true").out.split()) == 1
    assert "Deleted Images:" in docker("image", "prune", "-f").out
    assert docker("images", "-q", "-f", "dangling=true").out == ""
    assert docker("container", "prune", "-f").code == 0 and docker("ps", "-a", "--format", "{{.Names}}").out == "runs\n"
    assert docker("image", "prune", "-af").code == 0
    assert docker("images", "--format", "{{.Repository}}").out == "busybox\n"


def test_export_and_import_keep_files_and_owners(docker: Docker) -> None:
    build(docker, "FROM busybox\nRUN echo x > /f && chown 3:4 /f && chmod 640 /f\nENV A=1\n")
    docker("create", "--name", "one", "t:1")
    assert docker("export", "-o", "fs.tar", "one").code == 0
    assert docker("import", "-c", 'CMD ["sh"]', "-m", "brought in", "fs.tar", "flat:1").code == 0
    assert docker("run", "--rm", "flat:1", "stat", "-c", "%u:%g %a", "/f").out == "3:4 640\n"
    found = inspect(docker, "flat:1")
    assert len(found["RootFS"]["Layers"]) == 1 and not any("A=1" in pair for pair in found["Config"].get("Env") or [])
    for words in (["import", "none.tar"], ["load", "-i", "none.tar"], ["export", "-o", "/proc/x", "one"], ["save", "-o", "/proc/x", "t:1"]):
        wrong = docker(*words)
        assert wrong.code == 1 and "Traceback" not in wrong.err, words


def test_rmi_by_name_and_by_id(docker: Docker) -> None:
    build(docker, "FROM busybox\nENV A=1\n")
    docker("tag", "t:1", "other:1")
    identifier = docker("images", "-q", "t:1").out.strip()
    assert docker("rmi", identifier).code == 1
    assert docker("rmi", "t:1").out == "Untagged: t:1\n"
    assert f"Deleted: sha256:{identifier}" in docker("rmi", "other:1").out
    gone = docker("rmi", "other:1")
    assert gone.code == 1 and "No such image: other:1" in gone.err
    assert docker("rmi", "-f", "other:1").code == 0
    docker("run", "-d", "--name", "runs", "busybox", "sleep", "1000")
    image = docker("images", "-q", "busybox").out.strip()
    busy = docker("rmi", "-f", image)
    assert busy.code == 1 and "is being used by running container" in busy.err


@pytest.mark.parametrize("verb", [["images"], ["ps", "-a"], ["history", "busybox"], ["volume", "ls"], ["network", "ls"]])
def test_every_list_takes_q_json_and_a_template(docker: Docker, verb: list[str]) -> None:
    docker("create", "--name", "one", "-v", "vol:/v", "busybox")
    assert docker(*verb, "-q").out.strip()
    for line in docker(*verb, "--format", "json").out.splitlines():
        assert isinstance(json.loads(line), dict)
    wrong = docker(*verb, "--format", "{{.NoSuchField}}")
    assert wrong.code == 1 and "NoSuchField" in wrong.err
    assert docker(*verb, "--format", "{{").code != 0


def test_inspect_of_several_and_of_none(docker: Docker) -> None:
    docker("create", "--name", "one", "busybox")
    answer = docker("inspect", "one", "nosuch", "busybox")
    assert answer.code == 1 and "no such object: nosuch" in answer.err
    assert [("State" in one) for one in json.loads(answer.out)] == [True, False]
    assert docker("image", "inspect", "one").code == 1 and docker("container", "inspect", "busybox").code == 1


def test_a_verb_that_docker_has_and_we_have_not_says_so(docker: Docker) -> None:
    answer = docker("search", "alpine")
    assert answer.code == 1 and "dockerlab has no `docker search`" in answer.err and "dockerlab pull" in answer.err


def test_a_process_finds_dockers_variables_unless_the_user_says_otherwise(docker: Docker) -> None:
    script = 'echo "$HOSTNAME|$PATH|$HOME|$A"'
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert docker("run", "--rm", "-h", "me", "busybox", "sh", "-c", script).out == f"me|{path}|/root|\n"
    own = ["-e", "HOSTNAME=", "-e", "HOME=/h"]
    docker("run", "-d", "--name", "box", "-h", "me", *own, "busybox", "sleep", "100")
    assert docker("exec", "box", "sh", "-c", script).out == f"|{path}|/h|\n"
    assert docker("exec", "-e", "HOSTNAME=you", "-e", "A=1", "box", "sh", "-c", script).out == f"you|{path}|/h|1\n"


def test_no_time_to_stop_in_is_no_time(docker: Docker) -> None:
    import time

    docker("run", "-d", "--name", "deaf", "--stop-timeout", "0", "busybox", "sleep", "1000")
    begin = time.monotonic()
    assert docker("stop", "deaf").code == 0 and inspect(docker, "deaf")["State"]["ExitCode"] == 137
    assert time.monotonic() - begin < 9  # docker's ten seconds were not waited for


@pytest.mark.parametrize("name", ["..", ".", "/", "a/b", "0" * 64])
def test_what_can_be_no_container_is_none(docker: Docker, name: str) -> None:
    for words in (["container", "inspect", name], ["rm", "-f", name], ["inspect", name]):
        answer = docker(*words)
        assert "no such" in answer.err.lower() and "Traceback" not in answer.err, words


@pytest.mark.parametrize(
    ("signal", "why"), [("65", "does not support signal 65"), ("0", "invalid signal: 0"), ("foo", "invalid signal: foo")]
)
def test_what_is_no_signal_is_not_sent(docker: Docker, signal: str, why: str) -> None:
    docker("run", "-d", "--name", "box", "busybox", "sleep", "100")
    answer = docker("kill", "-s", signal, "box")
    assert (answer.code == 1 and f"cannot kill container: box: {why}" in answer.err) or why in answer.err
    assert docker("create", "--stop-signal", "foo", "busybox").err.startswith("Error: invalid signal: foo")


def test_a_container_that_is_removed_while_it_is_started_is_said_to_be_gone(docker: Docker, engine: EmbeddedEngine) -> None:
    docker("create", "--name", "gone", "busybox", "true")
    record = engine.records.find("gone")
    docker("rm", "gone")  # by another kernel, after the first has found it
    with pytest.raises(NotFoundError, match="No such container"):
        engine.containers_.start(record)
