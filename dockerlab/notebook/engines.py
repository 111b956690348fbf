"""`%docker_engine`: which engine builds and runs, and how to take the other one."""

from __future__ import annotations

import os
from collections.abc import Callable

from dockerlab.data import dataclass
from dockerlab.engine import AUTO, DAEMON, EMBEDDED, Engine
from dockerlab.errors import DockerlabError, UsageError
from dockerlab.notebook.words import word


@dataclass(frozen=True)
class EngineSeen:
    """The engine in use, as its `info` tells it."""

    text: str

    def __repr__(self) -> str:
        return self.text


def switched(words: list[str], engine: Callable[[], Engine]) -> EngineSeen:
    """Take the engine that was asked for, and tell which one it is. What was before stays where the other is not there: the error says why."""
    if len(words) > 1 or (words and words[0] not in (EMBEDDED, DAEMON, AUTO)):
        raise UsageError(word("no such engine"), hint=word("which engine"))
    before = os.environ.get("DOCKERLAB_ENGINE")
    if words:
        os.environ["DOCKERLAB_ENGINE"] = words[0]
    try:
        found = engine().info()
    except DockerlabError:
        if before is None:
            os.environ.pop("DOCKERLAB_ENGINE", None)
        else:
            os.environ["DOCKERLAB_ENGINE"] = before
        raise
    return EngineSeen(word("engine", name=found["Engine"], version=found["ServerVersion"]))
