"""Beside docker, podman and skopeo: what we save they take under the same ID, and what they save we take under the same ID."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.store import Store
from tests.conftest import Docker, build
from tests.parts import missing, sample

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="podman's and skopeo's storage wants root here")
Tool = Callable[..., str]
FORMATS = [("docker-archive", ""), *((form, packing) for form in ("oci-archive", "oci-dir") for packing in ("", "gzip", "zstd")), ("docker-dir", ""), ("docker-dir", "gzip")]  # fmt: skip
SKOPEO = {"docker-archive": "docker-archive", "oci-archive": "oci-archive", "oci-dir": "oci", "docker-dir": "dir"}
"""What skopeo calls them."""
IMAGE = "FROM busybox\nCOPY a /d/a\nCOPY b /d/b\nENV X=1\nCOPY b /d/a\n"


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tool]:
    """podman and skopeo, with a storage of their own."""
    for name in ("podman", "skopeo"):
        if not shutil.which(name):
            missing(name, "apt-get install --no-install-recommends podman skopeo")
    conf = tmp_path / "storage.conf"
    conf.write_text(f'[storage]\ndriver = "vfs"\nrunroot = "{tmp_path}/run"\ngraphroot = "{tmp_path}/graph"\n')
    environment = {**os.environ, "CONTAINERS_STORAGE_CONF": str(conf), "TMPDIR": str(tmp_path)}

    def run(*words: str) -> str:
        words = ("skopeo", "--insecure-policy", *words[1:]) if words[0] == "skopeo" else words
        done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    yield run
    run("podman", "rmi", "-af")


@pytest.fixture
def reference() -> Iterator[Callable[..., bytes]]:
    """A real Docker; what the test names `dockerlab-interop` is taken away again."""
    if not shutil.which("docker") or subprocess.run(["docker", "version"], capture_output=True).returncode:
        missing("a Docker that answers", 'as root on Debian: eval "$(scripts/reference-docker start)"')

    def run(*words: str, stdin: bytes | None = None) -> bytes:
        return subprocess.run(["docker", *words], input=stdin, capture_output=True, check=True, timeout=120).stdout

    yield run
    subprocess.run(["docker", "rmi", "-f", "dockerlab-interop:1"], capture_output=True)


def image_id(docker: Docker, name: str) -> str:
    return docker("image", "inspect", "-f", "{{.Id}}", name).out.strip()


def fresh(tmp_path: Path, name: str = "fresh") -> EmbeddedEngine:
    return EmbeddedEngine(Store.open(tmp_path / name))


def loaded_id(path: Path | str, tmp_path: Path, name: str = "fresh") -> str:
    """The ID of the one image that an archive or a folder brings into an empty store."""
    engine = fresh(tmp_path, name)
    if os.path.isdir(path):
        (said,) = set(engine.load(str(path)))
    else:
        with open(path, "rb") as file:
            (said,) = set(engine.load(file))
    (image,) = engine.images()
    assert said in (image["Id"], *image["RepoTags"])
    return str(image["Id"])


@pytest.mark.parametrize(("form", "packing"), sample(FORMATS, 2))
def test_podman_and_skopeo_take_what_we_save(docker: Docker, tools: Tool, tmp_path: Path, form: str, packing: str) -> None:
    build(docker, IMAGE, tag="dockerlab-interop:1", a="1", b="2" * 70_000)
    identifier = image_id(docker, "dockerlab-interop:1")
    path = tmp_path / "saved"
    flags = ["--compression-format", packing] if packing else []
    answer = docker("save", "--format", form, *flags, "-o", str(path), "dockerlab-interop:1")
    assert answer.code == 0, answer.err
    tools("skopeo", "copy", "-q", f"{SKOPEO[form]}:{path}", f"dir:{tmp_path}/copied")
    assert json.loads((tmp_path / "copied/manifest.json").read_text())["config"]["digest"] == identifier
    assert loaded_id(tmp_path / "copied", tmp_path, "of-skopeo") == loaded_id(path, tmp_path) == identifier
    if form != "docker-dir":  # podman's own load takes none
        said = tools("podman", "load", "-q", "-i", str(path))
        assert tools("podman", "images", "--no-trunc", "-q").split() == [identifier]
        assert "dockerlab-interop:1" in said or form == "oci-dir"


def test_docker_takes_what_we_save_and_we_what_it_saves(docker: Docker, reference: Callable[..., bytes], tmp_path: Path) -> None:
    build(docker, IMAGE, tag="dockerlab-interop:1", a="1", b="2" * 70_000)
    identifier = image_id(docker, "dockerlab-interop:1")
    docker("save", "-o", str(tmp_path / "ours.tar"), "dockerlab-interop:1")
    reference("load", "-q", "-i", str(tmp_path / "ours.tar"))
    assert reference("image", "inspect", "-f", "{{.Id}}", "dockerlab-interop:1").decode().strip() == identifier
    reference("save", "-o", str(tmp_path / "theirs.tar"), "dockerlab-interop:1")
    assert loaded_id(tmp_path / "theirs.tar", tmp_path) == identifier


def test_an_image_of_dockers_goes_through_every_format_of_everybody(
    reference: Callable[..., bytes], tools: Tool, tmp_path: Path, busybox_file: Path
) -> None:
    """Its layers are tars that our own writer would write otherwise: kept as they came, they go out as they came."""
    (tmp_path / "context").mkdir()
    shutil.copy(busybox_file, tmp_path / "context/busybox")
    text = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sh", "-c", "busybox mkdir /d; echo 1 > /d/a; busybox ln /d/a /d/b; busybox ln -s a /d/l"]\n'
    text += 'RUN ["/bin/busybox", "sh", "-c", "busybox rm -r /d; busybox mkdir /d; echo 2 > /d/c"]\nUSER 7\n'
    (tmp_path / "context/Dockerfile").write_text(text)
    reference("build", "-q", "-t", "dockerlab-interop:1", str(tmp_path / "context"))
    identifier = reference("image", "inspect", "-f", "{{.Id}}", "dockerlab-interop:1").decode().strip()
    theirs = tmp_path / "theirs.tar"
    reference("save", "-o", str(theirs), "dockerlab-interop:1")
    assert loaded_id(theirs, tmp_path) == identifier

    tools("podman", "load", "-q", "-i", str(theirs))
    for form in ("docker-archive", "oci-archive", "oci-dir", "docker-dir"):
        tools("podman", "save", "-q", "--format", form, "-o", str(tmp_path / f"podman-{form}"), "dockerlab-interop:1")
        assert loaded_id(tmp_path / f"podman-{form}", tmp_path, f"of-podman-{form}") == identifier, form
    for number, (target, flags) in enumerate(
        [
            ("docker-archive", ()),
            ("oci", ()),
            ("oci-archive", ()),
            ("oci", ("--dest-compress-format", "zstd", "--dest-compress")),
            ("dir", ("--dest-compress",)),
        ]
    ):
        path = tmp_path / f"skopeo-{number}"
        tools(
            "skopeo",
            "copy",
            "-q",
            *flags,
            f"docker-archive:{theirs}",
            f"{target}:{path}{':dockerlab-interop:1' if target == 'docker-archive' else ''}",
        )
        theirs_there = json.loads(tools("skopeo", "inspect", "--raw", f"{target}:{path}"))["config"]["digest"]
        assert theirs_there == identifier or "oci" in target  # of a configuration that becomes an OCI one skopeo writes another
        assert loaded_id(path, tmp_path, f"of-skopeo-{number}") == theirs_there, (target, flags)

    engine = fresh(tmp_path)
    with open(tmp_path / "again.tar", "wb") as out:
        engine.save(["dockerlab-interop:1"], out)
    reference("rmi", "-f", "dockerlab-interop:1")
    reference("load", "-q", "-i", str(tmp_path / "again.tar"))
    assert reference("image", "inspect", "-f", "{{.Id}}", "dockerlab-interop:1").decode().strip() == identifier
    assert engine.image_files("dockerlab-interop:1").listdir("/d") == ["c"]
