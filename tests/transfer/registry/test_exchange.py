"""Beside real parts: Debian's docker-registry, the reference Docker, skopeo. What goes out comes in again, and the image's ID is the same everywhere."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.errors import UnreachableRegistryError
from dockerlab.store import Store
from dockerlab.transfer.registry import Registry
from dockerlab.transfer.registry.endpoints import Endpoint
from tests.conftest import Docker, build
from tests.parts import missing
from tests.transfer.registry.faults import INDEX, MANIFEST, Image, digest, image_of

DOCKERFILE = "FROM busybox\nRUN echo one > /one && ln /one /other && chown 7:8 /one\nRUN rm /one && mkdir -m 1777 /d\nENV A=1\n"


def reference(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, check=True, text=True, timeout=120).stdout.strip()


@pytest.fixture(scope="module")
def dockerd() -> None:
    if not shutil.which("docker") or subprocess.run(["docker", "version"], capture_output=True).returncode:
        missing("a Docker that answers", 'as root on Debian: eval "$(scripts/reference-docker start)"')


@pytest.fixture
def other(tmp_path: Path) -> Iterator[EmbeddedEngine]:
    """Somebody else's engine, whose store is empty."""
    engine = EmbeddedEngine(Store.open(tmp_path / "other"))
    yield engine
    engine.close()


def sent(registry: str, method: str, path: str, data: bytes = b"", **headers: str) -> str:
    """What a registry is told without our client; where it says that something is."""
    url = path if "://" in path else f"http://{registry}{path}"
    request = urllib.request.Request(url, data, {name.replace("_", "-"): value for name, value in headers.items()}, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(answer.headers.get("Location", ""))


def put(registry: str, repository: str, tag: str, image: Image) -> None:
    for data in (image.config, *image.blobs):
        where = sent(registry, "POST", f"/v2/{repository}/blobs/uploads/")
        sent(registry, "PUT", f"{where}&digest={digest(data)}", data, Content_Type="application/octet-stream")
    sent(registry, "PUT", f"/v2/{repository}/manifests/{tag}", image.raw, Content_Type=MANIFEST)


def image_id(docker: Docker, name: str) -> str:
    return docker("images", "-q", "--no-trunc", name).out.strip()


def test_what_was_pushed_comes_back_as_the_same_image(docker: Docker, registry: str, other: EmbeddedEngine) -> None:
    name = f"{registry}/lab/back:1"
    assert build(docker, DOCKERFILE, tag=name).code == 0
    answer = docker("push", name)
    assert answer.code == 0, answer.err
    first, *layers, last = answer.out.splitlines()
    assert first == f"The push refers to repository [{registry}/lab/back]"
    assert last.startswith("1: digest: sha256:") and " size: " in last
    assert sorted(line.partition(": ")[2] for line in layers) == ["Preparing"] * 3 + ["Pushed"] * 3
    events = [event.line for event in other.pull(name)]
    assert events[0] == "1: Pulling from lab/back" and events[-1] == f"Status: Downloaded newer image for {name}"
    assert other.image_inspect(name)["Id"] == image_id(docker, name)
    assert other.image_files(name).read("/other") == b"one\n" and other.image_files(name).lookup("/one") is None
    assert other.image_inspect(name)["RepoDigests"] == [f"{registry}/lab/back@{last.split()[2]}"]


def test_nothing_is_sent_that_the_registry_has(docker: Docker, registry: str) -> None:
    names = [f"{registry}/lab/{path}:1" for path in ("sent", "mounted")]
    assert build(docker, DOCKERFILE + f"LABEL of={registry}\nRUN echo {registry} > /unlike\n", tag=names[0]).code == 0
    docker("tag", names[0], names[1])
    assert docker("push", "-q", names[0]).out == names[0] + "\n"
    assert docker("push", names[0]).out.count("Layer already exists") == 4
    assert docker("push", names[1]).out.count("Mounted from lab/sent") == 4


def test_a_pull_tells_what_docker_tells(docker: Docker, registry: str) -> None:
    image = image_of({"a": b"1"}, {"b": b"2"})
    put(registry, "lab/told", "latest", image)
    put(registry, "lab/told", "2", image)
    name, short = f"{registry}/lab/told", digest(image.blobs[0])[7:19]
    answer = docker("pull", name)
    lines = answer.out.splitlines()
    assert lines[:2] == ["Using default tag: latest", "latest: Pulling from lab/told"]
    assert [line for line in lines if line.startswith(short)] == [
        f"{short}: {status}" for status in ("Pulling fs layer", "Verifying Checksum", "Download complete", "Pull complete")
    ]
    pinned = digest(image.raw)
    assert lines[-3:] == [f"Digest: {pinned}", f"Status: Downloaded newer image for {name}:latest", f"{name}:latest"]
    assert docker("pull", name).out.splitlines()[-2] == f"Status: Image is up to date for {name}:latest"
    assert docker("pull", "-q", name).out == f"{name}:latest\n"
    every = docker("pull", "-a", name).out
    assert "2: Pulling from lab/told" in every and every.endswith(f"Status: Downloaded newer image for {name}\n{name}\n")
    assert docker("pull", "-a", f"{name}:2").err == "tag can't be used with --all-tags/-a\n"
    assert f"{name}   2         {pinned}" in docker("images", "--digests").out
    assert docker("rmi", f"{name}:2").out == f"Untagged: {name}:2\n"
    assert docker("rmi", name).out.splitlines()[:3] == [f"Untagged: {name}:latest", f"Untagged: {name}@{pinned}", f"Deleted: {image.id}"]


def test_an_image_is_had_by_its_digest(docker: Docker, registry: str) -> None:
    image = image_of({"pinned": b"1"})
    put(registry, "lab/pinned", "1", image)
    name = f"{registry}/lab/pinned@{digest(image.raw)}"
    answer = docker("pull", name)
    assert answer.code == 0 and answer.out.startswith(f"{name}: Pulling from lab/pinned\n") and answer.out.endswith(f"\n{name}\n")
    assert docker("images", f"{registry}/lab/pinned").out.splitlines()[1].split()[1:3] == ["<none>", image.id[7:19]]
    assert build(docker, f"FROM {registry}/lab/pinned:1@{digest(image.raw)}\nCOPY f /f\n", f="1").code == 0
    assert docker("rmi", "-f", "t:1").code == 0 and docker("rmi", name).out.startswith(f"Untagged: {name}\nDeleted: {image.id}\n")


def test_a_name_that_is_only_used_is_fetched_and_who_answered_is_told(docker: Docker, registry: str) -> None:
    name = f"{registry}/lab/used:1"
    put(registry, "lab/used", "1", image_of({"used": b"1"}))
    answer = build(docker, f"FROM {name}\nCOPY f /f\n", f="1")
    assert answer.code == 0 and f"{name}: taken from the registry {registry}" in answer.err
    assert "taken from" not in build(docker, f"FROM {name}\nCOPY f /f\n", f="2").err
    newer = image_of({"used": b"2"})
    put(registry, "lab/used", "1", newer)
    assert docker("create", "--pull", "never", name).code == 0 and image_id(docker, name) != newer.id
    assert build(docker, f"FROM {name}\nCOPY f /f\n", "--pull", f="2").code == 0 and image_id(docker, name) == newer.id
    newest = image_of({"used": b"3"})
    put(registry, "lab/used", "1", newest)
    answer = docker("create", "--pull", "always", name)
    assert answer.code == 0 and f"Status: Downloaded newer image for {name}" in answer.err and image_id(docker, name) == newest.id
    answer = docker("run", f"{registry}/lab/nowhere:1")
    assert answer.code == 125 and f"manifest for {registry}/lab/nowhere:1 not found: manifest unknown" in answer.err


def test_the_catalogue_alone_is_asked_where_that_is_wanted(docker: Docker, registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_BASES", "catalogue")
    name = f"{registry}/lab/there:1"
    put(registry, "lab/there", "1", image_of({"a": b"1"}))
    assert "No such image" in docker("create", name).err
    answer = docker("pull", name)
    assert answer.code == 1 and "DOCKERLAB_BASES=catalogue asks no registry" in answer.err


def test_what_lost_its_tag_to_a_newer_one_is_dangling(docker: Docker, registry: str) -> None:
    name, images = f"{registry}/lab/moved:1", [image_of({"moved": bytes([number])}) for number in range(2)]
    for one in images:
        put(registry, "lab/moved", "1", one)
        assert docker("pull", "-q", name).code == 0
    assert docker("images", "-q", "--no-trunc", "-f", "dangling=true").out == images[0].id + "\n"
    answer = docker("image", "prune", "-f")
    assert f"untagged: {registry}/lab/moved@{digest(images[0].raw)}\ndeleted: {images[0].id}\n" in answer.out
    assert image_id(docker, name) == images[1].id


def test_an_index_gives_each_platform_its_image(docker: Docker, registry: str) -> None:
    images = {machine: image_of({"machine": machine.encode()}, machine=machine) for machine in ("s390x", "arm64", "amd64")}
    entries = []
    for machine, one in images.items():
        put(registry, "lab/many", machine, one)
        platform = {"os": "linux", "architecture": machine, **({"variant": "v8"} if machine == "arm64" else {})}
        entries.append({"mediaType": MANIFEST, "digest": digest(one.raw), "size": len(one.raw), "platform": platform})
    raw = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    sent(registry, "PUT", "/v2/lab/many/manifests/1", raw, Content_Type=INDEX)
    name = f"{registry}/lab/many:1"
    for asked, machine in (("linux/amd64", "amd64"), ("linux/arm64/v8", "arm64"), ("aarch64", "arm64"), ("s390x", "s390x")):
        answer = docker("pull", "--platform", asked, name)
        assert answer.code == 0 and f"Digest: {digest(raw)}" in answer.out, answer.err
        assert image_id(docker, name) == images[machine].id
    answer = docker("pull", "--platform", "linux/arm64", f"{registry}/lab/many:s390x")
    assert answer.code == 0 and answer.err == (
        f"WARNING: image with reference {registry}/lab/many:s390x was found but its platform (linux/s390x) "
        "does not match the specified platform (linux/arm64)\n"
    )
    answer = docker("pull", "--platform", "linux/riscv64", name)
    assert answer.code == 1 and "no matching manifest for linux/riscv64 in the manifest list entries" in answer.err
    assert "linux/s390x, linux/arm64/v8, linux/amd64" in answer.err


def test_docker_hubs_images_come_from_a_mirror(docker: Docker, registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = image_of({"mirrored": b"1"})
    put(registry, "library/mirrored", "latest", image)
    monkeypatch.setenv("DOCKERLAB_REGISTRY_MIRRORS", f"http://127.0.0.1:9, http://{registry}/")
    answer = docker("pull", "mirrored")
    assert answer.code == 0 and "latest: Pulling from library/mirrored" in answer.out, answer.err
    assert answer.out.endswith("Status: Downloaded newer image for mirrored:latest\ndocker.io/library/mirrored:latest\n")
    assert image_id(docker, "mirrored") == image.id


def test_a_certificate_that_nobody_signed_is_good_enough_on_loopback_alone(docker: Docker, encrypted: str, other: EmbeddedEngine) -> None:
    name = f"{encrypted}/lab/encrypted:1"
    assert build(docker, DOCKERFILE, tag=name).code == 0
    answer = docker("push", name)
    assert answer.code == 0, answer.err
    assert list(other.pull(name))[-1].status.startswith("Status: Downloaded newer image")
    elsewhere = Registry(Endpoint(encrypted, encrypted), "lab/encrypted")  # as if it were not on loopback
    with pytest.raises(UnreachableRegistryError, match="certificate verify failed"):
        elsewhere.tags()


def test_a_password_is_asked_for_kept_shown_and_forgotten(docker: Docker, protected: str, tmp_path: Path) -> None:
    name = f"{protected}/lab/kept:1"
    assert build(docker, DOCKERFILE, tag=name).code == 0
    answer = docker("push", name)
    assert answer.code == 1 and f"dockerlab login {protected}" in answer.err
    answer = docker("login", "-u", "learner", "--password-stdin", protected, stdin=b"wrong\n")
    assert answer.code == 1 and f"login attempt to http://{protected}/v2/ failed with status: 401 Unauthorized\n" in answer.err
    answer = docker("login", "-u", "learner", "--password-stdin", protected, stdin=b"secret\n")
    assert answer.code == 0 and answer.out == "Login Succeeded\n" and "stored unencrypted" in answer.err
    assert docker("push", name).code == 0
    assert docker("rmi", name).code == 0 and docker("pull", name).code == 0
    assert docker("logout", protected).out == f"Removing login credentials for {protected}\n"
    assert docker("pull", name).code == 1 and docker("logout", protected).out == f"Not logged in to {protected}\n"


@pytest.mark.docker
def test_docker_and_we_exchange_images_and_passwords(docker: Docker, dockerd: None, protected: str) -> None:
    ours, theirs = (f"{protected}/exchange-registry-test/{who}:1" for who in ("ours", "theirs"))
    docker("login", "-u", "learner", "--password-stdin", protected, stdin=b"secret")
    assert build(docker, DOCKERFILE, tag=ours).code == 0 and docker("push", ours).code == 0
    try:
        assert reference("pull", "-q", ours) == ours  # with the password that we kept
        assert reference("image", "inspect", "-f", "{{.Id}}", ours) == image_id(docker, ours)
        Path("theirs").write_text(f"FROM {ours}\nRUN ln -s one /link && rm /other\n")
        reference("build", "-q", "-t", theirs, "-f", "theirs", ".")
        assert "digest: sha256:" in reference("push", theirs)
        docker("logout", protected)
        subprocess.run(
            ["docker", "login", "-u", "learner", "--password-stdin", protected], input=b"secret", capture_output=True, check=True
        )
        answer = docker("pull", theirs)  # with the password that docker kept
        assert answer.code == 0, answer.err
        assert image_id(docker, theirs) == reference("image", "inspect", "-f", "{{.Id}}", theirs)
        manifest = answer.out.partition("Digest: ")[2].split()[0]
        assert reference("image", "inspect", "-f", "{{index .RepoDigests 0}}", theirs) == f"{theirs.removesuffix(':1')}@{manifest}"
    finally:
        subprocess.run(["docker", "rmi", "-f", ours, theirs], capture_output=True)


@pytest.mark.parametrize(
    ("form", "packing"), [("v2s2", "gzip"), ("oci", "zstd")]
)  # in this order: skopeo takes a blob that is there, however it is packed
def test_what_skopeo_copies_is_the_same_image(docker: Docker, registry: str, form: str, packing: str, tmp_path: Path) -> None:
    if not shutil.which("skopeo"):
        missing("skopeo", "apt install skopeo")
    name, target = f"{registry}/lab/copied:1", f"{registry}/lab/copied-{form}-{packing}:1"
    assert build(docker, DOCKERFILE, tag=name).code == 0 and docker("push", name).code == 0
    copy = ["skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false", "--format", form, "--dest-compress-format", packing]
    docker("save", "-o", str(tmp_path / "saved.tar"), name)
    subprocess.run([*copy, f"docker-archive:{tmp_path}/saved.tar", f"docker://{target}"], check=True, timeout=60)
    before = image_id(docker, name)
    docker("rmi", "-f", before)
    docker("builder", "prune", "-af")
    answer = docker("pull", target)
    assert answer.code == 0 and "Pull complete" in answer.out, answer.err
    if form == "v2s2":
        assert image_id(docker, target) == before
    assert docker("run", "--rm", "--network", "none", target, "cat", "/other").out == "one\n"


@pytest.mark.parametrize("kind", ["application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar"])
def test_a_layer_may_come_unpacked(docker: Docker, registry: str, kind: str) -> None:
    image = image_of({"plain": gzip.compress(b"1")}, pack=bytes, kind=kind)
    put(registry, "lab/plain", "1", image)
    assert docker("pull", f"{registry}/lab/plain:1").code == 0
    assert image_id(docker, f"{registry}/lab/plain:1") == image.id
