"""Docker's verbs in namespaces where the store's disk takes no overlay: roots are copies, and nobody can tell but by the time it takes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dockerlab.runtime.capabilities import Capabilities
from tests.conftest import Command, Docker, build, sh
from tests.engine.test_chroot import (  # noqa: F401 - what holds for other copies holds for these
    built_twice,
    test_a_build_makes_the_layers_that_it_makes_in_namespaces,
    test_a_build_that_fails_says_so_and_leaves_nothing,
    test_a_container_from_its_start_to_its_end,
    test_an_image_with_a_volume_runs_and_keeps_its_files_there,
    test_export_holds_nothing_that_was_only_put_there_for_the_process,
    test_run_as_a_user_with_owners_that_count,
)
from tests.engine.test_proot import (  # noqa: F401
    MODES,
    test_a_link_keeps_its_owner_when_it_is_renamed_in_a_later_layer,
    test_two_containers_publish_port_80_at_once,
)
from tests.parts import until


@pytest.fixture(autouse=True)
def snapshots(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKERLAB_SNAPSHOTS", "copy")
    found = Capabilities.load(None, tmp_path / "probe")
    if found.isolation != "namespaces":
        pytest.skip("this machine refuses namespaces")


def test_modes_and_owners_of_links_are_the_layers_that_overlay_makes(docker: Docker, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = MODES
    if os.geteuid():  # in an overlay an ordinary user's link of a lower layer loses its owner when it is renamed
        text = text.replace(" && mv /data/link /moved", " && ln -s a /moved").replace("&& mv /again /moved2 ", "")
        text = text.replace("mv /data /elsewhere", "rm -r /data")
    copied, mounted = built_twice(docker, home, monkeypatch, text)
    assert copied == mounted and len(copied) == 7


def test_what_is_mounted_is_no_part_of_the_copy(docker: Docker, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given/file").write_text("host\n")
    script = (
        "cat /in/file; echo new > /in/new; touch /in/x; echo t > /t/t; echo v > /v/v; cat /etc/hosts | grep -c localhost; echo o > /own"
    )
    flags = ("-v", f"{tmp_path}/given:/in", "-v", "data:/v", "--tmpfs", "/t")
    said = docker("run", "--name", "box", *flags, "busybox", "sh", "-c", script)
    assert (said.code, said.out) == (0, "host\n2\n"), said.err
    assert docker("diff", "box").out == "A /in\nA /own\nA /t\nA /v\n"
    assert (tmp_path / "given/new").read_text() == "new\n"
    assert docker("run", "--rm", "-v", "data:/v:ro", "busybox", "sh", "-c", "cat /v/v; touch /v/w").out == "v\n"
    assert docker("start", "-a", "box").out == "host\n2\n"


def test_a_named_volume_begins_with_what_the_image_holds_there(docker: Docker) -> None:
    assert build(docker, "FROM busybox\nRUN mkdir /v && echo old > /v/old && chown 5:6 /v/old\n").code == 0
    assert docker("run", "--rm", "-v", "data:/v", "t:1", "stat", "-c", "%u:%g %n", "/v/old").out == "5:6 /v/old\n"


def test_a_read_only_root_is_one(docker: Docker) -> None:
    said = docker("run", "--rm", "--read-only", "busybox", "touch", "/x")
    assert said.code == 1 and "Read-only file system" in said.err


def test_steps_mount_what_they_ask_for(docker: Docker) -> None:
    text = """FROM busybox AS one
RUN echo 1 > /one
FROM busybox
RUN --mount=type=bind,from=one,target=/mnt --mount=type=cache,target=/cache --mount=type=tmpfs,target=/t \\
    --mount=type=bind,source=a,target=/a cat /mnt/one /a && echo c >> /cache/c && echo t > /t/t
RUN --mount=type=cache,target=/cache cat /cache/c > /seen
"""
    answer = build(docker, text, a="context\n")
    assert answer.code == 0 and "context" in answer.err, answer.err
    assert sh(docker, "ls /; cat /seen") == "bin\ndev\netc\nhome\nproc\nroot\nseen\nsys\ntmp\nusr\nvar\nc\n"


def test_what_grows_beyond_its_disk_is_ended_and_what_the_image_takes_does_not_count(docker: Docker) -> None:
    full = docker(
        "run", "--name", "box", "--disk", "1m", "busybox", "sh", "-c", "dd if=/dev/zero of=/big bs=1M count=8 2>/dev/null; sleep 20"
    )
    assert full.code == 137 and "--disk 1m" in docker("inspect", "-f", "{{.State.Error}}", "box").out
    assert docker("run", "--rm", "--disk", "1m", "busybox", "sh", "-c", "echo x > /x; sleep 0.3").code == 0


def test_files_are_copied_into_and_out_of_a_mounted_volume_while_it_runs(docker: Docker) -> None:
    assert docker("run", "-d", "--name", "box", "-v", "data:/v", "busybox", "sleep", "60").code == 0
    Path("in").write_text("in\n")
    assert docker("cp", "in", "box:/v/in").code == 0
    assert docker("exec", "box", "cat", "/v/in").out == "in\n"
    assert docker("cp", "box:/v/in", "out").code == 0 and Path("out").read_text() == "in\n"


def test_what_is_restarted_has_its_own_changes_still(docker: Docker) -> None:
    script = "echo run >> /runs; test $(wc -l < /runs) -ge 3"
    assert docker("run", "-d", "--name", "box", "--restart", "on-failure:5", "busybox", "sh", "-c", script).code == 0
    until(lambda: docker("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "box").out == "exited 2\n")
    assert docker("cp", "box:/runs", "runs").code == 0 and Path("runs").read_text() == "run\n" * 3


def test_doctor_says_that_images_are_copied(command: Command) -> None:
    said = command("doctor").stdout
    assert said.startswith("isolation: namespaces: ") and "an image is copied for each step and container" in said


def test_an_unknown_way_is_told_with_the_known_ones(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_SNAPSHOTS", "btrfs")
    answer = docker("run", "--rm", "busybox", "true")
    assert answer.code == 125 and "DOCKERLAB_SNAPSHOTS=btrfs names no way" in answer.err and "overlay, copy" in answer.err
