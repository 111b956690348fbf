"""Docker's verbs through our engine: flags, exit codes, lists."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Docker, build
from tests.parts import until

pytestmark = pytest.mark.usefixtures("containers_run_here")


def test_the_exit_code_is_the_containers_own(docker: Docker) -> None:
    assert docker("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7").code == 7


@pytest.mark.parametrize(("words", "code"), [(["nosuch"], 127), (["/etc/passwd"], 126)])
def test_a_command_that_cannot_start_has_dockers_code(docker: Docker, words: list[str], code: int) -> None:
    answer = docker("run", "--rm", "busybox", *words)
    assert answer.code == code
    assert words[0] in answer.err and "Traceback" not in answer.err


def test_a_wrong_flag_is_125_and_gets_a_suggestion(docker: Docker) -> None:
    answer = docker("run", "--nmae", "x", "busybox")
    assert answer.code == 125
    assert "unknown flag: --nmae" in answer.err and "did you mean --name?" in answer.err


def test_a_name_in_use_says_by_whom_and_what_to_do(docker: Docker) -> None:
    docker("create", "--name", "taken", "busybox")
    answer = docker("run", "--name", "taken", "busybox", "true")
    assert answer.code == 125
    assert 'The container name "/taken" is already in use by container' in answer.err and "dockerlab rm -f taken" in answer.err


def test_environment_folder_user_and_entrypoint(docker: Docker) -> None:
    answer = docker(
        "run",
        "--rm",
        "-e",
        "A=1",
        "-w",
        "/made/here",
        "-u",
        "5:6",
        "--entrypoint",
        "sh",
        "busybox",
        "-c",
        "echo $A $(pwd) $(id -u):$(id -g)",
    )
    assert answer.out == "1 /made/here 5:6\n"


def test_a_detached_container_is_listed_read_stopped_and_removed(docker: Docker) -> None:
    identifier = docker(
        "run", "-d", "--name", "web", "busybox", "sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done"
    ).out.strip()
    assert len(identifier) == 64
    assert docker("ps", "-q", "--no-trunc").out.strip() == identifier
    until(lambda: docker("logs", "web").out != "")
    assert docker("exec", "web", "sh", "-c", "exit 4").code == 4
    assert docker("rm", "web").code == 1
    assert docker("stop", "web").out == "web\n"
    assert docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "web").out == "exited 3\n"
    assert docker("rm", "web").out == "web\n"
    assert docker("ps", "-aq").out == ""


def test_a_published_port_answers_on_loopback(docker: Docker) -> None:
    docker(
        "run",
        "-d",
        "--name",
        "web",
        "-p",
        "127.0.0.1::80",
        "busybox",
        "sh",
        "-c",
        "mkdir /www; echo page > /www/index.html; httpd -f -h /www",
    )
    address = docker("port", "web", "80").out.strip()
    assert address.startswith("127.0.0.1:")
    for attempt in range(100):
        try:
            assert urllib.request.urlopen(f"http://{address}/", timeout=5).read() == b"page\n"
            break
        except OSError:
            assert attempt < 99
            time.sleep(0.05)


def test_a_bind_mount_is_seen_on_both_sides_and_may_be_read_only(docker: Docker) -> None:
    Path("shared").mkdir()
    docker("run", "--rm", "-v", f"{Path.cwd()}/shared:/s", "busybox", "sh", "-c", "echo in > /s/f")
    assert Path("shared/f").read_text() == "in\n"
    assert docker("run", "--rm", "-v", f"{Path.cwd()}/shared:/s:ro", "busybox", "touch", "/s/g").code == 1


def test_a_volume_outlives_its_containers(docker: Docker) -> None:
    docker("run", "--rm", "-v", "data:/d", "busybox", "sh", "-c", "echo kept > /d/f")
    assert docker("run", "--rm", "-v", "data:/d", "busybox", "cat", "/d/f").out == "kept\n"


def test_network_none_has_only_loopback(docker: Docker) -> None:
    assert docker("run", "--rm", "--network", "none", "busybox", "ls", "/sys/class/net").out.split() in (["lo"], [])


def test_commit_makes_one_layer_and_leaves_the_old_image_as_it_was(docker: Docker) -> None:
    docker("run", "--name", "one", "busybox", "sh", "-c", "echo new > /new; rm /etc/group")
    assert docker("diff", "one").out == "C /etc\nD /etc/group\nA /new\n"
    docker("commit", "-m", "by hand", "one", "mine:1")
    layers = [json.loads(docker("inspect", "-f", "{{json .RootFS.Layers}}", name).out) for name in ("busybox", "mine:1")]
    assert layers[1][:-1] == layers[0]
    assert docker("run", "--rm", "mine:1", "cat", "/new").out == "new\n"
    assert docker("run", "--rm", "busybox", "cat", "/new").code == 1
    assert json.loads(docker("history", "--json", "mine:1").out)[0]["comment"] == "by hand"


def test_history_json_is_newest_first_and_marks_empty_layers(docker: Docker) -> None:
    build(docker, "FROM busybox\nRUN echo 12345 > /f\nENV A=1\n")
    lines = json.loads(docker("history", "--json", "t:1").out)
    assert [(line["created_by"], line["size"], line["empty_layer"]) for line in lines[:2]] == [
        ("ENV A=1", 0, True),
        ("RUN /bin/sh -c echo 12345 > /f # buildkit", 6, False),
    ]


@pytest.mark.parametrize("running", [False, True])
def test_cp_in_and_out_of_a_container(docker: Docker, running: bool) -> None:
    docker("run", "-d", "--name", "box", "busybox", "sleep", "300")
    if not running:
        docker("kill", "box")
        docker("wait", "box")
    Path("in").write_text("text")
    assert docker("cp", "in", "box:/etc/in").code == 0
    assert docker("cp", "box:/etc/in", "out").code == 0
    assert Path("out").read_text() == "text"
    assert docker("cp", "box:/nosuch", "x").code == 1
    assert "A /etc/in" in docker("diff", "box").out


def test_save_and_load_keep_the_image_id(docker: Docker) -> None:
    build(docker, "FROM busybox\nRUN echo 1 > /f && chown 3:4 /f && ln -s f /l\n")
    identifier = docker("images", "-q", "--no-trunc", "t:1").out
    docker("save", "-o", "t.tar", "t:1")
    docker("rmi", "t:1")
    docker("builder", "prune", "-af")
    assert docker("load", "-i", "t.tar").out == "Loaded image: t:1\n"
    assert docker("images", "-q", "--no-trunc", "t:1").out == identifier


def test_a_damaged_archive_is_refused_and_leaves_nothing(docker: Docker, home: Path) -> None:
    docker("save", "-o", "b.tar", "busybox")
    data = bytearray(Path("b.tar").read_bytes())
    at = data.index(b"root:x:0:0")
    data[at : at + 4] = b"evil"
    Path("b.tar").write_bytes(data)
    docker("rmi", "busybox")
    docker("builder", "prune", "-af")
    answer = docker("load", "-i", "b.tar")
    assert answer.code == 1 and "digest" in answer.err
    assert docker("images", "-aq").out == "" and list((home / "layers").iterdir()) == [] and list((home / "tmp").iterdir()) == []


def test_rmi_refuses_what_a_container_uses(docker: Docker) -> None:
    docker("tag", "busybox", "mine:1")
    docker("create", "--name", "user", "mine:1")
    docker("rmi", "busybox")
    answer = docker("rmi", "mine:1")
    assert answer.code == 1 and "is using its referenced image" in answer.err


@pytest.mark.parametrize("form", ["{{.Names}}", "table {{.Names}}\t{{.Image}}", "json"])
def test_lists_take_templates_tables_and_json(docker: Docker, form: str) -> None:
    docker("create", "--name", "listed", "busybox")
    out = docker("ps", "-a", "--format", form).out
    assert "listed" in out
    if form == "json":
        assert json.loads(out)["Image"] == "busybox"


def test_a_container_outlives_the_process_that_started_it(command: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    assert command("run", "-d", "--name", "alive", "busybox", "sleep", "300").returncode == 0
    assert command("exec", "alive", "echo", "there").stdout == "there\n"
    assert command("rm", "-f", "alive").stdout == "alive\n"


def test_two_processes_cannot_take_one_name(command: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        codes = sorted(one.returncode for one in pool.map(lambda _: command("create", "--name", "wanted", "busybox"), range(4)))
    assert codes == [0, 1, 1, 1] or codes == [0, 125, 125, 125]


def test_help_and_unknown_verbs(docker: Docker) -> None:
    assert docker("run", "--help").out.startswith("Usage:  docker run [OPTIONS] IMAGE")
    answer = docker("imagse")
    assert answer.code == 1 and "did you mean `docker images`?" in answer.err
