"""The same suite on both engines: the embedded one, and a real Docker's daemon through its API. What a test says, both must do."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dockerlab.engine import Engine
from dockerlab.engine.daemon.engine import DaemonEngine
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.errors import DockerlabError, RuntimeUnavailableError
from dockerlab.store import Store
from tests.conformance.program import Program
from tests.conftest import Answer
from tests.parts import missing
from tests.transfer.registry.conftest import protected, registry  # noqa: F401 - real registries, for both engines

BASE = "contract-base:1"
START = 'as root on Debian: eval "$(scripts/reference-docker start)"'


@pytest.fixture(scope="session")
def base_tar(busybox_file: Path) -> bytes:
    """A small file system with busybox in it."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for folder in ("bin", "etc", "tmp", "root", "proc", "sys", "dev", "var"):
            info = tarfile.TarInfo(folder)
            info.type, info.mode, info.mtime = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755, 1_600_000_000
            tar.addfile(info)
        for name, data in {
            "bin/busybox": busybox_file.read_bytes(),
            "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/:/bin/sh\n",
            "etc/group": b"root:x:0:\nada:x:1000:\n",
            "etc/motd": b"hello\n",
        }.items():
            info = tarfile.TarInfo(name)
            info.mode, info.size, info.mtime = 0o755 if name.startswith("bin") else 0o644, len(data), 1_600_000_000
            tar.addfile(info, io.BytesIO(data))
        for applet in subprocess.run([busybox_file, "--list"], capture_output=True, text=True, check=True).stdout.split():
            if applet != "busybox":
                info = tarfile.TarInfo("bin/" + applet)
                info.type, info.linkname, info.mtime = tarfile.SYMTYPE, "busybox", 1_600_000_000
                tar.addfile(info)
    return raw.getvalue()


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> DaemonEngine:
    """The daemon that DOCKER_HOST names, or that is just there."""
    os.environ.setdefault("DOCKERLAB_HOME", str(tmp_path_factory.mktemp("daemon-home")))
    try:
        return DaemonEngine.open()
    except RuntimeUnavailableError:
        missing("a Docker that answers", START)
        raise


@pytest.fixture(params=["embedded", "daemon"])
def engine(request: pytest.FixtureRequest, base_tar: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Either engine, with BASE in it; what the test makes is gone afterwards."""
    monkeypatch.setenv("DOCKERLAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKERLAB_ENGINE", request.param)
    if request.param == "embedded":
        request.getfixturevalue("containers_run_here")
        one: Engine = EmbeddedEngine(Store.open(tmp_path / "home"))
    else:
        where = request.getfixturevalue("daemon").where
        one = DaemonEngine(where, Store.open(tmp_path / "home"))
    before = {item["Id"] for item in one.images(all=True)}
    containers = {item["Id"] for item in one.containers(all=True)}
    changes = ['CMD ["sh"]', "ENV PATH=/bin"]
    one.import_(io.BytesIO(base_tar), BASE, changes=changes)
    yield one
    for item in one.containers(all=True):
        if item["Id"] not in containers:
            one.remove(item["Id"], force=True, volumes=True)
    for item in one.images(all=True):
        if item["Id"] not in before:
            try:
                one.image_remove(item["Id"], force=True)
            except DockerlabError:
                pass  # a parent, gone with its child
    one.close()


Docker = Callable[..., Answer]


@pytest.fixture
def docker(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """docker("ps", "-a") → Answer; the words run in an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    program: Any = Program.__new__(Program)
    program.engine = engine

    def run(*words: str, stdin: bytes | None = None, env: dict[str, str] | None = None) -> Answer:
        answer = program(*words, stdin=stdin, env=env)
        return Answer(answer.returncode, answer.stdout.decode("utf-8", "replace"), answer.stderr.decode("utf-8", "replace"))

    return run
