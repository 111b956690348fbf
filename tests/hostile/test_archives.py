"""Archives that mean harm, by every way in: nothing outside is touched, what is refused is refused in one message, and nothing of it is kept."""

from __future__ import annotations

import io
import os
import resource
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.layers import TreeView, packed
from dockerlab.store import Store
from tests.conftest import Docker, build
from tests.hostile.archives import WAYS, Way, digest_of, header, image_of, sparse, zeros
from tests.hostile.conftest import one_message
from tests.parts import ROOT
from tests.tars import Member, folder, hard, link, member, tar_of

Unchanged = Callable[[], bool]


@pytest.fixture(scope="module")
def shared(template_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    """One store for all of them: what it may hold afterwards each test says itself."""
    home = tmp_path_factory.mktemp("shared") / "home"
    subprocess.run(["cp", "-a", str(template_home), str(home)], check=True)
    engine = EmbeddedEngine(Store.open(home))
    yield engine
    engine.close()


@pytest.fixture
def home(shared: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKERLAB_HOME", str(shared.store.home))
    return shared.store.home


@pytest.fixture
def engine(shared: EmbeddedEngine, home: Path) -> Iterator[EmbeddedEngine]:
    yield shared
    for image in shared.images():
        if "busybox:latest" not in image["RepoTags"]:
            shared.image_remove(image["Id"], force=True)
    shared.prune_build_cache()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    return WAYS[request.param]


def held(engine: EmbeddedEngine) -> TreeView:
    """What the image evil:1 holds."""
    image = engine.store.images.find("evil:1")
    return TreeView([layer.tree for layer in engine.store.layers_of(image.config)])


def taken(docker: Docker, way: Way, *members: Member) -> None:
    answer = way(docker, tar_of(*members))
    assert answer.code == 0, answer.err


def refused(docker: Docker, unchanged: Unchanged, way: Way, data: bytes, *words: str) -> None:
    said = one_message(way(docker, data))
    assert any(word in said for word in words), said
    assert unchanged()


# ------------------------------------------------------------------ paths


@pytest.mark.parametrize("name", ["a/../../evil", "/../evil"])
def test_a_path_that_leads_out_is_refused(docker: Docker, way: Way, unchanged: Unchanged, outside: Path, name: str) -> None:
    refused(docker, unchanged, way, tar_of(member("good", b"1"), member(name, b"2")), "leads out")


def test_an_absolute_path_lies_inside(docker: Docker, way: Way, engine: EmbeddedEngine, outside: Path) -> None:
    taken(docker, way, member(f"{outside}/secret", b"mine"))
    assert held(engine).read(f"{outside}/secret") == b"mine"


@pytest.mark.parametrize("target", ["{outside}", "{up}{outside}", "../../../../../../../../../../..{outside}"])
def test_what_is_written_through_a_link_that_leads_out_lies_inside(
    docker: Docker, way: Way, engine: EmbeddedEngine, outside: Path, target: str
) -> None:
    target = target.format(outside=outside, up="/" + "../" * 30)
    taken(docker, way, link("way", target), member("way/secret", b"mine"), folder("way/sub", mode=0o700), member("way/sub/new", b"mine"))
    assert held(engine).read(f"{outside}/sub/new") == b"mine" and held(engine).read("/way/secret") == b"mine"


def test_a_hard_link_to_a_file_of_this_machine_is_refused(docker: Docker, way: Way, unchanged: Unchanged, outside: Path) -> None:
    refused(docker, unchanged, way, tar_of(hard("stolen", f"{outside}/secret")), "hard link")
    refused(docker, unchanged, way, tar_of(link("way", str(outside)), hard("stolen", "way/secret")), "hard link")
    refused(docker, unchanged, way, tar_of(hard("stolen", "../" * 20 + f"{outside}/secret")), "leads out")


@pytest.mark.usefixtures("containers_run_here")
def test_a_device_is_kept_true_and_opens_nothing(docker: Docker, engine: EmbeddedEngine) -> None:
    devices = [member(f"d{n}", kind=kind, devmajor=major, devminor=minor, mode=0o666) for n, (kind, major, minor) in enumerate(
        [(tarfile.BLKTYPE, 8, 0), (tarfile.BLKTYPE, 254, 0), (tarfile.CHRTYPE, 1, 1), (tarfile.CHRTYPE, 1, 5), (tarfile.CHRTYPE, 10, 237)]
    )]  # fmt: skip
    for name in ("ADD", "cp"):
        taken(docker, WAYS[name], *devices)
        entry = held(engine).lookup("/d0")
        assert entry is not None and (entry.entry.kind, entry.entry.device) == ("block", (8, 0))
        script = "for n in 0 1 2 3 4; do head -c 1 /d$n > /got 2>/dev/null && test -s /got && echo opened $n; done; echo asked"
        assert docker("run", "--rm", "evil:1", "sh", "-c", script).out == "asked\n"


def test_of_two_entries_of_one_name_the_last_counts(docker: Docker, way: Way, engine: EmbeddedEngine, outside: Path) -> None:
    taken(
        docker, way,
        member("f", b"first"), member("f", b"last"),
        link("g", f"{outside}/secret"), member("g", b"mine"),
        member("h", b"a file"), folder("h"), member("h/x", b"1"),
    )  # fmt: skip
    view = held(engine)
    assert [view.read(path) for path in ("/f", "/g", "/h/x")] == [b"last", b"mine", b"1"]
    node = view.lookup("/g", follow=False)
    assert node is not None and node.is_file


def test_a_folder_over_a_link_is_a_folder(docker: Docker, way: Way, engine: EmbeddedEngine, outside: Path) -> None:
    taken(docker, way, link("d", str(outside)), folder("d", mode=0o777, mtime=7), member("d/secret", b"mine"), folder("d/sub", mode=0))
    node = held(engine).lookup("/d", follow=False)
    assert node is not None and node.is_dir and held(engine).read("/d/secret") == b"mine"


@pytest.mark.parametrize("name", ["x" * 256, "x" * 4096, "/".join(["y" * 200] * 25)], ids=["256", "4096", "5000 in parts"])
def test_a_name_that_no_disk_holds_is_refused(docker: Docker, way: Way, unchanged: Unchanged, name: str) -> None:
    refused(docker, unchanged, way, tar_of(member("good", b"1"), member(name, b"2")), "file name too long")


# ------------------------------------------------------------------ sizes


def test_an_archive_that_is_cut_short_is_refused(docker: Docker, way: Way, unchanged: Unchanged) -> None:
    whole = tar_of(member("f", b"x" * 5000), member("g", b"y" * 5000))
    for data in (whole[:1500], whole[: 512 + 5120 + 700]):
        refused(docker, unchanged, way, data, "ends in the middle", "damaged", "unexpected end", "cut short")


def test_a_size_that_is_not_the_contents_is_refused(docker: Docker, way: Way, unchanged: Unchanged) -> None:
    refused(docker, unchanged, way, header("f", 1 << 40) + b"x" * 512 + bytes(1024), "unpacks to more")
    refused(docker, unchanged, way, header("f", 5000) + b"x" * 512 + bytes(1024), "ends in the middle", "damaged", "unexpected end")


def test_a_sparse_file_of_terabytes_is_refused_before_it_is_written(docker: Docker, way: Way, unchanged: Unchanged) -> None:
    refused(docker, unchanged, way, sparse("hole", 1 << 45), "the archive unpacks to more than")


def test_an_archive_that_grows_a_thousandfold_is_refused_at_a_limit(
    docker: Docker, way: Way, unchanged: Unchanged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "LARGEST", 20 << 20)
    refused(
        docker,
        unchanged,
        way,
        zeros(32, header("f", 32 << 20), bytes(1024)),
        "the archive unpacks to more than 20 MB, the most that is taken",
    )


def test_an_image_archive_that_grows_a_thousandfold_is_refused_at_a_limit(
    docker: Docker, unchanged: Unchanged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "LARGEST", 20 << 20)
    said = one_message(docker("load", stdin=zeros(32)))
    assert "the archive unpacks to more than 20 MB" in said and unchanged()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: zeros(200, header("pax", 200 << 20, tarfile.XHDTYPE)), "what tells of one of its entries takes more than 4 MB"),
        (lambda: zeros(200, header("long", 200 << 20, tarfile.GNUTYPE_LONGNAME)), "what tells of one of its entries takes more than 4 MB"),
        (lambda: zeros(200, header("manifest.json", 200 << 20), bytes(1024)), "more than 8 MB"),
        (lambda: zeros(60, header("f", 0) * 110_000, bytes(1024)), "more than 100000 entries"),
    ],
    ids=["pax header", "long name", "manifest.json", "entries"],
)  # fmt: skip
def test_no_bomb_takes_memory(home: Path, unchanged: Unchanged, make: Callable[[], bytes], words: str) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (190 << 20, 190 << 20))

    for verb in ("load", "import") if "of its entries" in words else ("load",):
        answer = subprocess.run(
            [sys.executable, "-m", "dockerlab", verb, *(["-"] if verb == "import" else [])],
            input=make(), capture_output=True, preexec_fn=limit, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        said = answer.stderr.decode()
        assert answer.returncode == 1 and words in said and "Traceback" not in said, said
        assert unchanged()


# ------------------------------------------------------------------ images


def test_a_layer_of_another_digest_is_refused_and_those_before_it_are_not_kept(docker: Docker, unchanged: Unchanged) -> None:
    layers = [tar_of(member(f"f{n}", b"x")) for n in range(3)]
    digests = [digest_of(layers[0]), digest_of(layers[1]), "sha256:" + "0" * 64]
    said = one_message(docker("load", stdin=image_of(layers, diff_ids=digests)))
    assert "has the digest" in said and unchanged()


def test_of_two_images_of_which_one_is_damaged_none_is_kept_and_no_name_moves(docker: Docker, unchanged: Unchanged) -> None:
    import json

    layer, good = tar_of(member("f", b"x")), {"architecture": "amd64", "os": "linux", "config": {}}
    config = json.dumps({**good, "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]}}).encode()
    entries = [
        {"Config": "c.json", "RepoTags": ["busybox:latest"], "Layers": ["0.tar"]},
        {"Config": "no", "RepoTags": ["b:1"], "Layers": []},
    ]
    data = tar_of(member("0.tar", layer), member("c.json", config), member("manifest.json", json.dumps(entries).encode()))
    assert 'the archive has no "no"' in one_message(docker("load", stdin=data)) and unchanged()


@pytest.mark.parametrize(
    "config",
    [
        {"config": 5}, {"config": {"Cmd": "sh"}}, {"config": {"Env": {"A": 1}}}, {"config": {"Env": [1]}}, {"config": {"Labels": ["x"]}},
        {"config": {"Volumes": 7}}, {"config": {"ExposedPorts": "80"}}, {"config": {"User": 5}}, {"config": {"WorkingDir": []}},
        {"config": {"Healthcheck": 3}}, {"config": {"Healthcheck": {"Test": 1, "Interval": "x"}}}, {"config": {"StopSignal": 9}},
        {"config": {"Shell": "sh"}}, {"config": {"OnBuild": [1]}}, {"config": {"Entrypoint": {"a": 1}}}, {"history": {"a": 1}},
        {"history": [{"created": 5, "created_by": [1], "empty_layer": "x"}]}, {"created": 7}, {"architecture": 5}, {"os": None}, {"author": []},
        {"rootfs": {"type": 5, "diff_ids": "sha256:1"}}, {"rootfs": {"diff_ids": [None]}}, {"rootfs": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_configuration_of_wrong_types_is_refused_or_does_no_harm(docker: Docker, unchanged: Unchanged, config: Any) -> None:
    layer = tar_of(member("f", b"x"))
    answer = docker("load", stdin=image_of([layer], config=config))
    if answer.code:
        one_message(answer)
        assert unchanged()
        return
    said = [
        docker(*words)
        for words in (
            ["images"],
            ["history", "evil:1"],
            ["inspect", "evil:1"],
            ["save", "-o", "x.tar", "evil:1"],
            ["create", "--name", "box", "evil:1", "sh"],
        )
    ]
    said.append(build(docker, "FROM evil:1\nCOPY Dockerfile /d\nEXPOSE 80\nENV A=1\n"))
    for answer in said:
        assert "Traceback" not in answer.err
    docker("rm", "box")
    assert docker("rmi", "-f", "evil:1").code == 0


@pytest.mark.parametrize("count", [126, 10_000])
def test_an_image_of_more_layers_than_docker_takes_is_refused(docker: Docker, unchanged: Unchanged, count: int) -> None:
    layers = [tar_of(member(f"f{n}", b"x"))[:1024] + bytes(1024) for n in range(count)]
    said = one_message(docker("load", stdin=image_of(layers)))
    assert said.startswith(f"Error: max depth exceeded: an image of the archive has {count} layers") and unchanged()


def test_an_image_of_as_many_layers_as_docker_takes_is_loaded(docker: Docker) -> None:
    layers = [tar_of(member(f"f{n}", b"x"))[:1024] + bytes(1024) for n in range(125)]
    assert docker("load", stdin=image_of(layers)).code == 0


def test_nobody_else_may_go_to_the_programs_of_an_image(docker: Docker, home: Path, engine: EmbeddedEngine, tmp_path: Path) -> None:
    fresh = Store.open(tmp_path / "fresh")
    assert stat.S_IMODE(fresh.home.stat().st_mode) == 0o700


def test_a_tar_in_a_tar_in_a_tar_is_unpacked_once(docker: Docker, engine: EmbeddedEngine) -> None:
    import gzip

    inner = tar_of(member("f", b"x"))
    taken(docker, WAYS["import"], member("inner.tar.gz", gzip.compress(inner)))
    assert held(engine).lookup("/f") is None
    assert tarfile.open(fileobj=io.BytesIO(held(engine).read("/inner.tar.gz"))).getnames() == ["f"]
