"""The files that Docker puts into every container: seen by `cp` and `export`, never by `commit`; and what `cp` does at mounts."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from dockerlab.errors import StoreError
from dockerlab.store import Store
from tests.conformance.program import Program
from tests.conftest import Docker, build

pytestmark = pytest.mark.usefixtures("containers_run_here")


@pytest.fixture
def tar_of(engine: object, docker: Docker) -> object:
    """tar_of("cp", "box:/etc", "-") → {name: member} of what the words write."""
    program = Program.__new__(Program)
    program.engine = engine  # type: ignore[assignment]

    def read(*words: str) -> dict[str, tarfile.TarInfo]:
        answer = program(*words)
        assert answer.returncode == 0, answer.stderr
        with tarfile.open(fileobj=io.BytesIO(answer.stdout)) as archive:
            return {member.name: member for member in archive}

    return read


def test_a_container_that_never_ran_has_dockers_empty_files(docker: Docker, tar_of) -> None:  # type: ignore[no-untyped-def]
    docker("create", "--name", "box", "busybox", "true")
    whole = tar_of("export", "box")
    for name in (".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf"):
        assert (whole[name].isreg(), whole[name].mode, whole[name].size) == (True, 0o755, 0), name
    assert whole["etc/mtab"].linkname == "/proc/mounts"
    assert all(whole[name].isdir() for name in ("dev", "dev/pts", "dev/shm", "proc", "sys"))
    assert set(tar_of("cp", "box:/dev", "-")) == {"dev", "dev/console", "dev/pts", "dev/shm"}
    assert docker("diff", "box").out == ""


def test_a_container_that_ran_shows_its_name_to_cp_and_none_to_export(docker: Docker, tar_of) -> None:  # type: ignore[no-untyped-def]
    docker("run", "--name", "box", "--hostname", "web", "--add-host", "db:203.0.113.5", "busybox", "true")
    assert docker("cp", "box:/etc/hostname", "hn").code == 0 and Path("hn").read_text() == "web\n"
    docker("cp", "box:/etc/hosts", "hosts")
    assert "203.0.113.5\tdb\n" in Path("hosts").read_text()
    assert tar_of("cp", "box:/etc", "-")["etc/hostname"].mode == 0o644
    assert tar_of("export", "box")["etc/hostname"].size == 0


def test_a_store_that_may_only_be_looked_at_shows_them_too(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    docker("run", "--name", "box", "-h", "web", "busybox", "touch", "/f")

    def refused(store: Store) -> None:
        raise StoreError("the store can't be written: its file system is read-only")

    monkeypatch.setattr(Store, "tmp", refused)
    assert docker("diff", "box").out == "A /f\n"
    assert docker("cp", "box:/etc/hostname", "hn").code == 0 and Path("hn").read_text() == "web\n"


def test_what_a_running_container_wrote_to_its_hosts_is_copied(docker: Docker) -> None:
    docker("run", "-d", "--name", "box", "busybox", "sleep", "300")
    docker("exec", "box", "sh", "-c", "echo 203.0.113.9 added >> /etc/hosts")
    docker("cp", "box:/etc/hosts", "hosts")
    assert Path("hosts").read_text().endswith("203.0.113.9 added\n")


def test_a_folder_that_a_hostile_image_links_out_of_itself_is_not_followed(docker: Docker) -> None:
    build(docker, 'FROM busybox AS all\nFROM scratch\nCOPY --from=all /bin /bin\nRUN ["/bin/ln", "-s", "/elsewhere", "/etc"]\n')
    docker("run", "-d", "--name", "box", "t:1", "/bin/sleep", "300")
    answer = docker("cp", "box:/etc/hostname", "hn")
    assert answer.code == 1 or Path("hn").read_text() != Path("/etc/hostname").read_text()


def test_no_image_gets_them(docker: Docker, tar_of) -> None:  # type: ignore[no-untyped-def]
    docker("run", "--name", "box", "busybox", "sh", "-c", "echo 1 > /etc/own; rm /.dockerenv")
    assert docker("diff", "box").out == "D /.dockerenv\nC /etc\nA /etc/own\n"
    docker("commit", "box", "kept")
    assert docker("export", "box").code == 0 and ".dockerenv" not in tar_of("export", "box")
    docker("build", "-q", "-o", "out", "-", stdin=b"FROM kept\n")
    assert Path("out/etc/own").exists() and not Path("out/etc/hosts").exists() and not Path("out/.dockerenv").exists()


def test_the_images_own_hosts_file_is_hidden_as_docker_hides_it(docker: Docker, tar_of) -> None:  # type: ignore[no-untyped-def]
    build(docker, "FROM busybox\nCOPY hosts issue /etc/\n", hosts="of the image\n", issue="kept\n")
    docker("create", "--name", "box", "t:1")
    whole = tar_of("export", "box")
    assert whole["etc/hosts"].size == 0 and whole["etc/issue"].size == 5


def test_an_image_of_nothing_is_exported_with_them(docker: Docker, tar_of) -> None:  # type: ignore[no-untyped-def]
    build(docker, "FROM scratch\nCOPY a /a\n", a="1\n")
    docker("create", "--name", "box", "t:1", "/a")
    assert {"a", ".dockerenv", "etc/mtab", "proc", "dev/pts"} <= set(tar_of("export", "box"))


def test_cp_reads_and_writes_a_stopped_containers_volume(docker: Docker) -> None:
    Path("new").write_text("new\n")
    docker("run", "--name", "box", "-v", "data:/v", "busybox", "sh", "-c", "mkdir /v/d; echo 1 > /v/d/f")
    assert docker("cp", "box:/v/d/f", "f").code == 0 and Path("f").read_text() == "1\n"
    assert docker("cp", "new", "box:/v/d/").code == 0
    assert docker("run", "--rm", "-v", "data:/v", "busybox", "ls", "/v/d").out == "f\nnew\n"
    assert docker("diff", "box").out == "A /v\n"


def test_cp_reads_a_folder_of_this_machine_that_is_mounted(docker: Docker, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "f").write_text("here\n")
    docker("create", "--name", "box", "-v", f"{shared}:/deep/er:ro", "busybox", "true")
    assert docker("cp", "box:/deep", "got").code == 0 and Path("got/er/f").read_text() == "here\n"
    answer = docker("cp", "got", "box:/deep/er/x")
    assert answer.code == 1 and "mounted volume is marked read-only" in answer.err
    assert sorted(path.name for path in shared.iterdir()) == ["f"]


@pytest.mark.parametrize("started", [True, False])
def test_a_read_only_container_takes_files_only_into_a_volume(docker: Docker, started: bool) -> None:
    Path("f").write_text("1\n")
    docker(*(("run", "-d") if started else ("create",)), "--name", "box", "--read-only", "-v", "data:/v", "busybox", "sleep", "300")
    answer = docker("cp", "f", "box:/f")
    assert answer.code == 1 and "container rootfs is marked read-only" in answer.err
    assert docker("cp", "f", "box:/v/f").code == 0
    assert docker("run", "--rm", "-v", "data:/v", "busybox", "cat", "/v/f").out == "1\n"


def test_a_mounted_file_is_not_replaced(docker: Docker) -> None:
    Path("f").write_text("1\n")
    docker("run", "-d", "--name", "box", "busybox", "sleep", "300")
    answer = docker("cp", "f", "box:/etc/hostname")
    assert answer.code == 1 and "device or resource busy" in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [(("f", "box:"), "no such directory"), (("box:", "x"), "path cannot be empty"), (("box:", "-"), "path cannot be empty")],
)
def test_an_empty_path_of_a_container_is_not_its_root(docker: Docker, words: tuple[str, str], said: str) -> None:
    Path("f").write_text("1\n")
    docker("create", "--name", "box", "busybox")
    answer = docker("cp", *words)
    assert answer.code == 1 and said in answer.err and not Path("x").exists()
