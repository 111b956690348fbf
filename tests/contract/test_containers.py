"""Containers on both engines: what they print, how they end, what they change, what is said where they can't start."""

from __future__ import annotations

import os
import time
import tty
from pathlib import Path
from urllib.request import urlopen

import pytest

from dockerlab.engine import ContainerSpec, Engine, ExecSpec, Streams
from dockerlab.errors import ConflictError, Detached, NotFoundError
from tests.contract.conftest import BASE, Docker
from tests.parts import until


def test_run_passes_on_output_errors_and_the_exit_code(docker: Docker) -> None:
    answer = docker("run", "--rm", BASE, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (answer.code, answer.out, answer.err) == (3, "out\n", "err\n")


def test_what_is_typed_reaches_the_program_and_ends_it(docker: Docker) -> None:
    assert docker("run", "--rm", "-i", BASE, "sort", stdin=b"b\na\n").out == "a\nb\n"


def test_settings_of_run_are_what_the_program_sees(docker: Docker, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/file").write_text("of this machine\n")
    flags = ["-e", "A=1", "-w", "/var", "-u", "1000", "--hostname", "there", "-v", f"{tmp_path}/shared:/shared:ro", "--tmpfs", "/fast"]
    script = (
        "echo $A; pwd; id -u; hostname; cat /shared/file; touch /shared/new 2>/dev/null || echo refused; df /fast | tail -1 | cut -c1-5"
    )
    assert docker("run", "--rm", *flags, BASE, "sh", "-c", script).out.splitlines() == [
        "1", "/var", "1000", "there", "of this machine", "refused", "tmpfs",
    ]  # fmt: skip


def test_a_program_that_is_not_there_or_can_not_be_run_has_dockers_exit_codes(docker: Docker) -> None:
    absent, refused = docker("run", "--rm", BASE, "nosuch"), docker("run", "--rm", BASE, "/etc/motd")
    assert absent.code == 127 and "executable file not found" in absent.err
    assert refused.code == 126 and "permission denied" in refused.err
    assert docker("ps", "-aq", "--filter", f"ancestor={BASE}").out == ""


def test_the_life_of_a_container(docker: Docker, engine: Engine) -> None:
    identifier = docker(
        "run", "-d", "--name", "contract-one", BASE, "sh", "-c", "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.1; done"
    ).out.strip()
    until(lambda: docker("logs", "contract-one").out == "up\n")
    state = engine.container_inspect("contract-one")["State"]
    assert engine.container_inspect("contract-one")["Id"] == identifier and state["Status"] == "running"
    with pytest.raises(ConflictError):
        engine.remove("contract-one")
    engine.pause("contract-one")
    assert engine.container_inspect("contract-one")["State"]["Paused"]
    engine.unpause("contract-one")
    assert any(row.command.startswith("sh -c trap") for row in engine.top("contract-one"))
    assert engine.stats("contract-one")["tasks"] >= 1
    engine.rename("contract-one", "contract-two")
    engine.stop("contract-two")
    assert engine.wait("contract-two") == 5 and docker("logs", "contract-two").out == "up\nbye\n"
    state = engine.container_inspect("contract-two")["State"]
    assert (state["Status"], state["ExitCode"], state["Running"]) == ("exited", 5, False)
    engine.start("contract-two")
    engine.kill("contract-two")
    assert engine.wait("contract-two") == 137
    engine.remove("contract-two")
    with pytest.raises(NotFoundError) as raised:
        engine.container_inspect("contract-two")
    assert raised.value.message == "No such container: contract-two"


def test_names_are_taken_once(docker: Docker) -> None:
    docker("create", "--name", "contract-one", BASE)
    answer = docker("create", "--name", "contract-one", BASE)
    assert answer.code == 1
    assert 'The container name "/contract-one" is already in use by container' in answer.err


def test_exec_runs_one_more_process(docker: Docker, engine: Engine) -> None:
    docker("run", "-d", "--name", "contract-one", BASE, "sleep", "60")
    answer = docker("exec", "-e", "B=2", "-w", "/etc", "-u", "ada", "contract-one", "sh", "-c", "echo $B; pwd; id -un; exit 4")
    assert (answer.code, answer.out) == (4, "2\n/etc\nada\n")
    assert docker("exec", "-i", "contract-one", "cat", stdin=b"typed").out == "typed"
    assert docker("exec", "contract-one", "nosuch").code == 127
    docker("exec", "-d", "contract-one", "touch", "/tmp/made")
    until(lambda: docker("exec", "contract-one", "ls", "/tmp").out == "made\n")
    engine.kill("contract-one")
    assert "is not running" in docker("exec", "contract-one", "true").err


def test_diff_and_changes_tell_what_copy_on_write_did(docker: Docker, engine: Engine) -> None:
    docker(
        "run", "--name", "contract-one", BASE, "sh", "-c", "echo more >> /etc/motd; rm /etc/group; mkdir /new; echo 12345678 > /new/file"
    )
    assert engine.diff("contract-one") == [
        {"Path": "/etc", "Kind": "C"},
        {"Path": "/etc/group", "Kind": "D"},
        {"Path": "/etc/motd", "Kind": "C"},
        {"Path": "/new", "Kind": "A"},
        {"Path": "/new/file", "Kind": "A"},
    ]
    found = {one["Path"]: (one["Size"], one["Below"], one["Folder"], one["Layer"]) for one in engine.changes("contract-one")}
    assert found["/etc/motd"] == (11, 6, False, 1) and found["/new/file"] == (9, 0, False, 0) and found["/etc/group"][1] == 22
    assert found["/new"][2] and found["/etc"][2]


def test_commit_makes_an_image_of_the_containers_layer(docker: Docker, engine: Engine) -> None:
    docker("run", "--name", "contract-one", BASE, "sh", "-c", "echo changed > /etc/motd")
    answer = docker("commit", "-m", "a new word", "-a", "Ada", "-c", 'CMD ["cat", "/etc/motd"]', "contract-one", "contract-committed:1")
    found = engine.image_inspect("contract-committed:1")
    assert answer.out.strip() == found["Id"] and found["Config"]["Cmd"] == ["cat", "/etc/motd"]
    assert len(found["RootFS"]["Layers"]) == 2 and found["Author"] == "Ada"
    last = engine.history("contract-committed:1")[0]
    assert (last["Comment"], last["EmptyLayer"], last["Size"]) == ("a new word", False, 8)
    assert docker("run", "--rm", "contract-committed:1").out == "changed\n"
    inside = engine.layer_inside("contract-committed:1", 2)
    assert [(entry.path, entry.change) for entry in inside.folder("/etc")] == [("/etc/motd", "C")]


def test_volumes_keep_what_is_written_and_are_filled_from_the_image(docker: Docker, engine: Engine) -> None:
    try:
        docker("run", "--rm", "-v", "contract-volume:/etc", BASE, "sh", "-c", "echo kept > /etc/kept")
        answer = docker("run", "--rm", "-v", "contract-volume:/mnt", BASE, "cat", "/mnt/kept", "/mnt/motd")
        assert answer.out == "kept\nhello\n"
        assert "contract-volume" in [one["Name"] for one in engine.volumes()]
    finally:
        engine.volume_remove("contract-volume")
    assert "contract-volume" not in [one["Name"] for one in engine.volumes()]


def test_a_published_port_answers_and_an_exposed_one_does_not(docker: Docker, engine: Engine) -> None:
    script = "mkdir /w; echo page > /w/index.html; httpd -f -p 80 -h /w"
    docker("run", "-d", "--name", "contract-web", "-p", "127.0.0.1::80", BASE, "sh", "-c", script)
    docker("run", "-d", "--name", "contract-shut", "--expose", "80", BASE, "sh", "-c", script)
    port = docker("port", "contract-web", "80").out.strip()

    def page() -> bool:
        try:
            return bool(urlopen(f"http://{port}/", timeout=2).read() == b"page\n")
        except OSError:
            return False

    until(page)
    assert docker("port", "contract-shut").out == ""


def test_streams_that_are_let_go_leave_the_container_running(engine: Engine) -> None:
    identifier = engine.create(ContainerSpec(BASE, ("sh", "-c", "while :; do echo tick; sleep 0.1; done"), name="contract-one"))
    out, into = os.pipe()
    control = engine.start_attached(identifier, Streams(stdout=into, stderr=into))
    assert control is not None and os.read(out, 5) == b"tick\n"
    control.close()
    assert engine.container_inspect(identifier)["State"]["Running"]
    assert engine.start_attached(identifier, Streams()) is None, "it runs already"
    os.close(out), os.close(into)


def test_a_terminal_has_a_size_and_is_let_go_by_its_keys(engine: Engine) -> None:
    identifier = engine.create(ContainerSpec(BASE, ("sh",), name="contract-one", tty=True, open_stdin=True))
    out, into = os.pipe()
    typed, source = os.openpty()
    tty.setraw(source)
    control = engine.start_attached(identifier, Streams(stdin=source, stdout=into, stderr=into))
    assert control is not None
    control.resize(33, 101)
    os.write(typed, b"stty size\n")
    said = b""
    end = time.monotonic() + 20
    while b"33 101" not in said and time.monotonic() < end:
        said += os.read(out, 4096)
    assert b"33 101" in said
    os.write(typed, b"\x10\x11")
    with pytest.raises(Detached):
        control.wait()
    control.close()
    assert engine.container_inspect(identifier)["State"]["Running"]
    for fd in (out, into, source, typed):
        os.close(fd)


def test_events_tell_what_happened(docker: Docker, engine: Engine) -> None:
    began = time.time()
    docker("run", "--rm", "--name", "contract-one", BASE, "true")
    told = [
        one["Action"]
        for one in engine.events(began, time.time() + 1)
        if one["Type"] == "container" and one["Actor"]["Attributes"]["name"] == "contract-one"
    ]
    assert [one for one in told if one in ("create", "start", "die", "destroy")] == ["create", "start", "die", "destroy"]


def test_ended_containers_are_pruned_but_those_to_be_kept(docker: Docker, engine: Engine) -> None:
    docker("create", "--name", "contract-one", BASE)
    docker("create", "--name", "contract-two", "--label", "kept=yes", BASE)
    mine = {engine.container_inspect(name)["Id"]: name for name in ("contract-one", "contract-two")}
    gone, _ = engine.prune_containers(lambda item: item["Id"] not in mine or "kept" in (item["Config"]["Labels"] or {}))
    assert [mine[identifier] for identifier in gone] == ["contract-one"]


def test_exec_of_the_protocol_tells_the_exit_code(engine: Engine) -> None:
    identifier = engine.create(ContainerSpec(BASE, ("sleep", "60"), name="contract-one"))
    engine.start(identifier)
    assert engine.exec(identifier, ExecSpec(("sh", "-c", "exit 9")), Streams()) == 9
