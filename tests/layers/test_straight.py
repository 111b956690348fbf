"""A layer's tar that is laid out in one pass: whatever it is, the tree is the one that the careful reader makes, and what is called straight is."""

from __future__ import annotations

import hashlib
import io
import random
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockerlab.errors import StoreError
from dockerlab.layers import Tree, read_tar, remove_tree, write_layer
from dockerlab.layers.straight import LaidOut, lay_out
from tests.tars import Member, folder, hard, link, member, tar_of


def written(root: Path) -> bytes:
    """Our writer's tar of a tree."""
    out = io.BytesIO()
    write_layer(root, out)
    return out.getvalue()


def canonical(tmp_path: Path, *members: Member) -> bytes:
    with Tree(tmp_path / "made") as tree:
        read_tar(io.BytesIO(tar_of(*members)), tree)
    return written(tmp_path / "made")


def laid(tar: bytes, root: Path) -> LaidOut:
    """What became of it; what is not straight is kept as it came."""
    kept = root.with_name(f"{root.name}-kept")
    found = lay_out(io.BytesIO(tar), Tree(root), kept)
    assert (kept.read_bytes() == tar) if not found.straight else not kept.exists()
    return found


PLAIN = (
    folder("a", mode=0o1777, mtime=5),
    member("a/file", b"x" * 3000, mode=0o4755, uid=7, gid=9, mtime=1_700_000_000),
    member("a/" + "long" * 40, b"1"),
    folder("a/z"),
    folder("a/z/" + "deep" * 30),
    member("a/z/" + "deep" * 30 + "/한글", b"2"),
    link("a/zz", "../" + "far/" * 40),
    member("a-b", b"", mtime=9),
    member("big", b"b" * (3 << 20)),
)


def test_our_own_tar_is_straight_and_read_once(tmp_path: Path) -> None:
    tar = canonical(tmp_path, *PLAIN)
    found = laid(tar, tmp_path / "tree")
    assert found.straight and found.entries == len(PLAIN) and found.size == 3000 + 2 + (3 << 20)
    assert written(tmp_path / "tree") == tar


@pytest.mark.parametrize(
    "odd",
    [
        (member("f", b"1"), hard("g", "f")),
        (member("d/.wh.gone"),),
        (folder("d"), member("d/.wh..wh..opq")),
        (member("p", kind=tarfile.FIFOTYPE),),
        (member("x", b"1", pax_headers={"SCHILY.xattr.user.a": "b"}),),
        (member("named", b"1", uname="root"),),
        (member("b", b"1"), member("a", b"2")),
        (member("twice", b"1"), member("twice", b"2")),
        (member("no/folder/before", b"1"),),
        (folder("./"), member("./a", b"1")),
        (link("to", "a"), member("to/b", b"1")),
    ],
    ids=lambda odd: odd[-1][0].name,
)
def test_what_is_otherwise_is_laid_out_as_the_careful_reader_does(tmp_path: Path, odd: tuple[Member, ...]) -> None:
    tar = tar_of(*PLAIN[:2], *odd, member("zz", b"last"))
    found = laid(tar, tmp_path / "tree")
    with Tree(tmp_path / "other") as tree:
        assert read_tar(io.BytesIO(tar), tree) == found.entries
    assert not found.straight
    ours, theirs = (written(tmp_path / name) for name in ("tree", "other"))
    if b".wh." not in tar and b"before" not in tar:  # a whiteout is as old as its layer is here
        assert ours == theirs


def test_something_behind_the_end_is_not_straight(tmp_path: Path) -> None:
    tar = canonical(tmp_path, *PLAIN)
    for number, end in enumerate((tar[:-512], tar + bytes(512), tar + b"x")):
        assert not laid(end, tmp_path / f"tree{number}").straight


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_whatever_is_changed_in_a_tar_what_is_straight_is_what_we_would_write(seed: int, changes: int) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as scratch:
        tar = bytearray(canonical(Path(scratch), *PLAIN[:-1]))
        for _ in range(changes):
            at = (
                rng.randrange(len(tar))
                if rng.random() < 0.3
                else rng.randrange(len(tar) // 512) * 512 + rng.choice([0, 1, 105, 120, 130, 145, 154, 156, 160, 262])
            )
            tar[at] = rng.choice([0, 0x2F, 0x30, 0x31, 0x37, rng.randrange(256)])
        try:
            found = laid(bytes(tar), Path(scratch, "tree"))
        except StoreError:
            return
        if found.straight:
            assert write_layer(Path(scratch, "tree")).diff_id == "sha256:" + hashlib.sha256(tar).hexdigest()
        remove_tree(Path(scratch, "tree"))


def test_a_tar_that_is_cut_short_is_an_error_of_ours(tmp_path: Path) -> None:
    tar = canonical(tmp_path, *PLAIN)
    for number, end in enumerate((700, 1600, 3000, len(tar) - (1 << 20))):
        with pytest.raises(StoreError, match=r"cut short|unexpected end|damaged|middle of a file"):
            laid(tar[:end], tmp_path / f"tree{number}")
