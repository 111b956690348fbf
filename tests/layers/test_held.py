"""Paths that are held: what they named when they were found they name for ever, whatever is put in its place."""

from __future__ import annotations

import gc
import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from dockerlab.layers import Entry, LiveTree, TreeView, bytes_of_files, changes, copy_tree, read_tar
from dockerlab.layers.held import hold, named
from dockerlab.layers.lending import inner, lent, open_lent
from tests.tars import member, tar_of


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder d with a file f, and a link to it."""
    (tmp_path / "tree/d").mkdir(parents=True)
    (tmp_path / "tree/d/f").write_text("inside")
    (tmp_path / "tree/l").symlink_to("d")
    return tmp_path / "tree"


def replaced(tree: Path, outside: Path) -> None:
    """A process puts a link to this machine where d was."""
    (tree / "d").rename(tree / "moved")
    (tree / "d").symlink_to(outside)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_folder_that_was_found_is_read_wherever_it_is_moved_to(tree: Path, outside: Path) -> None:
    view = TreeView([hold(tree)])
    found = view.lookup("/d")
    assert found is not None
    replaced(tree, outside)
    assert [(node.path, node.read()) for node in map(lambda name: view.child(found, name), view.names(found)) if node] == [
        ("/d/f", b"inside")
    ]
    again = view.lookup("/d", follow=False)
    assert again is not None and again.is_link and again.entry.link == str(outside)
    assert view.lookup("/d/secret") is None


def test_a_link_is_held_itself(tree: Path, outside: Path) -> None:
    (tree / "away").symlink_to(outside)
    link = hold(tree).step("away")
    assert link.target() == str(outside) and stat.S_ISLNK(os.stat(link).st_mode) and named(link) == f"{tree}/away"
    with pytest.raises(OSError, match="No such device or address"):
        open_lent(link)


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFSOCK])
def test_only_regular_files_are_opened(tree: Path, kind: int) -> None:
    os.mknod(tree / "p", kind | 0o644)
    with pytest.raises(OSError, match="No such device or address") as caught:
        open_lent(inner(hold(tree), "p"))
    assert caught.value.filename == f"{tree}/p"


def test_a_mode_is_lent_to_what_was_found_and_to_nothing_else(tree: Path, outside: Path) -> None:
    found = hold(tree).step("d")
    (tree / "d").chmod(0o500)
    with lent(found, stat.S_IWUSR):
        replaced(tree, outside)
        assert (tree / "moved").stat().st_mode & 0o777 == 0o700
    assert (tree / "moved").stat().st_mode & 0o777 == 0o500


def test_descriptors_are_closed_when_nobody_names_them_any_more(tree: Path) -> None:
    for n in range(300):
        (tree / f"d/sub{n}").mkdir()
    gc.collect()  # what others left
    before = descriptors()
    view = TreeView([hold(tree)])
    most = max(descriptors() for _ in view.walk())
    assert most < before + 20
    with LiveTree(tree) as live:
        for n in range(300):
            live.mkdir(f"d/sub{n}/er", mtime=7)
            live.write(f"d/sub{n}/er/f", b"x")
        assert descriptors() < before + 200
    assert (tree / "d/sub299/er").stat().st_mtime == 7
    del view, live
    assert descriptors() == before


def test_a_live_tree_is_read_as_any_other(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "below/d").mkdir(parents=True)
    (tmp_path / "below/d/old").write_text("below")
    os.link(tree / "d/f", tree / "d/again")
    os.mkfifo(tree / "p")
    plain, held = (TreeView([tmp_path / "below", top]) for top in (tree, hold(tree)))
    assert [(node.path, node.entry) for node in held.walk()] == [(node.path, node.entry) for node in plain.walk()]
    assert held.read("/l/f") == plain.read("/l/f") == b"inside" and held.listdir("/d") == ["again", "f", "old"]
    below = TreeView([tmp_path / "below"])
    assert list(changes(hold(tree), below)) == list(changes(tree, below))
    copy_tree(hold(tree), tmp_path / "copy")
    copied = TreeView([tmp_path / "copy"])
    assert [(node.path, node.entry) for node in copied.walk()] == [(node.path, node.entry) for node in TreeView([tree]).walk()]
    assert bytes_of_files(tree) == len("inside")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_nobody_may_read_is_read_and_left_as_it_was(tree: Path) -> None:
    (tree / "d/f").chmod(0)
    (tree / "d").chmod(0)
    view = TreeView([hold(tree)])
    assert view.read("/d/f") == b"inside" and [node.path for node in view.walk()] == ["/", "/d", "/d/f", "/l"]
    assert (tree / "d").stat().st_mode & 0o777 == 0
    (tree / "d").chmod(0o700)
    assert (tree / "d/f").stat().st_mode & 0o777 == 0


def test_what_is_written_through_a_link_stays_in_the_tree(tree: Path, outside: Path) -> None:
    (tree / "away").symlink_to(outside)
    (tree / "up").symlink_to("../" * 20 + str(outside))
    with LiveTree(tree) as live:
        for name in ("away", "up", "l"):
            live.write(f"{name}/new", b"mine", mtime=5)
            live.mkdir(f"{name}/sub", 0o700, mtime=5)
    assert (tree / "d/new").read_text() == "mine"
    assert (tree / str(outside)[1:] / "new").read_text() == "mine"


def test_a_folder_that_becomes_a_link_is_written_to_where_it_is(tree: Path, outside: Path) -> None:
    live = LiveTree(tree)
    live.mkdir("d/sub", 0o711, mtime=5)
    replaced(tree, outside)
    live.write("d/new", b"mine", 0o600, mtime=5)
    live.symlink("d/link", "x", mtime=5)
    live.fifo("d/pipe", 0o611, mtime=5)
    live.hardlink("d/hard", "d/new")
    live.set_xattr("d/new", "user.word", b"x")
    live.put("d/put", Entry("put", "file", 0o644), io.BytesIO)
    live.close()
    assert sorted(os.listdir(tree / "moved")) == ["f", "hard", "link", "new", "pipe", "put", "sub"]
    assert stat.S_IMODE((tree / "moved/pipe").stat().st_mode) == 0o611 and os.getxattr(tree / "moved/new", "user.word") == b"x"


def test_the_time_of_a_folder_is_set_only_where_it_still_is(tree: Path, outside: Path) -> None:
    live = LiveTree(tree)
    live.mkdir("d/sub", 0o700, mtime=5)
    live.mkdir("e", 0o700, mtime=5)
    replaced(tree, outside)
    live.close()
    assert (tree / "moved/sub").stat().st_mtime != 5 and (tree / "e").stat().st_mtime == 5


def test_what_stands_in_the_way_is_replaced(tree: Path, outside: Path) -> None:
    (tree / "away").symlink_to(outside)
    with LiveTree(tree) as live:
        live.write("away", b"1")
        live.mkdir("d/f", mtime=9)
        live.write("d/f/g", b"2")
        live.symlink("l", "elsewhere")
        live.write("l/x", b"3")
    assert (tree / "away").read_bytes() == b"1" and (tree / "d/f/g").read_bytes() == b"2" and (tree / "elsewhere/x").read_bytes() == b"3"


def test_an_archive_that_replaces_its_own_folders_is_unpacked_as_in_any_other_tree(tree: Path, outside: Path) -> None:
    archive = tar_of(
        member("b", kind=tarfile.DIRTYPE),
        member("a", kind=tarfile.SYMTYPE, link="b"),
        member("a/x", data=b"1"),
        member("b", kind=tarfile.SYMTYPE, link=str(outside)),
        member("a/secret", data=b"mine"),
        member(".", kind=tarfile.DIRTYPE, mode=0o711),
    )
    with LiveTree(tree) as live:
        read_tar(io.BytesIO(archive), live, as_layer=False)
    assert (tree / str(outside)[1:] / "secret").read_text() == "mine" and tree.stat().st_mode & 0o777 == 0o711
