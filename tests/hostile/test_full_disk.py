"""A disk that is full: whoever wanted to write is told so, what was there stays whole, and what makes room still works."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.store.fsck import examine
from tests.conftest import Docker, build
from tests.hostile.archives import image_of
from tests.hostile.conftest import one_message
from tests.tars import member, tar_of

pytestmark = pytest.mark.usefixtures("containers_run_here")
FULL = "there is no space left on its disk"
WRITES = "dd if=/dev/zero of=/big bs=64k; echo wrote $?"


@pytest.fixture
def home(template_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A store on a disk of 12 MB, of which busybox takes some."""
    if os.geteuid():
        pytest.skip("needs root to mount a small tmpfs")
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("this root may not mount")
    subprocess.run(["cp", "-a", f"{template_home}/.", str(folder)], check=True)
    monkeypatch.setenv("DOCKERLAB_HOME", str(folder))
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def fill(home: Path) -> Iterator[Path]:
    """Taken whole: a file beside the store leaves no block."""
    yield home / "filler"
    (home / "filler").unlink(missing_ok=True)


def filled(file: Path, leave: int = 0) -> None:
    with open(file, "wb", buffering=0) as out:
        try:
            while True:
                out.write(bytes(4096))
        except OSError:
            pass
        if leave:
            out.truncate(out.tell() - leave)


def whole(docker: Docker, engine: EmbeddedEngine) -> bool:
    """Nothing lost, damaged or left over, and the store works."""
    engine.store.sweep()
    found = examine(engine.store)
    assert found.problems == (), [str(problem) for problem in found.problems]
    assert os.listdir(engine.store.home / "tmp") == [] and os.listdir(engine.store.home / "snapshots") == []
    return docker("run", "--rm", "busybox", "echo", "works").out == "works\n"


def test_a_container_that_fills_the_disk_is_told_and_its_end_is_known(docker: Docker, engine: EmbeddedEngine) -> None:
    answer = docker("run", "--name", "hog", "busybox", "sh", "-c", f"{WRITES}; exit 7")
    assert "No space left on device" in answer.err and "wrote 1\n" in answer.out and answer.code == 7
    state = json.loads(docker("inspect", "hog").out)[0]["State"]
    assert (state["ExitCode"], state["Status"], state["FinishedAt"][:2]) == (7, "exited", "20")
    assert docker("logs", "hog").code == 0 and docker("rm", "hog").code == 0
    assert whole(docker, engine)


def test_a_log_that_fills_the_disk_loses_lines_and_never_half_of_one(docker: Docker, engine: EmbeddedEngine) -> None:
    answer = docker(
        "run",
        "-d",
        "--name",
        "talker",
        "busybox",
        "sh",
        "-c",
        "i=0; while [ $i -lt 120000 ]; do echo the line $i of many that nobody reads; i=$((i+1)); done; exit 3",
    )
    assert answer.code == 0 and docker("wait", "talker").out == "3\n"
    lines = docker("logs", "talker").out.splitlines()
    assert len(lines) > 1000 and lines == [f"the line {n} of many that nobody reads" for n in range(len(lines))]
    assert all(json.loads(line) for line in (engine.store.home / "containers").glob("*/log").__next__().read_text().splitlines())
    assert docker("rm", "talker").code == 0 and whole(docker, engine)


def test_a_run_that_fills_the_disk_is_told_and_leaves_nothing(docker: Docker, engine: EmbeddedEngine) -> None:
    for flags in ([], ["--builder", "classic"]):
        answer = build(docker, "FROM busybox\nRUN cat /dev/zero > /big\n", *flags)
        assert answer.code and "No space left on device" in answer.err + answer.out and "Traceback" not in answer.err
        docker("builder", "prune", "-af"), docker("image", "prune", "-f")
        assert whole(docker, engine)


@pytest.mark.parametrize("line", ["COPY big /big", "ADD big.tar /"])
def test_files_that_do_not_fit_are_told_and_leave_nothing(docker: Docker, engine: EmbeddedEngine, line: str) -> None:
    Path("big").write_bytes(bytes(20 << 20))
    Path("big.tar").write_bytes(tar_of(member("big", bytes(20 << 20))))
    said = one_message(build(docker, f"FROM busybox\n{line}\n"))
    assert FULL in said or "the archive unpacks to more than" in said
    assert whole(docker, engine)


def test_a_commit_that_does_not_fit_is_told_and_leaves_no_image(docker: Docker, engine: EmbeddedEngine) -> None:
    docker("run", "--name", "box", "busybox", "dd", "if=/dev/urandom", "of=/big", "bs=64k", "count=130")
    before = engine.store.layers.all(whole=False), engine.store.images.ids()
    said = one_message(docker("commit", "box", "new:1"))
    assert FULL in said and "DOCKERLAB_HOME=/a/larger/folder" in said
    assert (engine.store.layers.all(whole=False), engine.store.images.ids()) == before
    docker("rm", "box")
    assert whole(docker, engine)


@pytest.mark.parametrize("running", [False, True])
def test_a_copy_that_does_not_fit_is_told(docker: Docker, engine: EmbeddedEngine, running: bool) -> None:
    Path("big").write_bytes(bytes(20 << 20))
    docker(*(["run", "-d"] if running else ["create"]), "--name", "box", "busybox", "sleep", "1000")
    said = one_message(docker("cp", "big", "box:/big"))
    assert "no space left" in said.lower()
    said = one_message(docker("cp", "-", "box:/", stdin=tar_of(member("large", bytes(20 << 20)))))
    assert "no space left" in said.lower() or "the archive unpacks to more than" in said
    assert docker("rm", "-f", "box").code == 0 and whole(docker, engine)


def test_an_archive_that_does_not_fit_is_told_and_leaves_nothing(docker: Docker, engine: EmbeddedEngine) -> None:
    tar = tar_of(member("f", os.urandom(5 << 20)))
    for words, data in ((["load"], image_of([tar])), (["import", "-"], tar_of(member("f", bytes(20 << 20))))):
        said = one_message(docker(*words, stdin=data))
        assert FULL in said or "the archive unpacks to more than the" in said
        assert whole(docker, engine)


def test_with_no_room_at_all_every_verb_says_so_and_what_makes_room_works(docker: Docker, engine: EmbeddedEngine, fill: Path) -> None:
    docker("create", "--name", "made", "busybox", "sleep", "1000")
    docker("run", "-d", "--name", "on", "busybox", "sleep", "1000")
    Path("f").write_text("x" * 10_000)
    filled(fill)
    for words in (["run", "--rm", "busybox", "true"], ["create", "busybox"], ["start", "made"], ["commit", "on", "n:1"], ["tag", "busybox", "b:2"],
                  ["volume", "create", "vol"], ["cp", "f", "made:/f"]):  # fmt: skip
        said = one_message(docker(*words))
        assert "no space left" in said.lower(), (words, said)
    assert "no space left" in one_message(build(docker, "FROM busybox\nRUN echo x > /y\n", f="text")).lower()
    assert docker("exec", "on", "echo", "hears").out == "hears\n"
    assert docker("inspect", "-f", "{{.State.Status}}", "made").out == "created\n"
    for words in (
        ["ps", "-a"],
        ["images"],
        ["logs", "on"],
        ["kill", "on"],
        ["wait", "on"],
        ["rm", "made"],
        ["rm", "-f", "on"],
        ["builder", "prune", "-af"],
    ):
        assert docker(*words).code == 0, words
    fill.unlink()
    assert whole(docker, engine)


def test_of_a_container_that_was_killed_on_a_full_disk_the_code_is_known(docker: Docker, fill: Path) -> None:
    docker("run", "-d", "--name", "on", "busybox", "sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.05; done")
    filled(fill)
    assert docker("stop", "on").code == 0
    assert docker("inspect", "-f", "{{.State.ExitCode}} {{.State.Status}}", "on").out == "9 exited\n"
