"""`dockerlab fsck`: what it says of a store that is whole, of one that lost something, and of one that a killed process left."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.oci.digest import digest_of
from dockerlab.store import Store
from dockerlab.store.fsck import DAMAGED, LEFT, LOST, Examination, examine, repair
from tests.conftest import Command, Docker, build


def told(found: Examination) -> list[tuple[str, str]]:
    return [(problem.kind, problem.what.partition(" ")[0]) for problem in found.problems]


def test_a_store_in_use_is_whole(docker: Docker, engine: EmbeddedEngine) -> None:
    build(docker, "FROM busybox\nCOPY Dockerfile /a\nWORKDIR /w\n")
    docker("create", "--name", "one", "-v", "files:/data", "t:1", "true")
    docker("commit", "one", "two:1")
    found = examine(engine.store)
    assert found.sound and found.problems == ()
    assert found.checked["images"] == 3 and found.checked["containers"] == found.checked["volumes"] == 1 and found.checked["layers"] >= 3


def test_a_layer_whose_file_changed_is_named(docker: Docker, engine: EmbeddedEngine) -> None:
    build(docker, "FROM busybox\nCOPY Dockerfile /a\n")
    diff_id = engine.image_inspect("t:1")["RootFS"]["Layers"][-1]
    file = engine.store.layers.get(diff_id).tree / "a"
    file.write_bytes(file.read_bytes().replace(b"FROM", b"from"))
    found = examine(engine.store)
    assert not found.sound and told(found) == [(DAMAGED, "layer")] and diff_id in found.problems[0].what
    assert examine(engine.store, contents=False).sound, "without contents only what is there is looked at"


def test_what_came_as_a_tar_is_compared_with_the_bytes_that_came(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "home")
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("./b"))
        tar.addfile(tarfile.TarInfo("./a"))
    raw.seek(0)
    with store.tmp() as folder:
        layer = store.layers.arrive(raw, folder, digest_of(raw.getvalue()))
    assert examine(store).sound
    kept = layer.path / "layer.tar"
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    assert told(examine(store)) == [(DAMAGED, "layer")]


def test_what_is_gone_is_said_to_be_lost_and_what_needs_it_too(docker: Docker, engine: EmbeddedEngine) -> None:
    build(docker, "FROM busybox\nCOPY Dockerfile /a\n")
    docker("create", "--name", "one", "t:1", "true")
    engine.store.layers.remove(engine.image_inspect("t:1")["RootFS"]["Layers"][-1])
    found = examine(Store.open(engine.store.home))
    assert told(found) == [(LOST, "image"), (LOST, "container"), (LEFT, "cached")]
    assert "layer sha256:" not in found.problems[0].what and "its layer sha256:" in found.problems[0].why


def test_damaged_records_are_named_one_by_one(docker: Docker, engine: EmbeddedEngine) -> None:
    build(docker, "FROM busybox\nCOPY Dockerfile /a\n")
    docker("create", "--name", "one", "-v", "files:/data", "t:1", "true")
    store = engine.store
    identifier = engine.image_inspect("t:1")["Id"]
    (store.home / "blobs/sha256" / identifier[7:]).write_bytes(b"{}")
    container = next(store.containers_dir.iterdir())
    (container / "config.json").write_text("{")
    (store.volumes_dir / "files/volume.json").write_text("")
    found = examine(store)
    assert told(found) == [(DAMAGED, "image"), (DAMAGED, "container"), (DAMAGED, "volume")]
    assert all(problem.remedy for problem in found.problems)
    (container / "config.json").unlink()


def test_what_a_killed_process_left_is_no_loss_and_goes_with_repair(docker: Docker, engine: EmbeddedEngine) -> None:
    build(docker, "FROM busybox\nCOPY Dockerfile /a\n")
    store = engine.store
    for name in ("tmp/x", "snapshots/y", "containers/" + "a" * 64, "layers/" + "b" * 64, "volumes/c~"):
        (store.home / name).mkdir()
        (store.home / name / "rest").write_text("")
    (store.home / "snapshots/y.lock").write_text("")
    found = examine(store)
    assert found.sound and [kind for kind, _ in told(found)] == [LEFT] * 5
    with store.using():
        assert examine(store).problems == (), "while somebody uses the store it may be theirs"
    assert len(repair(store)) == 5
    assert examine(store).problems == ()
    assert docker("run", "--rm", "t:1", "true").code in (0, 125)  # 125 where no container runs


def test_a_name_that_leads_nowhere_is_lost_and_forgotten_by_repair(docker: Docker, engine: EmbeddedEngine) -> None:
    build(docker, "FROM busybox\nCOPY Dockerfile /a\n")
    (engine.store.home / "images" / engine.image_inspect("t:1")["Id"].removeprefix("sha256:")).unlink()
    assert told(examine(engine.store)) == [(LOST, "name")]
    repair(engine.store)
    assert examine(engine.store).sound and "t" not in docker("images", "--format", "{{.Repository}}").out.split()


def test_the_command_says_it_and_its_code_too(command: Command, home: Path) -> None:
    whole = command("fsck")
    assert whole.returncode == 0 and "nothing is lost or damaged" in whole.stdout and "1 images" in whole.stdout
    layer = next((home / "layers").iterdir())
    (layer / "tree/etc/passwd").write_text("changed")
    damaged = command("fsck", "--json")
    assert damaged.returncode == 1
    assert [problem["kind"] for problem in json.loads(damaged.stdout)["problems"]] == [DAMAGED]
    assert command("fsck", "--quick").returncode == 0
    os.environ["DOCKERLAB_HOME"] = str(home.parent / "nowhere")
    assert "no store yet" in command("fsck").stdout and not (home.parent / "nowhere").exists()
