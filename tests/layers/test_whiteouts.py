"""Both forms of what a layer deletes: a device file, and a marked file where the file system is an overlay itself. They are one layer."""

from __future__ import annotations

import errno
import io
import os
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockerlab.layers import Tree, TreeView, changes, copy_tree, is_whiteout, read_tar, write_layer
from dockerlab.layers.owners import is_opaque
from tests.tars import member, tar_of


def refuse(*_: object) -> None:
    raise PermissionError(errno.EPERM, "as overlay says")


def make(folder: Path) -> tuple[Path, Path]:
    """A layer, and one above it that deletes, hides and replaces."""
    with Tree(folder / "low/tree") as low:
        for name in ("d/kept", "d/gone", "d/e/gone", "o/hidden", "top", "locked/f"):
            low.write(name, b"1")
    with Tree(folder / "up/tree") as up:
        for name in ("d/gone", "d/e/gone", "top", "locked/f"):
            up.whiteout(name)
        up.mkdir("o", 0o755)
        up.opaque("o")
        up.write("o/new", b"3")
        up.write("empty", b"", 0o400)
        up.mkdir("locked", 0o111)
    return folder / "low/tree", folder / "up/tree"


@pytest.fixture(params=["device", "mark"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "mark":
        monkeypatch.setattr(os, "mknod", refuse)
    return str(request.param)


@pytest.fixture
def overlay(tmp_path: Path) -> Iterator[Path]:
    """A folder whose file system is an overlay, as the disk of a pod is."""
    for name in ("lower", "upper", "work", "pod"):
        (tmp_path / name).mkdir()
    options = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    if subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, f"{tmp_path}/pod"], capture_output=True).returncode:
        pytest.skip("needs root who may mount an overlay; the reruns with a home on overlay try it otherwise")
    yield tmp_path / "pod"
    subprocess.run(["umount", f"{tmp_path}/pod"], check=True)


def test_both_forms_are_one_layer_and_one_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    low, by_device = make(tmp_path / "1")
    device = (by_device / "d/gone").lstat()
    monkeypatch.setattr(os, "mknod", refuse)
    low2, by_mark = make(tmp_path / "2")
    mark = (by_mark / "d/gone").lstat()
    assert stat.S_ISCHR(device.st_mode) == (not _on_overlay(device)) and stat.S_ISREG(mark.st_mode)
    for path, st in ((by_device / "d/gone", device), (by_mark / "d/gone", mark)):
        assert is_whiteout(str(path), st)
    assert write_layer(by_device).diff_id == write_layer(by_mark).diff_id
    told = [[(change.kind, change.path) for change in changes(up, TreeView([down]))] for down, up in ((low, by_device), (low2, by_mark))]
    assert told[0] == told[1] and ("D", "/top") in told[0] and ("D", "/locked/f") in told[0]
    shown = [[node.path for node in TreeView([down, up]).walk()] for down, up in ((low, by_device), (low2, by_mark))]
    assert shown[0] == shown[1] == ["/", "/d", "/d/e", "/d/kept", "/empty", "/locked", "/o", "/o/new"]


def _on_overlay(st: os.stat_result) -> bool:
    return stat.S_ISREG(st.st_mode)


def test_a_copy_and_a_round_trip_keep_them(tmp_path: Path, form: str) -> None:
    _, up = make(tmp_path)
    raw = io.BytesIO()
    first = write_layer(up, raw)
    raw.seek(0)
    with Tree(tmp_path / "again/tree") as again:
        read_tar(raw, again)
    copy_tree(up, tmp_path / "copy")
    assert write_layer(tmp_path / "again/tree").diff_id == first.diff_id == write_layer(tmp_path / "copy").diff_id


def test_what_is_written_in_the_place_of_one_is_a_file_again(tmp_path: Path, form: str) -> None:
    low, up = make(tmp_path)
    with Tree(up) as tree:
        tree.write("top", b"")
        tree.set_xattr("top", "user.note", b"n")
    node = TreeView([low, up]).lookup("/top")
    assert node is not None and node.is_file and not is_whiteout(str(up / "top"), (up / "top").lstat())


def test_an_opaque_folder_stays_opaque_when_something_in_it_is_deleted(tmp_path: Path, form: str) -> None:
    with Tree(tmp_path / "tree") as tree:
        tree.mkdir("o")
        tree.opaque("o")
        tree.whiteout("o/x")
    assert is_opaque(str(tmp_path / "tree/o"))


def test_no_archive_can_bring_the_mark(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("file")
        info.mode, info.pax_headers = 0o400, {"SCHILY.xattr.user.overlay.whiteout": "y"}
        tar.addfile(info)
    archive.seek(0)
    with Tree(tmp_path / "tree") as tree:
        read_tar(archive, tree)
    assert TreeView([tmp_path / "tree"]).listdir("/") == ["file"]


def test_a_file_system_that_is_an_overlay_holds_layers_that_delete(overlay: Path) -> None:
    low, up = make(overlay)
    assert is_whiteout(str(up / "top"), (up / "top").lstat()) and stat.S_ISREG((up / "top").lstat().st_mode)
    assert TreeView([low, up]).listdir("/") == ["d", "empty", "locked", "o"]
    with Tree(overlay / "other/tree") as other:
        read_tar(io.BytesIO(tar_of(member("d/.wh.kept"), member("d/x", b"1"))), other)
    assert TreeView([low, overlay / "other/tree"]).listdir("/d") == ["e", "gone", "x"]


def test_a_kernel_of_today_mounts_the_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "mknod", refuse)
    low, up = make(tmp_path)
    monkeypatch.undo()
    (tmp_path / "merged").mkdir()
    options = f"lowerdir={up}:{low},userxattr"
    if subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, f"{tmp_path}/merged"], capture_output=True).returncode:
        pytest.skip("needs root who may mount an overlay")
    try:
        shown = sorted(str(path.relative_to(tmp_path / "merged")) for path in (tmp_path / "merged").rglob("*"))
    finally:
        subprocess.run(["umount", f"{tmp_path}/merged"], check=True)
    if tuple(map(int, os.uname().release.split(".")[:2])) < (6, 8):
        pytest.skip("Linux knows these marks since 6.8")
    assert shown == ["d", "d/e", "d/kept", "empty", "locked", "o", "o/new"]
