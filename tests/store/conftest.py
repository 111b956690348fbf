"""A base store, and a store above it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockerlab.store import Store


@pytest.fixture
def base(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "base", bases="")


@pytest.fixture
def store(tmp_path: Path, base: Store) -> Store:
    return Store.open(tmp_path / "own", bases=str(base.home))
