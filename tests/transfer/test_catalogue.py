"""The catalogue where nothing is fetched: names, recipes, errors, and how archives become layers."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from types import SimpleNamespace

import pytest

from dockerlab.engine.pulling import alike
from dockerlab.errors import CatalogueError, NotFoundError
from dockerlab.layers import TreeView
from dockerlab.oci import ImageConfig, Reference
from dockerlab.store import Store
from dockerlab.transfer.catalogue import Catalogue, tags_of
from dockerlab.transfer.catalogue.apt import Archive
from dockerlab.transfer.catalogue.compose import compose
from dockerlab.transfer.catalogue.deb import fields_of, read_ahead
from dockerlab.transfer.catalogue.recipe import DATA, Alternative, Folder, LayerRecipe, Link, Programs, Recipe, recipes
from dockerlab.transfer.catalogue.unpack import Filter


@pytest.fixture
def empty(tmp_path):
    return Catalogue(Store.open(tmp_path / "store"))


def test_names(empty):
    entries = empty.names()
    assert [f"{entry.name}:{entry.tags[0]}" for entry in entries if entry.name == "openjdk"] == ["openjdk:latest", "openjdk:17-jre"]
    assert {entry.name for entry in entries} == {"busybox", "debian", "gcc", "maven", "nginx", "openjdk", "python"}
    for entry in entries:
        assert entry.tags and entry.description and entry.note and 1_000_000 < entry.size < 500_000_000


def test_a_name_has_one_latest_and_no_tag_twice():
    for name, tags in tags_of().items():
        assert tags[0] == "latest" and len(set(tags)) == len(tags), name


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("busybox", "busybox"), ("busybox:latest", "busybox"), ("docker.io/library/busybox:1.35", "busybox"),
        ("debian", "debian"), ("debian:12", "debian"), ("debian:bookworm-slim", "debian"), ("nginx:latest", "nginx"), ("gcc", "gcc"),
        ("openjdk", "openjdk"), ("openjdk:17", "openjdk"), ("openjdk:17-jre", "openjdk"), ("python:3.11-slim", "python"),
        ("debian:11", None), ("me/debian", None), ("localhost:5000/debian", None), ("ruby", None), ("nginx:alpine", None), ("openjdk:17-alpine", None),
        ("debian@sha256:" + "0" * 64, None),
    ],
)  # fmt: skip
def test_find(empty, name, found):
    entry = empty.find(Reference.parse(name))
    assert (entry.name if entry else None) == found


@pytest.mark.parametrize(
    ("reference", "size"), [("openjdk:17-jdk", 373_000_000), ("openjdk", 373_000_000), ("openjdk:17-jre", 294_000_000)]
)
def test_recipes_of_one_name_are_told_apart_by_their_tags(empty, reference, size):
    assert empty.find(Reference.parse(reference)).size == size


def test_a_name_that_it_has_not(empty):
    with pytest.raises(NotFoundError, match="ruby:3") as caught:
        empty.image(Reference.parse("ruby:3"))
    assert "busybox, debian, gcc, maven, nginx, openjdk, python" in caught.value.hint


def test_a_tag_that_it_has_not_is_told_with_those_of_all_recipes_of_that_name(empty):
    with pytest.raises(NotFoundError, match="openjdk:8-jre") as caught:
        empty.image(Reference.parse("openjdk:8-jre"))
    assert "openjdk:latest" in caught.value.hint and "openjdk:17-jre" in caught.value.hint and "debian" not in caught.value.hint


def test_the_hint_for_a_missing_image_tells_the_tags_that_could_be_composed(tmp_path):
    store = Store.open(tmp_path / "store")
    hint = alike(store, Reference.parse("openjdk:11-jre"), composable=True)
    assert hint.startswith("did you mean openjdk:17-jre? The catalogue has openjdk with the tags latest, 17, ")
    assert alike(store, Reference.parse("pyhton"), composable=True) == "did you mean python?"
    assert alike(store, Reference.parse("pyhton")) == "dockerlab images lists what is here"


def test_no_package_manager(empty, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CatalogueError, match="no apt-get and no dpkg-deb") as caught:
        empty.image(Reference.parse("busybox"))
    assert "dockerlab load" in caught.value.hint and "registry" in caught.value.hint


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="no apt-get")
def test_no_network(empty, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    begin = time.monotonic()
    with pytest.raises(CatalogueError, match="can't be reached") as caught:
        empty.image(Reference.parse("busybox"))
    assert time.monotonic() - begin < 15
    assert "127.0.0.1:9" in caught.value.hint and "dockerlab load" in caught.value.hint


def test_a_processor_without_images(empty, monkeypatch):
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="sparc64"))
    with pytest.raises(CatalogueError, match="sparc64"):
        empty.image(Reference.parse("busybox"))


def test_recipes_hold_together():
    for recipe in recipes().values():
        assert recipe.base in ("", *recipes())
        names = [name for layer in recipe.layers for name in (*layer.packages, *layer.loose)]
        assert recipe.version_of in names
        for layer in recipe.layers:
            assert all(file.data() or not file.source for file in layer.files)
            assert len({file.path for file in layer.files}) == len(layer.files)
    assert (DATA / "keys" / "debian-12.gpg").stat().st_size > 10_000


def test_filter_is_dpkgs():
    paths = Filter(["/usr/share/doc/*", "/usr/share/man/*"], ["/usr/share/doc/*/copyright"])
    assert paths.drops("/usr/share/doc/sed/NEWS") and paths.drops("/usr/share/man/man1/sed.1.gz")
    assert not paths.drops("/usr/share/doc/sed/copyright") and not paths.drops("/usr/share/doc") and not paths.drops("/bin/sed")
    assert not Filter([], []).drops("/anything")


def test_fields_of_a_paragraph():
    fields = fields_of("Package: a\nDescription: short\n long\n .\n more\nVersion: 1:2\n")
    assert fields == {"Package": "a", "Description": "short\n long\n .\n more", "Version": "1:2"}


def test_name_and_version_of_an_archive():
    archive = Archive("http://x/a.deb", "libc6_1%3a2.36-9+deb12u14_amd64.deb", 1, "0")
    assert (archive.name, archive.version) == ("libc6", "1:2.36-9+deb12u14")


needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb")


def make_archive(folder, name, files, control="", conffiles=""):
    """A package of ours, all its files from one moment."""
    tree = folder / name
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: x <x@y>\n{control}Description: d\n")
    if conffiles:
        (tree / "DEBIAN/conffiles").write_text(conffiles)
    for path, content in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("->"):
            (tree / path).symlink_to(content[2:])
        elif content.startswith("="):
            os.link(tree / content[1:], tree / path)
        else:
            (tree / path).write_text(content)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1000000000"}
    target = folder / f"{name}_1_all.deb"
    command = ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(target)]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return Archive("", target.name, 0, "")


def make_image(tmp_path, layer, archives, base=None, store=None, architecture="amd64"):
    store = store or Store.open(tmp_path / "store")
    recipe = Recipe("mine", "mine", "mine", "d", "n", ("latest",), 1, "one", (layer,))
    config = compose(store, recipe, base, [archives], tmp_path, architecture, lambda _: None)
    return store, config


@needs_dpkg
def test_packages_become_a_layer(tmp_path):
    archive = make_archive(
        tmp_path, "one",
        {"bin/tool": "#!\n", "bin/same": "=bin/tool", "lib/x/a.so": "->b.so", "etc/one.conf": "a=1\n", "usr/share/man/one.1": "m", "usr/share/keep": "k"},
        control="Multi-Arch: foreign\n", conffiles="/etc/one.conf\n",
    )  # fmt: skip
    layer = LayerRecipe(
        "made of {packages}", packages=("one",), exclude=("/usr/share/man/*",), links=(Link("/bin", "usr/bin"), Link("/lib64", "usr/lib64", "arm64")),
        alternatives=(Alternative("t", "/usr/bin/t", "/bin/tool", 5, (("t.1", "/usr/share/man/t.1", "/usr/share/man/one.1"),)),),
    )  # fmt: skip
    store, config = make_image(tmp_path, layer, [archive])
    tree = store.layers_of(config)[0].tree
    assert os.readlink(tree / "bin") == "usr/bin" and not os.path.lexists(tree / "lib64")
    assert (tree / "usr/bin/tool").stat().st_ino == (tree / "usr/bin/same").stat().st_ino
    assert os.readlink(tree / "usr/lib/x/a.so") == "b.so"
    assert not (tree / "usr/share/man/one.1").exists() and (tree / "usr/share/keep").read_text() == "k"
    status = (tree / "var/lib/dpkg/status").read_text()
    assert "Package: one\nStatus: install ok installed\n" in status
    assert f"Conffiles:\n /etc/one.conf {hashlib.md5(b'a=1' + bytes([10])).hexdigest()}\n" in status
    listing = (tree / "var/lib/dpkg/info/one.list").read_text().splitlines()
    assert listing[0] == "/." and "/bin/tool" in listing and "/usr/share/man/one.1" in listing
    assert os.readlink(tree / "usr/bin/t") == "/etc/alternatives/t" and os.readlink(tree / "etc/alternatives/t") == "/bin/tool"
    assert not os.path.lexists(tree / "usr/share/man/t.1")
    record = (tree / "var/lib/dpkg/alternatives/t").read_text()
    assert record == "auto\n/usr/bin/t\nt.1\n/usr/share/man/t.1\n\n/bin/tool\n5\n/usr/share/man/one.1\n\n"
    assert config.history[0].created_by == "made of one=1" and config.created.startswith("20")
    assert config.config["Labels"]["dockerlab.catalogue.packages"] == "one=1"


@needs_dpkg
def test_programs_of_a_folder_become_alternatives_of_their_names(tmp_path):
    archive = make_archive(tmp_path, "one", {"usr/lib/one-arm64/bin/tool": "#!\n"})
    programs = Programs("/usr/lib/one-{architecture}/bin", ("tool",), 7)
    store, config = make_image(tmp_path, LayerRecipe("l", packages=("one",), programs=(programs,)), [archive], architecture="arm64")
    tree = store.layers_of(config)[0].tree
    assert os.readlink(tree / "usr/bin/tool") == "/etc/alternatives/tool"
    assert os.readlink(tree / "etc/alternatives/tool") == "/usr/lib/one-arm64/bin/tool"
    assert (tree / "var/lib/dpkg/alternatives/tool").read_text() == "auto\n/usr/bin/tool\n\n/usr/lib/one-arm64/bin/tool\n7\n\n"


PEM = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----"


@needs_dpkg
def test_authorities_become_a_bundle_links_and_a_key_store(tmp_path):
    shipped = {
        "usr/share/ca-certificates/mozilla/Two.crt": PEM.format("Yg=="),
        "usr/share/ca-certificates/mozilla/A_(One).crt": PEM.format("YQ==") + "\n",
    }
    archive = make_archive(tmp_path, "one", shipped)
    store, config = make_image(tmp_path, LayerRecipe("l", packages=("one",), certificates=("openssl", "java")), [archive])
    etc = store.layers_of(config)[0].tree / "etc"
    assert (etc / "ca-certificates.conf").read_text().endswith("#\nmozilla/A_(One).crt\nmozilla/Two.crt\n")
    assert (etc / "ssl/certs/ca-certificates.crt").read_text() == f"{PEM.format('YQ==')}\n{PEM.format('Yg==')}\n"
    assert os.readlink(etc / "ssl/certs/A_=One=.pem") == "/usr/share/ca-certificates/mozilla/A_(One).crt"
    keys = (etc / "ssl/certs/java/cacerts").read_bytes()
    assert keys[:12] == bytes.fromhex("feedfeed 00000002 00000002") and b"debian:a_=one=.pem" in keys
    phrase = "changeit".encode("utf-16-be") + b"Mighty Aphrodite"
    assert keys[-20:] == hashlib.sha1(phrase + keys[:-20]).digest()


@needs_dpkg
def test_the_same_packages_make_the_same_image(tmp_path):
    archive = make_archive(tmp_path, "one", {"usr/bin/tool": "x", "etc/deep/down/file": "y"})
    layer = LayerRecipe("l", packages=("one",))
    ids = {make_image(tmp_path, layer, [archive], store=Store.open(tmp_path / f"store{n}"))[1].image_id for n in range(2)}
    assert len(ids) == 1


@needs_dpkg
def test_a_layer_on_top_keeps_folders_and_records(tmp_path):
    one = make_archive(tmp_path, "one", {"srv/private/a": "a"})
    two = make_archive(tmp_path, "two", {"srv/private/b": "b"})
    store, base = make_image(tmp_path, LayerRecipe("l", packages=("one",), folders=(Folder("/srv/private", 0o700, 5, 5),)), [one])
    _, top = make_image(tmp_path, LayerRecipe("l", packages=("two",)), [two], base=base, store=store)
    view = TreeView([layer.tree for layer in store.layers_of(top)])
    assert view.listdir("/srv/private") == ["a", "b"]
    node = view.lookup("/srv/private")
    assert node is not None and node.entry.mode == 0o700 and node.owner == (5, 5)
    status = view.read("/var/lib/dpkg/status").decode()
    assert status.index("Package: one") < status.index("Package: two")
    assert isinstance(top, ImageConfig) and top.diff_ids[0] == base.diff_ids[0]


@needs_dpkg
def test_a_damaged_archive(tmp_path):
    archive = make_archive(tmp_path, "one", {"a": "a" * 100_000})
    whole = (tmp_path / archive.file).read_bytes()
    (tmp_path / archive.file).write_bytes(whole[: len(whole) - 60])
    with pytest.raises(CatalogueError, match="can't be read"):
        make_image(tmp_path, LayerRecipe("l", packages=("one",)), [archive])


@needs_dpkg
def test_archives_are_streams_of_which_little_is_in_memory_and_none_is_left_open(tmp_path):
    paths = []
    for name in ("one", "two", "three"):
        paths.append(tmp_path / make_archive(tmp_path, name, {"big": "x" * 3_000_000}).file)
    seen = read_ahead(paths, lambda control, tar: (control.name, [member.size for member in tar if member.isreg()]))
    assert seen == [("one", [3_000_000]), ("two", [3_000_000]), ("three", [3_000_000])]

    def refuse(control, tar):
        raise KeyError(control.name)

    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(KeyError, match="one"):
        read_ahead(paths, refuse)
    assert set(os.listdir("/proc/self/fd")) == before
