"""What a build shows while it works, in BuildKit's forms: plain lines, or raw JSON."""

from __future__ import annotations

import json
import os
import time
from binascii import b2a_base64
from collections.abc import Callable
from typing import Any, Protocol

from dockerlab.build import BuildEvent, CheckWarning, Notice, StepCanceled, StepDone, StepOutput, StepStarted
from dockerlab.build.events import Reason, Surprise
from dockerlab.errors import BuildError, DockerlabError
from dockerlab.oci import digest_of
from dockerlab.oci.timestamps import rfc3339
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
        """The build ends with this error."""

    def warnings(self, found: tuple[CheckWarning, ...]) -> None:
        """What the build checks found, at the end."""


class Progress:
    """BuildKit's plain progress: `#5 [2/3] RUN make`, its output, `#5 DONE 0.1s` or `#5 CACHED`."""

    def __init__(
        self, terminal: Terminal, *, quiet: bool = False, explain: bool = False, phrase: Phrase | None = None, text: str = ""
    ) -> None:
        """`text`: the Dockerfile, where a warning shows its line."""
        self._write = terminal.write_error
        self._phrase = phrase or english
        self._quiet, self._explain, self._lines = quiet, explain, text.split("\n") if text else []
        self._rest: dict[tuple[int, str], bytes] = {}
        self._clock: dict[int, float] = {}

    def _line(self, text: str) -> None:
        if not self._quiet:
            self._write((text + "\n").encode("utf-8", "surrogateescape"))

    def show(self, event: BuildEvent) -> None:
        """One event."""
        if isinstance(event, StepStarted):
            self._clock[event.number] = time.monotonic()
            self._line(f"#{event.number} {event.name}")
        elif isinstance(event, StepOutput):
            self._output(event)
        elif isinstance(event, StepDone):
            self._flush(event.number)
            why = f" ({reason(event.reason, self._phrase)})" if self._explain else ""
            self._line(f"#{event.number} CACHED{why}\n" if event.cached else f"#{event.number} DONE {event.seconds:.1f}s{why}\n")
        elif isinstance(event, StepCanceled):
            self._flush(event.number)
            self._line(f"#{event.number} CANCELED\n")
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
        """The build ends with this error."""
        number = error.number if isinstance(error, BuildError) else 0
        if number in self._clock:
            self._flush(number)
            self._line(f"#{number} ERROR: {error.message}")

    def warnings(self, found: tuple[CheckWarning, ...]) -> None:
        """BuildKit's last lines: what the build checks found."""
        if found:
            plural = "" if len(found) == 1 else "s"
            self._line(f"\n {len(found)} warning{plural} found (use docker --debug to expand):")
            for warning in found:
                self._line(f" - {warning.rule}: {warning.detail} (line {warning.line})")
                if 0 < warning.line <= len(self._lines):
                    self._line(f"   > {self._lines[warning.line - 1].rstrip()}\n   {warning.url}")


class RawJson:
    """`--progress rawjson`: BuildKit's own JSON, one object a line, of steps (vertexes) and of what they print (logs)."""

    def __init__(self, terminal: Terminal) -> None:
        self._write = terminal.write_error
        self._vertexes: dict[int, Json] = {}
        """The steps so far, by number."""

    def _line(self, key: str, value: Json) -> None:
        self._write(json.dumps({key: [value]}, separators=(",", ":")).encode() + b"\n")

    def show(self, event: BuildEvent) -> None:
        """One event."""
        if isinstance(event, StepStarted):
            inputs = [self._vertexes[number]["digest"] for number in event.inputs]
            digest = digest_of(f"{event.number} {event.name}".encode())
            vertex = {"digest": digest, **({"inputs": inputs} if inputs else {}), "name": event.name, "started": rfc3339()}
            self._vertexes[event.number] = vertex
            self._line("vertexes", vertex)
        elif isinstance(event, StepOutput):
            stream, data = 2 if event.stream == "stderr" else 1, b2a_base64(event.data, newline=False).decode()
            self._line("logs", {"vertex": self._vertexes[event.number]["digest"], "stream": stream, "data": data, "timestamp": rfc3339()})
        elif isinstance(event, StepDone):
            self._end(event.number, {"cached": True} if event.cached else {})
        elif isinstance(event, StepCanceled):
            self._end(event.number, {"error": "context canceled"})

    def _end(self, number: int, how: Json) -> None:
        self._line("vertexes", {**self._vertexes[number], "completed": rfc3339(), **how})

    def failed(self, error: DockerlabError) -> None:
        """The build ends with this error."""
        if isinstance(error, BuildError) and error.number in self._vertexes:
            self._end(error.number, {"error": error.message})

    def warnings(self, found: tuple[CheckWarning, ...]) -> None:
        """Not part of this form."""
