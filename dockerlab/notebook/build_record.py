"""A build as it goes, kept step by step: what the live picture shows, and what stays in the notebook when it is over.

StepStarted(4, "[run 2/3] COPY --from=build /app /app", inputs=(3, 2))  →  {"number": 4, "stage": "run", "text": "COPY …", "inputs": [3, 2], "state": "running", …}
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from html import escape
from typing import Any

from dockerlab.build import BuildEvent, CheckWarning, Notice, StepCanceled, StepDone, StepOutput, StepStarted
from dockerlab.build.events import Configured, ContainerMade, LayerCommitted, Surprise
from dockerlab.errors import BuildError, DockerlabError
from dockerlab.notebook.words import word
from dockerlab.verbs.progress import BuildProgress, reason, told
from dockerlab.verbs.units import human_size

Json = dict[str, Any]
_NAME = re.compile(r"\[(?:(?P<stage>\S+) )?\d+/\d+\] (?P<text>.*)", re.DOTALL)
_TAIL = 16_000  # characters of a step's output that the picture keeps
_LONG = 60  # lines of a log that are shown without being asked for
_CHANGES = 12  # changes of a step that a trace shows


class BuildRecord:
    """Takes a build's events as its progress; `changed` is called when there is something new to show."""

    def __init__(self, plain: BuildProgress, changed: Callable[[], None], *, trace: bool = False) -> None:
        """`plain` hears of everything too."""
        self.steps: list[Json] = []
        self.notes: list[str] = []
        self.has_failed = False
        self._changed, self._trace = changed, trace
        self._plain = plain
        self._at: dict[int, Json] = {}
        self._began: dict[int, float] = {}

    def show(self, event: BuildEvent) -> None:
        """One event."""
        self._plain.show(event)
        if isinstance(event, StepStarted):
            self._start(event)
        elif isinstance(event, StepOutput):
            step = self._at[event.number]
            step["log"] = (step["log"] + event.data.decode("utf-8", "replace"))[-_TAIL:]
        elif isinstance(event, StepDone):
            done = {"state": "cached" if event.cached else "done", "reason": reason(event.reason, word), "seconds": event.seconds}
            self._at[event.number].update(done, size=event.size, layer=bool(event.layer))
        elif isinstance(event, StepCanceled):
            self._at[event.number]["state"] = "canceled"
        elif isinstance(event, Surprise):
            self.notes += [text for text in [told(event, word)] if text]
        elif isinstance(event, Notice):
            self.notes.append(event.text)
        elif self._trace:
            self._traced(event)
        self._changed()

    def _start(self, event: StepStarted) -> None:
        found = _NAME.match(event.name)
        step = {
            "number": event.number, "stage": (found["stage"] or "") if found else "", "text": found["text"] if found else event.name,
            "inputs": list(event.inputs), "state": "running", "reason": "", "seconds": 0.0, "size": 0, "layer": False, "log": "", "trace": [],
        }  # fmt: skip
        self._at[event.number] = step
        self._began[event.number] = time.monotonic()
        self.steps.append(step)

    def _traced(self, event: BuildEvent) -> None:
        if isinstance(event, ContainerMade):
            self._at[event.number]["container"] = event.name[:12]
            self._at[event.number]["trace"].append(word("trace container", name=event.name[:12]))
        elif isinstance(event, LayerCommitted):
            step = self._at[event.number]
            paths = [f"{change.kind} {change.path}" for change in event.changes[:_CHANGES]]
            if len(event.changes) > _CHANGES:
                paths.append(word("trace more", n=len(event.changes) - _CHANGES))
            step["trace"].append(word("trace changed", what=", ".join(paths)) if paths else word("trace unchanged"))
            step["trace"].append(word("trace committed", layer=event.layer.diff_id[7:19], size=human_size(event.layer.size)))
            if name := step.get("container"):
                step["trace"].append(word("trace removed", name=name))
        elif isinstance(event, Configured):
            self.notes.append(f"{event.name}: {word('trace configured')}")

    def failed(self, error: DockerlabError) -> None:
        """The build ends with this error."""
        self._plain.failed(error)
        number = error.number if isinstance(error, BuildError) else 0
        self.has_failed = True
        for step in self.steps:
            if step["state"] == "running":
                step["state"] = "failed" if step["number"] == number or not number else "canceled"
                step["seconds"] = time.monotonic() - self._began[step["number"]]
        self._changed()

    def interrupted(self) -> None:
        """Somebody stopped it."""
        for step in self.steps:
            if step["state"] == "running":
                step["state"] = "canceled"
        self._changed()

    def warnings(self, found: tuple[CheckWarning, ...]) -> None:
        """What the build checks found."""
        self._plain.warnings(found)
        self.notes += [f"{one.rule}: {one.detail} (line {one.line})" for one in found]
        self._changed()


def still(record: BuildRecord, plain: str) -> str:
    """The record as HTML that needs nothing else: a table of the steps, and the log."""
    rows = "".join(
        f"<tr><td>#{step['number']}</td><td>{escape(step['stage'])}</td><td><code>{escape(step['text'])}</code></td><td>{escape(_state(step))}</td></tr>"
        for step in record.steps
    )
    log = f"<pre>{escape(plain)}</pre>"
    if plain.count("\n") > _LONG:
        log = f"<details><summary>{escape(word('build log'))}</summary>{log}</details>"
    return f"<table><tbody>{rows}</tbody></table>{log}".replace("<td>", '<td style="text-align:left">')


def _state(step: Json) -> str:
    state = word(f"state {step['state']}")
    if step["state"] in ("done", "failed"):
        state += f" {step['seconds']:.1f}s"
    return state + (f" ({step['reason']})" if step["reason"] else "")
