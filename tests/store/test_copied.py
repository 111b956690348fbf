"""A root file system that is a copy: laid out, compared, put back."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from dockerlab.layers import Tree, is_whiteout
from dockerlab.layers.owners import is_opaque
from dockerlab.store.copied import CopiedRoot, Given
from dockerlab.store.rootfs import LAID, RootFs

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="owners of a copy are real: only root makes one")


@pytest.fixture
def copied(tmp_path: Path) -> CopiedRoot:
    """Two layers: the upper one deletes /gone, hides what /d held, and changes /f."""
    with Tree(tmp_path / "1/tree") as low:
        for name in ("gone", "f", "d/old", "same"):
            low.write(name, name.encode(), mode=0o640, uid=3, gid=4, mtime=1000.5)
    with Tree(tmp_path / "2/tree") as high:
        high.whiteout("gone")
        high.mkdir("d", 0o711)
        high.opaque("d")
        high.write("d/new", b"new")
        high.write("f", b"changed")
        high.hardlink("g", "f")
    folder = tmp_path / "box"
    for name in ("diff", "work", "merged"):
        (folder / name).mkdir(parents=True)
    lowers = (str(tmp_path / "2/tree"), str(tmp_path / "1/tree"))
    return CopiedRoot(RootFs(lowers, str(folder / "diff"), str(folder / "work"), str(folder / "merged"), ""))


def test_the_copy_is_the_union_and_shares_no_inode_with_it(copied: CopiedRoot) -> None:
    copied.lay_out(("same",))
    root = Path(copied.root)
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*")) == ["d", "d/new", "f", "g"]
    assert stat.S_IMODE((root / "d").stat().st_mode) == 0o711 and os.listxattr(root / "d") == []
    for path in root.rglob("*"):
        assert path.is_dir() or path.stat().st_nlink == 1


def test_owner_mode_and_time_are_the_layers(copied: CopiedRoot) -> None:
    copied.lay_out(())
    st = (Path(copied.root) / "same").stat()
    assert (st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode), st.st_mtime) == (3, 4, 0o640, 1000.5)


def test_nothing_changed_is_nothing_in_the_change_set(copied: CopiedRoot) -> None:
    copied.lay_out(())
    copied.begin((), kept=True)
    (Path(copied.root) / "same").read_bytes()
    copied.refresh(live=True)
    copied.refresh(live=False)
    assert os.listdir(copied.rootfs.upper) == [] and os.listdir(copied.root) == [] and not (copied.folder / LAID).exists()


def test_changes_are_found_by_who_comes_later_and_only_reads_the_folder(copied: CopiedRoot) -> None:
    copied.lay_out(())
    copied.begin(("apart",), kept=True)
    root, upper = Path(copied.root), Path(copied.rootfs.upper)
    (root / "apart").mkdir()
    (root / "d/new").unlink()
    (root / "same").write_bytes(b"SAME")
    os.utime(root / "same", (1000.5, 1000.5))
    os.setxattr(root / "f", "user.note", b"n")
    later = CopiedRoot.read(copied.folder)
    assert later is not None
    later.refresh(live=False)
    assert (upper / "same").read_bytes() == b"SAME" and os.getxattr(upper / "f", "user.note") == b"n"
    assert is_whiteout(str(upper / "d/new"), (upper / "d/new").lstat()) and not is_opaque(str(upper / "d"))
    assert sorted(os.listdir(upper)) == ["d", "f", "same"]


def test_what_was_made_and_deleted_between_two_looks_is_gone_from_the_change_set(copied: CopiedRoot) -> None:
    copied.lay_out(())
    copied.begin((), kept=True)
    root, upper = Path(copied.root), Path(copied.rootfs.upper)
    (root / "n/m").mkdir(parents=True)
    (root / "n/m/file").write_text("x")
    copied.refresh(live=True)
    assert (upper / "n/m/file").read_text() == "x"
    (root / "n/m/file").unlink()
    (root / "n/m").rmdir()
    copied.refresh(live=True)
    assert os.listdir(upper / "n") == []
    (root / "n").rmdir()
    copied.refresh(live=False)
    assert os.listdir(upper) == []


def test_a_folder_that_was_given_goes_back_unless_a_link_stands_on_the_way(copied: CopiedRoot, tmp_path: Path) -> None:
    for number, hostile in enumerate((False, True)):
        source, outside = tmp_path / f"volume{number}", tmp_path / f"outside{number}/x"
        outside.mkdir(parents=True)
        copied.lay_out(())
        (Path(copied.root) / "v").mkdir()
        (Path(copied.root) / "v/x").mkdir()
        copied.begin(("v/x",), (Given("v/x", str(source)),), kept=True)
        (Path(copied.root) / "v/x/file").write_text("kept")
        if hostile:
            os.rename(Path(copied.root) / "v", Path(copied.root) / "elsewhere")
            (Path(copied.root) / "v").symlink_to(outside.parent)
        copied.refresh(live=False)
        assert outside.is_dir() and source.exists() is not hostile
        assert hostile or (source / "file").read_text() == "kept"
