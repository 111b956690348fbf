"""The index of a layer, and what the layers of an image come to: every path, every byte that is hidden, dive's score."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockerlab.errors import StoreError
from dockerlab.layers import Tree, TreeView, changes
from dockerlab.layers.efficiency import Efficiency
from dockerlab.layers.index import Indexed, index, lines, read_lines
from tests.layers.test_inside import layer as layer


def stacked(root: Path, *steps: dict[str, bytes | None]) -> list[Path]:
    """A tree a step: path → bytes, None removes it; a path that ends in a slash is a folder."""
    trees = []
    for number, step in enumerate(steps):
        with Tree(root / f"{number}/tree") as tree:
            for path, data in step.items():
                if data is None:
                    tree.whiteout(path)
                elif path.endswith("/"):
                    tree.mkdir(path[:-1])
                else:
                    tree.write(path, data)
        trees.append(root / f"{number}/tree")
    return trees


def indexed(trees: list[Path]) -> list[list[Indexed]]:
    return [list(index(tree, TreeView(trees[:number]))) for number, tree in enumerate(trees)]


def efficiency(trees: list[Path]) -> Efficiency:
    out = Efficiency()
    for entries in indexed(trees):
        assert list(out.passed(entries)) == entries
    return out


def told(entries: list[Indexed]) -> list[tuple[str, str, str]]:
    return [(one.change, one.kind, one.path) for one in entries]


def test_every_path_is_told_parents_first_as_in_the_layers_tar(layer: object, tmp_path: Path) -> None:
    found = indexed([tmp_path / "low/tree", tmp_path / "up/tree"])[1]
    assert told(found) == [
        ("C", "dir", "/etc"),
        ("D", "file", "/etc/group"),
        ("A", "file", "/etc/new"),
        ("C", "file", "/etc/passwd"),
        ("D", "dir", "/gone"),
        ("C", "dir", "/o"),
        ("D", "file", "/o/hidden"),
        ("A", "file", "/o/own"),
        ("A", "symlink", "/out"),
        ("C", "dir", "/way"),
        ("C", "dir", "/way/to"),
        ("A", "file", "/way/to/more"),
    ]
    by_path = {one.path: one for one in found}
    passwd = by_path["/etc/passwd"]
    assert (passwd.size, passwd.mode, passwd.uid, passwd.gid, passwd.hides) == (5, "0600", 7, 8, {"1": len("etc/passwd")})
    assert by_path["/gone"].hides == {"1": len("gone/deep/file")} and by_path["/out"].link == "/etc"
    assert by_path["/o/hidden"].whole and not by_path["/etc/group"].whole


def test_it_tells_what_docker_diff_tells(layer: object, tmp_path: Path) -> None:
    trees = [tmp_path / "low/tree", tmp_path / "up/tree"]
    theirs = [(one.kind, one.path) for one in changes(trees[1], TreeView(trees[:1]))]
    assert sorted((one.change, one.path) for one in indexed(trees)[1] if one.change) == sorted(theirs)


def test_a_file_that_was_written_again_as_it_was_is_a_change_since_its_bytes_are_there_twice(tmp_path: Path) -> None:
    trees = stacked(tmp_path, {"a": b"123", "empty/": b""}, {"a": b"123", "empty/": b""})
    for tree in trees:
        os.utime(tree / "a", (1, 1))
    (again, empty) = indexed(trees)[1]
    assert (again.change, again.hides) == ("C", {"1": 3}) and (empty.change, empty.kind) == ("", "dir")


def test_a_hard_link_has_no_bytes_of_its_own(tmp_path: Path) -> None:
    with Tree(tmp_path / "0/tree") as tree:
        tree.write("b", b"12345")
        tree.hardlink("a", "b")
    first, second = indexed([tmp_path / "0/tree"])[0]
    assert (first.path, first.kind, first.size) == ("/a", "file", 5)
    assert (second.path, second.kind, second.size, second.link) == ("/b", "hardlink", 0, "/a")


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=9) | st.just("\udcff\udc80") | st.just('"\\\n')


@settings(max_examples=60)
@given(
    st.lists(
        st.builds(
            Indexed,
            NAMES.map("/".__add__),
            st.sampled_from("ACD"),
            st.sampled_from(["file", "dir", "symlink"]),
            st.integers(0, 1 << 50),
            st.sampled_from(["0644", "4755"]),
            st.integers(0, 1 << 31),
            st.integers(0, 1 << 31),
            NAMES,
            st.dictionaries(st.sampled_from(["1", "12"]), st.integers(1, 1 << 50), max_size=2),
            st.booleans(),
        ),
        max_size=6,
    )
)
def test_lines_are_read_as_they_were_written_whatever_the_names_hold(entries: list[Indexed]) -> None:
    written = list(lines(entries))
    assert all(line.isascii() and line.endswith(b"\n") and line.count(b"\n") == 1 for line in written)
    assert list(read_lines(written)) == entries


@pytest.mark.parametrize("line", [b"{}\n", b"[]\n", b'{"path":1', b'{"path":"/a","change":"A","kind":"file","other":1}\n'])
def test_lines_that_were_never_written_are_refused(line: bytes) -> None:
    with pytest.raises(StoreError, match="damaged"):
        list(read_lines([line]))


# --- what it comes to


@pytest.mark.parametrize(
    ("steps", "score", "wasted", "hidden"),
    [
        ([{"a": b"1" * 100}], 1.0, 0, 0),
        ([{"a": b"1" * 100}, {"b": b"1" * 100}], 1.0, 0, 0),
        ([{"a": b"1" * 100}, {"a": b"2" * 300}], 100 / 400, 400, 100),
        ([{"a": b"1" * 100}, {"a": None}], 0.0, 100, 100),  # a file's whiteout is a leaf without bytes
        ([{"d/a": b"1" * 100, "k": b"1" * 50}, {"d": None}], 1.0, 0, 100),  # a folder's has those of the folder, and d was no leaf before
        ([{"d/a": b"1" * 100}, {"d": None}, {"d/a": b"2" * 10}, {"d": None}], (100 - 90 + 10) / (110 + 110), 110 + 110, 110),
        (
            [
                {"etc/nginx/nginx.conf": b"1" * 2000, "etc/nginx/public": b"1" * 3000},
                {"etc/nginx/nginx.conf": b"1" * 5000, "etc/athing": b"1" * 10_000},
                {"etc/nginx": None},
            ],
            (2000 + 3000 + 10_000 + 8000) / (7000 + 3000 + 10_000 + 8000),
            7000,
            2000 + 8000,
        ),  # dive's own example, whose folder its test leaves without an entry of its own: as a tar has it
        ([{"e/": b""}, {"e/": b""}], 1.0, 0, 0),
        ([{}], 1.0, 0, 0),
    ],
)
def test_the_score_is_dives_and_hidden_bytes_are_exact(
    tmp_path: Path, steps: list[dict[str, bytes | None]], score: float, wasted: int, hidden: int
) -> None:
    found = efficiency(stacked(tmp_path, *steps))
    assert found.wasted_bytes == wasted and sum(one.hidden for one in found.layers) == hidden
    assert found.score == pytest.approx(score)


def test_who_hides_bytes_is_told_with_the_layers_they_lie_in(tmp_path: Path) -> None:
    trees = stacked(tmp_path, {"d/a": b"1" * 100}, {"d/b": b"2" * 20, "c": b"3"}, {"d": None, "c": b"44"}, {"c": None})
    found = [(one.path, one.bytes, one.layers, one.hidden_by) for one in efficiency(trees).wasted()]
    assert found == [("/d", 120, {"1": 100, "2": 20}, [3]), ("/c", 3, {"2": 1, "3": 2}, [3, 4])]


STEP = st.dictionaries(st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "x/y"]), st.none() | st.binary(max_size=30), max_size=4)


@settings(max_examples=40, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=4))
def test_hidden_bytes_are_all_bytes_but_those_that_are_seen(
    tmp_path_factory: pytest.TempPathFactory, steps: list[dict[str, bytes | None]]
) -> None:
    trees = stacked(tmp_path_factory.mktemp("stack"), *steps)
    found = efficiency(trees)
    seen = sum(node.st.st_size for node in TreeView(trees).walk() if node.is_file)
    assert found.size - sum(one.hidden for one in found.layers) == seen
    assert 0 <= found.score <= 1
