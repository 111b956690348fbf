"""Where a registry is, and how soon it is given up where nobody answers."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from dockerlab.errors import UnreachableRegistryError, UsageError
from dockerlab.transfer.registry import endpoints
from dockerlab.transfer.registry.endpoints import HUB_HOST, HUB_KEY, Endpoint, endpoint_of, endpoints_of, has_way_out, is_loopback
from dockerlab.transfer.registry.reaching import Reach
from tests.conftest import Docker, build

FOUR = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
HERE = "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\n"
OUT = "eth0\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\n"


def routes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, four: str, six: str = "") -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "four").write_text(FOUR + four)
    (tmp_path / "six").write_text(six)
    monkeypatch.setattr(endpoints, "_ROUTES", (str(tmp_path / "four"), str(tmp_path / "six")))


def test_docker_hub_is_where_docker_finds_it() -> None:
    assert endpoint_of("docker.io") == Endpoint(HUB_HOST, HUB_KEY)
    assert endpoint_of("quay.io").schemes == ("https",) and not endpoint_of("quay.io").insecure


@pytest.mark.parametrize("host", ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.8.7", "[::1]:5000"])
def test_loopback_may_be_in_the_clear(host: str) -> None:
    assert endpoint_of(host).schemes == ("https", "http") and endpoint_of(host).insecure


@pytest.mark.parametrize("host", ["localhost.example.com", "127.0.0.1.example.com:5000", "1270.0.0.1", "192.168.0.1:5000", "docker.io"])
def test_nothing_else_is_unless_it_is_named(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_loopback(endpoint_of(host).name) and endpoint_of(host).schemes == ("https",)
    if host != "docker.io":
        monkeypatch.setenv("DOCKERLAB_INSECURE_REGISTRIES", f"other,{host}")
        assert endpoint_of(host).schemes == ("https", "http")


def test_mirrors_are_docker_hubs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_REGISTRY_MIRRORS", "https://mirror.example/, http://127.0.0.1:5000 localhost:5001")
    mirrors = endpoints_of("docker.io")
    assert [(one.host, one.schemes) for one in mirrors[:3]] == [
        ("mirror.example", ("https",)), ("127.0.0.1:5000", ("http",)), ("localhost:5001", ("https", "http")),
    ]  # fmt: skip
    assert mirrors[3] == endpoint_of("docker.io") and endpoints_of("quay.io") == [endpoint_of("quay.io")]
    monkeypatch.setenv("DOCKERLAB_REGISTRY_MIRRORS", "ftp://x")
    with pytest.raises(UsageError, match="no address of a registry"):
        endpoints_of("docker.io")


def test_a_machine_without_a_way_out_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    routes(tmp_path, monkeypatch, HERE)
    began = time.monotonic()
    with pytest.raises(UnreachableRegistryError, match="no way out"):
        Reach(tmp_path).check(endpoint_of("docker.io"), anew=True)
    assert time.monotonic() - began < 0.2
    assert has_way_out(endpoint_of("registry.lan:5000"))  # it may be on the network that is there
    routes(tmp_path, monkeypatch, "")
    assert not has_way_out(endpoint_of("registry.lan:5000"))
    assert has_way_out(endpoint_of("localhost:5000"))


@pytest.mark.parametrize(
    ("four", "six"),
    [(HERE + OUT, ""), (HERE, f"{'0' * 32} 00 {'0' * 32} 00 {'fe80'.ljust(32, '0')} 00000400 00000001 00000000 00000003     eth0\n")],
    ids=["four", "six"],
)
def test_a_default_route_is_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, four: str, six: str) -> None:
    routes(tmp_path, monkeypatch, four, six)
    assert has_way_out(endpoint_of("docker.io"))


def test_who_does_not_answer_is_given_up_within_two_seconds_and_left_alone_for_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes(tmp_path, monkeypatch, OUT)
    asked = []

    def never(*_: object) -> socket.socket:
        asked.append(1)
        time.sleep(6)  # as long as a name server that is not there
        raise OSError

    monkeypatch.setattr(socket, "create_connection", never)
    began = time.monotonic()
    with pytest.raises(UnreachableRegistryError, match="no answer within 2 seconds"):
        Reach(tmp_path).check(endpoint_of("docker.io"))
    between = time.monotonic()
    assert between - began < 2.3
    with pytest.raises(UnreachableRegistryError, match="within the last minute"):
        Reach(tmp_path).check(endpoint_of("docker.io"))
    assert time.monotonic() - between < 0.2 and len(asked) == 1
    monkeypatch.setattr(socket, "create_connection", lambda *_: socket.socket())
    with pytest.raises(UnreachableRegistryError):
        Reach(tmp_path).check(endpoint_of("docker.io"))
    monkeypatch.setattr("dockerlab.transfer.registry.reaching.SILENCE", 0.0)
    Reach(tmp_path).check(endpoint_of("docker.io"))
    monkeypatch.setattr("dockerlab.transfer.registry.reaching.SILENCE", 60.0)
    Reach(tmp_path).check(endpoint_of("docker.io"))  # it has answered since


def test_a_catalogue_image_is_quick_without_a_network_and_it_is_told_why(
    docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes(tmp_path, monkeypatch, HERE)
    answer = build(docker, "FROM nowhere-to-be-found\nCOPY f /f\n", f="1")
    assert answer.code == 1 and "No such image: nowhere-to-be-found:latest" in answer.err and "no way out to a network" in answer.err
    answer = docker("pull", "nowhere-to-be-found")
    assert answer.code == 1 and answer.err.startswith("Error: registry-1.docker.io can't be reached: this machine has no way out")


def test_a_registry_on_loopback_that_is_not_there_refuses_at_once(docker: Docker) -> None:
    began = time.monotonic()
    answer = docker("pull", "127.0.0.1:9/x")
    assert answer.code == 1 and 'Get "http://127.0.0.1:9/v2/x/manifests/latest": ' in answer.err and "refused" in answer.err
    assert time.monotonic() - began < 1
