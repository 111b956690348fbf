"""OCI layouts and docker folders: what platforms, nested indices and names mean, and what is false in them is refused in one sentence and leaves nothing."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dockerlab.errors import StoreError, UsageError
from dockerlab.oci import own_architecture
from dockerlab.store import Store
from dockerlab.transfer.loading import load
from dockerlab.transfer.saving import Saving, save
from tests.conftest import Docker, build
from tests.transfer.test_docker_archive import archive_of, empty, image_of, is_empty, members_of
from tests.transfer.test_docker_archive import store as store

Json = dict[str, Any]
INDEX = "application/vnd.oci.image.index.v1+json"
OWN, OTHER = own_architecture(), "s390x"


class Layout:
    """A folder with an OCI layout, put together blob by blob."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs/sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

    def blob(self, data: bytes | Json, kind: str = "", **more: Any) -> Json:
        """Put a blob; its descriptor."""
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        digest = hashlib.sha256(raw).hexdigest()
        (self.folder / "blobs/sha256" / digest).write_bytes(raw)
        return {**({"mediaType": kind} if kind else {}), "digest": f"sha256:{digest}", "size": len(raw), **more}

    def image(
        self, text: bytes, architecture: str = OWN, *, pack: Callable[[bytes], bytes] = bytes, variant: str = "", **more: Any
    ) -> Json:
        """Put an image of one layer with the file /f; the manifest's descriptor."""
        from tests.tars import member, tar_of

        tar = tar_of(member("f", text))
        diff_id = "sha256:" + hashlib.sha256(tar).hexdigest()
        config = {"architecture": architecture, "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [diff_id]}}
        layer = self.blob(pack(tar), "application/vnd.oci.image.layer.v1.tar")
        manifest = {"schemaVersion": 2, "config": self.blob(config, "application/vnd.oci.image.config.v1+json"), "layers": [layer]}
        platform = {"architecture": architecture, "os": "linux"} | ({"variant": variant} if variant else {})
        return self.blob(manifest, "application/vnd.oci.image.manifest.v1+json", platform=platform, **more)

    def index(self, *descriptors: Json, **more: Any) -> Json:
        """Put an index; its descriptor."""
        return self.blob({"schemaVersion": 2, "manifests": list(descriptors)}, INDEX, **more)

    def top(self, *descriptors: Json) -> str:
        """index.json; where the layout is."""
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": list(descriptors)}))
        return str(self.folder)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout")


def read(store: Store, name: str) -> bytes:
    (layer,) = store.layers_of(store.images.find(name).config)
    return (layer.tree / "f").read_bytes()


def named(name: str) -> Json:
    return {"annotations": {"org.opencontainers.image.ref.name": name}}


# --- what is taken


def test_an_index_gives_the_image_of_this_machine_or_of_the_platform_that_is_asked_for(store: Store, layout: Layout) -> None:
    other, own = layout.image(b"other", OTHER), layout.image(b"own")
    path = layout.top(layout.index(layout.index(other), layout.index(own), **named("docker.io/library/many:1")))
    assert load(store, path) == ["many:1"] and read(store, "many:1") == b"own"
    assert load(store, path, f"linux/{OTHER}") == ["many:1"] and read(store, "many:1") == b"other"
    with pytest.raises(StoreError, match="no image for linux/riscv64"):
        load(store, path, "linux/riscv64")


def test_a_variant_is_asked_for_or_is_not(store: Store, layout: Layout) -> None:
    path = layout.top(layout.index(layout.image(b"6", "arm", variant="v6"), layout.image(b"7", "arm", variant="v7"), **named("arm:1")))
    load(store, path, "linux/arm/v7")
    assert read(store, "arm:1") == b"7"
    load(store, path, "linux/arm")
    assert read(store, "arm:1") == b"7", "arm alone is its newest variant, as containerd has it"


def test_the_only_image_is_taken_whatever_it_is_for_unless_another_is_asked_for(store: Store, layout: Layout) -> None:
    path = layout.top({**layout.image(b"x", OTHER), **named("one:1")})
    assert load(store, path) == ["one:1"]
    with pytest.raises(StoreError, match="no image for linux/riscv64"):
        load(store, path, "linux/riscv64")


def test_several_names_several_images_and_what_belongs_to_a_manifest(store: Store, layout: Layout) -> None:
    one, two = layout.image(b"1"), layout.image(b"2")
    signed = layout.image(b"attestation", "unknown", annotations={"vnd.docker.reference.type": "attestation-manifest"})
    names = {"annotations": {"io.containerd.image.name": "docker.io/library/b:2", "org.opencontainers.image.ref.name": "2"}}
    path = layout.top({**one, **named("docker.io/library/a:1")}, {**one, **named("quay.io/x/a")}, {**two, **names}, signed)
    assert load(store, path) == ["a:1", "quay.io/x/a:latest", "b:2"]
    assert read(store, "a:1") == read(store, "quay.io/x/a") == b"1" and read(store, "b:2") == b"2" and len(store.images.ids()) == 2


def test_a_tag_alone_names_no_image(store: Store, layout: Layout) -> None:
    (said,) = load(store, layout.top({**layout.image(b"1"), **named("1.0")}))
    assert said in store.images.ids() and not store.images.name_files()


@pytest.mark.parametrize("pack", ["bytes", "gzip", "zstd"])
def test_layers_may_be_packed(store: Store, layout: Layout, pack: str) -> None:
    zstandard = pytest.importorskip("zstandard")
    packing = {"bytes": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}[pack]
    load(store, layout.top({**layout.image(b"packed" * 1000, pack=packing), **named("p:1")}))
    assert read(store, "p:1") == b"packed" * 1000


def test_a_layer_of_several_zstd_frames_is_read_to_its_end(store: Store, layout: Layout) -> None:
    """As those that can be pulled in parts have them, a frame to be skipped at their end."""
    zstandard = pytest.importorskip("zstandard")

    def pack(data: bytes) -> bytes:
        frames = b"".join(zstandard.compress(data[at : at + 700]) for at in range(0, len(data), 700))
        return bytes(frames + b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"note")

    load(store, layout.top({**layout.image(b"packed" * 1000, pack=pack), **named("p:1")}))
    assert read(store, "p:1") == b"packed" * 1000


@pytest.mark.parametrize("form", ["oci-archive", "oci-dir"])
@pytest.mark.parametrize("packing", ["", "gzip", "zstd"])
def test_what_is_saved_comes_back_and_shared_layers_are_written_once(store: Store, tmp_path: Path, form: str, packing: str) -> None:
    from dockerlab.oci import Reference

    one, two = image_of(store, b"1"), image_of(store, b"1", b"2")
    target, out = tmp_path / "saved", io.BytesIO()
    saving = Saving(form, packing)
    pairs = [(one, Reference.parse("a:1")), (two, Reference.parse("b:1")), (one, Reference.parse("a:2"))]
    save(store, pairs, str(target) if saving.is_folder else out, saving)
    other = empty(tmp_path)
    assert sorted(load(other, str(target) if saving.is_folder else io.BytesIO(out.getvalue()))) == ["a:1", "a:2", "b:1"]
    assert sorted(other.images.ids()) == sorted([one.id, two.id])
    blobs = (
        list((target / "blobs/sha256").iterdir()) if saving.is_folder else [name for name in members_of(out.getvalue()) if "blobs" in name]
    )
    assert len(blobs) == 2 + 2 + 2  # layers, configurations, manifests


def test_the_same_image_is_saved_as_the_same_bytes(store: Store) -> None:
    image = image_of(store, b"1" * 1000)
    for saving in (Saving(), Saving("oci-archive", "gzip"), Saving("oci-archive", "zstd")):
        outs = [io.BytesIO(), io.BytesIO()]
        for out in outs:
            save(store, [(image, None)], out, saving)
        assert outs[0].getvalue() == outs[1].getvalue(), saving


@pytest.mark.parametrize(
    ("saving", "count"),
    [
        (Saving("tar"), 1),
        (Saving("oci-dir", "xz"), 1),
        (Saving(packing="gzip"), 1),
        (Saving("docker-dir", "zstd"), 1),
        (Saving("docker-dir"), 2),
    ],
)
def test_what_can_not_be_saved_so_is_refused(saving: Saving, count: int) -> None:
    with pytest.raises(UsageError):
        saving.check(count)


# --- what is false


def _changed(change: Callable[[Layout, Json], Json]) -> Callable[[Layout], str]:
    """A layout of one image, whose manifest was changed."""

    def make(layout: Layout) -> str:
        descriptor = layout.image(b"1")
        manifest = json.loads((layout.folder / "blobs/sha256" / descriptor["digest"][7:]).read_text())
        return layout.top({**descriptor, **{key: value for key, value in layout.blob(change(layout, manifest)).items()}})

    return make


def _layer(**more: Any) -> Callable[[Layout], str]:
    return _changed(lambda layout, manifest: {**manifest, "layers": [{**manifest["layers"][0], **more}]})


def _config(**more: Any) -> Callable[[Layout], str]:
    return _changed(lambda layout, manifest: {**manifest, "config": {**manifest["config"], **more}})


def _descriptor(**more: Any) -> Callable[[Layout], str]:
    return lambda layout: layout.top({**layout.image(b"1"), **more})


def _lost(layout: Layout) -> str:
    path = layout.top(layout.image(b"1"))
    max((layout.folder / "blobs/sha256").iterdir(), key=lambda blob: blob.stat().st_size).unlink()
    return path


def _spoilt(layout: Layout) -> str:
    path = layout.top(layout.image(b"1" * 100, pack=gzip.compress))
    for blob in (layout.folder / "blobs/sha256").iterdir():
        if (data := blob.read_bytes())[:2] == b"\x1f\x8b":
            blob.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
    return path


def _trailing(layout: Layout, pack: Callable[[bytes], bytes] = gzip.compress) -> str:
    """A packed layer that is right but for what follows it: its content is, its digest is not."""
    descriptor = layout.image(b"1", pack=pack)
    manifest = json.loads((layout.folder / "blobs/sha256" / descriptor["digest"][7:]).read_text())
    blob = layout.folder / "blobs/sha256" / manifest["layers"][0]["digest"][7:]
    blob.write_bytes(blob.read_bytes() + bytes(512))
    manifest["layers"][0]["size"] += 512
    return layout.top({**descriptor, **layout.blob(manifest)})


def _trailing_zstd(layout: Layout) -> str:
    return _trailing(layout, pytest.importorskip("zstandard").compress)


def _deep(layout: Layout) -> str:
    inner = layout.image(b"1")
    for _ in range(20):
        inner = layout.index(inner)
    return layout.top(inner)


def _wide(layout: Layout) -> str:
    """A few blobs that lead to millions of manifests."""
    inner = layout.image(b"1")
    for _ in range(7):
        inner = layout.index(*[inner] * 100)
    return layout.top(inner)


def _linked(layout: Layout) -> str:
    """A blob that is a link out of the folder."""
    secret = layout.folder.parent / "secret"
    secret.write_bytes(b"{}")
    digest = hashlib.sha256(b"{}").hexdigest()
    (layout.folder / "blobs/sha256" / digest).symlink_to(secret)
    return layout.top({**layout.image(b"1"), "digest": f"sha256:{digest}", "size": 2})


def _pipe(layout: Layout) -> str:
    os.mkfifo(layout.folder / "index.json")
    return str(layout.folder)


@pytest.mark.parametrize(
    "make",
    [
        _layer(size=5), _layer(size=-1), _layer(size="5"), _layer(size=True), _layer(digest="sha256:" + "0" * 64), _layer(digest="sha256:../../../etc/passwd"),
        _layer(digest="../../oci-layout"), _layer(digest=5), _layer(mediaType="application/vnd.oci.image.layer.v1.tar+gzip+encrypted"),
        _config(size=1), _config(digest="sha256:" + "1" * 64), _config(digest="md5:1"), _config(mediaType="application/vnd.cncf.helm.config.v1+json"),
        _changed(lambda layout, manifest: {**manifest, "layers": []}), _changed(lambda layout, manifest: {**manifest, "layers": {}}),
        _changed(lambda layout, manifest: {**manifest, "layers": manifest["layers"] * 2}), _changed(lambda layout, manifest: {}),
        _changed(lambda layout, manifest: {**manifest, "config": None}), _changed(lambda layout, manifest: {**manifest, "layers": manifest["layers"] * 600}),
        _descriptor(size=3), _descriptor(digest="sha256:" + "2" * 64), _descriptor(mediaType="text/plain"), _descriptor(**named("../x:1")), _descriptor(**named("A/B:1")),
        _lost, _spoilt, _trailing, _trailing_zstd, _deep, _wide, _linked, _pipe,
        lambda layout: layout.top(), lambda layout: layout.top(layout.index()), lambda layout: layout.top({"manifests": []}),
        lambda layout: (layout.top(layout.image(b"1")), (layout.folder / "oci-layout").unlink())[0],
        lambda layout: (layout.top(layout.image(b"1")), (layout.folder / "oci-layout").write_text('{"imageLayoutVersion":"2.0.0"}'))[0],
        lambda layout: (layout.top(), (layout.folder / "index.json").write_text("[" * 100_000))[0],
        lambda layout: (layout.top(), (layout.folder / "index.json").write_text('{"manifests": 5}'))[0],
    ],
)  # fmt: skip
def test_what_is_false_is_refused_and_leaves_nothing(store: Store, tmp_path: Path, layout: Layout, make: Callable[[Layout], str]) -> None:
    path = make(layout)
    with pytest.raises(StoreError) as folder:
        load(store, path)
    assert is_empty(store) and "\n" not in folder.value.message
    if make in (_pipe, _linked):
        return
    members = {str(file.relative_to(path)): file.read_bytes() for file in Path(path).rglob("*") if file.is_file()}
    with pytest.raises(StoreError):
        load(store, io.BytesIO(archive_of(members)))
    assert is_empty(store)


def test_a_docker_folder_is_compared_with_its_digests(store: Store, tmp_path: Path) -> None:
    image = image_of(store, b"1")
    for number, spoil in enumerate((None, image.id, image.config.diff_ids[0])):
        target = tmp_path / str(number)
        save(store, [(image, None)], str(target), Saving("docker-dir"))
        other = Store.open(tmp_path / f"store{number}")
        if spoil is None:
            assert load(other, str(target)) == [image.id]
            continue
        blob = target / spoil[7:]
        blob.write_bytes(blob.read_bytes()[:-1] + b"x")
        with pytest.raises(StoreError):
            load(other, str(target))
        assert is_empty(other)


# --- the verbs


def test_the_verbs_take_podmans_names(docker: Docker, tmp_path: Path) -> None:
    build(docker, "FROM busybox\nCOPY a /a\n", tag="site:1", a="1")
    identifier = docker("image", "inspect", "-f", "{{.Id}}", "site:1").out.strip()
    for number, flags in enumerate((["oci-dir"], ["oci-dir", "--compress"], ["docker-dir"], ["oci-archive", "--compression-format=gzip"])):
        path = str(tmp_path / f"saved{number}")
        assert docker("save", "--format", *flags, "-o", path, "site:1").code == 0
        docker("rmi", "-f", "site:1")
        answer = docker("load", "-i", path)
        assert answer.out == (f"Loaded image ID: {identifier}\n" if flags == ["docker-dir"] else "Loaded image: site:1\n"), answer.err
        docker("tag", identifier, "site:1")
    for words, says in (
        (("save", "--format", "oci-dir", "site:1"), "is a folder: name one with -o"),
        (("save", "--format", "oci-dir", "-o", str(tmp_path), "site:1"), "is not empty"),
        (("save", "--format", "zip", "-o", "x", "site:1"), 'unknown format "zip"'),
        (("save", "--platform", "linux/riscv64", "-o", "x", "site:1"), "does not provide the specified platform (linux/riscv64)"),
        (("load", "--platform", "linux/riscv64", "-i", str(tmp_path / "saved0")), "no image for linux/riscv64"),
        (("load", "--platform", "nonsense/", "-i", "x"), "invalid platform"),
    ):
        answer = docker(*words)
        assert answer.code != 0 and says in answer.err, answer
    assert not Path("x").exists()


def test_an_archive_that_could_not_be_written_to_its_end_is_not_there(docker: Docker, tmp_path: Path) -> None:
    build(docker, "FROM busybox\nCOPY a /a\n", tag="site:1", a="1")
    docker("save", "-o", "kept.tar", "site:1")
    before = Path("kept.tar").read_bytes()
    home = Path(os.environ["DOCKERLAB_HOME"])
    (tree,) = [path for path in home.glob("layers/*/tree/a")]
    tree.write_bytes(b"2")
    answer = docker("save", "-o", "kept.tar", "site:1")
    assert answer.code == 1 and "no longer has the content" in answer.err
    Path("empty").mkdir()
    for folder in ("empty", "new"):
        assert docker("save", "--format", "oci-dir", "-o", folder, "site:1").code == 1
    assert Path("kept.tar").read_bytes() == before and sorted(os.listdir()) == ["Dockerfile", "a", "empty", "kept.tar"]
    assert os.listdir("empty") == []


def test_a_build_exports_a_layout(docker: Docker) -> None:
    Path("Dockerfile").write_text("FROM busybox\nLABEL a=b\n")
    for number, fields in enumerate(
        ("type=oci,dest={}", "type=oci,tar=false,dest={}", "type=oci,compression=zstd,dest={}", "type=docker,dest={}")
    ):
        assert docker("build", "-q", "-t", "site:1", "-o", fields.format(f"out{number}"), ".").code == 0
        docker("rmi", "-f", "site:1")
        assert docker("load", "-i", f"out{number}").out == "Loaded image: site:1\n"
    assert "manifest.json" not in members_of(Path("out0").read_bytes()) and "manifest.json" in members_of(Path("out3").read_bytes())
