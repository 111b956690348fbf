"""`%process`, alive: arguments are typed, and the process that would start is there at once, with where each word came from."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import traitlets

from dockerlab.errors import UsageError
from dockerlab.notebook.process import notes_of, source_text, start_of
from dockerlab.notebook.widgets.asking import AskingWidget, Json
from dockerlab.notebook.widgets.labels import labels
from dockerlab.notebook.widgets.modules import script, styles

if TYPE_CHECKING:
    from dockerlab.engine import Engine


class ProcessWidget(AskingWidget):
    """One image; the arguments are asked about as they are typed."""

    _esm = script("process.js")
    _css = styles("theme.css", "process.css")

    image: Any = traitlets.Unicode().tag(sync=True)
    arguments: Any = traitlets.Unicode().tag(sync=True)
    first: Any = traitlets.Dict().tag(sync=True)
    """The answer for `arguments`."""

    def __init__(self, engine: Engine, image: str, arguments: Sequence[str]) -> None:
        self._start = start_of(engine, image)
        text = shlex.join(arguments)
        super().__init__(words=labels(), image=image, arguments=text, first=self.answer_process(text))

    def answer_process(self, arguments: str) -> Json:
        """{"parts": [{"text", "source", "from"}], "notes"} of `docker run IMAGE arguments`."""
        try:
            given = shlex.split(arguments)
        except ValueError as error:
            raise UsageError(f"{error}: {arguments}") from None
        words = [{"text": one.text, "source": one.source, "from": source_text(one)} for one in self._start.words(given)]
        return {"parts": words, "notes": notes_of(self._start, given, None)}
