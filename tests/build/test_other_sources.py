"""What a build takes from elsewhere: other contexts, downloads, repositories; and what it writes beside the image."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import Answer, Docker, build
from tests.parts import missing

pytestmark = pytest.mark.usefixtures("containers_run_here")


def files(docker: Docker, folder: str) -> str:
    return docker(
        "run", "--rm", "t:1", "sh", "-c", f"cd {folder} && find . -type f | sort | xargs stat -c '%a %u %n' && cat $(find . -type f | sort)"
    ).out


@pytest.fixture
def other(tmp_path: Path) -> Path:
    folder = tmp_path / "other"
    (folder / "d").mkdir(parents=True)
    (folder / "d/o").write_text("other\n")
    (folder / "left").write_text("")
    (folder / ".dockerignore").write_text("left\n")
    return folder


def test_another_context_is_a_source_of_files(docker: Docker, other: Path) -> None:
    text = "FROM busybox\nCOPY --from=Oth . /o/\nCOPY a /\nRUN --mount=from=oth,target=/m cat /m/d/o > /seen\n"
    assert build(docker, text, "--build-context", f"oth={other}", a="1").code == 0
    assert docker("run", "--rm", "t:1", "sh", "-c", "ls /o /seen").out == "/seen\n\n/o:\nd\n"
    again = build(docker, text, "--build-context", f"oth={other}", a="1")
    assert again.err.count("CACHED") == 3
    (other / "d/o").write_text("changed\n")
    assert build(docker, text, "--build-context", f"oth={other}", a="1").err.count("CACHED") == 0


def test_another_context_comes_before_stages_and_images(docker: Docker, other: Path) -> None:
    docker("tag", "busybox", "mine:1")
    text = "FROM busybox AS s\nRUN touch /made\nFROM nosuch\nCOPY --from=s /d /d\n"
    flags = ("--build-context", f"s={other}", "--build-context", "nosuch=docker-image://mine:1")
    answer = build(docker, text, *flags)
    assert answer.code == 0 and "touch /made" not in answer.err, answer.err
    assert files(docker, "/d") == "644 0 ./o\nother\n"


def test_a_folder_can_be_a_base(docker: Docker, other: Path, busybox_file: Path) -> None:
    """As BuildKit does it: one layer with everything that .dockerignore leaves, root's; no FROM is counted done; the exporter fills up the history."""
    (other / "d").chmod(0o700)
    (other / "sh").write_bytes(busybox_file.read_bytes())
    (other / "sh").chmod(0o755)
    text = 'ARG BASE=oth\nFROM $BASE AS one\nENV A=1\nRUN ["/sh", "-c", "echo 1 > /made"]\nFROM one\nCOPY Dockerfile /\n'
    first = build(docker, text, "--build-context", f"oth={other}")
    assert first.code == 0, first.err
    assert (
        "[context oth] load from client" in first.err
        and "[one 1/2] RUN" in first.err
        and "FROM" not in first.err.split("load from client")[1]
    )
    image = json.loads(docker("image", "inspect", "t:1").out)[0]
    assert image["Config"]["Env"][-1] == "A=1" and image["Config"]["WorkingDir"] == "/" and len(image["RootFS"]["Layers"]) == 3
    rows = [json.loads(line) for line in docker("history", "--no-trunc", "--format", "json", "t:1").out.splitlines()]
    assert [row["CreatedBy"] for row in rows] == [
        "[stage-1 1/1] COPY Dockerfile /",
        "COPY Dockerfile / # buildkit",
        "RUN /sh -c echo 1 > /made # buildkit",
        "ENV A=1",
    ]
    assert rows[0]["Comment"] == "buildkit.exporter.image.v0"
    assert build(docker, text, "--build-context", f"oth={other}").err.count("CACHED") == 3
    (other / "left").write_text("ignored")
    assert build(docker, text, "--build-context", f"oth={other}").err.count("CACHED") == 3
    (other / "d/o").write_text("changed\n")
    assert build(docker, text, "--build-context", f"oth={other}").err.count("CACHED") == 0
    assert build(docker, "FROM oth\n", "--build-context", f"oth={other}").code == 0
    docker("save", "-o", "saved.tar", "t:1")
    with tarfile.open("saved.tar") as tar:
        manifest = json.load(tar.extractfile("manifest.json") or open("/dev/null"))[0]
        with tarfile.open(fileobj=tar.extractfile(manifest["Layers"][0])) as layer:
            found = [(one.name, one.mode, one.uid, one.mtime) for one in layer if one.isdir() or one.name.startswith("d/")]
    assert found == [("d", 0o700, 0, int((other / "d").stat().st_mtime)), ("d/o", 0o644, 0, int((other / "d/o").stat().st_mtime))]
    history = docker("history", "--format", "{{.CreatedBy}}", "t:1").out
    assert history == "local source for oth\n"


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("oth", "invalid context value: oth, expected key=value"),
        ("oth=nosuch", "failed to get build context oth"),
        ("BAD/../x=.", "invalid context name BAD/../x: invalid reference format"),
        ("busybox=docker-image://nosuch", "nosuch: failed to resolve source metadata"),
    ],
)
def test_what_can_be_no_context_is_refused(docker: Docker, flag: str, said: str) -> None:
    answer = build(docker, "FROM busybox\nRUN true\n", "--build-context", flag)
    assert answer.code == 1 and said in answer.err and "Traceback" not in answer.err


def test_what_was_built_is_written_down(docker: Docker, tmp_path: Path) -> None:
    build(docker, "FROM busybox\nRUN echo 1 > /f\n", "-t", "site:2", "--metadata-file", "m.json", "-o", "type=oci,dest=o.tar")
    identifier = json.loads(docker("image", "inspect", "t:1").out)[0]["Id"]
    assert json.loads(Path("m.json").read_text()) == {
        "containerimage.config.digest": identifier,
        "containerimage.digest": identifier,
        "image.name": "docker.io/library/t:1,docker.io/library/site:2",
    }
    with tarfile.open("o.tar") as tar:

        def blob(digest: str) -> bytes:
            found = tar.extractfile("blobs/sha256/" + digest[7:])
            assert found is not None
            data = found.read()
            assert "sha256:" + hashlib.sha256(data).hexdigest() == digest
            return data

        index = json.load(tar.extractfile("index.json") or open("/dev/null"))
        manifest = json.loads(blob(index["manifests"][0]["digest"]))
        assert manifest["config"]["digest"] == identifier and json.load(tar.extractfile("oci-layout") or open("/dev/null"))
        for layer in manifest["layers"]:
            assert len(blob(layer["digest"])) == layer["size"]


class _Files(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        data = b"0123456789" * 1000
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data) + (5 if self.path == "/cut" else 0)))
        self.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT" if self.path != "/undated" else "some day")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Files) as one:
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{one.server_port}"
        one.shutdown()


def test_a_download_is_a_file_of_its_own_time(docker: Docker, server: str) -> None:
    digest = "sha256:" + hashlib.sha256(b"0123456789" * 1000).hexdigest()
    assert build(docker, f"FROM busybox\nADD --checksum={digest} {server}/a.bin /d/\nADD {server}/undated /d/\n").code == 0
    seen = docker("run", "--rm", "t:1", "stat", "-c", "%a %u %s %Y", "/d/a.bin", "/d/undated").out
    assert seen == "600 0 10000 1704067200\n600 0 10000 0\n"


@pytest.mark.parametrize(
    ("path", "flag", "said"),
    [
        ("/missing", "", "invalid response status 404"),
        ("/cut", "", "failed to load cache key"),
        ("/a", "--checksum=sha256:" + "0" * 64, "digest mismatch sha256:"),
        ("/", "", "cannot determine filename"),
    ],
)
def test_a_download_that_fails_says_why(docker: Docker, server: str, path: str, flag: str, said: str) -> None:
    answer = build(docker, f"FROM busybox\nADD {flag} {server}{path} /d/\n")
    assert answer.code == 1 and said in answer.err and "Traceback" not in answer.err


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    """A repository behind git's own server, on loopback."""
    if shutil.which("git") is None:
        missing("git", "apt-get install git")
    folder = tmp_path / "served/one.git"
    folder.mkdir(parents=True)

    def git(*words: str) -> None:
        own = ["-c", "user.name=n", "-c", "user.email=e", "-c", "safe.directory=*"]
        subprocess.run(["git", *own, *words], cwd=folder, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    (folder / "sub").mkdir()
    (folder / "sub/f").write_text("one\n")
    (folder / "run").write_text("x\n")
    (folder / "run").chmod(0o755)
    git("add", ".")
    git("commit", "-qm", "1")
    git("branch", "old")
    (folder / "sub/f").write_text("two\n")
    git("commit", "-qam", "2")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    served = ["--reuseaddr", "--listen=127.0.0.1", f"--port={port}", f"--base-path={tmp_path}/served", "--export-all"]
    process = subprocess.Popen(["git", "-c", "safe.directory=*", "daemon", *served], stderr=subprocess.DEVNULL, start_new_session=True)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.05)
    yield f"git://127.0.0.1:{port}/one.git"
    process.terminate()
    process.wait()


def add(docker: Docker, word: str, flag: str = "") -> Answer:
    return build(docker, f"FROM busybox\nADD {flag} {word} /r\n")


def test_a_repository_is_added_as_it_is_at_a_branch(docker: Docker, repository: str) -> None:
    assert add(docker, repository).code == 0
    assert files(docker, "/r") == "755 0 ./run\n644 0 ./sub/f\nx\ntwo\n"
    assert add(docker, repository).err.count("CACHED") == 1
    assert add(docker, f"{repository}#old:sub").code == 0
    assert files(docker, "/r") == "644 0 ./f\none\n"
    assert add(docker, repository, "--keep-git-dir=true").code == 0
    assert docker("run", "--rm", "t:1", "ls", "/r/.git/HEAD").code == 0


@pytest.mark.parametrize("tail", ["#nosuch", "#main:nosuch", "/../none.git"])
def test_a_repository_that_is_not_there_says_so(docker: Docker, repository: str, tail: str) -> None:
    answer = add(docker, repository.replace("one.git", "none.git") if tail.startswith("/") else repository + tail)
    assert answer.code == 1 and "failed to load cache key" in answer.err and "hint:" in answer.err and "Traceback" not in answer.err
