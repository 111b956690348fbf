"""Docker's verbs for an ordinary user where namespaces and mounts are refused: the layers are the same, and a container's changes are told at all times."""

from __future__ import annotations

import os
import shutil
import urllib.request
from pathlib import Path

import pytest

from dockerlab.runtime.capabilities import Capabilities
from tests.conftest import Command, Docker, build, sh
from tests.engine.test_chroot import (  # noqa: F401 - what holds for root's copies holds for an ordinary user's
    built_twice,
    test_a_build_makes_the_layers_that_it_makes_in_namespaces,
    test_a_build_that_fails_says_so_and_leaves_nothing,
    test_a_container_from_its_start_to_its_end,
    test_an_image_with_a_volume_runs_and_keeps_its_files_there,
    test_export_holds_nothing_that_was_only_put_there_for_the_process,
    test_run_as_a_user_with_owners_that_count,
    test_what_needs_a_namespace_is_refused_and_nothing_is_made,
)
from tests.parts import missing, until

pytestmark = pytest.mark.skipif(os.geteuid() == 0, reason="root has chroot; an ordinary user runs this (tests/isolations)")

MODES = r"""FROM busybox
ARG SOURCE_DATE_EPOCH
COPY --chown=7:8 --chmod=400 a /data/a
RUN echo more >> /data/a && mkdir -m 000 /locked && echo 1 > /locked/f && chmod 2555 /data && umask 077 && mkdir -p /deep/er && : > /deep/er/f
RUN ln -s a /data/link && chown -h 5:6 /data/link && mv /data/link /moved && mkfifo /data/pipe && chown 9:9 /data/pipe && chmod 111 /data/pipe
RUN cat /locked/f && rm /locked/f && ls /locked && ln /data/a /hard && ln -s x /again && chown -h 5:6 /again && mv /again /moved2 && chmod 6755 /data/a
RUN rm /moved && mv /data /elsewhere && mknod /disk b 254 0 && chown 3:4 /disk
USER 1000:50
RUN umask 027; : > /tmp/f; mkdir -m 2770 /tmp/d; : > /tmp/d/g; ln -s f /tmp/l; mkfifo /tmp/p; chgrp 50 /tmp/f
"""


@pytest.fixture(autouse=True)
def isolation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if os.environ.get("POD_REFUSES"):
        return
    if not shutil.which("proot"):
        missing("proot", "apt install proot")
    monkeypatch.setenv("DOCKERLAB_ISOLATION", "proot")
    found = Capabilities.load(None, tmp_path / "probe")
    assert found.isolation == "proot", found.reason


def test_modes_and_owners_of_links_are_the_layers_that_namespaces_make(docker: Docker, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, in_namespaces = built_twice(docker, home, monkeypatch, MODES)
    assert ours == in_namespaces and len(ours) == 7


def test_a_link_keeps_its_owner_when_it_is_renamed_in_a_later_layer(docker: Docker) -> None:
    answer = build(docker, "FROM busybox\nRUN ln -s a /link && chown -h 5:6 /link\nRUN mv /link /moved\n")
    assert answer.code == 0, answer.err
    assert sh(docker, "stat -c '%u:%g %N' /moved; ls /link 2>&1; true").startswith("5:6 ")


def test_two_containers_publish_port_80_at_once(docker: Docker) -> None:
    answer = build(docker, 'FROM busybox\nCOPY page /www/index.html\nEXPOSE 80\nCMD ["httpd", "-f", "-h", "/www"]\n', page="page\n")
    assert answer.code == 0, answer.err
    for name in ("one", "two"):
        assert docker("run", "-d", "--name", name, "-p", "80", "t:1").code == 0
    for name in ("one", "two"):
        where = docker("port", name, "80").out.strip()
        until(lambda name=name: docker("exec", name, "wget", "-qO-", "localhost").out == "page\n")  # type: ignore[misc]
        with urllib.request.urlopen(f"http://{where}/") as page:
            assert page.read() == b"page\n"


def test_doctor_says_what_is_done_instead(command: Command) -> None:
    said = command("doctor").stdout
    assert said.startswith("isolation: proot: ")
    for word in ("/proc", "hostname", "-v", "tmpfs", "network", "processes", "started by proot"):
        assert word in said


@pytest.mark.skipif(os.environ.get("POD_REFUSES") != "ptrace", reason="ptrace is allowed; where it is not, this is tried")
def test_where_nothing_is_allowed_the_error_says_what_would_help(docker: Docker) -> None:
    for answer in (build(docker, "FROM busybox\nRUN true\n"), docker("run", "--rm", "busybox", "true")):
        assert answer.code in (1, 125) and "Traceback" not in answer.err
        assert "this machine can't run containers: unshare" in answer.err and "proot was tried too: ptrace" in answer.err
        assert "a seccomp profile that allows ptrace" in answer.err
    assert docker("ps", "-aq").out == "" and build(docker, "FROM busybox\nCOPY a /\n", a="x").code == 0
