"""One layer looked into folder by folder: the same as `docker diff` tells of the whole, and no way out of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dockerlab.errors import DockerlabError
from dockerlab.layers import Tree, TreeView, changes
from dockerlab.layers.inside import LayerInside


@pytest.fixture
def layer(tmp_path: Path) -> LayerInside:
    with Tree(tmp_path / "low/tree") as low:
        for name in ("etc/passwd", "etc/group", "o/hidden", "gone/deep/file", "way/to/it"):
            low.write(name, name.encode(), mtime=1)
    with Tree(tmp_path / "up/tree") as up:
        up.write("etc/passwd", b"other", 0o600, 7, 8)
        up.write("etc/new", b"n")
        up.whiteout("etc/group")
        up.whiteout("gone")
        up.mkdir("o")
        up.opaque("o")
        up.write("o/own", b"12")
        up.write("way/to/more", b"345")
        up.symlink("out", "/etc")
        up.whiteout("nothing")
        up.set_time("etc", 1)
        up.set_time("way", 1)
    return LayerInside([tmp_path / "low/tree"], tmp_path / "up/tree")


def told(layer: LayerInside, path: str) -> list[tuple[str, str, str]]:
    return [(entry.change, entry.kind, entry.path) for entry in layer.folder(path)]


def test_a_folder_shows_what_was_added_changed_and_deleted(layer: LayerInside) -> None:
    assert told(layer, "/") == [
        ("", "dir", "/etc"),
        ("D", "dir", "/gone"),
        ("", "dir", "/o"),
        ("", "dir", "/way"),
        ("A", "symlink", "/out"),
    ]
    assert told(layer, "/etc") == [("D", "file", "/etc/group"), ("A", "file", "/etc/new"), ("C", "file", "/etc/passwd")]
    assert told(layer, "/o") == [("D", "file", "/o/hidden"), ("A", "file", "/o/own")]
    entry = layer.folder("/etc")[2]
    assert (entry.size, entry.mode, entry.owner, layer.folder("/")[-1].link) == (5, 0o600, (7, 8), "/etc")
    assert layer.folder("/etc")[0].size == len("etc/group")


def test_names_come_first_and_the_rest_of_each_entry_when_it_is_asked_for(layer: LayerInside, tmp_path: Path) -> None:
    with Tree(tmp_path / "up/tree") as up:
        for n in range(30):
            up.mkdir(f"plain/{n}folder")
            up.write(f"plain/{n}", b"x" * n)
        up.symlink("plain/link", "1")
        up.mkdir("locked", 0o000)
        up.write("only/new/file", b"1")
        up.whiteout("only/new/hides-nothing")
    for path in ("/", "/etc", "/o", "/way", "/way/to", "/plain", "/locked", "/only/new"):
        entries, listing = layer.folder(path), layer.listing(path)
        assert listing.names == [entry.name for entry in entries], path
        assert listing.folders == sum(entry.kind == "dir" for entry in entries)
        for first, last in ((0, 3), (2, 40), (29, 35), (0, 1000), (900, 1000)):
            assert layer.some(path, first, last) == entries[first:last]
    with pytest.raises(DockerlabError):
        layer.listing("/etc/passwd")


def test_the_whole_is_counted_as_diff_counts_it(layer: LayerInside, tmp_path: Path) -> None:
    all_of_it = [change.kind for change in changes(tmp_path / "up/tree", TreeView([tmp_path / "low/tree"]))]
    assert layer.counts() == {kind: all_of_it.count(kind) for kind in "ACD"} and layer.counts()["D"] == 3


def test_folders_have_the_sizes_of_what_lies_in_them(layer: LayerInside) -> None:
    assert layer.sizes("/") == {"etc": 6, "o": 2, "way": 3} and layer.sizes("/way") == {"to": 3}


def test_a_search_finds_what_is_deleted_too_and_counts_what_it_leaves_out(layer: LayerInside) -> None:
    found, total = layer.find("ETC/")
    assert [(entry.change, entry.path) for entry in found] == [("D", "/etc/group"), ("A", "/etc/new"), ("C", "/etc/passwd")] and total == 3
    assert len(layer.find("", 2)[0]) == 2 and layer.find("", 2)[1] > 5


def test_a_file_is_read_and_a_deleted_one_as_it_was_below(layer: LayerInside) -> None:
    assert layer.read("/etc/passwd", 3) == b"oth" and layer.read("/etc/group", 100) == b"etc/group"
    assert layer.read("/o/hidden", 100) == b"o/hidden"
    for path in ("/etc", "/out", "/nosuch", "/etc/passwd/x"):
        with pytest.raises(DockerlabError):
            layer.read(path, 10)


@pytest.mark.parametrize("path", ["/out", "/out/passwd", "/../..", "/etc/../../up", "/etc/passwd", "/nosuch"])
def test_nothing_leads_out_of_a_layer(layer: LayerInside, path: str) -> None:
    with pytest.raises(DockerlabError):
        layer.folder(path)


def test_the_lowest_layer_only_adds(tmp_path: Path) -> None:
    with Tree(tmp_path / "tree") as tree:
        tree.write("a/b", b"1")
    inside = LayerInside([], tmp_path / "tree")
    assert told(inside, "/") == [("A", "dir", "/a")] and inside.counts() == {"A": 2, "C": 0, "D": 0} and inside.read("/a/b", 9) == b"1"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_a_mode_forbids_is_shown_all_the_same(tmp_path: Path) -> None:
    with Tree(tmp_path / "tree") as tree:
        tree.mkdir("locked", 0o000)
        tree.write("locked/f", b"1", 0o000)
    inside = LayerInside([], tmp_path / "tree")
    assert (
        told(inside, "/locked") == [("A", "file", "/locked/f")] and inside.read("/locked/f", 9) == b"1" and inside.sizes() == {"locked": 1}
    )
