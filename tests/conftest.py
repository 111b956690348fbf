"""What several rooms' tests share: a static busybox, an engine on a store of its own, docker's verbs with their answers caught."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.runtime.capabilities import Capabilities
from dockerlab.store import Store
from tests.conformance.program import Program, recorded_base
from tests.isolations import beside
from tests.isolations.fixtures import own, place  # noqa: F401 - for every room
from tests.isolations.playing import own_counts
from tests.isolations.refusals import refusals_of
from tests.isolations.table import TABLE
from tests.ordinary import OrdinaryUser
from tests.ordinary import ordinary_user as some_ordinary_user
from tests.parts import ROOT, busybox, missing, package_tools

os.environ["DOCKERLAB_BASES"] = "catalogue"  # no test waits for a registry but those about registries, which take this away


@dataclass(frozen=True)
class Answer:
    """What a verb ended with and said."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def busybox_file() -> Path:
    return busybox()


@pytest.fixture(scope="session")
def isolation_here(tmp_path_factory: pytest.TempPathFactory) -> Capabilities:
    """What dockerlab chooses where this run itself is."""
    return Capabilities.load(None, tmp_path_factory.mktemp("probe"))


@pytest.fixture(scope="session")
def containers_run_here(isolation_here: Capabilities) -> None:
    """Skip where no process can be started in a container."""
    if isolation_here.isolation == "none":
        missing("a way to run containers", isolation_here.reason)


@pytest.fixture(autouse=True)
def can_be_had(request: pytest.FixtureRequest) -> None:
    """Skip what this isolation refuses, and `dockerlab doctor` says that it does."""
    path = request.path.relative_to(ROOT / "tests").as_posix()
    if (refusals := refusals_of(path, request.node.name)) and (reason := refusals.get(request.getfixturevalue("isolation_here").isolation)):
        pytest.skip(reason)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is played beside the suite is waited for at its end."""
    items.sort(key=lambda item: item.get_closest_marker("played_beside") is not None)


def pytest_runtestloop(session: pytest.Session) -> None:
    """Begin it."""
    rows = [item.callspec.params for item in session.items if item.get_closest_marker("played_beside")]  # type: ignore[attr-defined]
    if rows and not session.config.option.collectonly:
        beside.begin((params["name"], params["room"]) for params in rows)


def pytest_sessionfinish() -> None:
    """Nobody waits for it any more."""
    beside.end()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of the isolations, if this run played in any but its own."""
    for isolation, room, counts in own_counts(terminalreporter.stats):
        if isolation or TABLE.own:
            TABLE.add(isolation or TABLE.own, room, counts)
    if not TABLE.rows.keys() - {TABLE.own}:
        return
    terminalreporter.section("isolations")
    for line in (*TABLE.lines(), "", *TABLE.reasons()):
        terminalreporter.write_line(line)
    if path := terminalreporter.config.getoption("--isolations-report", "") or os.environ.get("DOCKERLAB_ISOLATIONS"):
        Path(path).write_text(TABLE.page(), encoding="utf-8")


@pytest.fixture(scope="session")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with nginx and busybox from the catalogue; take a copy to write to it."""
    package_tools()
    home = tmp_path_factory.mktemp("composed") / "home"
    engine = EmbeddedEngine(Store.open(home))
    for name in ("nginx", "busybox"):
        engine.resolve_name(name)
    engine.close()
    return home


@pytest.fixture
def ordinary_user() -> Iterator[OrdinaryUser]:
    with some_ordinary_user() as user:
        yield user


@pytest.fixture(scope="session")
def template_home(busybox_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds busybox:latest."""
    home = tmp_path_factory.mktemp("template") / "home"
    before = os.environ.get("DOCKERLAB_HOME")
    os.environ["DOCKERLAB_HOME"] = str(home)
    try:
        program = Program()
        recorded_base(program, busybox_file)
        program.engine.close()
        for isolation in ("chroot", "proot"):
            (home / f"told-{isolation}").touch()  # as in a store that was used before
    finally:
        os.environ.pop("DOCKERLAB_HOME")
        if before is not None:
            os.environ["DOCKERLAB_HOME"] = before
    return home


@pytest.fixture
def home(template_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of the test's own with busybox:latest, named by DOCKERLAB_HOME."""
    target = tmp_path / "home"
    subprocess.run(["cp", "-a", str(template_home), str(target)], check=True)
    monkeypatch.setenv("DOCKERLAB_HOME", str(target))
    return target


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder of this machine, with a file and an empty folder, that must be afterwards what it was."""
    folder = tmp_path / "outside"
    (folder / "sub").mkdir(parents=True)
    (folder / "secret").write_text("kept")
    for path in (folder / "sub", folder / "secret", folder):
        os.utime(path, (1000, 1000))
    yield folder
    assert sorted(os.listdir(folder)) == ["secret", "sub"] and os.listdir(folder / "sub") == []
    assert (folder / "secret").read_text() == "kept" and (folder / "secret").stat().st_nlink == 1
    assert [path.lstat().st_mtime for path in (folder, folder / "sub", folder / "secret")] == [1000, 1000, 1000]
    assert [path.lstat().st_mode & 0o777 for path in (folder / "sub", folder / "secret")] == [0o755, 0o644]


@pytest.fixture
def engine(home: Path) -> Iterator[EmbeddedEngine]:
    one = EmbeddedEngine(Store.open(home))
    yield one
    for item in one.containers(all=True):
        one.remove(item["Id"], force=True)
    one.close()


Docker = Callable[..., Answer]
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def docker(engine: EmbeddedEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """docker("ps", "-a") → Answer; the words run in an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    program = Program.__new__(Program)
    program.engine = engine

    def run(*words: str, stdin: bytes | None = None, env: dict[str, str] | None = None) -> Answer:
        answer = program(*words, stdin=stdin, env=env)
        return Answer(answer.returncode, answer.stdout.decode("utf-8", "replace"), answer.stderr.decode("utf-8", "replace"))

    return run


@pytest.fixture
def command(home: Path, tmp_path: Path) -> Command:
    """`dockerlab …` as a process of its own."""

    def run(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [sys.executable, "-m", "dockerlab", *words], capture_output=True, text=True, env=environment, timeout=120, **more
        )  # type: ignore[call-overload,no-any-return]

    return run


def refused(docker: Docker, *flags: str, words: str) -> None:
    """`docker run` with these flags is refused in these words, and nothing is made."""
    answer = docker("run", "--rm", *flags, "busybox", "true")
    assert answer.code == 125 and words in answer.err and docker("ps", "-aq").out == ""


def sh(docker: Docker, script: str, name: str = "t:1") -> str:
    """What a script in a container of an image prints."""
    answer = docker("run", "--rm", name, "sh", "-c", script)
    assert answer.code == 0, answer.err
    return answer.out


def build(docker: Docker, dockerfile: str, *flags: str, tag: str = "t:1", **files: str) -> Answer:
    """Build a Dockerfile in the current folder, with files beside it (a double underscore in a name is a dot)."""
    Path("Dockerfile").write_text(dockerfile)
    for name, text in files.items():
        path = Path(name.replace("__", "."))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return docker("build", "-t", tag, *flags, ".")
