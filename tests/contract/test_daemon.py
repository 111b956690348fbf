"""What the engine on a daemon does by itself: which daemon it takes, names of the catalogue in it, a build without docker's client, what it reads of a trace."""

from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockerlab.build import Built, StepDone, StepOutput, StepStarted
from dockerlab.build.plan import Plan
from dockerlab.dockerfile import parse
from dockerlab.engine import BuildOptions, Streams, open_engine
from dockerlab.engine.daemon import solving
from dockerlab.engine.daemon.attachment import Pump, socket_of
from dockerlab.engine.daemon.building import Told, lines_of
from dockerlab.engine.daemon.connection import Address, address, connect
from dockerlab.engine.daemon.engine import DaemonEngine
from dockerlab.engine.daemon.images import _without_layer
from dockerlab.engine.daemon.names import ours
from dockerlab.engine.daemon.rewriting import renamed
from dockerlab.engine.daemon.spoken import Spoken
from dockerlab.engine.daemon.trace import Status, Vertex, read_status, status_of
from dockerlab.errors import DockerlabError, NotFoundError, RuntimeUnavailableError, UsageError
from dockerlab.oci import Reference
from dockerlab.store import Store
from tests.parts import missing, package_tools

START = 'as root on Debian: eval "$(scripts/reference-docker start)"'


# --- which daemon


def context(folder: Path, name: str, host: str) -> None:
    import hashlib

    meta = folder / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))


def test_the_daemon_is_the_one_that_dockers_client_would_take(tmp_path: Path) -> None:
    context(tmp_path, "far", "tcp://192.0.2.1:2375")
    there = {"DOCKER_CONFIG": str(tmp_path)}
    assert address({**there, "DOCKER_HOST": "unix:///a.sock", "DOCKER_CONTEXT": "far"}) == Address("unix:///a.sock", "DOCKER_HOST")
    assert address({**there, "DOCKER_CONTEXT": "far"}) == Address("tcp://192.0.2.1:2375", "context far")
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "far"}))
    assert address(there).host == "tcp://192.0.2.1:2375"
    with pytest.raises(RuntimeUnavailableError) as raised:
        address({**there, "DOCKER_CONTEXT": "near"})
    assert raised.value.message == 'context "near" does not exist'


def test_podmans_socket_is_taken_where_there_is_no_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dockerlab.engine.daemon.connection._SOCKET", str(tmp_path / "none.sock"))
    (tmp_path / "podman").mkdir()
    (tmp_path / "podman/podman.sock").touch()
    assert address({"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}).host == f"unix://{tmp_path}/podman/podman.sock"


def test_where_there_is_no_daemon_it_is_said_and_what_works_without(tmp_path: Path) -> None:
    with pytest.raises(RuntimeUnavailableError) as raised:
        connect(Address(f"unix://{tmp_path}/none.sock", "DOCKER_HOST"))
    assert raised.value.message.startswith(f"Cannot connect to the Docker daemon at unix://{tmp_path}/none.sock (from DOCKER_HOST)")
    assert "DOCKERLAB_ENGINE=embedded" in raised.value.hint


def test_a_socket_that_nobody_listens_at_is_no_daemon(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "deaf.sock"))
    with pytest.raises(RuntimeUnavailableError, match="Cannot connect to the Docker daemon"):
        connect(Address(f"unix://{tmp_path}/deaf.sock", "default"))


def test_a_socket_that_one_may_not_use_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shut.sock").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(RuntimeUnavailableError) as raised:
        connect(Address(f"unix://{tmp_path}/shut.sock", "default"))
    assert raised.value.message.startswith("permission denied") and "usermod -aG docker" in raised.value.hint


@pytest.fixture
def old_daemon() -> Iterator[str]:
    """A daemon that says it is Docker 18.09."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"ApiVersion": "1.39", "Version": "18.09"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"tcp://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_daemon_that_is_too_old_is_refused_by_its_version(old_daemon: str) -> None:
    with pytest.raises(RuntimeUnavailableError) as raised:
        connect(Address(old_daemon, "DOCKER_HOST"))
    assert "1.39" in raised.value.message


def test_the_engine_is_chosen_by_a_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKERLAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    said: list[str] = []
    monkeypatch.setenv("DOCKERLAB_ENGINE", "auto")
    assert type(open_engine(said.append)).__name__ == "EmbeddedEngine" and said[0].startswith("engine: embedded (Cannot connect")
    monkeypatch.setenv("DOCKERLAB_ENGINE", "daemon")
    with pytest.raises(RuntimeUnavailableError):
        open_engine()
    monkeypatch.setenv("DOCKERLAB_ENGINE", "deamon")
    with pytest.raises(UsageError) as raised:
        open_engine()
    assert raised.value.hint == "embedded (the default), daemon or auto"


# --- names


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DaemonEngine]:
    monkeypatch.setenv("DOCKERLAB_HOME", str(tmp_path / "home"))
    try:
        engine = DaemonEngine.open()
    except RuntimeUnavailableError:
        missing("a Docker that answers", START)
        raise
    _without_ours(engine)
    yield engine
    _without_ours(engine)
    engine.close()


def _without_ours(engine: DaemonEngine) -> None:
    for name in (str(ours(Reference.parse("busybox"))), "daemon-test:1", "daemon-test:2"):
        try:
            engine.calls.delete(f"/images/{name}", force=1)
        except NotFoundError:
            pass


@pytest.mark.network
def test_a_lessons_image_reaches_the_daemon_under_a_name_of_ours(
    daemon: DaemonEngine, composed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package_tools()
    subprocess.run(["cp", "-a", f"{composed}/.", str(tmp_path / "home")], check=True)
    daemon.store = Store.open(tmp_path / "home")
    theirs = daemon.calls.get("/images/busybox:latest/json").json()["Id"]
    monkeypatch.setenv("DOCKERLAB_BASES", "catalogue")
    said: list[str] = []
    daemon.notice = said.append
    daemon.names._store = daemon.store
    text = (
        "FROM busybox AS first\nRUN echo made > /made\nFROM busybox\nCOPY --from=busybox /bin/busybox /again\nCOPY --from=first /made /\n"
    )
    *_, built = daemon.build(BuildOptions(dockerfile_text=text, tags=("daemon-test:1",)))
    assert isinstance(built, Built) and said == [
        "busybox:latest: taken from the catalogue (composed from Debian packages), in the daemon as dockerlab.local/busybox:latest"
    ]
    base = daemon.image_inspect("busybox")
    assert base["RepoTags"] == ["dockerlab.local/busybox:latest"] and built.image.config.diff_ids[:1] == tuple(base["RootFS"]["Layers"])
    monkeypatch.delenv("DOCKERLAB_BASES")
    assert daemon.image_inspect("busybox")["Id"] == theirs, "the user's own name is what it was"


def test_names_change_only_where_images_are_named() -> None:
    text = (
        "ARG TAG=1\nFROM --platform=linux/amd64 base:$TAG AS base\nRUN echo base:1\n"
        "FROM \\\n  base:1 AS second\nCOPY --from=base /a /b\nCOPY --from=other:2 /a /b\nRUN --mount=type=bind,from=other:2,target=/m ls\nFROM kept AS third\n"
    )
    dockerfile = parse(text, "Dockerfile")
    asked: list[str] = []

    def given(name: str) -> str:
        asked.append(name)
        return name if name == "kept" else f"dockerlab.local/{name}"

    plans = {target: renamed(dockerfile, Plan(dockerfile, target, lambda name: None), given) for target in ("second", "third")}
    assert plans["second"] == (
        "ARG TAG=1\nFROM --platform=linux/amd64 base:$TAG AS base\nRUN echo base:1\n".replace("base:$TAG", "dockerlab.local/base:1")
        + "FROM \\\n  dockerlab.local/base:1 AS second\nCOPY --from=base /a /b\nCOPY --from=dockerlab.local/other:2 /a /b\n"
        "RUN --mount=type=bind,from=dockerlab.local/other:2,target=/m ls\nFROM kept AS third\n"
    )
    assert plans["third"] == text and asked[-1] == "kept"


# --- builds


def test_without_dockers_client_buildkit_is_asked_over_the_socket(
    daemon: DaemonEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(solving, "_has_buildx", lambda client, where: False)
    monkeypatch.delenv("DOCKERLAB_BASES", raising=False)
    (tmp_path / "context").mkdir()
    (tmp_path / "context/Dockerfile").write_text("FROM busybox\nCOPY . /all\nRUN echo told; ls /all\n")
    events = list(daemon.build(BuildOptions(context=str(tmp_path / "context"), tags=("daemon-test:2",), no_cache=True)))
    assert b"".join(event.data for event in events if isinstance(event, StepOutput)) == b"told\nDockerfile\n"
    assert [event.name for event in events if isinstance(event, StepDone)][1:] == ["[2/3] COPY . /all", "[3/3] RUN echo told; ls /all"]
    with pytest.raises(UsageError, match="--secret needs docker's own client"):
        list(daemon.build(BuildOptions(dockerfile_text="FROM busybox\n", secrets={"a": b"b"})))
    with pytest.raises(DockerlabError) as raised:
        list(daemon.build(BuildOptions(dockerfile_text="FROM busybox\nRUN exit 3\n")))
    assert raised.value.message.endswith("exit code: 3") and ">>> RUN exit 3" in raised.value.excerpt


def test_a_step_that_is_told_twice_is_done_once_and_cached_if_the_second_says_so() -> None:
    dockerfile = parse("FROM base AS one\nRUN true\n", "Dockerfile")
    told = Told(lines_of(Plan(dockerfile, "", lambda name: None)))

    def vertex(**more: Any) -> Status:
        return Status(
            [
                Vertex(
                    **{
                        "digest": "d",
                        "inputs": (),
                        "name": "[one 2/2] RUN true",
                        "cached": False,
                        "started": 1.0,
                        "completed": 0.0,
                        "error": "",
                        **more,
                    }
                )
            ]
        )

    events = [
        event for one in (vertex(), vertex(completed=2.0), vertex(completed=2.0, cached=True), Status()) for event in told.events(one)
    ]
    assert [type(event).__name__ for event in events] == ["StepStarted", "StepDone"]
    assert events[-1].cached and events[0].line == 2  # type: ignore[attr-defined]


def test_a_base_image_that_two_stages_begin_with_is_no_input_from_one_to_the_other() -> None:
    dockerfile = parse("FROM base AS one\nRUN 1\nFROM base AS two\nCOPY --from=one x y\n", "Dockerfile")
    told = Told(lines_of(Plan(dockerfile, "", lambda name: None)))

    def vertex(digest: str, name: str, *inputs: str) -> Vertex:
        return Vertex(digest, inputs, name, False, 1.0, 2.0, "")

    steps = [
        vertex("a", "[one 1/2] FROM base"),
        vertex("b", "[one 2/2] RUN 1", "a"),
        vertex("c", "[two 2/2] COPY --from=one x y", "a", "b"),
    ]
    events = [event for event in told.events(Status(steps)) if isinstance(event, StepStarted)]
    assert [event.inputs for event in events] == [(), (1,), (2,)]


def test_lines_are_counted_from_the_end_of_a_stage_since_a_base_may_leave_steps_for_its_children() -> None:
    dockerfile = parse("FROM a AS one\nRUN 1\nRUN 2\nFROM one AS two\nCOPY --from=one x y\n", "Dockerfile")
    told = Told(lines_of(Plan(dockerfile, "", lambda name: None)))
    names = ["[one 1/5] FROM a", "[one 4/5] RUN 1", "[one 5/5] RUN 2", "[two 1/1] COPY", "[linux/arm64 one 5/5] RUN 2"]
    assert [told.line(name) for name in names] == [1, 2, 3, 5, 3]


def test_both_forms_of_a_trace_say_the_same() -> None:
    def field(number: int, data: bytes) -> bytes:
        return bytes([number << 3 | 2, len(data)]) + data

    stamp = b"\x08\x05\x10\x80\xca\xb5\xee\x01"  # 5.5 seconds
    vertex = (
        field(1, b"v") + field(2, b"w") + field(3, b"[1/1] FROM a") + b"\x20\x01" + field(5, stamp) + field(6, stamp) + field(7, b"bad")
    )
    log = field(1, b"v") + b"\x18\x02" + field(4, b"said")
    warning = field(3, b"Rule: what") + field(5, b"url") + field(7, field(1, b"\x08\x07"))
    sent = read_status(field(1, vertex) + field(3, log) + field(4, warning))
    spoken = status_of(
        {
            "vertexes": [
                {
                    "digest": "v", "inputs": ["w"], "name": "[1/1] FROM a", "cached": True, "error": "bad",
                    "started": "1970-01-01T00:00:05.5Z", "completed": "1970-01-01T00:00:05.5Z",
                }
            ],
            "logs": [{"vertex": "v", "stream": 2, "data": b64encode(b"said").decode()}],
            "warnings": [{"short": b64encode(b"Rule: what").decode(), "url": "url", "range": [{"start": {"line": 7}}]}],
        }
    )  # fmt: skip
    assert sent == spoken


@given(st.binary(max_size=200))
def test_any_bytes_are_a_trace_or_refused(data: bytes) -> None:
    try:
        read_status(data)
    except ValueError:
        pass


def test_what_podmans_builder_prints_is_read_too() -> None:
    read = Spoken([1, 2, 3])
    text = "STEP 1/3: FROM busybox\n--> 1111aaaa2222\nSTEP 2/3: RUN echo hi\nhi\n--> 3333bbbb4444\nSTEP 3/3: CMD x\n--> Using cache 5555cccc66667777\n"
    events = [event for event in read.events(text + "COMMIT t\n")] + list(read.end())
    assert [(event.name, event.cached) for event in events if isinstance(event, StepDone)] == [
        ("Step 1/3 : FROM busybox", False),
        ("Step 2/3 : RUN echo hi", False),
        ("Step 3/3 : CMD x", True),
    ]
    assert [event.data for event in events if isinstance(event, StepOutput)] == [b"hi\n"]


# --- history


def test_which_lines_of_a_history_have_a_layer_is_told_only_where_it_is_sure() -> None:
    def line(text: str, size: int = 0) -> dict[str, Any]:
        return {"CreatedBy": text, "Size": size}

    run, workdir, env = line("RUN true # buildkit"), line("WORKDIR /x"), line("ENV A=1")
    assert _without_layer([env, line("RUN x", 5)], 1) == [True, False]
    assert _without_layer([env, workdir, run, line("", 9)], 3) == [True, False, False, False]
    assert _without_layer([run, workdir, line("", 9)], 2) is None, "which of the two it is can't be known"


# --- streams


def test_what_came_with_the_headers_is_no_less_said() -> None:
    """A daemon that says at once why an exec can't start: http.client has read further than the headers."""
    here, there = socket.socketpair()
    frames = [bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data for stream, data in ((1, b"early\n"), (1, b"late\n"))]
    there.sendall(b"HTTP/1.1 101 UPGRADED\r\n" + frames[0][:11])
    file = here.makefile("rb")
    assert file.readline() == b"HTTP/1.1 101 UPGRADED\r\n"
    channel: Any = file.raw
    channel._response = SimpleNamespace(raw=SimpleNamespace(_fp=SimpleNamespace(fp=file)))
    out, into = os.pipe()
    pump = Pump(socket_of(channel), Streams(None, into, into), tty=False, keep=channel)
    there.sendall(frames[0][11:] + frames[1])
    there.close()
    assert pump.wait(20)
    pump.close()
    os.close(into)
    with open(out, "rb") as said:
        assert said.read() == b"early\nlate\n"
