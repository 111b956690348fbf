"""Names of images and of signals, as the reference Docker 28.5 took and refused them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockerlab.errors import InvalidReferenceError
from dockerlab.oci import ImageConfig, Reference
from dockerlab.oci.ports import container_ports
from dockerlab.oci.signals import signal_number
from dockerlab.store import Store

ID = "0" * 64


@pytest.mark.parametrize(
    ("text", "whole", "shown"),
    [
        ("site", "docker.io/library/site:latest", "site:latest"),
        ("library/site", "docker.io/library/site:latest", "site:latest"),
        ("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
        ("docker.io/me/site:1", "docker.io/me/site:1", "me/site:1"),
        ("index.docker.io/site", "docker.io/library/site:latest", "site:latest"),
        ("localhost:5000/site", "localhost:5000/site:latest", "localhost:5000/site:latest"),
        ("localhost/site", "localhost/site:latest", "localhost/site:latest"),
        (f"site@sha256:{ID}", f"docker.io/library/site@sha256:{ID}", f"site@sha256:{ID}"),
        ("a" * 247, f"docker.io/library/{'a' * 247}:latest", f"{'a' * 247}:latest"),
    ],
)
def test_a_name_is_read_and_shown_as_docker_does(text: str, whole: str, shown: str) -> None:
    reference = Reference.parse(text)
    assert (str(reference), reference.familiar) == (whole, shown)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("site@", "invalid reference format"),
        ("site@md5:1", "invalid reference format"),
        ("Site", "must be lowercase"),
        ("a" * 248, "repository name must not be more than 255 characters"),
        (ID, "cannot specify 64-byte hexadecimal strings"),
        ("site:" + "t" * 129, "invalid reference format"),
        ("", "invalid reference format"),
    ],
)
def test_what_is_no_name_is_refused_in_dockers_words(text: str, why: str) -> None:
    with pytest.raises(InvalidReferenceError, match=why):
        Reference.parse(text)


def test_the_longest_name_can_be_kept(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    image = store.images.add(ImageConfig())
    names = [Reference.parse(f"{'a' * 247}:{tag}") for tag in ("one", "two", "t" * 128)]
    for name in names:
        store.images.tag(image.id, name)
    assert store.images.names(image.id) == sorted(names) and store.images.find(names[2].familiar) == image
    store.images.untag(names[0])
    assert store.images.names(image.id) == sorted(names[1:])


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("TERM", 15), ("sigterm", 15), ("15", 15), ("SIGWINCH", 28), ("IOT", 6), ("CLD", 17), ("POLL", 29), ("STKFLT", 16), ("SYS", 31),
        ("rtmin", 34), ("SIGRTMIN+3", 37), ("RTMIN+15", 49), ("RTMAX-14", 50), ("SIGRTMAX", 64), ("65", 65), ("-1", -1),
    ],
)  # fmt: skip
def test_signals_have_dockers_names(text: str, number: int) -> None:
    assert signal_number(text) == number


@pytest.mark.parametrize("text", ["", "0", "NOPE", "_DFL", "SIG_IGN", "RTMIN+16", "RTMAX-15", "RTMIN-1", "UNUSED", "SIG"])
def test_what_is_no_signal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid signal"):
        signal_number(text)


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("80", ["80/tcp"]), ("080/", ["80/tcp"]), ("80-82/UDP", ["80/udp", "81/udp", "82/udp"]), ("8000-8001:80", ["80/tcp"]), (":80:81", ["81/tcp"]),
        ("127.0.0.1:8080:80/sctp", ["80/sctp"]), ("[::1]:80:80", ["80/tcp"]), ("[::1]::0", ["0/tcp"]),
    ],
)  # fmt: skip
def test_ports_are_read_as_docker_does(text: str, ports: list[str]) -> None:
    assert container_ports(text) == ports


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("80/foo", 'invalid port: "80/foo": invalid proto: foo'),
        ("80/tcp/udp", 'invalid port: "80/tcp/udp": invalid proto: tcp/udp'),
        ("/foo", 'invalid port: "/foo": no port specified'),
        ("80:", 'invalid port: "80:": no port specified'),
        ("2-1", "invalid containerPort: 2-1"),
        ("65536", "invalid containerPort: 65536"),
        ("a:80", "invalid hostPort: a"),
        ("70000:80", "invalid hostPort: 70000"),
        ("1.2.3:80:80", "invalid IP address: 1.2.3"),
        ("1:2:3:4", "invalid IP address: 1:2"),
        ("[::1:80", "invalid IP address [:: address [::: missing ']' in address"),
        ("80:80-81", "invalid ranges specified for container and host Ports: 80-81 and 80"),
    ],
)
def test_what_is_no_port_is_refused_in_dockers_words(text: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        container_ports(text)
    assert str(caught.value) == said
