"""Stores above read-only base stores: what is found there, what never is written there, and what is said when one is not there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dockerlab.course.bases import marked
from dockerlab.errors import NotFoundError, StoreError
from dockerlab.layers import Tree
from dockerlab.oci import Reference
from dockerlab.store import Store
from dockerlab.store.fsck import DAMAGED, LOST, examine, examine_base, repair
from dockerlab.store.sharing import share
from tests.parts import ROOT
from tests.store.base_stores import image, names, sealed


def test_the_environment_names_base_stores_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_BASE_STORES", f"{tmp_path}/one::{tmp_path}/own:{tmp_path}/two:{tmp_path}/one")
    assert [str(base) for base in Store.open(tmp_path / "own").bases] == [f"{tmp_path}/one", f"{tmp_path}/two"]


def test_an_image_of_a_base_is_found_by_its_name_its_id_and_a_part_of_it(store: Store, base: Store) -> None:
    made = image(base, "web:1")
    assert store.images.find("web:1") == store.images.find(made.id) == store.images.find(made.id[7:15]) == made
    assert store.images.all() == [made] and names(store) == ["web:1"]
    assert store.images.raw(made.id) == base.images.raw(made.id)
    assert store.images.base_of(made.id) == str(base.home)
    (layer,) = store.layers_of(made.config)
    assert layer.path.is_relative_to(base.home) and store.layers.base_of(layer.diff_id) == str(base.home)
    assert store.layers.all() == [] and store.images.own.all() == []


def test_a_name_of_one_s_own_hides_that_of_a_base_until_it_goes(store: Store, base: Store) -> None:
    theirs, ours = image(base, "web:1"), image(store, "web:2")
    assert store.images.tag(ours.id, Reference.parse("web:1")) == theirs.id
    assert store.images.find("web:1") == ours
    assert store.images.names(theirs.id) == [] and len(store.images.names(ours.id)) == 2
    store.images.untag(Reference.parse("web:1"))
    assert store.images.find("web:1") == theirs


def test_the_first_base_that_has_a_name_answers(tmp_path: Path) -> None:
    one, two = (Store.open(tmp_path / name, bases="") for name in ("one", "two"))
    first, _ = image(one, "web:1"), image(two, "web:1", sealed(two, "other"))
    second = image(two, "web:2")
    store = Store.open(tmp_path / "own", bases=f"{one.home}{os.pathsep}{two.home}")
    assert store.images.find("web:1") == first and store.images.find("web:2") == second
    assert names(store) == ["web:1", "web:2"]


def test_an_image_of_a_base_may_lie_above_layers_of_another(tmp_path: Path) -> None:
    lower = Store.open(tmp_path / "lower", bases="")
    below = image(lower, "debian:1")
    upper = Store.open(tmp_path / "upper", bases=str(lower.home))
    above = image(upper, "web:1", *upper.layers_of(below.config), sealed(upper, "site"))
    store = Store.open(tmp_path / "own", bases=f"{upper.home}{os.pathsep}{lower.home}")
    assert len(store.layers_of(above.config)) == 2
    assert all(examine_base(store, one).sound for one in store.bases)


def test_a_tag_of_a_base_s_image_is_one_s_own_and_copies_no_layer(store: Store, base: Store) -> None:
    made = image(base, "web:1")
    before = marked(base.home)
    store.images.tag(made.id, Reference.parse("mine:1"))
    assert store.images.own.all() == [made] and store.layers.all() == []
    assert base.images.names(made.id) == [Reference.parse("web:1")] and marked(base.home) == before


def test_what_a_base_has_is_not_kept_twice(store: Store, base: Store) -> None:
    layer = sealed(base)
    assert sealed(store).path == layer.path and store.layers.all() == []
    assert list((store.home / "tmp").iterdir()) == []


def test_nothing_is_swept_out_of_a_base_and_what_is_known_of_it_goes_with_its_last_user(store: Store, base: Store) -> None:
    made = image(base, "web:1")
    mine = image(store, "mine:1", *store.layers_of(made.config), sealed(store, "site"))
    before = marked(base.home)
    store.sweep()
    assert len(list((store.home / "borrowed").iterdir())) == 1
    store.images.untag(Reference.parse("mine:1"))
    store.images.remove(mine.id)
    assert store.sweep() == 4 and list((store.home / "borrowed").iterdir()) == [] and store.layers.all() == []
    assert marked(base.home) == before


def test_an_image_whose_base_is_not_named_any_more_says_which_store_had_its_layers(store: Store, base: Store) -> None:
    made = image(base, "web:1")
    (layer,) = store.layers_of(made.config)
    image(store, "mine:1", layer, sealed(store, "site"))
    alone = Store.open(store.home, bases="")
    with pytest.raises(NotFoundError) as caught:
        alone.layers_of(alone.images.find("mine:1").config)
    assert caught.value.message == f"the store has no layer {layer.diff_id}: it is one of the base store {base.home}"
    assert caught.value.hint == f"name that again: DOCKERLAB_BASE_STORES={base.home}"
    (problem,) = examine(alone).problems
    assert (problem.kind, problem.remedy) == (LOST, caught.value.hint)
    assert repair(alone) == [] and store.images.find("mine:1")


def test_the_base_of_an_image_that_was_only_taken_in_is_remembered_too(store: Store, base: Store) -> None:
    layer = sealed(base)
    image(store, "mine:1", layer)
    with pytest.raises(NotFoundError, match=f"one of the base store {base.home}"):
        Store.open(store.home, bases="").layers.get(layer.diff_id)


@pytest.mark.parametrize(("there", "why"), [(False, "is not there"), (True, "holds no store")])
def test_a_base_that_is_gone_is_named_by_what_needs_it_and_by_nothing_else(there: bool, why: str, tmp_path: Path) -> None:
    if there:
        (tmp_path / "gone").mkdir()
    store = Store.open(tmp_path / "own", bases=str(tmp_path / "gone"))
    mine = image(Store.open(tmp_path / "own", bases=""), "mine:1")
    assert store.images.find("mine:1") == mine and store.layers_of(mine.config)
    for look in (
        store.images.ids,
        store.images.all_names,
        lambda: store.images.find("web:1"),
        lambda: store.layers.get("sha256:" + "0" * 64),
    ):
        with pytest.raises(StoreError, match=f"the base store {tmp_path}/gone {why}") as caught:
            look()
        assert "DOCKERLAB_BASE_STORES" in caught.value.hint


def test_a_base_that_goes_while_a_kernel_lives_is_named(store: Store, base: Store) -> None:
    made = image(base, "web:1")
    assert store.layers_of(made.config)
    base.home.rename(base.home.with_name("elsewhere"))
    with pytest.raises((StoreError, NotFoundError), match=f"the base store {base.home}"):
        store.layers_of(made.config)


def test_a_damaged_layer_of_a_base_is_told_and_stays(store: Store, base: Store) -> None:
    made = image(base, "web:1")
    (layer,) = base.layers_of(made.config)
    record = json.loads((layer.path / "layer.json").read_text())
    (layer.path / "layer.json").write_text(json.dumps({**record, "boot": "another boot"}))
    (layer.tree / "web-1").write_bytes(b"lost")
    with pytest.raises(StoreError, match=f"layer {layer.diff_id} in the base store {base.home} is not what its digest says"):
        store.layers_of(made.config)
    assert examine(store).sound
    found = examine_base(store, store.bases[0])
    assert [problem.kind for problem in found.problems] == [DAMAGED] and f"DOCKERLAB_HOME={base.home}" in found.problems[0].remedy
    assert layer.path.exists()


def test_a_layer_of_another_boot_is_compared_with_its_digest_once_and_the_base_s_record_stays(store: Store, base: Store) -> None:
    made = image(base, "web:1")
    (layer,) = base.layers_of(made.config)
    record = json.loads((layer.path / "layer.json").read_text())
    (layer.path / "layer.json").write_text(json.dumps({**record, "boot": "another boot"}))
    before = marked(base.home)
    assert store.layers_of(made.config)
    assert marked(base.home) == before
    (layer.tree / "web-1").write_bytes(b"changed since: nobody looks again before the next boot, or fsck")
    assert Store.open(store.home, bases=str(base.home)).layers_of(made.config)
    assert not examine_base(store, store.bases[0]).sound


def test_a_damaged_configuration_of_a_base_is_told_by_who_names_it(store: Store, base: Store) -> None:
    made = image(base, "web:1")
    (base.home / "blobs/sha256" / made.id[7:]).write_text("{}")
    with pytest.raises(StoreError, match="was damaged"):
        store.images.find("web:1")
    assert store.images.all() == []


def test_fsck_looks_at_a_base_without_a_change_of_it(store: Store, base: Store) -> None:
    image(base, "web:1")
    before = marked(base.home)
    assert examine_base(store, store.bases[0]).checked == {"layers": 1, "images": 1, "names": 1}
    assert repair(store) == [] and marked(base.home) == before


def test_links_in_a_base_lead_nobody_out_of_it(store: Store, base: Store, outside: Path) -> None:
    """`outside` looks whether anything was written there; here everything is done that could."""
    with base.tmp() as folder:
        with Tree(folder / "tree") as tree:
            tree.symlink("srv", str(outside), mtime=5)
            tree.symlink("file", f"{outside}/secret", mtime=5)
        layer = base.layers.seal(folder)
    made = image(base, "web:1", layer)
    for name in ("borrowed", "cache-mounts", "events"):
        (base.home / name).symlink_to(outside)
    store.images.tag(made.id, Reference.parse("mine:1"))
    assert store.layers_of(made.config) and examine_base(store, store.bases[0]).sound
    store.sweep()


def test_a_layer_with_files_that_only_a_change_of_mode_would_show_is_refused_and_nothing_changes(store: Store, base: Store) -> None:
    layer = sealed(base, mode=0o200)
    if os.geteuid() == 0:  # who reads what no mode keeps from it
        os.setxattr(layer.tree / "f", "user.note", b"x")
    before = marked(base.home)
    with pytest.raises(StoreError, match="can't be read without a change of their modes") as caught:
        store.layers.get(layer.diff_id)
    assert marked(base.home) == before and f"DOCKERLAB_HOME={base.home} dockerlab share" in caught.value.hint


def test_a_shared_base_shows_such_a_layer_too(store: Store, base: Store) -> None:
    layer = sealed(base, mode=0o200)
    if os.geteuid() == 0:
        os.setxattr(layer.tree / "f", "user.note", b"x")
        base.layers.remove(layer.diff_id)
        with base.tmp() as folder:
            with Tree(folder / "tree") as tree:
                tree.write("f", b"data", 0o200, mtime=5)
                tree.set_xattr("f", "user.note", b"x")
            layer = base.layers.seal(folder)
    list(share(base))
    before = marked(base.home)
    got = Store.open(store.home, bases=str(base.home)).layers.get(layer.diff_id)
    assert got.path.is_relative_to(store.home) and (got.tree / "f").stat().st_mode & 0o777 == 0o200
    assert marked(base.home) == before


WRITER = """
import sys, itertools
from dockerlab.store import Store
from tests.store.base_stores import image, sealed
store = Store.open(sys.argv[1], bases="")
for turn in itertools.count():
    image(store, f"web:{turn}", *(sealed(store, f"{turn}-{n}", b"x" * 5000) for n in range(4)))
    print(turn, flush=True)
"""


def writer(home: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home)], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert process.stdout is not None and process.stdout.readline() == "0\n"
    return process


@pytest.mark.parametrize("shared", [False, True])
def test_images_appear_whole_while_the_owner_of_a_base_adds_more_and_after_it_is_killed(shared: bool, store: Store, base: Store) -> None:
    if shared:
        list(share(base))
    process = writer(base.home)
    try:
        seen: set[str] = set()
        until = time.monotonic() + 2
        while time.monotonic() < until:
            for found in store.images.all_names().values():
                for name in found:
                    got = store.images.find(str(name))
                    assert len(store.layers_of(got.config)) == 4
                    assert not shared or all((base.home / "shared" / one[7:] / "layer.json").exists() for one in got.config.diff_ids)
                    seen.add(str(name))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(seen) > 3
    assert all(len(store.layers_of(one.config)) == 4 for one in store.images.all())
    assert examine_base(store, store.bases[0]).sound
    base.sweep()
    assert examine(base).sound


def test_without_base_stores_nothing_of_them_is_loaded(home: Path) -> None:
    script = (
        "import sys; from dockerlab.cli.main import main; main(['images']); main(['history', 'busybox'])\n"
        "print([name for name in sys.modules if name in ('dockerlab.store.bases', 'dockerlab.store.above', 'dockerlab.store.borrowing')])"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert said.stdout.splitlines()[-1] == "[]", said
