"""`build --trace`: the old picture of a build, with real names: a step gets a temporary container, changes something in it, and what changed is committed.

[2/3] RUN make
 ---> temporary container 3f2a9c41d0be: a writable layer above the read-only ones so far
 ---> it changed: A /out, A /out/program
 ---> committed: layer sha256:9d1c0f2e77aa, 12.3kB
 ---> temporary container 3f2a9c41d0be removed
"""

from __future__ import annotations

from collections.abc import Callable

from dockerlab.build import BuildEvent, CheckWarning, Notice, StepDone, StepOutput, StepStarted
from dockerlab.build.events import Configured, ContainerMade, LayerCommitted, Surprise
from dockerlab.errors import DockerlabError
from dockerlab.oci import short_id
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.phrases import english
from dockerlab.verbs.progress import told
from dockerlab.verbs.units import human_size

_SHOWN = 5  # changed paths that are told by name


class Trace:
    """Shows a build step by step; `phrase` gives a phrase of `ENGLISH` in the reader's language."""

    def __init__(self, terminal: Terminal, phrase: Callable[..., str] | None = None) -> None:
        self._write = terminal.write_error
        self._phrase = phrase or english
        self._container = ""
        self._committed: LayerCommitted | None = None

    def _line(self, text: str) -> None:
        self._write((text + "\n").encode("utf-8", "surrogateescape"))

    def _say(self, key: str, **values: object) -> None:
        self._line(" ---> " + self._phrase(key, **values))

    def show(self, event: BuildEvent) -> None:
        """One event."""
        if isinstance(event, StepStarted):
            self._container, self._committed = "", None
            self._line(event.name)
        elif isinstance(event, ContainerMade):
            self._container = event.name[:12]
            self._say("trace container", name=self._container)
        elif isinstance(event, StepOutput):
            self._write(event.data)
        elif isinstance(event, LayerCommitted):
            self._committed = event
        elif isinstance(event, StepDone):
            self._done(event)
        elif isinstance(event, Configured):
            self._line(event.name)
            self._say("trace configured")
        elif isinstance(event, Surprise):
            if text := told(event, self._phrase):
                self._line(text)
        elif isinstance(event, Notice):
            self._line(event.text)

    def _done(self, event: StepDone) -> None:
        if self._committed is None:
            self._say("trace base")
            return
        if not event.cached and not self._container:
            self._say("trace files")
        told = [f"{change.kind} {change.path}" for change in self._committed.changes]
        if told:
            rest = [self._phrase("trace more", n=len(told) - _SHOWN)] if len(told) > _SHOWN else []
            self._say("trace changed", what=", ".join([*told[:_SHOWN], *rest]))
        else:
            self._say("trace unchanged")
        layer = "sha256:" + short_id(event.layer)
        self._say("trace cached" if event.cached else "trace committed", layer=layer, size=human_size(event.size))
        if self._container:
            self._say("trace removed", name=self._container)

    def failed(self, error: DockerlabError) -> None:
        """The build ends with this error."""
        if self._container and self._committed is None:
            self._say("trace failed", name=self._container)

    def warnings(self, found: tuple[CheckWarning, ...]) -> None:
        """What the build checks found."""
        for warning in found:
            self._line(f"{warning.rule}: {warning.detail} (line {warning.line})")
