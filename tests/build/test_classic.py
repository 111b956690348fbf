"""The builder that came before BuildKit: every step an image, the cache from image to image, errors and exit codes as docker has them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.conftest import Docker, build

pytestmark = pytest.mark.usefixtures("containers_run_here")

TEXT = "FROM busybox\nRUN echo 1 > /one\nENV A=1\nCOPY a.txt /a\nRUN true\n"


def classic(docker: Docker, text: str, *flags: str, **files: str) -> str:
    """What a build prints."""
    answer = build(docker, text, "--builder", "classic", *flags, **{"a__txt": "a", **files})
    assert answer.code == 0, answer.err
    return answer.out


def test_every_step_makes_an_image_that_history_names(docker: Docker) -> None:
    said = classic(docker, TEXT)
    images = re.findall(r"^ ---> ([0-9a-f]{12})$", said, re.M)
    assert len(images) == 5 and f"Successfully built {images[-1]}\nSuccessfully tagged t:1\n" in said
    shown = docker("history", "--format", "{{.ID}}", "t:1").out.split()
    assert shown[:5] == images[::-1]
    assert docker("run", "--rm", images[1], "cat", "/one").out == "1\n"


def test_a_step_that_changes_nothing_has_no_layer(docker: Docker) -> None:
    base = len(json.loads(docker("inspect", "busybox").out)[0]["RootFS"]["Layers"])
    classic(docker, TEXT)
    assert len(json.loads(docker("inspect", "t:1").out)[0]["RootFS"]["Layers"]) == base + 2


def test_the_same_again_uses_the_cache_and_a_change_only_up_to_there(docker: Docker) -> None:
    first = classic(docker, TEXT)
    again = classic(docker, TEXT)
    assert again.count("Using cache") == 4 and "Running in" not in again
    assert again.splitlines()[-2] == first.splitlines()[-2]
    changed = classic(docker, TEXT, a__txt="b")
    assert changed.count("Using cache") == 2 and changed.count("Running in") == 1
    assert "Using cache" not in classic(docker, TEXT, "--no-cache")


def test_images_of_steps_are_hidden_until_asked_for_and_go_with_the_last(docker: Docker) -> None:
    classic(docker, TEXT)
    assert "<none>" not in docker("images").out
    assert docker("images", "-a").out.count("<none>") == 6
    assert docker("rmi", "t:1").code == 0
    assert "<none>" not in docker("images", "-a").out


def test_a_failed_run_ends_with_its_code_and_names_the_image_before_it(docker: Docker) -> None:
    answer = build(docker, "FROM busybox\nRUN echo 1 > /one\nRUN exit 7\n", "--builder", "classic")
    assert answer.code == 7
    assert "The command '/bin/sh -c exit 7' returned a non-zero code: 7" in answer.err and "Dockerfile:3" in answer.err
    image = re.search(r"dockerlab run --rm -it ([0-9a-f]{12}) sh", answer.err)
    assert image and docker("run", "--rm", image[1], "cat", "/one").out == "1\n"


def test_docker_buildkit_0_asks_for_it_and_says_that_it_is_old(docker: Docker) -> None:
    Path("Dockerfile").write_text("FROM busybox\n")
    answer = docker("build", ".", env={"DOCKER_BUILDKIT": "0"})
    assert answer.out.startswith("Sending build context to Docker daemon  2.048kB\nStep 1/1 : FROM busybox\n")
    assert "DEPRECATED: The legacy builder is deprecated" in answer.err
    assert "Step 1/1" not in docker("build", ".", env={"DOCKER_BUILDKIT": "1"}).out


@pytest.mark.parametrize("text", ["RUN --mount=type=cache,target=/c true", "COPY --chmod=600 a.txt /a", "RUN --network=none true"])
def test_what_it_never_could_is_said_to_need_buildkit(docker: Docker, text: str) -> None:
    answer = build(docker, f"FROM busybox\n{text}\n", "--builder", "classic", a__txt="")
    assert answer.code == 1 and re.search(r"the --(mount|chmod|network) option requires BuildKit", answer.err)


def test_flags_of_buildkit_and_unknown_builders_are_refused(docker: Docker) -> None:
    answer = build(docker, "FROM busybox\n", "--builder", "classic", "--secret", "id=a")
    assert answer.code == 125 and "unknown flag: --secret" in answer.err
    assert 'no builder "mine" found' in build(docker, "FROM busybox\n", "--builder", "mine").err


def test_quiet_prints_the_image_only(docker: Docker) -> None:
    said = classic(docker, TEXT, "-q")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}\n", said)


def test_an_env_wins_over_an_argument_of_its_name(docker: Docker) -> None:
    text = "FROM busybox\nENV X=env\nARG X=arg\nRUN echo $X\n"
    assert "\nenv\n" in classic(docker, text)
    assert " arg\n" in build(docker, text, "--progress", "plain").err


def test_what_a_run_writes_into_a_volume_is_lost(docker: Docker) -> None:
    classic(docker, "FROM busybox\nRUN mkdir /v && echo kept > /v/a\nVOLUME /v\nRUN cat /v/a && echo lost > /v/b\n")
    assert docker("run", "--rm", "t:1", "ls", "/v").out == "a\n"


def test_stages_that_nobody_needs_are_built_too(docker: Docker) -> None:
    said = classic(docker, "FROM busybox AS unused\nRUN echo here\nFROM busybox\nRUN true\n")
    assert "\nhere\n" in said and "Step 4/4" in said


def test_a_base_that_is_not_there_is_named_as_docker_names_it(docker: Docker) -> None:
    answer = build(docker, "FROM bussybox\n", "--builder", "classic")
    assert answer.code == 1
    assert "\nNo such image: bussybox:latest\n" in answer.err and "did you mean busybox" in answer.err


def test_a_damaged_layer_is_built_again_and_not_taken_from_the_cache(docker: Docker, home: Path) -> None:
    classic(docker, TEXT)
    layer = json.loads(docker("inspect", "t:1").out)[0]["RootFS"]["Layers"][-1].removeprefix("sha256:")
    (home / "layers" / layer / "layer.json").write_bytes(b"")
    said = classic(docker, TEXT)
    assert said.count("Using cache") == 2 and docker("run", "--rm", "t:1", "cat", "/a").out == "a"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
@pytest.mark.parametrize("closed", ["secret", "folder"])
def test_a_context_that_may_not_be_read_is_one_message(docker: Docker, closed: str) -> None:
    Path("secret").write_text("s")
    Path("folder").mkdir()
    Path(closed).chmod(0)
    try:
        answer = build(docker, "FROM busybox\n", "--builder", "classic")
        assert answer.code == 1 and "error checking context: no permission to read from" in answer.err and closed in answer.err
        assert build(docker, "FROM busybox\n").code == 0
    finally:
        Path(closed).chmod(0o700)
