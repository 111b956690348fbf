"""Published ports: carried into the container for as long as it runs."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dockerlab.errors import ContainerStartError
from dockerlab.runtime import ContainerDirectory, Port, Runtime
from tests.parts import until


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def _relay_of(box) -> int:
    """Who carries the bytes of a container's published ports."""
    return int(json.loads((box.folder / "state.json").read_text())["relay"])


def _get(number):
    """Ask until the server inside is up: before that the relay hangs up, as docker's does."""
    for _ in range(50):
        data = b""
        with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", number), 5) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while chunk := client.recv(4096):
                data += chunk
        if data:
            return data
        time.sleep(0.1)
    return b""


def test_a_published_port_serves(box):
    box.sh("mkdir /www; echo hello > /www/index.html")
    started = box.runtime.start(box.folder, box.spec("httpd", "-f", "-p", "80", "-h", "/www", network="private", ports=(Port("", 0, 80),)))
    started.control.close()
    (address, number, inner, protocol) = started.ports[0]
    assert (address, inner) == (os.environ.get("DOCKERLAB_PUBLISH_ADDRESS", "127.0.0.1"), 80) and number > 0
    assert ContainerDirectory(box.folder).state().ports == ((address, number, 80, protocol),)
    assert _get(number).endswith(b"hello\n")
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(_get, [number] * 8))
    assert len(answers) == 8 and all(answer.endswith(b"hello\n") for answer in answers)
    ContainerDirectory(box.folder).stop(grace=0)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", number), 1)


def test_a_burst_of_connections_waits_and_the_port_goes_on(box):
    box.sh("mkdir /www; echo hello > /www/index.html")
    started = box.runtime.start(box.folder, box.spec("httpd", "-f", "-p", "80", "-h", "/www", network="private", ports=(Port("", 0, 80),)))
    started.control.close()
    number = started.ports[0][1]
    assert _get(number).endswith(b"hello\n")
    resource.prlimit(_relay_of(box), resource.RLIMIT_NOFILE, (64, 64))
    with contextlib.ExitStack() as burst:
        clients = [burst.enter_context(socket.create_connection(("127.0.0.1", number), 5)) for _ in range(60)]
        time.sleep(0.3)
        for client in clients:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        for client in clients:
            client.settimeout(20)
            with client:
                assert b"".join(iter(lambda client=client: client.recv(4096), b"")).endswith(b"hello\n")
    assert _get(number).endswith(b"hello\n")


def test_a_published_port_takes_as_many_connections_as_the_machine_allows(box, capabilities):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = max(map(int, os.listdir("/proc/self/fd"))) + 100  # what this process has open already, and a little more
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, before[1]))
    try:
        with Runtime(capabilities) as runtime:
            runtime.start(box.folder, box.spec("sleep", "100", network="private", ports=(Port("", 0, 80),))).control.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    until(lambda: resource.prlimit(_relay_of(box), resource.RLIMIT_NOFILE) == (before[1], before[1]))


def test_a_port_in_use_fails_in_dockers_words(make_box):
    number = free_port()
    make_box().start("sleep", "100", network="private", ports=(Port("127.0.0.1", number, 80),))
    with pytest.raises(ContainerStartError, match=f"Bind for 127.0.0.1:{number} failed: port is already allocated") as caught:
        make_box().start("sleep", "100", network="private", ports=(Port("127.0.0.1", number, 80),))
    assert caught.value.exit_code == 125


def test_what_carries_a_ports_bytes_is_there_whatever_the_container_does_meanwhile(box):
    """The relay begins while the keeper changes the root: it must not look for anything in a file system."""
    for _ in range(40):
        container = box.start("sleep", "4336", network="private", ports=(Port("127.0.0.1", 0, 80),))
        port = container.state().ports[0][1]
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use"):
                taken.bind(("127.0.0.1", port))
                taken.listen()
        container.kill()
        container.wait()
