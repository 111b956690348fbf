"""Networks: the three that Docker always has, and a reason where one can't be made."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Docker


def test_the_three_networks_are_always_there(docker: Docker) -> None:
    shown = docker("network", "ls", "--format", "{{.Name}} {{.Driver}} {{.Scope}}").out
    assert shown == "bridge bridge local\nhost host local\nnone null local\n"
    ids = docker("network", "ls", "-q", "--no-trunc").out.split()
    assert [len(one) for one in ids] == [64, 64, 64]
    assert docker("network", "inspect", "--format", "{{.Name}}", ids[2][:12]).out == "none\n"
    assert docker("network", "ls", "-q", "--filter", "type=custom").out == ""
    assert docker("network", "ls", "--filter", "driver=null", "--format", "{{.Name}}").out == "none\n"


@pytest.mark.usefixtures("containers_run_here")
def test_a_network_tells_who_is_in_it(docker: Docker) -> None:
    identifier = docker("run", "-d", "--name", "box", "--network", "none", "busybox", "sleep", "300").out.strip()
    none, bridge = json.loads(docker("network", "inspect", "none", "bridge").out)
    assert none["Containers"][identifier]["Name"] == "box" and bridge["Containers"] == {}
    assert json.loads(docker("inspect", "--type", "network", "none").out)[0]["Id"] == none["Id"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "lab"), "could be reached by name"),
        (("create", "-d", "bridge", "--subnet", "10.9.0.0/16", "lab"), "could be reached by name"),
        (("create", "bridge"), "operation is not permitted on predefined bridge network"),
        (("rm", "host"), "host is a pre-defined network and cannot be removed"),
        (("rm", "nosuch"), "network nosuch not found"),
        (("inspect", "nosuch"), "network nosuch not found"),
        (("connect", "bridge", "nosuch"), "No such container: nosuch"),
        (("connect", "nosuch", "box"), "network nosuch not found"),
        (("connect", "bridge", "box"), "the network that it was made with"),
        (("disconnect", "host", "box"), "cannot be disconnected from host network"),
        (("ls", "--filter", "nosuch=1"), "invalid filter 'nosuch'"),
        (("ls", "--filter", "type=odd"), "invalid filter 'type=odd'"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_said(docker: Docker, words: tuple[str, ...], said: str) -> None:
    docker("create", "--name", "box", "busybox")
    answer = docker("network", *words)
    assert answer.code == 1 and said in answer.err and docker("network", "ls", "-q", "--filter", "type=custom").out == ""


def test_there_is_nothing_to_prune(docker: Docker) -> None:
    assert docker("network", "prune", "-f").out == ""
    assert "all custom networks not used" in docker("network", "prune", stdin=b"n\n").out
