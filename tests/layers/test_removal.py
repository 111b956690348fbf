"""Taking trees away that are made to stay."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dockerlab.layers import remove_tree


def test_a_tree_of_files_folders_and_links_goes_and_what_links_lead_to_stays(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    tree = tmp_path / "tree"
    (tree / "a/b/c").mkdir(parents=True)
    (tree / "a/file").write_text("x")
    (tree / "a/b/out").symlink_to(outside)
    (tree / "dangling").symlink_to("nowhere")
    os.mkfifo(tree / "pipe")
    remove_tree(tree)
    assert not tree.exists() and (outside / "kept").read_text() == "x"


def test_folders_that_may_not_be_read_or_written_go_too(tmp_path: Path) -> None:
    for name, mode in (("none", 0), ("read", 0o500), ("list", 0o400), ("write", 0o300)):
        folder = tmp_path / "tree" / name / "inner"
        folder.mkdir(parents=True)
        (folder / "file").write_text("x")
        folder.chmod(mode)
        folder.parent.chmod(mode)
    (tmp_path / "tree").chmod(0)
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_a_tree_deeper_than_any_path_may_be_long_goes(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    os.mkdir("tree", dir_fd=here)
    deeper = os.open("tree", os.O_RDONLY, dir_fd=here)
    for _ in range(1200):
        os.mkdir("a" * 10, dir_fd=deeper)
        with open(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=deeper), "w") as file:
            file.write("x")
        below = os.open("a" * 10, os.O_RDONLY, dir_fd=deeper)
        os.close(deeper)
        deeper = below
    os.close(deeper)
    os.close(here)
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_two_that_take_the_same_tree_away_both_see_it_gone(tmp_path: Path) -> None:
    for _ in range(20):
        for number in range(200):
            (tmp_path / f"tree/{number % 10}/{number}").mkdir(parents=True)
        with ThreadPoolExecutor(4) as several:
            for done in [several.submit(remove_tree, tmp_path / "tree") for _ in range(4)]:
                done.result()
        assert not (tmp_path / "tree").exists()


def test_two_that_take_the_same_file_away_both_see_it_gone(tmp_path: Path) -> None:
    files = [tmp_path / str(number) for number in range(3000)]
    for file in files:
        file.touch()

    def remove_all() -> None:
        for file in files:
            remove_tree(file)

    with ThreadPoolExecutor(4) as several:
        for done in [several.submit(remove_all) for _ in range(4)]:
            done.result()
    assert list(tmp_path.iterdir()) == []


def test_a_file_a_link_and_nothing_at_all(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link", "nothing"):
        remove_tree(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
