"""Layers of base stores that others share, or that are made one's own: whole or not at all, by one kernel at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dockerlab.course.bases import marked
from dockerlab.layers import Tree, TreeView
from dockerlab.layers.lending import open_lent
from dockerlab.layers.tree import Copied
from dockerlab.store import Layer, Store
from dockerlab.store.fsck import examine
from dockerlab.store.sharing import share
from tests.parts import ROOT
from tests.store.base_stores import image, sealed


@pytest.fixture
def odd(base: Store) -> Layer:
    """A layer with what others should not come by."""
    with base.tmp() as folder:
        with Tree(folder / "tree") as tree:
            tree.mkdir("closed", 0o700, 0, 0, 5)
            tree.mkdir("spool", 0o2775, 3, 4, 5)
            tree.write("spool/inherits", b"x", 0o644, 3, 0, 5)
            tree.write("closed/secret", b"secret", 0o600, 7, 8, 5)
            tree.write("su", b"x" * 20_000, 0o4755, 0, 0, 5)
            tree.hardlink("su2", "su")
            tree.symlink("link", "closed", 7, 8, 5)
            tree.fifo("pipe", 0o620, 7, 0, 5)
            tree.device("sda", "block", 0o666, (8, 0), 0, 6, 5)
            tree.set_xattr("closed/secret", "user.note", b"kept")
            tree.mkdir("opaque", 0o755, 0, 0, 5)
            tree.opaque("opaque")
            tree.whiteout("gone")
            tree.whiteout("closed/gone")
        return base.layers.seal(folder)


def test_a_shared_store_shows_everything_to_all_but_set_id_programs_and_devices(base: Store, odd: Layer) -> None:
    image(base, "odd:1", odd)
    assert list(share(base)) == [odd.diff_id] and list(share(base)) == []
    tree = base.home / "shared" / odd.path.name / "tree"
    modes = {str(path.relative_to(tree)): path.lstat().st_mode for path in tree.rglob("*")}
    assert not any(mode & 0o7000 for mode in modes.values()) and {oct(mode >> 12) for mode in modes.values()} <= {
        "0o1",
        "0o4",
        "0o10",
        "0o12",
    }
    assert all(mode & 0o444 == 0o444 for path, mode in modes.items() if path not in ("pipe", "link"))
    closed = {path.name for path in base.home.iterdir() if path.is_dir() and not path.stat().st_mode & 0o077}
    assert {"layers", "containers", "volumes", "cache", "snapshots", "tmp", "cache-mounts"} <= closed
    assert {path.name for path in base.home.iterdir() if path.is_file() and path.stat().st_mode & 0o077} <= {"capabilities.json"}


def test_what_comes_later_is_shared_as_it_comes_and_goes_as_it_goes(base: Store) -> None:
    list(share(base))
    layer = sealed(base)
    published = base.home / "shared" / layer.path.name
    assert (published / "layer.json").exists() and (published / "tree/f").read_bytes() == b"data"
    assert base.sweep() == 4 and not published.exists()


@pytest.mark.parametrize("lends", [False, True])
def test_a_layer_of_a_shared_base_becomes_the_layer_that_it_was(
    lends: bool, store: Store, base: Store, odd: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for somebody else: that the base is ours is hidden."""
    image(base, "odd:1", odd)
    list(share(base))
    before = marked(base.home)
    monkeypatch.setattr("dockerlab.store.bases.Base.form", "shared")
    store.lends_bytes = lambda: lends
    got = store.layers.get(odd.diff_id)
    assert bool(got.bytes) == lends and got.size == odd.size and got.path.is_relative_to(store.home)
    with open(os.devnull, "wb") as nowhere:
        store.layers.open_tar(got, nowhere)  # which compares the digest
    assert (got.tree / "su").stat().st_mode & 0o7777 == 0o4755 and (got.tree / "su").stat().st_nlink == 2
    assert ((got.tree / "su").stat().st_blocks <= 8) == lends
    again = Store.open(store.home, bases=str(base.home))
    again.lends_bytes = lambda: lends
    inode = (got.tree / "su").stat().st_ino
    assert again.layers.get(odd.diff_id) == got and (got.tree / "su").stat().st_ino == inode
    assert marked(base.home) == before and list((store.home / "tmp").iterdir()) == []


def test_a_layer_whose_contents_are_elsewhere_is_made_whole_where_it_has_layers_below(
    store: Store, base: Store, odd: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    image(base, "odd:1", odd)
    list(share(base))
    monkeypatch.setattr("dockerlab.store.bases.Base.form", "shared")
    store.lends_bytes = lambda: True
    assert store.layers.stack([odd.diff_id])[0].bytes
    below = sealed(store, "below")
    assert [layer.bytes for layer in store.layers.stack([below.diff_id, odd.diff_id])] == ["", ""]


def test_a_mark_of_contents_elsewhere_means_nothing_in_a_tree_that_holds_no_such_files(
    store: Store, base: Store, odd: Layer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a container, an archive that was unpacked, or a build context may hold one that leads to a file of this machine."""
    image(base, "odd:1", odd)
    list(share(base))
    monkeypatch.setattr("dockerlab.store.bases.Base.form", "shared")
    store.lends_bytes = lambda: True
    assert store.layers.get(odd.diff_id).bytes
    (tmp_path / "file").write_bytes(b"mine")
    os.setxattr(tmp_path / "file", "user.overlay.metacopy", b"")
    os.setxattr(tmp_path / "file", "user.overlay.redirect", b"/etc/passwd")
    with open(open_lent(str(tmp_path / "file")), "rb") as file:
        assert file.read() == b"mine"
    with Tree(tmp_path / "tree") as tree:
        tree.copy_files([Copied("file", str(tmp_path / "file"), (tmp_path / "file").stat(), 0o644, 0, 0)])
    assert (tmp_path / "tree/file").read_bytes() == b"mine"
    view = TreeView([store.layers.get(odd.diff_id).tree])
    assert view.read("/su") == view.read("/su2") == b"x" * 20_000


BORROWER = """
import sys
from dockerlab.store import Store
from dockerlab.store.bases import Base
Base.form = "shared"
store = Store.open(sys.argv[1], bases=sys.argv[2])
store.lends_bytes = lambda: True
print("ready", flush=True)
sys.stdin.readline()
layer = store.layers.get(sys.argv[3])
print(len(list(layer.tree.iterdir())), flush=True)
"""


def borrower(store: Store, base: Store, layer: Layer) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", BORROWER, str(store.home), str(base.home), layer.diff_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    assert process.stdin is not None
    return process


@pytest.fixture
def many(base: Store) -> Layer:
    with base.tmp() as folder:
        with Tree(folder / "tree") as tree:
            for n in range(2000):
                tree.write(f"f{n}", bytes(n * 10), mtime=5)
        layer = base.layers.seal(folder)
    image(base, "many:1", layer)
    list(share(base))
    return layer


def test_kernels_that_borrow_a_layer_at_once_have_all_of_it(store: Store, base: Store, many: Layer) -> None:
    several = [borrower(store, base, many) for _ in range(4)]
    for one in several:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    assert [one.communicate(timeout=60)[0] for one in several] == ["2000\n"] * 4
    assert [one.returncode for one in several] == [0] * 4
    assert sorted(path.name for path in (store.home / "borrowed" / many.path.name).iterdir()) == ["base.json", "lent", "lock"]


def test_a_kernel_killed_while_it_borrows_leaves_nothing_half(store: Store, base: Store, many: Layer) -> None:
    for n in range(6):
        process = borrower(store, base, many)
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        time.sleep(0.03 + n * 0.05)
        process.kill()
        process.wait()
        tree = store.home / "borrowed" / many.path.name / "lent/tree"
        assert not tree.exists() or len(list(tree.iterdir())) == 2000
    process = borrower(store, base, many)
    assert process.communicate("go\n", timeout=60)[0] == "2000\n"
    store.sweep()
    assert examine(store).sound and list((store.home / "tmp").iterdir()) == [] and list((store.home / "borrowed").iterdir()) == []
