"""Work that two threads share: all of it is done, an error ends it, and nothing goes on behind the caller's back."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from dockerlab.layers.halves import FEW, in_halves
from dockerlab.layers.tree import Copied, Tree

MANY = range(4 * FEW)


@pytest.mark.parametrize("count", [0, 1, FEW - 1, FEW, FEW + 1, 4 * FEW])
def test_every_item_is_done_once(count: int) -> None:
    done: list[int] = []
    in_halves(range(count), done.append)
    assert sorted(done) == list(range(count))


@pytest.mark.parametrize("wrong", [0, len(MANY) - 1, len(MANY) // 2])
def test_an_error_of_either_half_is_raised_and_ends_the_other(wrong: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    done: list[int] = []

    def do(item: int) -> None:
        if item == wrong:
            raise OSError("no space")
        done.append(item)

    with pytest.raises(OSError, match="no space"):
        in_halves(MANY, do)
    told = len(done)
    threading.Event().wait(0.05)
    assert len(done) == told


def test_an_interrupt_ends_both_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    main, done = threading.get_ident(), []

    def do(item: int) -> None:
        if threading.get_ident() == main and item == 5:
            raise KeyboardInterrupt
        done.append(item)
        threading.Event().wait(0.001)

    with pytest.raises(KeyboardInterrupt):
        in_halves(MANY, do)
    told = len(done)
    threading.Event().wait(0.05)
    assert len(done) == told < len(MANY)


def test_files_that_are_written_together_take_the_place_of_what_is_there(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(2 * FEW):
        (source / f"f{number}").write_text(f"{number}\n")
        os.utime(source / f"f{number}", (number, number))
    files = [Copied(f"d/f{number}", str(source / f"f{number}"), os.stat(source / f"f{number}"), 0o640, 0, 0) for number in range(2 * FEW)]
    with Tree(tmp_path / "tree") as tree:
        tree.mkdir("d")
        tree.symlink("d/f7", "/etc/passwd")
        tree.mkdir("d/f300/inside")
        tree.copy_files(files)
    for number in range(2 * FEW):
        made = tmp_path / f"tree/d/f{number}"
        assert made.read_text() == f"{number}\n" and not made.is_symlink()
        assert made.stat().st_mode & 0o7777 == 0o640 and made.stat().st_mtime == number
