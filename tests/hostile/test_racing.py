"""A container that swaps folders for links to this machine while its files are copied, exported, compared and committed: none of it leads outside."""

from __future__ import annotations

import os
import signal
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockerlab.engine.copies import running_root
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.runtime.capabilities import Capabilities
from tests.conftest import Answer, Docker
from tests.hostile.conftest import one_message
from tests.hostile.racing import racing
from tests.parts import until

pytestmark = pytest.mark.usefixtures("containers_run_here", "isolation", "ends")
COPIES = 100
"""Of each kind; a quarter where a root is a copy, which is compared with its layers each time."""
SCRIPT = """mkdir -p /work/dir/sub; cd /work; echo inside > dir/secret; echo inside > file; mkfifo pipe
ln -s {outside} link; ln -s {outside}/secret point; touch /ready; {then}"""


@pytest.fixture(params=["namespaces", "chroot", "proot"])
def isolation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    if request.param != "namespaces":
        monkeypatch.setenv("DOCKERLAB_ISOLATION", request.param)
    found = Capabilities.load(None, tmp_path)
    if found.isolation != request.param:
        pytest.skip(found.reason)
    return str(request.param)


@pytest.fixture
def ends() -> Iterator[None]:
    """Nothing waits for a pipe that nobody writes to."""

    def too_late(*_: object) -> None:
        raise TimeoutError("a copy hangs")

    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def begun(docker: Docker, outside: Path, *flags: str, then: str = "exec sleep 1000") -> None:
    docker("run", "-d", "--name", "box", *flags, "busybox", "sh", "-c", SCRIPT.format(outside=outside, then=then))
    until(lambda: docker("exec", "box", "test", "-e", "/ready").code == 0)


@pytest.fixture
def work(docker: Docker, engine: EmbeddedEngine, outside: Path) -> Path:
    """/work of a running container: dir and link, file, pipe and point."""
    begun(docker, outside)
    state = engine.container_inspect("box")
    return running_root(engine.records.folder(engine.records.find("box")), state["State"]["Pid"]) / "work"


def kind(answer: Answer) -> bool:
    """Whether it worked; if not, it says so in words of its own."""
    if answer.code:
        assert "/proc/" not in one_message(answer) and "outside/sub" not in answer.err
    return answer.code == 0


@pytest.fixture
def times(isolation: str) -> int:
    return COPIES if isolation == "namespaces" else COPIES // 4


def copied_in(docker: Docker, times: int) -> int:
    """How often something arrived."""
    Path("tree/deep/er").mkdir(parents=True, exist_ok=True)
    for name in ("new", "tree/secret", "tree/deep/er/f", "tree/sub"):
        Path(name).write_text("mine")
    done = 0
    for _ in range(times):
        done += kind(docker("cp", "new", "box:/work/dir/new"))
        done += kind(docker("cp", "new", "box:/work/dir/secret"))
        done += kind(docker("cp", "tree/.", "box:/work/dir"))
    return done


def copied_out(docker: Docker, times: int) -> int:
    """How often the folder, and not the link, came out; what came out is never what lies outside."""
    done = 0
    for n in range(times):
        if kind(docker("cp", "box:/work/dir", f"out{n}")) and not os.path.islink(f"out{n}") and (secret := Path(f"out{n}/secret")).exists():
            assert secret.read_text() == "inside\n"
            done += 1
        answer = docker("cp", "box:/work/dir/.", "-")
        assert "kept" not in answer.out
        kind(answer)
    return done


def test_what_is_copied_in_stays_in_the_container(docker: Docker, work: Path, outside: Path, times: int) -> None:
    with racing(work / "dir", work / "link"):
        assert copied_in(docker, times) > 0


def test_what_is_copied_out_comes_from_the_container(docker: Docker, work: Path, outside: Path, times: int) -> None:
    with racing(work / "dir", work / "link"):
        assert copied_out(docker, times) > 0


def test_an_archive_is_unpacked_in_the_container(docker: Docker, work: Path, outside: Path, times: int) -> None:
    Path("tree/deep").mkdir(parents=True)
    Path("tree/deep/new").write_text("mine")
    Path("tree/secret").write_text("mine")
    with tarfile.open("tree.tar", "w") as tar:
        tar.add("tree", "dir")
    with racing(work / "dir", work / "link"):
        for _ in range(times):
            kind(docker("cp", "-", "box:/work", stdin=Path("tree.tar").read_bytes()))
            kind(docker("cp", "-", "box:/work/dir", stdin=Path("tree.tar").read_bytes()))


def test_a_link_in_the_place_of_a_file_is_not_followed(docker: Docker, work: Path, outside: Path, times: int) -> None:
    Path("new").write_text("inside\n")
    with racing(work / "file", work / "point"):
        for n in range(times):
            kind(docker("cp", "new", "box:/work/file"))
            if kind(docker("cp", "box:/work/file", f"out{n}")) and not os.path.islink(f"out{n}"):
                assert Path(f"out{n}").read_text() == "inside\n"


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(docker: Docker, work: Path, outside: Path, times: int) -> None:
    with racing(work / "file", work / "pipe"):
        for n in range(times):
            if kind(docker("cp", "box:/work/file", f"out{n}")) and os.path.exists(f"out{n}"):
                assert Path(f"out{n}").read_text() == "inside\n"


def test_a_device_in_the_place_of_a_file_is_not_read(docker: Docker, work: Path, outside: Path, times: int) -> None:
    try:
        os.mknod(work / "endless", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except OSError:
        pytest.skip("no device can be made here")
    with racing(work / "file", work / "endless"):
        for n in range(times):
            if kind(docker("cp", "box:/work/file", f"out{n}")) and os.path.exists(f"out{n}"):
                assert Path(f"out{n}").read_text() == "inside\n"


def test_what_is_exported_compared_and_committed_is_the_containers(
    docker: Docker, engine: EmbeddedEngine, work: Path, outside: Path, times: int
) -> None:
    seen, found, tries = False, set(), 0
    with racing(work / "dir", work / "link"):
        while tries < times // 10 or not (seen and found):  # by chance the folder is away at every look
            tries += 1
            assert tries < 60
            answer = docker("export", "box")
            seen = seen or "inside\n" in answer.out or "work/link" in answer.out
            assert "kept" not in answer.out
            kind(answer)
            kind(docker("diff", "box"))
            kind(docker("ps", "-s"))
            kind(docker("commit", "--pause=false", "box"))
            trees = (engine.store.home / "layers").glob("*/tree/work/*/secret")
            found = {path.read_text() for path in trees if not path.parent.is_symlink()}
    assert found == {"inside\n"}


def test_a_volume_of_a_container_that_runs_leads_nowhere_through_one_that_does_not(
    docker: Docker, engine: EmbeddedEngine, outside: Path, isolation: str, times: int
) -> None:
    if isolation != "namespaces":
        pytest.skip("-v can't be had")
    begun(docker, outside, "-v", "data:/work")
    docker("create", "--name", "other", "-v", "data:/work", "busybox")
    data = engine.store.home / "volumes/data/_data"
    Path("new").write_text("mine")
    with racing(data / "dir", data / "link"):
        for n in range(times):
            kind(docker("cp", "new", "other:/work/dir/new"))
            kind(docker("cp", "new", "other:/work/dir/secret"))
            if kind(docker("cp", "other:/work/dir/secret", f"out{n}")):
                assert Path(f"out{n}").read_text() in ("inside\n", "mine")


def test_a_container_that_does_it_itself(docker: Docker, outside: Path, times: int) -> None:
    swap = f"while :; do mv dir away; ln -s {outside} dir; rm dir; mv away dir; done"
    begun(docker, outside, then=swap)
    assert copied_out(docker, times // 2) + copied_in(docker, times // 2) > 0


def test_what_is_mounted_into_a_shared_volume_is_mounted_inside(docker: Docker, isolation: str, outside: Path) -> None:
    """Two containers have a volume; one swaps a folder in it for a link while the other is made, of which something is to be mounted below that folder."""
    if isolation != "namespaces":
        pytest.skip("a volume is moved into the one container that has it")
    docker("volume", "create", "shared")
    volume = Path(docker("volume", "inspect", "-f", "{{.Mountpoint}}", "shared").out.strip())
    (volume / "dir").mkdir()
    (volume / "link").symlink_to(outside)
    Path("other").mkdir()
    Path("other/mine").write_text("mine")
    before, seen = sorted(os.listdir(outside)), 0
    with racing(volume / "dir", volume / "link"):
        for n in range(60):
            answer = docker(
                "run", "--rm", "-v", "shared:/work", "-v", f"{Path.cwd()}/other:/work/dir/new{n}", "busybox", "ls", f"/work/dir/new{n}"
            )
            seen += kind(answer) and answer.out == "mine\n"
    assert sorted(os.listdir(outside)) == before and seen > 0
