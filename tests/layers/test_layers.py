"""Layers as folders and as tars, and archives that mean harm."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockerlab.errors import StoreError
from dockerlab.layers import Tree, TreeView, changes, read_tar, write_layer


def archive(*members: tuple[str, bytes, str, bytes]) -> io.BytesIO:
    """(name, type, link, data) as a tar."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, kind, link, data in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size, info.mode = kind, link, len(data), 0o755 if kind == tarfile.DIRTYPE else 0o644
            tar.addfile(info, io.BytesIO(data))
    raw.seek(0)
    return raw


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/../evil"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match="leads out"):
        read_tar(archive((name, tarfile.REGTYPE, "", b"x")), Tree(tmp_path / "in/tree"))
    assert not (tmp_path / "evil").exists() and not (tmp_path / "in/evil").exists()


@pytest.mark.parametrize("target", ["/", "../..", "/etc"])
def test_a_link_does_not_lead_a_later_file_out(tmp_path: Path, target: str) -> None:
    (tmp_path / "etc").mkdir()
    tree = Tree(tmp_path / "in/tree")
    read_tar(archive(("link", tarfile.SYMTYPE, target, b""), ("link/etc/passwd", tarfile.REGTYPE, "", b"mine")), tree)
    tree.close()
    assert os.listdir(tmp_path / "etc") == [] and sorted(os.listdir(tmp_path)) == ["etc", "in"]
    assert Path("/etc/passwd").read_bytes() != b"mine"


def test_links_that_go_round_in_a_circle_end(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="symbolic links"):
        read_tar(
            archive(("a", tarfile.SYMTYPE, "b", b""), ("b", tarfile.SYMTYPE, "a", b""), ("a/x", tarfile.REGTYPE, "", b"x")),
            Tree(tmp_path / "tree"),
        )


def test_a_hard_link_to_what_the_layer_does_not_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="hard link"):
        read_tar(archive(("h", tarfile.LNKTYPE, "etc/shadow", b"")), Tree(tmp_path / "tree"))


def test_an_archive_cut_short_is_refused(tmp_path: Path) -> None:
    data = archive(("f", tarfile.REGTYPE, "", b"x" * 5000)).getvalue()[:1500]
    with pytest.raises(StoreError):
        read_tar(io.BytesIO(data), Tree(tmp_path / "tree"))


names = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), min_size=1, max_size=120).filter(
    lambda name: name not in (".", "..") and not name.startswith(".wh.") and len(name.encode()) < 250
)
entries = st.dictionaries(
    names,
    st.tuples(
        st.binary(max_size=2000), st.sampled_from([0o644, 0o755, 0o4755, 0o600, 0o444]), st.integers(0, 3_000_000), st.integers(0, 2**33)
    ),
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(files=entries)
def test_a_layer_comes_back_from_its_tar_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, tuple[bytes, int, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("round")
    tree = Tree(folder / "a/tree")
    for name, (data, mode, owner, mtime) in files.items():
        tree.mkdir("d" + name[:20], 0o750, owner, 7, mtime)
        tree.write(f"d{name[:20]}/{name}", data, mode, owner, 5, mtime)
        tree.symlink(f"d{name[:20]}/l{name[:30]}", name, owner, 6, mtime)
    tree.close()
    raw = io.BytesIO()
    first = write_layer(folder / "a/tree", raw)
    raw.seek(0)
    with tarfile.open(fileobj=raw) as tar:
        assert all(not key.startswith("SCHILY.xattr.user.") for member in tar for key in member.pax_headers)
    raw.seek(0)
    again = Tree(folder / "b/tree")
    read_tar(raw, again)
    again.close()
    assert write_layer(folder / "b/tree") == first


def lower_and_upper(folder: Path) -> tuple[Path, Path]:
    low, up = Tree(folder / "low/tree"), Tree(folder / "up/tree")
    low.write("d/kept", b"1")
    low.write("d/changed", b"1")
    low.write("d/gone", b"1")
    low.write("o/hidden", b"1")
    low.symlink("link", "/d")
    low.close()
    up.mkdir("d")
    up.write("d/changed", b"22")
    up.whiteout("d/gone")
    up.mkdir("o")
    up.opaque("o")
    up.write("o/new", b"3")
    up.close()
    return folder / "low/tree", folder / "up/tree"


def test_what_a_layer_does_is_told_as_docker_tells_it(tmp_path: Path) -> None:
    low, up = lower_and_upper(tmp_path)
    assert [(change.kind, change.path) for change in changes(up, TreeView([low]))] == [
        ("C", "/d"), ("C", "/d/changed"), ("D", "/d/gone"), ("C", "/o"), ("D", "/o/hidden"), ("A", "/o/new"),
    ]  # fmt: skip


def test_several_layers_look_as_overlay_shows_them(tmp_path: Path) -> None:
    low, up = lower_and_upper(tmp_path)
    view = TreeView([low, up])
    assert [node.path for node in view.walk()] == ["/", "/d", "/d/changed", "/d/kept", "/link", "/o", "/o/new"]
    assert view.read("/link/changed") == b"22" and view.lookup("/link/gone") is None and view.resolve("/link/../d/x") == "/d/x"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")
def test_the_view_is_what_a_real_overlay_mount_shows(tmp_path: Path) -> None:
    low, up = lower_and_upper(tmp_path)
    target = tmp_path / "merged"
    target.mkdir()
    if subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={up}:{low},userxattr", str(target)], capture_output=True
    ).returncode:
        pytest.skip("this root may not mount overlay here")
    try:
        real = sorted("/" + str(path.relative_to(target)) for path in target.rglob("*") if not path.parent.is_symlink())
    finally:
        subprocess.run(["umount", str(target)], check=True)
    assert [node.path for node in TreeView([low, up]).walk()][1:] == real
