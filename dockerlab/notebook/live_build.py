"""A build shown by a live picture in the cell; when it is over, the cell holds it as text and table too."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from dockerlab.build import BuildEvent, CheckWarning
from dockerlab.errors import DockerlabError
from dockerlab.notebook.build_record import BuildRecord, still
from dockerlab.notebook.widgets.build import BuildWidget
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.progress import BuildProgress

_LONGEST = 2 << 20  # characters of the plain form that the notebook keeps


class LiveBuild:
    """A `BuildProgress` of the cell that runs. Use it in a `with`: at its end the picture is the last one."""

    def __init__(self, plain: Callable[[Terminal], BuildProgress], *, trace: bool) -> None:
        """`plain` makes the text that the notebook keeps."""
        from IPython.display import display

        self._plain: list[bytes] = []
        kept = self._plain.append
        terminal = Terminal(
            kept, kept, stdin=None, stdout=None, stderr=None, cwd=os.getcwd(), environment=dict(os.environ), program="notebook"
        )
        self._widget = BuildWidget()
        self._record = BuildRecord(plain(terminal), self._changed, trace=trace)
        self._handle: Any = display(self._bundle(), raw=True, display_id=True)

    def _changed(self) -> None:
        self._widget.show(self._record.steps, self._record.notes)

    def _bundle(self) -> dict[str, Any]:
        plain = b"".join(self._plain).decode("utf-8", "replace")[:_LONGEST]
        return {**self._widget._repr_mimebundle_()[0], "text/plain": plain, "text/html": still(self._record, plain)}

    def show(self, event: BuildEvent) -> None:
        """One event."""
        self._record.show(event)

    def failed(self, error: DockerlabError) -> None:
        """The build ends with this error."""
        self._record.failed(error)

    def warnings(self, found: tuple[CheckWarning, ...]) -> None:
        """What the build checks found, at the end."""
        self._record.warnings(found)

    def __enter__(self) -> LiveBuild:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not self._record.has_failed:
            self._record.interrupted()
        self._widget.show(self._record.steps, self._record.notes, over=True)
        self._handle.update(self._bundle(), raw=True)
