"""The same Dockerfile and context, built by a real Docker and by us: files, configuration, history and layers are the same."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.conformance.program import Program
from tests.conformance.random_builds import Case, cases, differences
from tests.conformance.random_checks import FILES, Writer, differ
from tests.parts import missing
from tests.verbs.test_call import DOCKERFILE

pytestmark = pytest.mark.docker

WHOLE = bool(os.environ.get("DOCKERLAB_FULL"))
EXAMPLES = int(os.environ.get("DOCKERLAB_RANDOM_BUILDS", "60"))
CONTEXT = {"a": "a", "b.txt": "b", "d/x": "x", "d/y/z": "z", "link": "→d/x", "run.sh": "#!/bin/sh\n"}
FIXED = {
    "links-on-the-way": "FROM busybox\nRUN mkdir /real && ln -s /real /way\nCOPY a /way/\nCOPY d /way/in/\nWORKDIR /way/w\nCOPY b.txt .\n",
    "folders-keep-modes": "FROM busybox\nRUN mkdir -m 700 /t && chown 7:8 /t\nCOPY d /t\nCOPY --chown=9 --chmod=600 d /t/u\nRUN rmdir /t/y 2>/dev/null; true\n",
    "deleted-and-made-again": "FROM busybox\nCOPY d /t\nRUN rm -r /t && mkdir /t && echo n > /t/new\nCOPY a /t/\nRUN rm -r /t\nCOPY a /t/b/\n",
    "variables": 'FROM busybox\nARG A=1\nENV B=${A}2 C="$B q" D=\\$A\nLABEL l=$C\nWORKDIR /$B\nRUN echo $A $B "$C" $D > out\nEXPOSE 8$A\nUSER $A\nCMD echo $B\n',
    "stages": "FROM busybox AS s0\nWORKDIR /w\nRUN echo 1 > one && ln one two && ln -s one three\nFROM busybox AS s1\nCOPY --from=s0 /w /x\nCOPY --from=0 /w/three /y\nCOPY --from=s0 --chown=5:6 /w/one /w/\n",
    "documents": "FROM busybox\nARG A=1\nCOPY <<one <<'two' /t/\n$A\none\n$A\ntwo\nRUN <<E\necho $A > /o\necho 2 >> /o\nE\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Our program, whose busybox is the reference's own image."""
    if not shutil.which("docker") or subprocess.run(["docker", "version"], capture_output=True).returncode:
        missing("a Docker that answers", 'as root on Debian: eval "$(scripts/reference-docker start)"')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKERLAB_HOME", str(tmp_path_factory.mktemp("beside")))
        program = Program()
        loaded = program("load", stdin=theirs("save", "busybox").stdout)
        assert loaded.returncode == 0, loaded.stderr
        yield program
        program.engine.close()


def theirs(*words: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["docker", *words], input=stdin, capture_output=True, timeout=300)


@pytest.mark.parametrize("name", FIXED)
def test_a_build_is_dockers(name: str, ours: Program, tmp_path: Path) -> None:
    found = differences(Case(FIXED[name], CONTEXT), tmp_path / "context", theirs, ours)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("words", [["targets"], ["outline"], ["outline", "--target", "one"], ["outline", "--build-arg", "A=9"]])
@pytest.mark.parametrize("form", ["", ",format=json"])
def test_what_a_dockerfile_offers_is_told_as_docker_tells_it(words: list[str], form: str, ours: Program, tmp_path: Path) -> None:
    # of what stands on one line Docker tells whichever its map gives first
    apart = DOCKERFILE.replace("A=1 B=2", "A=1\nARG B=2").replace(
        " --mount=type=secret,target=/x", " true\nRUN --mount=type=secret,target=/x"
    )
    assert apart.count("\n") == DOCKERFILE.count("\n") + 2
    (tmp_path / "Dockerfile").write_text(apart)
    words = ["build", "--call", words[0] + form, *words[1:], str(tmp_path)]
    assert ours(*words).stdout == theirs(*words).stdout


CHECKED = int(os.environ.get("DOCKERLAB_RANDOM_CHECKS", "80"))


def test_any_dockerfile_gets_dockers_build_checks(ours: Program, tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    first = random.randrange(1 << 30) if WHOLE else 0
    words = ("buildx", "build", "--call=check,format=json", str(tmp_path))
    for seed in range(first, first + CHECKED):
        text = Writer(seed).dockerfile()
        (tmp_path / "Dockerfile").write_text(text)
        found = differ(ours(*words).stdout, theirs(*words).stdout)
        assert not found, f"seed {seed}\n{text}\n{found}"


_numbers = itertools.count()


# the same examples in every short run, so that what is found there was not there before; others in each whole one
@settings(
    derandomize=not WHOLE, max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink], database=None,
    print_blob=True,
)  # fmt: skip
@given(case=cases())
def test_any_build_is_dockers(case: Case, ours: Program, tmp_path_factory: pytest.TempPathFactory) -> None:
    found = differences(case, tmp_path_factory.mktemp("random") / f"context{next(_numbers)}", theirs, ours)
    assert not found, f"{case!r}\n" + "\n".join(found)
