"""`build --trace`: a step's temporary container, what it changed, the layer that it was committed as, its removal — all of it real."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.conftest import Docker, build

pytestmark = pytest.mark.usefixtures("containers_run_here")


def test_each_step_tells_its_container_its_changes_and_its_layer(docker: Docker, home: Path) -> None:
    answer = build(
        docker, "FROM busybox\nRUN echo said && echo 1 > /one && rm /etc/group\nENV A=1\nCOPY a /d/\nRUN true\n", "--trace", a="x"
    )
    layers = json.loads(docker("image", "inspect", "t:1").out)[0]["RootFS"]["Layers"]
    one, two, three = ("sha256:" + layer[7:19] for layer in layers[1:])
    names = re.findall(r"temporary container ([0-9a-f]{12}): ", answer.err)
    assert (
        len(names) == 2
        and answer.err
        == f"""[1/4] FROM docker.io/library/busybox:latest
 ---> the layers of the base image are used as they are
[2/4] RUN echo said && echo 1 > /one && rm /etc/group
 ---> temporary container {names[0]}: a writable layer above the read-only ones so far
said
 ---> it changed: C /etc, D /etc/group, A /one
 ---> committed: layer {one}, 2B
 ---> temporary container {names[0]} removed
ENV A=1
 ---> configuration only: no container, no layer
[3/4] COPY a /d/
 ---> no process runs: the files are written straight into a new layer
 ---> it changed: A /d, A /d/a
 ---> committed: layer {two}, 1B
[4/4] RUN true
 ---> temporary container {names[1]}: a writable layer above the read-only ones so far
 ---> it changed nothing; the layer is empty
 ---> committed: layer {three}, 0B
 ---> temporary container {names[1]} removed
"""
    )
    assert list((home / "snapshots").iterdir()) == []


def test_the_container_is_there_while_the_step_runs(docker: Docker, home: Path, tmp_path: Path) -> None:
    seen: list[str] = []
    from dockerlab.build.events import ContainerMade, StepOutput
    from dockerlab.engine import BuildOptions
    from dockerlab.engine.embedded import EmbeddedEngine

    engine = EmbeddedEngine()
    names = []
    for event in engine.build(BuildOptions(context=str(tmp_path), dockerfile_text="FROM busybox\nRUN echo said")):
        if isinstance(event, ContainerMade):
            names.append(event.name)
        if isinstance(event, StepOutput):
            seen += [path.name for path in (home / "snapshots").iterdir() if (path / "layer/tree").is_dir()]
    engine.close()
    assert len(names) == 1 and names[0] in seen  # beside it, perhaps, the one for a step to come
    assert list((home / "snapshots").iterdir()) == []


def test_a_cached_step_has_no_container_and_a_failed_one_commits_nothing(docker: Docker) -> None:
    text = "FROM busybox\nRUN echo 1 > /one\n"
    build(docker, text)
    again = build(docker, text, "--trace")
    assert "taken from the build cache: layer sha256:" in again.err and "temporary container" not in again.err
    failed = build(docker, text + "RUN echo no; exit 3\n", "--trace")
    assert failed.code == 1 and "removed, nothing committed: the step failed" in failed.err and "committed: layer" not in failed.err
