"""`docker events`: what is told, to whom it happened, which filters keep it, and that several processes may write the journal at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dockerlab.store import Store
from dockerlab.store.journal import Journal, note
from tests.conftest import Docker, build
from tests.parts import ROOT, until
from tests.verbs.typing_at import DOCKERLAB, Typist

runs_containers = pytest.mark.usefixtures("containers_run_here")
Events = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def events(docker: Docker) -> Events:
    """events("--filter", …) → the messages since the test began."""
    began = f"{time.time():.6f}"

    def read(*words: str) -> list[dict[str, Any]]:
        answer = docker("events", "--since", began, "--until", "0s", "--format", "json", *words)
        assert answer.code == 0, answer.err
        return [json.loads(line) for line in answer.out.splitlines()]

    return read


def actions(messages: list[dict[str, Any]]) -> list[str]:
    return [message["Action"] for message in messages]


@runs_containers
def test_the_life_of_a_container(docker: Docker, events: Events) -> None:
    docker("run", "--rm", "--name", "box", "--label", "a=b", "busybox", "sh", "-c", "exit 3")
    told = events("--filter", "type=container")
    assert actions(told) == ["create", "attach", "start", "die", "destroy"]
    assert told[3]["Actor"]["Attributes"] == {"a": "b", "execDuration": "0", "exitCode": "3", "image": "busybox", "name": "box"}
    assert (told[3]["status"], told[3]["from"], told[3]["scope"]) == ("die", "busybox", "local")
    assert told[3]["id"] == told[0]["Actor"]["ID"] and told[3]["time"] == told[3]["timeNano"] // 10**9


@runs_containers
def test_a_death_that_nobody_saw_is_told_once_with_its_time(docker: Docker, events: Events) -> None:
    docker("run", "-d", "--name", "box", "busybox", "sh", "-c", "exit 7")
    docker("wait", "box")
    ended = json.loads(docker("inspect", "box").out)[0]["State"]["FinishedAt"]
    docker("start", "box")
    docker("wait", "box")
    told = events("--filter", "event=die")
    assert [message["Actor"]["Attributes"]["exitCode"] for message in told] == ["7", "7"]
    assert time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(told[0]["time"])) == ended[:19]
    assert actions(events("--filter", "event=die")) == ["die", "die"]
    assert actions(events("--filter", "type=container")) == ["create", "start", "die", "start", "die"]


@runs_containers
def test_signals_and_a_restart(docker: Docker, events: Events) -> None:
    docker("run", "-d", "--name", "box", "busybox", "sleep", "300")
    docker("kill", "-s", "USR1", "box")
    docker("restart", "-t", "0", "box")
    docker("rm", "-f", "box")
    told = [(message["Action"], message["Actor"]["Attributes"].get("signal", "")) for message in events("--filter", "container=box")]
    stopped = [("kill", "15"), ("kill", "9"), ("die", ""), ("stop", "")]
    assert sorted(told[3:7]) == sorted(stopped)
    assert told[:3] + told[7:] == [
        ("create", ""), ("start", ""), ("kill", "10"), ("start", ""), ("restart", ""), ("kill", "9"), ("die", ""), ("destroy", ""),
    ]  # fmt: skip


def ended(docker: Docker, name: str = "box") -> bool:
    return docker("inspect", "--format", "{{.State.Status}}", name).out == "exited\n"


@runs_containers
def test_each_run_that_a_restart_policy_begins_is_told_with_its_times(docker: Docker, events: Events) -> None:
    docker("run", "-d", "--name", "box", "--restart", "on-failure:2", "busybox", "sh", "-c", "sleep 1; exit 3")
    until(lambda: ended(docker))
    for _ in range(2):  # once, however often somebody looks
        told = events("--filter", "container=box")
        assert actions(told) == ["create", *["start", "die"] * 3]
    assert [message["timeNano"] for message in told] == sorted(message["timeNano"] for message in told)
    began, died = told[1::2], told[2::2]
    assert all(
        message["Actor"]["Attributes"] == {"execDuration": "1", "exitCode": "3", "image": "busybox", "name": "box"} for message in died
    )
    assert all(one["timeNano"] + 10**9 <= other["timeNano"] for one, other in zip(began, died, strict=True))
    assert actions(events("--filter", "type=network")) == ["connect", "disconnect"] * 3


@runs_containers
def test_runs_that_follow_each_other_at_once_are_told_by_whoever_looks(docker: Docker, events: Events, home: Path) -> None:
    docker("run", "-d", "--name", "box", "--restart", "on-failure:4", "busybox", "sh", "-c", "exit 3")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DOCKERLAB_HOME": str(home)}
    look = [sys.executable, "-m", "dockerlab", "events", "--since", "1m", "--until", "0s"]
    while not ended(docker):
        for looking in [subprocess.Popen(look, env=environment, stdout=subprocess.DEVNULL) for _ in range(3)]:
            assert looking.wait(60) == 0
    assert actions(events("--filter", "container=box")) == ["create", *["start", "die"] * 5]


@runs_containers
def test_a_run_that_is_stopped_between_two_runs_dies_once(docker: Docker, events: Events) -> None:
    docker("run", "-d", "--name", "box", "--restart", "always", "busybox", "sh", "-c", "exit 3")
    until(lambda: docker("inspect", "--format", "{{.State.Status}} {{.RestartCount}}", "box").out == "restarting 4\n")
    docker("stop", "box")
    told = actions(events("--filter", "container=box"))
    assert told[0] == "create" and told[-1] == "stop" and told.count("start") == told.count("die") >= 4


@runs_containers
def test_health_checks_are_told_as_other_execs_and_what_they_change(docker: Docker, events: Events) -> None:
    flags = ("--health-cmd", "test -e /ok", "--health-interval", "200ms", "--health-retries", "2")
    docker("run", "-d", "--name", "box", *flags, "busybox", "sleep", "1000")
    until(lambda: actions(events("--filter", "event=health_status")) == ["health_status: unhealthy"])
    docker("exec", "box", "touch", "/ok")
    until(lambda: actions(events("--filter", "event=health_status")) == ["health_status: unhealthy", "health_status: healthy"])
    told = events("--filter", "container=box")
    at = actions(told).index("health_status: unhealthy")
    assert actions(told)[at - 6 : at] == ["exec_create: /bin/sh -c test -e /ok", "exec_start: /bin/sh -c test -e /ok", "exec_die"] * 2
    checks = [message["Actor"]["Attributes"] for message in told[at - 3 : at]]
    assert len({check["execID"] for check in checks}) == 1 and checks[2]["exitCode"] == "1"
    assert told[at]["Actor"]["Attributes"] == {"image": "busybox", "name": "box"}


@runs_containers
def test_sizes_of_a_terminal(docker: Docker, events: Events) -> None:
    with Typist([*DOCKERLAB, "run", "-it", "--name", "box", "busybox", "sh"], 30, 100) as typist:
        typist.waits_for("/ #")
        until(lambda: len(events("--filter", "event=resize")) == 1)
        typist.resizes(31, 101)
        until(lambda: len(events("--filter", "event=resize")) == 2)
        typist.types("exit\r")
        typist.ends()
    told = [message["Actor"]["Attributes"] for message in events("--filter", "event=resize")]
    assert [(about["height"], about["width"]) for about in told] == [("30", "100"), ("31", "101")]
    assert told[0] == {"height": "30", "image": "busybox", "name": "box", "width": "100"}


@runs_containers
def test_the_end_of_an_exec_is_told_whoever_waits_for_it(docker: Docker, events: Events) -> None:
    docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    docker("exec", "-d", "box", "sh", "-c", "sleep 0.3; exit 5")
    until(lambda: actions(events("--filter", "event=exec_die")) == ["exec_die"])
    told = [message["Actor"]["Attributes"] for message in events("--filter", "container=box")[2:]]
    assert told[2]["exitCode"] == "5" and len({about["execID"] for about in told}) == 1


@runs_containers
def test_a_commit_holds_the_processes_still_unless_told_not_to(docker: Docker, events: Events) -> None:
    docker("run", "-d", "--name", "box", "busybox", "sleep", "300")
    docker("commit", "-m", "why", "box", "made:1")
    told = events("--filter", "container=box")[2:]
    assert actions(told) == ["pause", "commit", "unpause"]
    about = told[1]["Actor"]["Attributes"]
    assert (about["comment"], about["imageRef"]) == ("why", "made:1") and about["imageID"].startswith("sha256:")
    assert docker("inspect", "--format", "{{.State.Status}}", "box").out == "running\n"
    docker("commit", "--pause=false", "box")
    assert actions(events("--filter", "container=box"))[5:] == ["commit"]


@runs_containers
def test_what_is_done_in_and_to_a_container(docker: Docker, events: Events) -> None:
    Path("f").write_text("1\n")
    docker("run", "-d", "--name", "box", "busybox", "sleep", "300")
    docker("exec", "box", "sh", "-c", "exit 4")
    docker("cp", "f", "box:/f")
    docker("cp", "box:/f", "g")
    docker("cp", "box:/nosuch", "g")
    docker("export", "box")
    docker("top", "box")
    docker("rename", "box", "crate")
    told = events("--filter", "type=container")[2:]
    assert actions(told) == [
        "exec_create: sh -c exit 4",
        "exec_start: sh -c exit 4",
        "exec_die",
        "extract-to-dir",
        "archive-path",
        "export",
        "top",
        "rename",
    ]
    assert told[2]["Actor"]["Attributes"]["exitCode"] == "4" and told[-1]["Actor"]["Attributes"]["oldName"] == "/box"
    assert actions(events("--filter", "event=exec_start")) == ["exec_start: sh -c exit 4"]


def test_the_life_of_an_image(docker: Docker, events: Events) -> None:
    build(docker, "FROM busybox\nLABEL a=b\n")
    docker("tag", "t:1", "t:2")
    docker("save", "-o", "t.tar", "t:1")
    docker("rmi", "t:1", "t:2")
    docker("load", "-i", "t.tar")
    told = events("--filter", "type=image")
    assert [message["Action"] for message in told] == ["tag", "create", "tag", "save", "untag", "untag", "delete", "load"]
    assert told[2]["Actor"]["Attributes"] == {"a": "b", "name": "t:2"}
    assert actions(events("--filter", "image=t:2")) == ["tag"]
    assert actions(events("--filter", "image=t")) == ["tag", "tag"]


@runs_containers
def test_a_volume_is_mounted_while_its_container_runs(docker: Docker, events: Events) -> None:
    docker("run", "--rm", "-v", "data:/d:ro", "busybox", "true")
    docker("volume", "rm", "data")
    told = events("--filter", "type=volume", "--filter", "volume=data")
    assert actions(told) == ["create", "mount", "unmount", "destroy"]
    assert told[1]["Actor"]["Attributes"]["read/write"] == "false" and told[1]["Actor"]["Attributes"]["destination"] == "/d"


@runs_containers
@pytest.mark.parametrize(("network", "driver"), [("bridge", "bridge"), ("none", "null")])
def test_a_container_is_in_its_network_while_it_runs(docker: Docker, events: Events, network: str, driver: str) -> None:
    docker("run", "--name", "box", "--network", network, "busybox", "true")
    told = events("--filter", "type=network", "--filter", f"network={network}")
    assert actions(told) == ["connect", "disconnect"]
    assert told[0]["Actor"]["ID"] == docker("network", "inspect", "--format", "{{.Id}}", network).out.strip()
    assert told[0]["Actor"]["Attributes"]["type"] == driver and "status" not in told[0]
    assert actions(events())[:4] == ["create", "attach", "connect", "start"]


@runs_containers
@pytest.mark.parametrize("words", [("busybox", "nosuch"), ("-u", "nosuch", "busybox", "true")])
def test_a_start_that_fails_leaves_its_network_and_its_volumes(docker: Docker, events: Events, words: tuple[str, ...]) -> None:
    assert docker("run", "--name", "box", "-v", "data:/d", *words).code in (125, 127)
    assert [(message["Type"], message["Action"]) for message in events()] == [
        ("volume", "create"), ("container", "create"), ("container", "attach"), ("volume", "mount"), ("network", "disconnect"), ("volume", "unmount"),
    ]  # fmt: skip


@runs_containers
def test_labels_must_all_be_there(docker: Docker, events: Events) -> None:
    docker("create", "--name", "one", "--label", "a=b", "--label", "c=d", "busybox")
    docker("create", "--name", "two", "--label", "a=b", "busybox")
    named = [message["Actor"]["Attributes"]["name"] for message in events("--filter", "label=a", "--filter", "label=c=d")]
    assert named == ["one"]


@runs_containers
def test_the_text_of_an_event_and_times_before_and_after(docker: Docker) -> None:
    identifier = docker("create", "--name", "box", "busybox").out.strip()
    line = docker("events", "--since", "1m", "--until", "0s", "--filter", "nosuch=1", "--filter", "container=box").out
    assert line.endswith(f" container create {identifier} (image=busybox, name=box)\n") and line[10] == "T"
    assert docker("events", "--since", "0s", "--until", "0s").out == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--since", "nonsense", "--until", "0s"), 1, 'failed to parse value as time or duration: "nonsense"'),
        (("--until", "nonsense"), 1, 'failed to parse value as time or duration: "nonsense"'),
        (("--filter", "foo"), 125, "bad format of filter"),
        (("--until", "0s", "--format", "{{.Nam"), 64, "unclosed action"),
    ],
)
def test_mistakes(docker: Docker, words: tuple[str, ...], code: int, said: str) -> None:
    answer = docker("events", *words)
    assert answer.code == code and said in answer.err and answer.out == ""


@runs_containers
def test_a_field_that_events_have_not(docker: Docker) -> None:
    docker("create", "busybox")
    answer = docker("events", "--since", "1m", "--until", "0s", "--format", "{{.Nosuch}}")
    assert answer.code == 1 and "can't evaluate field Nosuch in type *events.Message" in answer.err


@runs_containers
def test_events_are_followed_until_ctrl_c(docker: Docker, home: Path, tmp_path: Path) -> None:
    docker("create", "--name", "before", "busybox")
    out = tmp_path / "followed"
    with open(out, "wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "dockerlab", "events", "--format", "{{.Action}} {{.Actor.Attributes.name}}"],
            stdout=file, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT), "DOCKERLAB_HOME": str(home)},
        )  # fmt: skip
    number = iter(range(1000))
    until(lambda: docker("create", "--name", f"after{next(number)}", "busybox").code == 0 and bool(out.read_bytes()))
    docker("run", "-d", "--name", "short", "busybox", "true")
    until(lambda: b"die short" in out.read_bytes())
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130 and b"Traceback" not in (process.stderr.read() if process.stderr else b"")
    assert b"before" not in out.read_bytes()


def test_the_journal_is_bounded_and_followed_over_a_turn_of_the_page(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    reader = journal.reader()
    seen = 0
    for n in range(6000):
        journal.add(note("volume", "create", f"{n}", {"word": "x" * 300}))
        if n % 1000 == 999:
            seen += len(reader.new())
    assert seen == 6000
    assert sum(path.stat().st_size for path in (journal.path, journal.older)) < 3 << 20
    kept = [int(record["Actor"]["ID"]) for record in journal.reader().new()]
    assert kept == list(range(kept[0], 6000))


def test_several_processes_write_whole_lines(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from dockerlab.store.journal import Journal, note; j = Journal(Path(sys.argv[1]))\n"
    code += "for n in range(300): j.add(note('volume', 'create', sys.argv[2] + str(n), {'w': 'y' * 200}))"
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], env={**os.environ, "PYTHONPATH": str(ROOT)}) for name in "abc"
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert len({record["Actor"]["ID"] for record in Journal(tmp_path).reader().new()}) == 900


def test_a_damaged_line_and_a_store_that_nobody_may_write_are_no_matter(home: Path) -> None:
    store = Store.open(home)
    with open(store.journal.path, "ab") as file:
        file.write(b"{\x00 half\n")
    store.journal.add(note("volume", "create", "v", {}))
    assert [record["Actor"]["ID"] for record in store.journal.reader().new()][-1] == "v"
    blocked = Journal(home / "nosuch")
    blocked.add("volume", "create", "v", {})
    assert blocked.reader().new() == []
