"""A build, alive: its steps as they go, why each was or was not taken from the cache, the stages and what goes from one to the next."""

from __future__ import annotations

import time
from typing import Any

import traitlets

from dockerlab.notebook.widgets.asking import AskingWidget, Json
from dockerlab.notebook.widgets.labels import labels
from dockerlab.notebook.widgets.modules import script, styles

_EVERY = 0.1  # seconds between two pictures at most: a step may print a thousand lines in that time


class BuildWidget(AskingWidget):
    """Nobody is asked here: while a cell builds, no question is answered, so all that is shown is sent."""

    _esm = script("build.js")
    _css = styles("theme.css", "build.css")

    steps: Any = traitlets.List().tag(sync=True)
    """[{"number", "stage", "text", "inputs", "state", "reason", "seconds", "size", "layer", "log", "trace"}]"""
    notes: Any = traitlets.List().tag(sync=True)
    failure: Any = traitlets.Unicode().tag(sync=True)
    over: Any = traitlets.Bool().tag(sync=True)

    def __init__(self) -> None:
        super().__init__(words=labels())
        self._shown = 0.0

    def show(self, steps: list[Json], notes: list[str], failure: str, *, over: bool = False) -> None:
        """The picture as it is now; not at every call, but at the last."""
        now = time.monotonic()
        if over or now - self._shown >= _EVERY:
            self._shown = now
            with self.hold_sync():
                self.steps, self.notes, self.failure, self.over = [dict(step) for step in steps], list(notes), failure, over
