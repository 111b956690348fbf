"""A build, alive: its steps as they go, why each was or was not taken from the cache, the stages and what goes from one to the next."""

from __future__ import annotations

import threading
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

    def __init__(self) -> None:
        super().__init__(words=labels())
        self._shown = 0.0
        self._lock = threading.Lock()
        self._soon: threading.Timer | None = None

    def show(self, steps: list[Json], notes: list[str], *, over: bool = False) -> None:
        """The picture as it is now: at once if it is the last, or in a moment if the one before is hardly there. The lists may grow meanwhile."""
        with self._lock:
            wait = 0.0 if over else self._shown + _EVERY - time.monotonic()
            if wait <= 0:
                self._present(steps, notes)
            elif self._soon is None:
                self._soon = threading.Timer(wait, self._late, (steps, notes))
                self._soon.daemon = True
                self._soon.start()

    def _late(self, steps: list[Json], notes: list[str]) -> None:
        with self._lock:
            if self._soon is not None:
                self._present(steps, notes)

    def _present(self, steps: list[Json], notes: list[str]) -> None:
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        self._shown = time.monotonic()
        with self.hold_sync():
            self.steps, self.notes = [dict(step) for step in steps], list(notes)
