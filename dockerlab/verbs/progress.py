"""What a build shows while it works, in BuildKit's forms: plain lines, or raw JSON."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from typing import Any, Protocol

from dockerlab.build import BuildEvent, CheckWarning, Notice, StepDone, StepOutput, StepStarted
from dockerlab.build.events import Reason, Surprise
from dockerlab.engine.timestamps import rfc3339
from dockerlab.errors import DockerlabError
from dockerlab.oci import digest_of
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.phrases import english
from dockerlab.verbs.units import human_size

Json = dict[str, Any]
Phrase = Callable[..., str]


def reason(why: Reason, phrase: Phrase) -> str:
    """Why a step was, or was not, taken from the cache, as one line."""
    what = ", ".join(why.what[:3])
    if len(why.what) > 3:
        what = phrase("and more", shown=what, n=len(why.what) - 3)
    return phrase(f"reason {why.kind}", what=what)


def told(event: Surprise, phrase: Phrase) -> str:
    """A surprise as one line; "" where DOCKERLAB_HINTS=off asks for none."""
    if os.environ.get("DOCKERLAB_HINTS", "").lower() in ("off", "0", "no"):
        return ""
    size = human_size(float(str(event.values.get("bytes", 0))))
    return phrase("surprise", line=event.line, text=phrase(f"surprise {event.kind}", size=size, **event.values))


class BuildProgress(Protocol):
    """What shows a build."""

    def show(self, event: BuildEvent) -> None:
        """One event."""

    def failed(self, error: DockerlabError) -> None:
        """The build ends with this error; the step that was under way is to blame."""

    def warnings(self, found: tuple[CheckWarning, ...]) -> None:
        """What the build checks found, at the end."""


class Progress:
    """BuildKit's plain progress: `#5 [2/3] RUN make`, its output, `#5 DONE 0.1s` or `#5 CACHED`."""

    def __init__(self, terminal: Terminal, *, quiet: bool = False, explain: bool = False, phrase: Phrase | None = None) -> None:
        self._write = terminal.write_error
        self._phrase = phrase or english
        self._quiet, self._explain = quiet, explain
        self._rest: dict[tuple[int, str], bytes] = {}
        self._clock: dict[int, float] = {}
        self._under_way = 0
        """The number of the step that began and has not ended."""

    def _line(self, text: str) -> None:
        if not self._quiet:
            self._write((text + "\n").encode("utf-8", "surrogateescape"))

    def show(self, event: BuildEvent) -> None:
        """One event."""
        if isinstance(event, StepStarted):
            self._clock[event.number] = time.monotonic()
            self._under_way = event.number
            self._line(f"#{event.number} {event.name}")
        elif isinstance(event, StepOutput):
            self._output(event)
        elif isinstance(event, StepDone):
            self._flush(event.number)
            self._under_way = 0
            why = f" ({reason(event.reason, self._phrase)})" if self._explain else ""
            self._line(f"#{event.number} CACHED{why}\n" if event.cached else f"#{event.number} DONE {event.seconds:.1f}s{why}\n")
        elif isinstance(event, Surprise):
            if text := told(event, self._phrase):
                self._line(text + "\n")
        elif isinstance(event, Notice):
            self._line(event.text)

    def _output(self, event: StepOutput) -> None:
        key = (event.number, event.stream)
        *lines, self._rest[key] = (self._rest.get(key, b"") + event.data).split(b"\n")
        for line in lines:
            self._line(f"#{event.number} {time.monotonic() - self._clock[event.number]:.3f} {line.decode('utf-8', 'replace')}")

    def _flush(self, number: int) -> None:
        for (at, stream), rest in list(self._rest.items()):
            if at == number and rest:
                self._output(StepOutput(number, stream, b"\n"))

    def failed(self, error: DockerlabError) -> None:
        """The build ends with this error; the step that was under way is to blame."""
        if self._under_way:
            self._flush(self._under_way)
            self._line(f"#{self._under_way} ERROR: {error.message}")

    def warnings(self, found: tuple[CheckWarning, ...]) -> None:
        """BuildKit's last lines: what the build checks found."""
        if found:
            plural = "" if len(found) == 1 else "s"
            self._line(f"\n {len(found)} warning{plural} found (use docker --debug to expand):")
            for warning in found:
                self._line(f" - {warning.rule}: {warning.detail} (line {warning.line})")


class RawJson:
    """`--progress rawjson`: BuildKit's own JSON, one object a line, of steps (vertexes) and of what they print (logs)."""

    def __init__(self, terminal: Terminal) -> None:
        self._write = terminal.write_error
        self._vertex: Json = {}
        """The step that is under way."""

    def _line(self, key: str, value: Json) -> None:
        self._write(json.dumps({key: [value]}, separators=(",", ":")).encode() + b"\n")

    def show(self, event: BuildEvent) -> None:
        """One event."""
        if isinstance(event, StepStarted):
            before = {"inputs": [self._vertex["digest"]]} if self._vertex and not event.name.startswith("[1/") else {}
            digest = digest_of(f"{event.number} {event.name}".encode())
            self._vertex = {"digest": digest, **before, "name": event.name, "started": rfc3339()}
            self._line("vertexes", self._vertex)
        elif isinstance(event, StepOutput):
            stream, data = 2 if event.stream == "stderr" else 1, base64.b64encode(event.data).decode()
            self._line("logs", {"vertex": self._vertex["digest"], "stream": stream, "data": data, "timestamp": rfc3339()})
        elif isinstance(event, StepDone):
            self._end({"cached": True} if event.cached else {})

    def _end(self, how: Json) -> None:
        self._vertex = {**self._vertex, "completed": rfc3339(), **how}
        self._line("vertexes", self._vertex)

    def failed(self, error: DockerlabError) -> None:
        """The build ends with this error; the step that was under way is to blame."""
        if self._vertex and "completed" not in self._vertex:
            self._end({"error": error.message})

    def warnings(self, found: tuple[CheckWarning, ...]) -> None:
        """Not part of this form."""
