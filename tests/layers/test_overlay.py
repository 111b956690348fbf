"""The view of several layers beside the kernel's: the same random layers, mounted as an overlay."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockerlab.layers import Tree, TreeView, changes, remove_tree

paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
deeds = st.lists(st.tuples(st.sampled_from(["write", "mkdir", "symlink", "whiteout", "opaque"]), paths, st.integers(0, 9)), max_size=8)


def fill(folder: Path, steps: list[tuple[str, str, int]], lowest: bool) -> Path:
    with Tree(folder / "tree") as tree:
        for kind, path, number in steps:
            if kind == "write":
                tree.write(path, str(number).encode(), 0o640 + number % 4, number, number, 5)
            elif kind == "mkdir":
                tree.mkdir(path, 0o750 + number % 4, number, number, 5)
            elif kind == "symlink":
                tree.symlink(path, f"x/{number}", number, number, 5)
            elif not lowest:
                (tree.whiteout if kind == "whiteout" else tree.opaque)(path)
    return folder / "tree"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")
@settings(max_examples=25, deadline=None)
@given(st.lists(deeds, min_size=2, max_size=3))
def test_any_layers_look_as_a_real_overlay_shows_them(
    tmp_path_factory: pytest.TempPathFactory, layers: list[list[tuple[str, str, int]]]
) -> None:
    folder = tmp_path_factory.mktemp("overlay")
    trees = [fill(folder / str(n), steps, n == 0) for n, steps in enumerate(layers)]
    merged = folder / "merged"
    merged.mkdir()
    options = "userxattr,lowerdir=" + ":".join(str(tree) for tree in reversed(trees))
    if subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(merged)], capture_output=True).returncode:
        pytest.skip("this root may not mount overlay here")
    try:
        real = {}
        for top, folders, files in os.walk(merged):
            for name in folders + files:
                path = Path(top, name)
                try:
                    seen = path.lstat()
                except FileNotFoundError:
                    continue  # a whiteout where nothing lies below: the kernel lists its name, but there is nothing
                content = os.readlink(path) if path.is_symlink() else path.read_text() if path.is_file() else ""
                real["/" + str(path.relative_to(merged))] = (seen.st_mode, seen.st_uid, seen.st_gid, content)
    finally:
        subprocess.run(["umount", str(merged)], check=True)
    view = TreeView(trees)
    ours = {}
    for node in view.walk():
        content = node.entry.link if node.is_link else "" if node.is_dir else node.read().decode()
        ours[node.path] = (node.st.st_mode, *node.owner, content)
    del ours["/"]
    assert ours == real
    below = TreeView(trees[:-1])
    before = {node.path for node in below.walk()}
    gone = before - {"/", *ours}
    told = list(changes(trees[-1], below))
    for change in told:
        assert (change.path in ours) == (change.kind != "D") and (change.path not in before) == (change.kind == "A")
    deleted = {change.path for change in told if change.kind == "D"}
    assert all(any(path == one or path.startswith(one + "/") for one in deleted) or _below_a_file(path, ours) for path in gone)
    assert {change.path for change in told if change.kind == "A"} == set(ours) - before
    remove_tree(folder)


def _below_a_file(path: str, shown: dict[str, tuple[int, int, int, str]]) -> bool:
    """Whether something that is no folder took the place of a folder above the path: docker tells only of that."""
    return any(str(parent) in shown for parent in Path(path).parents if str(parent) != "/")
