"""Builds as their user meets them: what is cached and why, what an error says, what is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Command, Docker, build, sh
from tests.parts import ROOT

pytestmark = pytest.mark.usefixtures("containers_run_here")


def steps(text: str) -> list[str]:
    """CACHED or DONE of each step after FROM, with its reason."""
    return [line.split(" ", 1)[1] for line in text.splitlines() if line.startswith("#") and line.split(" ")[1] in ("CACHED", "DONE")][1:]


def test_the_same_build_again_is_all_cached_and_the_same_image(docker: Docker) -> None:
    text = "FROM busybox\nCOPY a__txt /a\nRUN echo hi > /b\n".replace("__", ".")
    assert build(docker, text, a__txt="1").code == 0
    first = docker("images", "-q", "--no-trunc", "t:1").out
    again = build(docker, text, "--explain")
    assert all(line.startswith("CACHED") for line in steps(again.err))
    assert docker("images", "-q", "--no-trunc", "t:1").out == first


def test_a_changed_file_is_named_as_the_reason(docker: Docker) -> None:
    text = "FROM busybox\nCOPY a.txt b.txt /d/\nRUN cat /d/a.txt\n"
    build(docker, text, a__txt="1", b__txt="1")
    found = steps(build(docker, text, "--explain", a__txt="2").err)
    assert "changed: a.txt" in found[0]
    assert "an earlier step ran again" in found[1]


def test_a_changed_argument_is_named_as_the_reason(docker: Docker) -> None:
    text = "FROM busybox\nARG V=1\nRUN echo $V\n"
    build(docker, text)
    assert "V" in steps(build(docker, text, "--build-arg", "V=2", "--explain").err)[0]


def test_a_failing_run_shows_its_code_its_last_lines_and_its_step_and_earlier_steps_stay_cached(docker: Docker) -> None:
    text = "FROM busybox\nRUN echo fine > /f\nRUN echo first; echo wrong >&2; exit 7\n"
    failed = build(docker, text)
    assert failed.code == 1
    for part in ("exit code: 7", "wrong", "[3/3] RUN echo first", ">>> RUN echo first", "Dockerfile:3"):
        assert part in failed.err
    assert "Traceback" not in failed.err
    assert docker("images", "-q", "t:1").out == ""
    assert "#2 CACHED" in build(docker, text).err


def test_a_typo_in_an_instruction_gets_a_caret_and_a_suggestion(docker: Docker) -> None:
    failed = build(docker, "FROM busybox\nRUM echo hi\n")
    assert "unknown instruction: RUM (did you mean RUN?)" in failed.err
    lines = failed.err.splitlines()
    at = next(n for n, line in enumerate(lines) if ">>> RUM" in line)
    assert lines[at + 1].index("^^^") == lines[at].index("RUM")


def test_copy_of_a_missing_file_suggests_the_name_that_is_there(docker: Docker) -> None:
    failed = build(docker, "FROM busybox\nCOPY idnex.html /\n", index__html="x")
    assert '"/idnex.html": not found' in failed.err
    assert "did you mean index.html?" in failed.err


def test_copy_of_an_ignored_file_says_which_pattern_ignored_it(docker: Docker) -> None:
    Path(".dockerignore").write_text("# nothing secret\n*.key\n")
    failed = build(docker, "FROM busybox\nCOPY my.key /\n", my__key="x")
    assert '"*.key"' in failed.err and "line 2 of .dockerignore" in failed.err


def test_an_unknown_base_image_says_so(docker: Docker) -> None:
    failed = build(docker, "FROM busybix\n")
    assert failed.code == 1
    assert "busybix" in failed.err and "did you mean busybox" in failed.err


def test_only_the_stages_that_the_target_needs_are_built(docker: Docker) -> None:
    text = "FROM busybox AS unused\nRUN exit 1\nFROM busybox AS tools\nRUN echo made > /made\nFROM busybox\nCOPY --from=tools /made /made\n"
    assert build(docker, text).code == 0
    assert docker("run", "--rm", "t:1", "cat", "/made").out == "made\n"


def test_owners_of_copy_chown_and_of_run_are_in_the_image(docker: Docker) -> None:
    text = "FROM busybox\nCOPY --chown=5:6 a /a\nRUN touch /b && chown 7:8 /b && ln -s b /c && chown -h 9:9 /c\n"
    assert build(docker, text, a="x").code == 0
    seen = docker("run", "--rm", "t:1", "stat", "-c", "%n %u:%g", "/a", "/b", "/c").out
    assert seen == "/a 5:6\n/b 7:8\n/c 9:9\n"


def test_a_user_may_not_write_what_is_roots(docker: Docker) -> None:
    failed = build(docker, "FROM busybox\nUSER nobody\nRUN id -u && touch /etc/mine\n")
    assert failed.code == 1
    assert "65534" in failed.err and "Permission denied" in failed.err


def test_source_date_epoch_makes_two_builds_the_same(docker: Docker) -> None:
    text = "FROM busybox\nRUN mkdir /d && touch -d @5 /d/f /d\nWORKDIR /w\n"
    env = {"SOURCE_DATE_EPOCH": "1000000000"}
    Path("Dockerfile").write_text(text)
    found = [docker("build", "-q", "--no-cache", ".", env=env).out for _ in range(2)]
    assert found[0] == found[1]


def test_the_result_can_be_exported_to_a_folder(docker: Docker) -> None:
    build(docker, "FROM scratch\nCOPY a /dir/a\n", "-o", "type=local,dest=out", a="text")
    assert Path("out/dir/a").read_text() == "text"


ALONE = "FROM busybox\nRUN echo begun; sleep {0}\n"
TWO = "FROM busybox AS a\nRUN sleep {0}\nFROM busybox\nRUN echo begun; sleep {0}\nCOPY --from=a / /\n"


@pytest.mark.parametrize(
    ("text", "flags"), [(ALONE, []), (TWO, []), (ALONE, ["--builder", "classic"])], ids=["one", "two stages", "classic"]
)
def test_an_interrupt_in_the_middle_of_a_run_leaves_nothing(text: str, flags: list[str], home: Path, tmp_path: Path) -> None:
    seconds = str(300_000_000 + os.getpid())  # nobody else's sleep
    (tmp_path / "Dockerfile").write_text(text.format(seconds))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "dockerlab", "build", *flags, str(tmp_path)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.endswith("begun\n") and "RUN" not in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    began = time.monotonic()
    process.communicate(timeout=10)
    assert process.returncode == 130
    assert time.monotonic() - began < 5
    assert [name for name in os.listdir(home / "snapshots")] == []
    assert [name for name in os.listdir(home / "tmp")] == []
    assert f"sleep\0{seconds}".encode() not in b"".join(_command_lines())


def _command_lines() -> list[bytes]:
    out = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                out.append(Path("/proc", name, "cmdline").read_bytes())
            except OSError:
                continue
    return out


@pytest.mark.parametrize("kind", ["names", "images", "blobs/sha256", "layers", "cache", "containers"])
def test_what_a_power_cut_emptied_is_told_kindly_and_built_again(kind: str, docker: Docker, command: Command, home: Path) -> None:
    text = "FROM busybox\nRUN echo 1 > /a\n"
    build(docker, text)
    docker("create", "--name", "box", "t:1")
    docker("save", "busybox", "-o", "base.tar")
    files = [path for path in (home / kind).rglob("layer.json" if kind == "layers" else "*") if path.is_file() and "tree" not in path.parts]
    assert files
    for path in files:
        path.write_bytes(b"")
    for words in (
        ["images"],
        ["images", "-a"],
        ["history", "t:1"],
        ["ps", "-a"],
        ["inspect", "t:1"],
        ["run", "--rm", "t:1", "cat", "/a"],
        ["rm", "-f", "box"],
    ):
        said = command(*words)  # it may fail
        assert "Traceback" not in said.stderr, said.stderr
    command("rmi", "-f", "t:1")
    assert command("load", "-i", "base.tar").returncode == 0
    answer = command("build", "-t", "t:1", ".")
    assert answer.returncode == 0, answer.stderr
    assert command("run", "--rm", "t:1", "cat", "/a").stdout == "1\n"


def test_a_user_is_looked_up_again_once_a_step_may_have_changed_who_it_is(docker: Docker) -> None:
    """What a name means is remembered from RUN to RUN, but for as long only as /etc/passwd is what it was."""
    text = (
        "FROM busybox\nRUN echo 'app:x:7:8::/one:/bin/sh' >> /etc/passwd\nUSER app\nRUN id -u > /tmp/a; echo $HOME > /tmp/home\n"
        "USER root\nRUN sed -i s,:7:8::/one,:9:8::/two, /etc/passwd\nUSER app\nRUN id -u > /tmp/b; echo $HOME >> /tmp/home2\n"
        "USER root\nCOPY people /etc/passwd\nUSER app\nRUN id -u > /tmp/c\n"
        "USER root\nRUN mv /etc/passwd /who && ln -s /who /etc/passwd\nUSER app\nRUN id -u > /tmp/d\n"
        "USER root\nRUN sed -i s/:11:/:12:/ /who\nUSER app\nRUN id -u > /tmp/e\n"
    )
    assert build(docker, text, people="root:x:0:0:root:/root:/bin/sh\napp:x:11:8::/three:/bin/sh\n").code == 0
    assert sh(docker, "cd /tmp; cat a b c d e home home2") == "7\n9\n11\n11\n12\n/one\n/two\n"
