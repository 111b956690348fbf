"""The store: whole after a crash, kind when its disk is full or not ours, shared by several processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dockerlab.errors import NotFoundError, StoreError
from dockerlab.layers import Tree
from dockerlab.oci import HistoryEntry, ImageConfig, Reference
from dockerlab.store import Layer, Store
from tests.parts import ROOT


def sealed(store: Store, name: str = "f", data: bytes = b"data") -> Layer:
    with store.tmp() as folder:
        tree = Tree(folder / "tree")
        tree.write(name, data, mtime=5)
        tree.close()
        return store.layers.seal(folder)


def test_equal_layers_are_one(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    assert sealed(store) == sealed(store)
    assert len(store.layers.all()) == 1 and list((tmp_path / "tmp").iterdir()) == []


def test_a_name_points_to_one_image_and_an_id_may_be_shortened(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    image = store.images.add(ImageConfig().with_history(HistoryEntry(created_by="x"), sealed(store).diff_id))
    store.images.tag(image.id, Reference.parse("site:1"))
    assert store.images.find("site:1").id == store.images.find(image.id[7:15]).id == image.id
    with pytest.raises(NotFoundError, match="No such image: site:2"):
        store.images.find("site:2")


def test_a_writer_killed_in_the_middle_leaves_a_store_that_works(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from dockerlab.store import Store; from dockerlab.layers import Tree\n"
        "store = Store.open(sys.argv[1])\n"
        "with store.tmp() as folder:\n"
        "    tree = Tree(folder / 'tree'); tree.write('half', b'x' * 100000); print('writing', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert process.stdout is not None and process.stdout.readline() == b"writing\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    store = Store.open(tmp_path)
    assert len(list((tmp_path / "tmp").iterdir())) == 2
    layer = sealed(store)
    store.images.add(ImageConfig().with_history(HistoryEntry(created_by="x"), layer.diff_id))
    store.sweep()
    assert list((tmp_path / "tmp").iterdir()) == [] and store.layers.has(layer.diff_id)


def test_a_layer_damaged_by_a_power_cut_is_noticed_at_its_first_use(tmp_path: Path) -> None:
    layer = sealed(Store.open(tmp_path))
    record = json.loads((layer.path / "layer.json").read_text())
    (layer.path / "layer.json").write_text(json.dumps({**record, "boot": "another boot"}))
    (layer.tree / "f").write_bytes(b"lost")
    with pytest.raises(StoreError, match="was damaged"):
        Store.open(tmp_path).layers.get(layer.diff_id)
    assert not Store.open(tmp_path).layers.has(layer.diff_id)


def test_a_layer_of_an_earlier_boot_that_is_whole_is_used(tmp_path: Path) -> None:
    layer = sealed(Store.open(tmp_path))
    record = json.loads((layer.path / "layer.json").read_text())
    (layer.path / "layer.json").write_text(json.dumps({**record, "boot": "another boot"}))
    assert Store.open(tmp_path).layers.get(layer.diff_id) == layer


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small tmpfs")
def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], capture_output=True).returncode:
        pytest.skip("this root may not mount")
    try:
        store = Store.open(tmp_path / "home")
        with pytest.raises(StoreError, match="no space left") as caught:
            sealed(store, data=os.urandom(2_000_000))
        assert "DOCKERLAB_HOME" in caught.value.hint
        assert store.layers.all() == [] and list((tmp_path / "home/tmp").iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_a_home_that_is_not_ours_says_how_to_choose_another(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DOCKERLAB_HOME": "/proc/nowhere"}
    answer = subprocess.run([sys.executable, "-m", "dockerlab", "images"], capture_output=True, text=True, env=environment)
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr and "/proc/nowhere" in answer.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; the rerun as an ordinary user does this")
def test_a_read_only_home_says_how_to_choose_another(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o555)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DOCKERLAB_HOME": str(tmp_path / "locked/store")}
    answer = subprocess.run([sys.executable, "-m", "dockerlab", "run", "busybox", "true"], capture_output=True, text=True, env=environment)
    assert answer.returncode == 1
    assert (
        "can't be written: you may not write there" in answer.stderr
        and "DOCKERLAB_HOME" in answer.stderr
        and "Traceback" not in answer.stderr
    )


def test_what_a_container_or_the_cache_needs_is_not_swept_away(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    kept, cached, lost = sealed(store, "kept"), sealed(store, "cached"), sealed(store, "lost")
    (tmp_path / "containers/x").mkdir()
    (tmp_path / "containers/x/config.json").write_text(json.dumps({"layers": [kept.diff_id]}))
    store.cache.put("key", {"layer": cached.diff_id})
    store.sweep()
    assert sorted(store.layers.all()) == sorted([kept.diff_id, cached.diff_id]) and not store.layers.has(lost.diff_id)


def test_nothing_is_swept_away_while_somebody_uses_the_store(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    layer = sealed(store)
    with Store.open(tmp_path).using():
        store.sweep()
        assert store.layers.has(layer.diff_id)
    time.sleep(0)
    store.sweep()
    assert not store.layers.has(layer.diff_id)
