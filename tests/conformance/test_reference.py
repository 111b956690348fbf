"""Beside a real Docker: what we save it loads under the same ID, and what it saves we load under the same ID."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.program import Program, recorded_base
from tests.parts import missing

pytestmark = pytest.mark.docker


def docker(*words: str, stdin: bytes | None = None) -> bytes:
    return subprocess.run(["docker", *words], input=stdin, capture_output=True, check=True, timeout=120).stdout


@pytest.fixture(scope="module")
def reference() -> str:
    if not shutil.which("docker") or subprocess.run(["docker", "version"], capture_output=True).returncode:
        missing("a Docker that answers", 'as root on Debian: eval "$(scripts/reference-docker start)"')
    return docker("version", "--format", "{{.Server.Version}}").decode().strip()


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, busybox_file: Path) -> Iterator[Program]:
    before = os.environ.get("DOCKERLAB_HOME")
    os.environ["DOCKERLAB_HOME"] = str(tmp_path_factory.mktemp("beside"))
    program = Program()
    recorded_base(program, busybox_file)
    yield program
    program.engine.close()
    if before is None:
        del os.environ["DOCKERLAB_HOME"]
    else:
        os.environ["DOCKERLAB_HOME"] = before


DOCKERFILE = b"""FROM busybox
RUN echo one > /one && chown 1000:1001 /one && ln -s one /link && mkdir -m 700 /kept
RUN rm /one && echo two > /kept/two
USER 1000:1001
CMD ["ls", "-ln", "/kept"]
"""


def test_an_image_that_we_save_is_the_same_image_in_docker(reference: str, ours: Program, tmp_path: Path) -> None:
    built = ours("build", "-q", "-t", "beside:ours", "-", stdin=DOCKERFILE)
    assert built.returncode == 0, built.stderr
    archive = ours("save", "beside:ours").stdout
    docker("load", stdin=archive)
    try:
        assert docker("image", "inspect", "--format", "{{.Id}}", "beside:ours").strip() == built.stdout.strip()
        seen = docker(
            "run",
            "--rm",
            "--network",
            "none",
            "--user",
            "0",
            "beside:ours",
            "sh",
            "-c",
            "ls -lnd /link /kept /kept/two; ls /one 2>&1; true",
        )
        mine = ours(
            "run",
            "--rm",
            "--network",
            "none",
            "--user",
            "0",
            "beside:ours",
            "sh",
            "-c",
            "ls -lnd /link /kept /kept/two; ls /one 2>&1; true",
        )
        assert seen == mine.stdout + mine.stderr
    finally:
        docker("rmi", "-f", "beside:ours")


def test_an_image_that_docker_saves_is_the_same_image_here(reference: str, ours: Program) -> None:
    identifier = docker("build", "-q", "-t", "beside:theirs", "-", stdin=DOCKERFILE).strip()
    try:
        loaded = ours("load", stdin=docker("save", "beside:theirs"))
        assert loaded.returncode == 0, loaded.stderr
        assert ours("image", "inspect", "--format", "{{.Id}}", "beside:theirs").stdout.strip() == identifier
        assert ours("run", "--rm", "beside:theirs").returncode != 0  # USER 1000 may not look into /kept
    finally:
        docker("rmi", "-f", "beside:theirs")
