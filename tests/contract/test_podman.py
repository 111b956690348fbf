"""A real Podman in Docker's place: its service on a socket of its own. No container is started, since what it needs of the machine for that is its own affair."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockerlab.build import Built, StepDone
from dockerlab.engine import BuildOptions, ContainerSpec
from dockerlab.engine.daemon.connection import Address, listens
from dockerlab.engine.daemon.engine import DaemonEngine
from dockerlab.store import Store
from tests.parts import missing, until


@pytest.fixture(scope="module")
def service() -> Iterator[Address]:
    if not shutil.which("podman") or os.geteuid():
        missing("podman, as root", "apt install podman")
    folder = Path(tempfile.mkdtemp(prefix="podman-", dir="/var/tmp"))
    where = Address(f"unix://{folder}/podman.sock", "DOCKER_HOST")
    words = [
        "podman",
        "--root",
        folder / "root",
        "--runroot",
        folder / "run",
        "--storage-driver",
        "vfs",
        "system",
        "service",
        "--time=300",
        where.host,
    ]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(["unshare", "--mount", *words], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        until(lambda: listens(where))
        yield where
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        subprocess.run(["rm", "-rf", folder], check=False)


def test_podman_builds_shows_its_layers_copies_commits_and_saves(service: Address, base_tar: bytes, tmp_path: Path) -> None:
    engine = DaemonEngine(service, Store.open(tmp_path / "home"))
    assert engine.podman and engine.version()["Platform"]["Name"].startswith("Podman Engine at ")
    engine.import_(io.BytesIO(base_tar), "base:1")
    (tmp_path / "context").mkdir()
    (tmp_path / "context/page.txt").write_text("page\n")
    text = 'FROM base:1\nCOPY page.txt /page\nENV A=1\nCMD ["cat", "/page"]\n'
    events = list(engine.build(BuildOptions(context=str(tmp_path / "context"), dockerfile_text=text, tags=("site:1",))))
    assert [event.name.split(" : ")[1] for event in events if isinstance(event, StepDone)][1:] == [
        "COPY page.txt /page",
        "ENV A=1",
        'CMD ["cat", "/page"]',
    ]
    assert isinstance(events[-1], Built) and events[-1].image.id == engine.image_inspect("site:1")["Id"]
    assert engine.image_inspect("site:1")["Config"]["Cmd"] == ["cat", "/page"]
    assert ("/page", "A") in {(one.path, one.change) for one in engine.layer_inside("site:1", 2).folder("/")}
    container = engine.create(ContainerSpec("site:1", name="one"))
    engine.copy_out("one", "/page", str(tmp_path / "page"))
    assert (tmp_path / "page").read_text() == "page\n"
    engine.copy_in("one", str(tmp_path / "page"), "/again")
    engine.commit("one", "site:2", message="by hand")
    assert len(engine.image_inspect("site:2")["RootFS"]["Layers"]) == 3
    out = io.BytesIO()
    engine.save(["site:2"], out)
    engine.remove(container)
    engine.image_remove("site:2")
    out.seek(0)
    assert [name.removeprefix("localhost/").removeprefix("docker.io/library/") for name in engine.load(out)] == ["site:2"]
    engine.close()
