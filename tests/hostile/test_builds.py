"""Builds that mean harm: links that lead out of the context, a stage or an image, patterns and files that are made to be slow, contexts from a stream."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.layers import TreeView
from tests.conftest import Docker, build, sh
from tests.hostile.conftest import one_message
from tests.tars import folder, hard, link, member, tar_of

LEADS_OUT = "FROM busybox AS s\nCOPY evil.tar /\nADD evil.tar /\n"


@pytest.fixture
def evil(docker: Docker, outside: Path) -> None:
    """An archive, in the context, with links to a folder of this machine; the first is absolute, the second climbs."""
    climbing = "../" * 30 + str(outside).lstrip("/")
    members = [link("abs", str(outside)), link("up", climbing), link("file", f"{outside}/secret"), folder("d"), link("d/up", climbing)]
    Path("evil.tar").write_bytes(tar_of(*members))


@pytest.mark.usefixtures("evil")
@pytest.mark.parametrize("source", ["/abs/secret", "/up/secret", "/file", "/d/up/secret", "/abs/sub", "/../abs/secret"])
def test_copy_from_a_stage_finds_nothing_behind_a_link_that_leads_out_of_it(
    docker: Docker, unchanged: Callable[[], bool], source: str
) -> None:
    said = one_message(build(docker, f"{LEADS_OUT}FROM busybox\nCOPY --from=s {source} /got\n"))
    assert "not found" in said
    docker("builder", "prune", "-af")
    assert unchanged()


@pytest.mark.usefixtures("evil")
def test_copy_from_a_stage_takes_links_that_lead_out_as_links(docker: Docker, engine: EmbeddedEngine, outside: Path) -> None:
    assert build(docker, f"{LEADS_OUT}FROM busybox\nCOPY --from=s / /all/\nCOPY --from=s /d /d\n").code == 0
    view = TreeView([layer.tree for layer in engine.store.layers_of(engine.store.images.find("t:1").config)])
    for name in ("/all/abs", "/all/file", "/d/up"):
        node = view.lookup(name, follow=False)
        assert node is not None and node.entry.link.endswith(("/outside", "/secret"))


@pytest.mark.usefixtures("evil", "containers_run_here")
@pytest.mark.parametrize("source", ["/abs", "/up", "/d/up"])
def test_a_bind_of_a_stage_shows_nothing_behind_a_link_that_leads_out_of_it(docker: Docker, source: str) -> None:
    answer = build(docker, f"{LEADS_OUT}FROM busybox\nRUN --mount=type=bind,from=s,source={source},target=/got cat /got/secret\n")
    assert "kept" not in answer.err and "not found" in one_message(answer)


@pytest.mark.usefixtures("evil", "containers_run_here")
def test_what_is_written_and_mounted_through_a_link_of_the_image_stays_inside(docker: Docker, outside: Path) -> None:
    text = LEADS_OUT + "".join(
        f"COPY a /{way}/secret\nWORKDIR /{way}/sub\nRUN echo mine > /{way}/new; echo mine > secret\n" for way in ("abs", "up", "d/up")
    )
    text += "RUN --mount=type=tmpfs,target=/abs/sub --mount=type=cache,target=/up/cache touch /abs/sub/x /up/cache/x\nVOLUME /abs/vol\n"
    assert build(docker, text, a="text").code == 0
    assert sh(docker, f"cat '{outside}/secret' '{outside}/sub/secret' '{outside}/new'") == "textmine\nmine\n"
    assert (
        docker("run", "--rm", "-v", "v:/abs/sub", "--tmpfs", "/up/t", "-w", "/d/up/w", "t:1", "touch", "/abs/sub/x", "/up/t/x", "y").code
        == 0
    )


def test_a_context_from_a_stream_that_leads_out_is_refused(docker: Docker, unchanged: Callable[[], bool], outside: Path) -> None:
    dockerfile = member("Dockerfile", b"FROM busybox\nCOPY . /c/\n")
    for bad in ([member("../evil", b"x")], [hard("f", f"{outside}/secret")], [link("w", str(outside)), hard("f", "w/secret")]):
        one_message(docker("build", "-t", "t:1", "-", stdin=tar_of(dockerfile, *bad)))
        assert unchanged()
    through = tar_of(dockerfile, link("w", str(outside)), member("w/secret", b"mine"))
    assert docker("build", "-t", "t:1", "-", stdin=through).code == 0


def test_a_dockerfile_that_is_a_link_out_of_the_context_shows_nothing_of_the_host(docker: Docker, outside: Path) -> None:
    (outside.parent / "passwords").write_text("root:secret-of-the-host\n")
    Path("Dockerfile").symlink_to(outside.parent / "passwords")
    answer = docker("build", "-t", "t:1", ".")
    assert answer.code == 1 and "Traceback" not in answer.err


def test_ignore_patterns_that_are_meant_to_be_slow_are_not_slow_in_a_build(docker: Docker) -> None:
    slow = ["a*" * 30 + "b", "**/" * 30 + "b", "*" * 200 + "b", "[a-z]*" * 30 + "!", "**/a*/**/a*/**/a*/**/b", "!" + "a*" * 30 + "c"]
    Path("a" * 200).mkdir()
    files = {f"{'a' * 200}/{'a' * 240}{n}": "x" for n in range(9)}
    assert build(docker, "FROM busybox\nCOPY . /c/\n", **files).code == 0
    Path(".dockerignore").write_text("\n".join(slow))
    assert build(docker, "FROM busybox\nCOPY . /c/\n", "--no-cache").code == 0
    assert build(docker, f"FROM busybox\nCOPY --exclude={slow[0]} . /c/\nCOPY {slow[0]} /d/\n", "--no-cache").code == 0


def test_a_dockerfile_of_ten_megabytes_is_built(docker: Docker) -> None:
    text = "FROM busybox\n" + ("# " + "x" * 60_000 + "\n") * 170 + "".join(f"ENV V{n}=1\n" for n in range(200))
    assert len(text) > 10_000_000 and build(docker, text).code == 0


def test_a_line_that_docker_does_not_read_is_refused_in_its_words(docker: Docker, unchanged: Callable[[], bool]) -> None:
    said = one_message(build(docker, "FROM busybox\nENV A=1\nRUN true " + "x" * 70_000 + "\n"))
    assert said.startswith("ERROR: failed to build: failed to solve: dockerfile line greater than max allowed size of 65535\n")
    assert "line 3 is too long" in said and unchanged()
