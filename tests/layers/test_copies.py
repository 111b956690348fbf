"""A tree that is copied is the same layer as before, whatever is in it and whoever copies."""

from __future__ import annotations

import io
import os
import socket
import stat
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings

from dockerlab.layers import Tree, TreeView, copy_tree, read_tar, remove_tree, write_layer
from tests.layers.test_hostile import archive, member
from tests.layers.test_overlay import deeds, fill

MAY_BIND = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)


@settings(max_examples=40, deadline=None)
@given(deeds)
def test_any_tree_is_the_same_layer_when_copied(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, int]]) -> None:
    folder = tmp_path_factory.mktemp("copy")
    tree = fill(folder / "one", steps, False)
    (folder / "two").mkdir()
    copy_tree(tree, folder / "two/tree")
    if (folder / "one/owners.json").exists():
        (folder / "one/owners.json").rename(folder / "two/owners.json")
        (folder / "one/owners.json").write_bytes((folder / "two/owners.json").read_bytes())
    assert write_layer(folder / "two/tree") == write_layer(tree)
    remove_tree(folder)


def test_locked_things_links_marks_and_times_are_copied(tmp_path: Path) -> None:
    with Tree(tmp_path / "one/tree") as tree:
        tree.mkdir("d", 0o000, 3, 4, 7)
        tree.write("d/f", b"text", 0o000, 5, 6, 8)
        tree.hardlink("d/g", "d/f")
        tree.write("cap", b"", 0o4755, 7, 7, 9)
        tree.set_xattr("cap", "security.capability", MAY_BIND)
        tree.fifo("p", mtime=5)
        tree.symlink("l", "/nowhere", mtime=6)
        tree.whiteout("gone")
        tree.mkdir("o", mtime=1)
        tree.opaque("o")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "one/tree/socket"))
    copy_tree(tmp_path / "one/tree", tmp_path / "tree")
    assert write_layer(tmp_path / "tree") == write_layer(tmp_path / "one/tree")
    assert not (tmp_path / "tree/socket").exists() and stat.S_IMODE((tmp_path / "one/tree/d").stat().st_mode) == 0
    view = TreeView([tmp_path / "tree"])
    links = {node.path: node.st.st_nlink for node in view.walk("/d")}
    assert links["/d/f"] == links["/d/g"] == 2
    node = view.lookup("/cap")
    assert node is not None and node.entry.xattrs == {"security.capability": MAY_BIND} and node.entry.mode == 0o4755


def test_an_archive_can_not_write_our_own_marks(tmp_path: Path) -> None:
    names = (
        "user.overlay.opaque",
        "user.overlay.redirect",
        "user.dockerlab.owner",
        "user.dockerlab.device",
        "trusted.overlay.opaque",
        "user.word",
    )
    forged, data = member("f", data=b"1", pax_headers={f"SCHILY.xattr.{name}": "y" for name in names})
    with Tree(tmp_path / "tree") as tree:
        read_tar(io.BytesIO(archive((forged, data)).getvalue()), tree)
    assert os.listxattr(tmp_path / "tree/f") == ["user.word"]
