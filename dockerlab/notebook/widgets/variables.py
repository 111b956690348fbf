"""`%variables`, alive: other build arguments are typed, and every line shows what it sees then; a line that is chosen lists all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets

from dockerlab.data import replace
from dockerlab.notebook.variables import notes_of, shown
from dockerlab.notebook.widgets.asking import AskingWidget, Json
from dockerlab.notebook.widgets.labels import labels
from dockerlab.notebook.widgets.modules import script, styles

if TYPE_CHECKING:
    from dockerlab.build.variables import Timeline
    from dockerlab.engine import Engine
    from dockerlab.notebook.variables import VariablesSeen


class VariablesWidget(AskingWidget):
    """The timeline of one Dockerfile."""

    _esm = script("variables.js")
    _css = styles("theme.css", "variables.css")

    first: Any = traitlets.Dict().tag(sync=True)
    """The answer for the arguments that were given to the magic."""

    def __init__(self, engine: Engine, seen: VariablesSeen) -> None:
        self._engine, self._options = engine, seen.options
        super().__init__(words=labels(), first=_told(seen.found))

    def answer_variables(self, arguments: dict[str, str]) -> Json:
        """The timeline with these --build-arg beside those that the magic was given; DockerlabError where a build would end with one."""
        given = {**self._options.build_args, **arguments}
        return _told(self._engine.variables(replace(self._options, build_args=given)))


def _told(found: Timeline) -> Json:
    """{"names", "lines": [{"number", "text", "stage", "sets", "visible": [[name, kind, value]]}], "run", "readable", "told", "arguments", "notes"}."""
    return {
        "names": list(found.names),
        "lines": [
            {
                "number": line.number,
                "text": line.text,
                "stage": line.stage,
                "sets": list(line.sets),
                "visible": [[name, one.kind, shown(one)] for name, one in line.visible.items()],
            }
            for line in found.lines
        ],
        "run": found.at_run,
        "readable": {name: list(lines) for name, lines in found.readable.items()},
        "told": found.told,
        "arguments": [[name, value or ""] for name, value in found.arguments.items()],
        "notes": notes_of(found),
    }
