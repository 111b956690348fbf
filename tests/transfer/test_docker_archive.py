"""docker-archive: what goes out comes back, and what is damaged is refused in one sentence."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import random
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dockerlab.errors import DockerlabError, StoreError
from dockerlab.layers import Tree
from dockerlab.oci import HistoryEntry, ImageConfig, Reference
from dockerlab.store import Image, Store
from dockerlab.transfer.loading import load as read_archive
from dockerlab.transfer.saving import save as write_archive

Members = dict[str, bytes]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "home")


def image_of(store: Store, *texts: bytes) -> Image:
    config = ImageConfig()
    for text in texts:
        with store.tmp() as folder:
            with Tree(folder / "tree") as tree:
                tree.write("f", text, mtime=1)
            config = config.with_history(HistoryEntry(created_by=text.decode()), store.layers.seal(folder).diff_id)
    return store.images.add(config)


def saved(store: Store, *images: tuple[Image, str]) -> bytes:
    out = io.BytesIO()
    write_archive(store, [(image, Reference.parse(name) if name else None) for image, name in images], out)
    return out.getvalue()


def members_of(data: bytes) -> Members:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: (tar.extractfile(member) or io.BytesIO()).read() for member in tar if member.isfile()}


def archive_of(members: Members) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def empty(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "other")


def is_empty(store: Store) -> bool:
    return not store.images.ids() and not store.layers.all() and not list((store.home / "tmp").iterdir())


def test_every_name_comes_back_to_its_own_image(store: Store, tmp_path: Path) -> None:
    one, two = image_of(store, b"1"), image_of(store, b"1", b"2")
    data = saved(store, (one, "aa:1"), (two, "bb:9"), (one, "aa:2"), (two, ""))
    other = empty(tmp_path)
    assert sorted(read_archive(other, io.BytesIO(data))) == ["aa:1", "aa:2", "bb:9"]
    assert {name: other.images.find(name).id for name in ("aa:1", "aa:2", "bb:9")} == {"aa:1": one.id, "aa:2": one.id, "bb:9": two.id}
    members = members_of(data)
    assert len(json.loads(members["manifest.json"])) == 2
    index = json.loads(members["index.json"])["manifests"]
    named = {
        entry["annotations"]["io.containerd.image.name"]: json.loads(members["blobs/sha256/" + entry["digest"][7:]]) for entry in index
    }
    assert {name: manifest["config"]["digest"] for name, manifest in named.items()} == {
        "docker.io/library/aa:1": one.id, "docker.io/library/aa:2": one.id, "docker.io/library/bb:9": two.id,
    }  # fmt: skip


def test_the_stream_of_an_archive_stays_the_callers(store: Store, tmp_path: Path) -> None:
    stream = io.BytesIO(saved(store, (image_of(store, b"1"), "site")))
    for _ in range(2):
        stream.seek(0)
        assert read_archive(empty(tmp_path), stream) == ["site:latest"]


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_a_compressed_archive_is_read_and_a_damaged_one_refused(store: Store, tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    data = compress(saved(store, (image_of(store, b"1"), "site")))
    assert read_archive(empty(tmp_path), io.BytesIO(data)) == ["site:latest"]
    fresh = Store.open(tmp_path / "fresh")
    for damaged in (data[:-20], data[:20] + bytes(20) + data[40:], data[:30]):
        with pytest.raises(StoreError, match=r"cut short|damaged"):
            read_archive(fresh, io.BytesIO(damaged))
    assert is_empty(fresh)


def manifest(change: Callable[[Any], Any]) -> Callable[[Members], Members]:
    return lambda members: {**members, "manifest.json": json.dumps(change(json.loads(members["manifest.json"]))).encode()}


def configuration(data: bytes) -> Callable[[Members], Members]:
    def change(members: Members) -> Members:
        return {**members, json.loads(members["manifest.json"])[0]["Config"]: data}

    return change


@pytest.mark.parametrize(
    "damage",
    [
        lambda members: {name: data for name, data in members.items() if name not in ("manifest.json", "index.json")},
        lambda members: {**members, "manifest.json": b"{half"},
        lambda members: {**members, "manifest.json": b"[" * 100_000},
        lambda members: {**members, "manifest.json": b"\xff\xfe"},
        manifest(lambda old: {}),
        manifest(lambda old: None),
        manifest(lambda old: ["x"]),
        manifest(lambda old: [{}]),
        manifest(lambda old: [{**old[0], "Config": None}]),
        manifest(lambda old: [{**old[0], "Config": "nosuch"}]),
        manifest(lambda old: [{**old[0], "Config": "blobs"}]),
        manifest(lambda old: [{**old[0], "Layers": "abc"}]),
        manifest(lambda old: [{**old[0], "Layers": [1]}]),
        manifest(lambda old: [{**old[0], "Layers": []}]),
        manifest(lambda old: [{**old[0], "Layers": ["../../etc/passwd"]}]),
        manifest(lambda old: [{**old[0], "RepoTags": "site"}]),
        manifest(lambda old: [{**old[0], "RepoTags": ["../../x"]}]),
        manifest(lambda old: [{**old[0], "RepoTags": [None]}]),
        configuration(b"{half"),
        configuration(b"[]"),
        configuration(b'{"rootfs": []}'),
        configuration(b'{"rootfs": {"diff_ids": [1]}}'),
        configuration(b'{"rootfs": {"diff_ids": ["sha256:../../x"]}}'),
        configuration(b'{"rootfs": {"diff_ids": 5}}'),
        configuration(b'{"rootfs": {"diff_ids": ["sha256:' + b"0" * 64 + b'"]}}'),
        configuration(b'{"config": 5, "rootfs": {"diff_ids": ["sha256:' + b"0" * 64 + b'"]}}'),
        configuration(b'{"history": [5], "rootfs": {"diff_ids": ["sha256:' + b"0" * 64 + b'"]}}'),
    ],
)
def test_what_is_damaged_or_untrue_is_refused_and_leaves_nothing(
    store: Store, tmp_path: Path, damage: Callable[[Members], Members]
) -> None:
    data = archive_of(damage(members_of(saved(store, (image_of(store, b"1"), "site")))))
    other = empty(tmp_path)
    with pytest.raises(StoreError):
        read_archive(other, io.BytesIO(data))
    assert is_empty(other)


def test_bytes_that_flipped_are_noticed_or_harmless(store: Store, tmp_path: Path) -> None:
    image = image_of(store, b"1", b"2")
    data = saved(store, (image, "site"))
    choose = random.Random(7)
    for turn in range(150):
        flipped = bytearray(data)
        for _ in range(choose.choice((1, 5, 50))):
            flipped[choose.randrange(len(flipped))] = choose.randrange(256)
        other = Store.open(tmp_path / str(turn))
        try:
            read_archive(other, io.BytesIO(bytes(flipped)))
        except DockerlabError:
            assert not other.images.ids()
            continue
        for identifier in other.images.ids():
            for layer in other.layers_of(other.images.get(identifier).config):
                other.layers.open_tar(layer, io.BytesIO())  # raises where a layer is not what it is called
