"""What hostile input must not touch, and what a store must look like afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.store.fsck import examine
from tests.conftest import Answer


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder of this machine, with a file and an empty folder, that must be afterwards what it was."""
    folder = tmp_path / "outside"
    (folder / "sub").mkdir(parents=True)
    (folder / "secret").write_text("kept")
    for path in (folder / "sub", folder / "secret", folder):
        os.utime(path, (1000, 1000))
    yield folder
    assert sorted(os.listdir(folder)) == ["secret", "sub"] and os.listdir(folder / "sub") == []
    assert (folder / "secret").read_text() == "kept" and (folder / "secret").stat().st_nlink == 1
    assert [path.lstat().st_mtime for path in (folder, folder / "sub", folder / "secret")] == [1000, 1000, 1000]
    assert [path.lstat().st_mode & 0o777 for path in (folder / "sub", folder / "secret")] == [0o755, 0o644]


@pytest.fixture
def unchanged(engine: EmbeddedEngine) -> Callable[[], bool]:
    """Whether the store holds what it held when the test began, whole, and nothing half made."""

    def found() -> list[list[str]]:
        store = engine.store
        return [sorted(store.images.ids()), store.layers.all(whole=False), sorted(os.listdir(store.home / "names"))]

    before = found()

    def same() -> bool:
        rest = [name for folder in ("tmp", "snapshots") for name in os.listdir(engine.store.home / folder)]
        return found() == before and rest == [] and examine(engine.store).problems == ()

    return same


def one_message(answer: Answer) -> str:
    """What was said of a mistake: not empty, short, and nothing of our code."""
    assert answer.code not in (0, 255) and answer.err.strip() and "Traceback" not in answer.err and 'File "' not in answer.err
    assert len(answer.err) < 3000
    return answer.err
