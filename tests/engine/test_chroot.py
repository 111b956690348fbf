"""Docker's verbs where containers are chroots: what a build makes is what it makes in namespaces, and a container's changes are told at all times."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from dockerlab.course.predictions import NOT_HERE, outcome
from dockerlab.course.vocabulary import Look
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.runtime.capabilities import Capabilities
from dockerlab.store import Store
from tests.conformance.program import Program
from tests.conftest import Command, Docker, build
from tests.parts import until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can chroot")

STEPS = r"""FROM busybox
ARG SOURCE_DATE_EPOCH
RUN mkdir -p /srv/a/b /opt && echo one > /srv/a/one && echo two > /srv/a/b/two && ln -s one /srv/a/link && ln /srv/a/one /srv/a/hard
COPY a /data/a
RUN adduser -D app 2>/dev/null; mkdir -p /home/app && chown -R 1000:1000 /home/app /data && chmod 4755 /data/a
USER 1000:1000
WORKDIR /home/app
RUN echo mine > file && id -u > uid && mkfifo pipe
USER root
RUN rm -r /srv/a/b && mkdir /srv/a/b && echo new > /srv/a/b/new && rm /srv/a/link && echo more >> /srv/a/hard
RUN rm -r /srv/a && echo file > /srv/a && touch -d @1000 /data/a && mv /home/app/file /opt/moved
RUN --mount=type=tmpfs,target=/scratch --mount=type=cache,target=/cache echo x > /scratch/x && echo c >> /cache/c && cat /etc/hosts > /dev/null
RUN <<EOF
echo here > /here
EOF
RUN true
"""


@pytest.fixture(autouse=True)
def isolation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKERLAB_ISOLATION", "chroot")
    found = Capabilities.load(None, tmp_path / "probe")
    assert found.isolation == "chroot", found.reason


def layers(docker: Docker, name: str = "t:1") -> str:
    return docker("image", "inspect", "-f", "{{range .RootFS.Layers}}{{.}} {{end}}", name).out


def built_twice(docker: Docker, home: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> tuple[list[str], list[str]]:
    """The layers of one build in this isolation and in namespaces with overlay."""
    found = Capabilities.load(None, home)
    if "namespaces" not in found.possible or not found.get("overlay").available:  # type: ignore[union-attr]
        pytest.skip("there are no namespaces here, or no overlay, to compare with")
    flags = ("--build-arg", "SOURCE_DATE_EPOCH=1700000000", "--no-cache")
    answer = build(docker, text, *flags, a="text\n")
    assert answer.code == 0, answer.err
    ours = layers(docker)
    monkeypatch.setenv("DOCKERLAB_ISOLATION", "namespaces")
    monkeypatch.setenv("DOCKERLAB_SNAPSHOTS", "overlay")
    other = Program.__new__(Program)
    other.engine = EmbeddedEngine(Store.open(home))
    answer = other("build", *flags, "-t", "t:2", ".")
    assert answer.returncode == 0, answer.stderr
    other.engine.close()
    return ours.split(), layers(docker, "t:2").split()


def test_a_build_makes_the_layers_that_it_makes_in_namespaces(docker: Docker, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, in_namespaces = built_twice(docker, home, monkeypatch, STEPS)
    assert ours == in_namespaces and len(ours) == 11


def test_a_build_that_fails_says_so_and_leaves_nothing(docker: Docker, home: Path) -> None:
    answer = build(docker, "FROM busybox\nRUN echo made > /made && exit 3\n")
    assert answer.code == 1 and "exit code: 3" in answer.err
    assert os.listdir(home / "snapshots") == []


def test_run_as_a_user_with_owners_that_count(docker: Docker) -> None:
    answer = build(docker, "FROM busybox\nCOPY --chown=7:8 a /a\nRUN chmod 600 /a\nUSER 9\n", a="x")
    assert answer.code == 0, answer.err
    said = docker("run", "--rm", "t:1", "sh", "-c", "id -u; stat -c %u:%g:%a /a; cat /a")
    assert (said.code, said.out) == (1, "9\n7:8:600\n") and "Permission denied" in said.err


def test_a_container_from_its_start_to_its_end(docker: Docker, home: Path) -> None:
    started = docker("run", "-d", "--name", "box", "busybox", "sh", "-c", "echo up; echo 1 > /one; while :; do sleep 0.05; done")
    assert started.code == 0, started.err
    until(lambda: docker("exec", "box", "cat", "/one").out == "1\n")
    assert docker("logs", "box").out == "up\n"
    assert docker("diff", "box").out == "A /one\n"
    assert docker("exec", "-u", "5:6", "box", "sh", "-c", "echo 2 > /tmp/two").code == 0
    assert docker("diff", "box").out == "A /one\nC /tmp\nA /tmp/two\n"
    Path("in").write_text("in")
    assert docker("cp", "in", "box:/in").code == 0 and docker("exec", "box", "cat", "/in").out == "in"
    assert docker("cp", "box:/tmp/two", "out").code == 0 and Path("out").read_text() == "2\n"
    assert docker("commit", "box", "kept:1").code == 0
    assert docker("run", "--rm", "kept:1", "sh", "-c", "cat /one /tmp/two /in; stat -c %u:%g /tmp/two").out == "1\n2\nin5:6\n"
    assert docker("stop", "-t", "0", "box").code == 0
    assert docker("ps", "-a", "--format", "{{.Status}}").out.startswith("Exited (137)")
    assert docker("diff", "box").out == "A /in\nA /one\nC /tmp\nA /tmp/two\n"
    assert docker("cp", "in", "box:/again").code == 0
    assert docker("start", "box").code == 0 and docker("exec", "box", "cat", "/again").out == "in"
    assert docker("rm", "-f", "box").code == 0 and os.listdir(home / "containers") == []


def test_export_holds_nothing_that_was_only_put_there_for_the_process(docker: Docker) -> None:
    assert (
        docker("run", "--name", "box", "busybox", "sh", "-c", "echo x > /x; echo y >> /etc/hosts; grep -c localhost /etc/hosts").code == 0
    )
    assert docker("export", "-o", "all.tar", "box").code == 0
    with tarfile.open("all.tar") as tar:
        sizes = {member.name: member.size for member in tar}
    assert sizes["x"] == 2 and sizes["etc/hosts"] == sizes["etc/hostname"] == 0, (
        "docker's own files are there, without what the process saw in them"
    )
    assert {name for name in sizes if name.startswith("dev/")} == {"dev/console", "dev/pts", "dev/shm"}


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (("-v", "/tmp:/t"), "-v"),
        (("-v", "data:/t"), "-v"),
        (("--hostname", "h"), "--hostname"),
        (("--read-only",), "--read-only"),
        (("--network", "none"), "--network none"),
    ],
)
def test_what_needs_a_namespace_is_refused_and_nothing_is_made(docker: Docker, flags: tuple[str, ...], what: str) -> None:
    answer = docker("run", "--rm", *flags, "busybox", "true")
    assert answer.code == 125 and f"{what} can't be had: this machine refuses namespaces and mounts" in answer.err
    assert docker("ps", "-aq").out == "" and docker("volume", "ls", "-q").out == ""


def test_an_image_with_a_volume_runs_and_keeps_its_files_there(docker: Docker) -> None:
    answer = build(docker, "FROM busybox\nRUN mkdir /v && echo old > /v/old\nVOLUME /v\n")
    assert answer.code == 0, answer.err
    assert docker("run", "--name", "box", "t:1", "sh", "-c", "cat /v/old; echo new > /v/new").out == "old\n"
    assert docker("diff", "box").out == ""
    name = docker("volume", "ls", "-q").out.strip()
    assert name and docker("start", "-a", "box").out == "old\n"
    assert docker("cp", "box:/v/new", "new").code in (0, 1)  # as in namespaces, what lies in a volume is not read through the container
    assert docker("rm", "-v", "box").code == 0 and docker("volume", "ls", "-q").out == ""


def test_doctor_says_what_is_done_instead(command) -> None:  # type: ignore[no-untyped-def]
    said = command("doctor").stdout
    assert said.startswith("isolation: chroot: ")
    for word in ("/proc", "hostname", "-v", "tmpfs", "network", "processes"):
        assert word in said


def test_what_differs_from_docker_is_told_to_who_asks(docker: Docker, engine: EmbeddedEngine) -> None:
    asked = docker("info")
    assert "WARNING: own_network: the network is this machine's" in asked.err and "WARNING" not in asked.out
    look = Look(engine, "en")
    assert "this machine's" in look.stands_in("own_network") and look.stands_in("nosuch") == ""
    assert look.cannot_be_shown("mounts") and look.findings[-1].passed and not look.cannot_be_shown("nosuch")
    assert outcome("commit-volume", look) == NOT_HERE and outcome("commit-old", look) == ""


def test_who_starts_the_first_container_hears_what_differs(command: Command, home: Path) -> None:
    (home / "told-chroot").unlink()
    first, second = (command("run", "--rm", "busybox", "echo", "hi") for _ in range(2))
    assert first.stdout == second.stdout == "hi\n" and second.stderr == ""
    assert first.stderr.startswith("NOTICE: no namespaces here, so containers run by chroot") and len(first.stderr.splitlines()) == 1
