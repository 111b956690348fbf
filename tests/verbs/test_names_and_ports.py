"""Names and ports of a container: resolv.conf, hosts, the domain; TCP and UDP published; docker's words for what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.conftest import Docker, refused
from tests.parts import missing

pytestmark = pytest.mark.usefixtures("containers_run_here")


def inspect(docker: Docker, name: str) -> dict[str, Any]:
    return dict(json.loads(docker("inspect", name).out)[0])


def sh(docker: Docker, script: str, *flags: str) -> str:
    answer = docker("run", "--rm", *flags, "busybox", "sh", "-c", script)
    assert (answer.code, answer.err) == (0, ""), answer
    return answer.out


def test_the_domain_is_in_hosts_and_in_the_kernel_and_the_name_stays_short(docker: Docker) -> None:
    script = "hostname; hostname -f; cat /etc/hostname /proc/sys/kernel/domainname"
    assert sh(docker, script, "--hostname", "box", "--domainname", "example.test") == "box\nbox.example.test\nbox\nexample.test\n"
    docker("create", "--name", "shown", "--hostname", "box", "--domainname", "example.test", "busybox")
    config = inspect(docker, "shown")["Config"]
    assert (config["Hostname"], config["Domainname"]) == ("box", "example.test")


def test_resolv_conf_says_what_the_flags_say(docker: Docker) -> None:
    flags = (
        "--dns",
        "203.0.113.53",
        "--dns",
        "203.0.113.54",
        "--dns-search",
        "example.test",
        "--dns-search",
        "b.c",
        "--dns-option",
        "ndots:2",
    )
    said = [line for line in sh(docker, "cat /etc/resolv.conf", *flags).splitlines() if line and not line.startswith("#")]
    assert said == ["nameserver 203.0.113.53", "nameserver 203.0.113.54", "search example.test b.c", "options ndots:2"]
    docker("create", "--name", "shown", *flags, "busybox")
    host = inspect(docker, "shown")["HostConfig"]
    assert (host["Dns"], host["DnsSearch"], host["DnsOptions"]) == (["203.0.113.53", "203.0.113.54"], ["example.test", "b.c"], ["ndots:2"])


def test_what_the_flags_leave_open_is_the_machines_where_its_network_is_shared(docker: Docker) -> None:
    with open("/etc/resolv.conf", encoding="utf-8") as file:
        servers = [line.strip() for line in file if line.startswith("nameserver")]
    said = sh(docker, "cat /etc/resolv.conf", "--network", "host", "--dns-search", ".").splitlines()
    assert [line for line in said if line.startswith("nameserver")] == servers and not [line for line in said if line.startswith("search")]


def test_the_containers_name_is_an_address_of_its_own(docker: Docker) -> None:
    script = "grep box /etc/hosts; (httpd -f -p 172.17.0.2:80 &); sleep 0.2; wget -q -O- http://box/nosuch 2>&1 | head -n 1"
    said = sh(docker, script, "--hostname", "box")
    assert said.startswith("172.17.0.2\tbox\n") and "404" in said


def ask(port: int, text: bytes, asker: socket.socket) -> bytes:
    asker.settimeout(0.5)
    end = time.monotonic() + 20
    while time.monotonic() < end:  # a datagram may come before the program listens
        asker.sendto(text, ("127.0.0.1", port))
        try:
            return asker.recvfrom(4096)[0]
        except (TimeoutError, ConnectionRefusedError):
            continue
    raise AssertionError("no answer came")


ECHO = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", 53))
while True:
    data, client = server.recvfrom(4096)
    server.sendto(b"got " + data, client)
"""


@contextmanager
def echo_inside(pid: int) -> Iterator[None]:
    """A server in the container's network, where busybox has none for UDP: this machine's Python, in the namespaces of a process."""
    if not shutil.which("nsenter"):
        missing("nsenter", "apt install util-linux")
    own_user = os.readlink(f"/proc/{pid}/ns/user") == os.readlink("/proc/self/ns/user")
    enter = ["nsenter", "-t", str(pid), "-n", *([] if own_user else ["-U", "--preserve-credentials"])]
    server = subprocess.Popen([*enter, sys.executable, "-c", ECHO])
    try:
        yield
    finally:
        server.kill()
        server.wait()


def test_a_published_udp_port_carries_questions_and_answers_of_several(docker: Docker) -> None:
    docker("run", "-d", "--name", "echo", "-p", "53/udp", "-p", "80", "busybox", "sleep", "1000")
    bound = inspect(docker, "echo")["NetworkSettings"]["Ports"]
    assert set(bound) == {"53/udp", "80/tcp"}
    number = int(bound["53/udp"][0]["HostPort"])
    assert docker("port", "echo", "53/udp").out == f"127.0.0.1:{number}\n"
    assert f"127.0.0.1:{number}->53/udp" in docker("ps", "--format", "{{.Ports}}").out
    with (
        echo_inside(inspect(docker, "echo")["State"]["Pid"]),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        assert ask(number, b"one", one) == b"got one"
        assert ask(number, b"two", other) == b"got two"
        assert ask(number, b"x" * 3000, one) == b"got " + b"x" * 3000
    docker("rm", "-f", "echo")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", number))


def test_one_udp_port_is_given_once(docker: Docker) -> None:
    docker("run", "-d", "--name", "first", "-p", "53/udp", "busybox", "sleep", "1000")
    number = inspect(docker, "first")["NetworkSettings"]["Ports"]["53/udp"][0]["HostPort"]
    answer = docker("run", "-d", "--name", "second", "-p", f"{number}:53/udp", "busybox", "sleep", "1000")
    assert answer.code == 125 and "driver failed programming external connectivity on endpoint second (" in answer.err
    assert f"Bind for 127.0.0.1:{number} failed: port is already allocated" in answer.err
    assert docker("run", "--rm", "-p", f"{number}:53", "busybox", "true").code == 0  # the TCP port of that number is another one


def test_exposed_ports_may_be_ranges_of_either_kind_and_are_published_on_demand(docker: Docker) -> None:
    docker("run", "-d", "--name", "box", "--expose", "80-81", "--expose", "53/udp", "-P", "busybox", "sleep", "1000")
    shown = inspect(docker, "box")
    assert sorted(shown["Config"]["ExposedPorts"]) == ["53/udp", "80/tcp", "81/tcp"]
    assert all(shown["NetworkSettings"]["Ports"][port] for port in ("53/udp", "80/tcp", "81/tcp"))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("-p", "abc"), "Invalid containerPort: abc"),
        (("-p", "80:abc"), "Invalid containerPort: abc"),
        (("-p", "99999:80"), "Invalid hostPort: 99999"),
        (("-p", "18080-18082:80-81"), "Invalid ranges specified for container and host Ports: 80-81 and 18080-18082"),
        (("-p", "80/icmp"), "Invalid proto: icmp"),
        (("-p", "a:1:2"), "Invalid ip address: a"),
        (("-p", "1.2.3:80:80"), "Invalid ip address: 1.2.3"),
        (("-p", "/tcp"), "No port specified: /tcp<empty>"),
        (("--expose", "nope"), 'invalid range format for --expose: nope, error: strconv.ParseUint: parsing "nope": invalid syntax'),
        (("--expose", "90-80"), "invalid range format for --expose: 90-80, error: Invalid range specified for the Port: 90-80"),
        (("--dns", "nope"), 'invalid argument "nope" for "--dns" flag: IP address is not correctly formatted: nope'),
        (("--dns-search", "bad name!"), 'invalid argument "bad name!" for "--dns-search" flag: bad name! is not a valid domain'),
        (("--add-host", "nocolon"), 'bad format for add-host: "nocolon"'),
        (("--add-host", "a:1.2.3"), 'invalid argument "a:1.2.3" for "--add-host" flag: invalid IP address in add-host: "1.2.3"'),
    ],
)
def test_what_docker_refuses_is_refused_in_its_words(docker: Docker, flags: tuple[str, ...], words: str) -> None:
    refused(docker, *flags, words=words)


def test_a_host_may_be_given_with_an_equals_sign(docker: Docker) -> None:
    assert "203.0.113.5\tdb\n" in sh(docker, "cat /etc/hosts", "--add-host", "db=203.0.113.5")
