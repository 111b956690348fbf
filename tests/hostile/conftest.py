"""What hostile input must not touch, and what a store must look like afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.store.fsck import examine
from tests.conftest import Answer


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
