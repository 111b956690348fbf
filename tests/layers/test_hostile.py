"""Archives that mean harm: whatever they say, nothing outside the tree is touched, and the error is one of ours."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockerlab.errors import StoreError
from dockerlab.layers import Tree, TreeView, read_tar, remove_tree, write_layer
from dockerlab.layers.owners import read_links
from tests.tars import Member, member, tar_of


def archive(*members: Member) -> io.BytesIO:
    return io.BytesIO(tar_of(*members))


def test_a_folder_that_becomes_a_link_after_it_was_walked_through_leads_nowhere(tmp_path: Path, outside: Path) -> None:
    with Tree(tmp_path / "tree") as tree:
        read_tar(
            archive(
                member("b", kind=tarfile.DIRTYPE),
                member("a", kind=tarfile.SYMTYPE, link="b"),
                member("a/x", data=b"1"),
                member("b", kind=tarfile.SYMTYPE, link=str(outside)),
                member("a/secret", data=b"mine"),
                member("a/new", data=b"mine"),
            ),
            tree,
        )


def test_a_link_that_becomes_a_folder_is_a_folder_from_then_on(tmp_path: Path) -> None:
    with Tree(tmp_path / "tree") as tree:
        read_tar(
            archive(
                member("b", kind=tarfile.DIRTYPE),
                member("a", kind=tarfile.SYMTYPE, link="b"),
                member("a/x", data=b"1"),
                member("a", kind=tarfile.DIRTYPE),
                member("a/y", data=b"2"),
            ),
            tree,
        )
    found = sorted(str(path.relative_to(tmp_path / "tree")) for path in (tmp_path / "tree").rglob("*"))
    assert found == ["a", "a/y", "b", "b/x"]


def test_times_and_modes_noted_for_a_folder_do_not_reach_what_replaced_it(tmp_path: Path, outside: Path) -> None:
    with Tree(tmp_path / "tree") as tree:
        read_tar(
            archive(
                member("b", kind=tarfile.DIRTYPE),
                member("a", kind=tarfile.SYMTYPE, link="b"),
                member("a/d", kind=tarfile.DIRTYPE),
                member("a/d/sub", kind=tarfile.DIRTYPE, mode=0o000, mtime=7),
                member("a/d", kind=tarfile.SYMTYPE, link=str(outside)),
            ),
            tree,
        )
    assert (outside / "sub").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("target", ["{outside}/secret", "../outside/secret", "link/secret"])
def test_a_hard_link_takes_no_file_from_outside(tmp_path: Path, outside: Path, target: str) -> None:
    raw = archive(
        member("link", kind=tarfile.SYMTYPE, link=str(outside)), member("stolen", kind=tarfile.LNKTYPE, link=target.format(outside=outside))
    )
    with pytest.raises(StoreError):
        read_tar(raw, Tree(tmp_path / "tree"))
    assert not (tmp_path / "tree/stolen").exists()
    assert (outside / "secret").stat().st_nlink == 1


def test_a_file_over_a_link_replaces_the_link_and_not_what_it_points_to(tmp_path: Path, outside: Path) -> None:
    with Tree(tmp_path / "tree") as tree:
        read_tar(archive(member("f", kind=tarfile.SYMTYPE, link=f"{outside}/secret"), member("f", data=b"mine")), tree)
    assert (tmp_path / "tree/f").read_bytes() == b"mine" and not (tmp_path / "tree/f").is_symlink()


@pytest.mark.parametrize("name", [".wh.secret", "link/.wh.secret", "link/.wh..wh..opq", ".wh..."])
def test_a_whiteout_deletes_nothing_outside(tmp_path: Path, outside: Path, name: str) -> None:
    try:
        read_tar(archive(member("link", kind=tarfile.SYMTYPE, link=str(outside)), member(name)), Tree(tmp_path / "tree"))
    except StoreError:
        pass


def test_a_device_keeps_its_numbers_in_the_tar_whoever_unpacks_it(tmp_path: Path) -> None:
    with Tree(tmp_path / "tree") as tree:
        read_tar(archive(member("null", kind=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666)), tree)
    real = (tmp_path / "tree/null").stat()
    assert stat.S_ISCHR(real.st_mode) == (os.geteuid() == 0)
    raw = io.BytesIO()
    write_layer(tmp_path / "tree", raw)
    raw.seek(0)
    with tarfile.open(fileobj=raw) as tar:
        info = tar.getmember("null")
    assert (info.type, info.devmajor, info.devminor, info.mode) == (tarfile.CHRTYPE, 1, 3, 0o666)


@pytest.mark.parametrize(
    ("what", "more"),
    [
        ("x" * 300, {}),
        ("/".join(["y" * 200] * 30), {}),
        ("f", {"pax_headers": {"mtime": "inf"}}),
        ("f", {"pax_headers": {"mtime": "nan"}}),
        ("f", {"pax_headers": {"mtime": "1e300"}}),
        ("f", {"pax_headers": {"uid": "99999999999999999999"}}),
        ("f", {"pax_headers": {"path": "nul\0name"}}),
        ("f", {"pax_headers": {"SCHILY.xattr.user." + "n" * 300: "v"}}),
        ("c", {"type": tarfile.CHRTYPE, "devmajor": 2**20, "devminor": 2**20}),
    ],
    ids=["long name", "long path", "endless time", "no time", "huge time", "huge owner", "nul", "long attribute", "huge device"],
)
def test_impossible_values_are_one_error_of_ours_or_are_taken_as_they_are(tmp_path: Path, what: str, more: dict[str, Any]) -> None:
    tree = Tree(tmp_path / "tree")
    try:
        read_tar(archive(member(what, data=b"" if "type" in more else b"x", **more)), tree)
        tree.close()
    except StoreError as error:
        assert error.message
    else:
        write_layer(tmp_path / "tree")
    assert sorted(os.listdir(tmp_path)) == ["tree"]


def test_a_damaged_header_is_said_to_be_damage(tmp_path: Path) -> None:
    data = bytearray(archive(member("f", data=b"x" * 600)).getvalue())
    data[0] ^= 0xFF
    with pytest.raises(StoreError, match="damaged"):
        read_tar(io.BytesIO(data), Tree(tmp_path / "tree"))


def test_what_is_no_archive_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        read_tar(io.BytesIO(b"<html>not found</html>" * 100), Tree(tmp_path / "tree"))


kinds = st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
parts = st.lists(st.sampled_from(["a", "b", "c", "..", ".wh.a", ".wh..wh..opq"]), min_size=1, max_size=3).map("/".join)
targets = st.sampled_from(["a", "b", "../a", "/", "..", "../..", "../outside", "/c/b", "OUTSIDE", "."])


@settings(max_examples=60, deadline=None)
@given(members=st.lists(st.tuples(parts, kinds, targets), max_size=9))
def test_no_sequence_of_members_leaves_the_tree(tmp_path_factory: pytest.TempPathFactory, members: list[tuple[str, bytes, str]]) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    outside = folder / "outside"
    outside.mkdir()
    (outside / "a").write_text("kept")
    (outside / "b").mkdir()
    tree = Tree(folder / "in/tree")
    raw = archive(
        *(
            member(name, b"x" if kind == tarfile.REGTYPE else b"", kind, link.replace("OUTSIDE", str(outside)))
            for name, kind, link in members
        )
    )
    try:
        read_tar(raw, tree)
        tree.close()
        write_layer(folder / "in/tree")
        list(TreeView([folder / "in/tree"]).walk())
    except StoreError:
        pass
    assert (
        sorted(path.name for path in folder.rglob("*") if not path.is_relative_to(folder / "in/tree"))
        == ["a", "b", "in", "outside", "tree"][:4]
    )
    assert (outside / "a").read_text() == "kept" and (outside / "a").stat().st_nlink == 1
    remove_tree(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root's owners are the kernel's own")
def test_an_ordinary_users_tree_keeps_the_owners_of_links_and_pipes_beside_it(tmp_path: Path) -> None:
    with Tree(tmp_path / "l/tree") as tree:
        tree.mkdir("d", uid=1, gid=2)
        tree.symlink("d/l", "x", 5, 6)
        tree.fifo("d/p", uid=7, gid=8)
        tree.symlink("d/root", "x")
        tree.symlink("way", "d")
        tree.symlink("way/m", "x", 9, 9)  # through a link: noted where it really lies
        tree.symlink("d/gone", "x", 3, 3)
        tree.write("d/gone", b"a file now")
    assert {path: owner for path, owner in read_links(tmp_path / "l/tree").items() if owner != (0, 0)} == {
        "d/l": (5, 6),
        "d/m": (9, 9),
        "d/p": (7, 8),
    }
    view = TreeView([tmp_path / "l/tree"])
    owners = {node.path: node.owner for node in view.walk()}
    assert (owners["/d"], owners["/d/l"], owners["/d/p"], owners["/d/m"], owners["/d/gone"]) == ((1, 2), (5, 6), (7, 8), (9, 9), (0, 0))
    raw = io.BytesIO()
    first = write_layer(tmp_path / "l/tree", raw)
    raw.seek(0)
    with Tree(tmp_path / "again/tree") as again:
        read_tar(raw, again)
    assert write_layer(tmp_path / "again/tree") == first


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_ordinary_user_reads_folders_and_files_that_forbid_it(tmp_path: Path) -> None:
    with Tree(tmp_path / "tree") as tree:
        tree.mkdir("locked", 0o000)
        tree.write("locked/f", b"text", 0o000, 4, 5)
    view = TreeView([tmp_path / "tree"])
    assert view.read("/locked/f") == b"text"
    node = view.lookup("/locked/f")
    assert node is not None and (node.entry.mode, node.owner) == (0o000, (4, 5))
    assert stat.S_IMODE((tmp_path / "tree/locked").stat().st_mode) == 0
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_ordinary_users_locked_folder_still_hides_what_lies_below(tmp_path: Path) -> None:
    with Tree(tmp_path / "low/tree") as low, Tree(tmp_path / "up/tree") as up:
        low.write("d/d/hidden", b"")
        up.mkdir("d", 0o000)
        up.mkdir("d/d", 0o000, 3, 4)
        up.opaque("d/d")
    view = TreeView([tmp_path / "low/tree", tmp_path / "up/tree"])
    assert [(node.path, node.owner) for node in view.walk("/d")] == [("/d", (0, 0)), ("/d/d", (3, 4))]
    remove_tree(tmp_path / "up")
