"""`%context`, alive: the tree of a build context, what is left out greyed with the pattern that did it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets

from dockerlab.notebook.context import left_out
from dockerlab.notebook.widgets.asking import AskingWidget, Json
from dockerlab.notebook.widgets.labels import labels
from dockerlab.notebook.widgets.modules import script, styles

if TYPE_CHECKING:
    from dockerlab.build.context_report import ContextReport


class ContextWidget(AskingWidget):
    """A folder is looked at when it is opened, as it is then."""

    _esm = script("context.js")
    _css = styles("theme.css", "tree.css", "context.css")

    root: Any = traitlets.Unicode().tag(sync=True)
    held: Any = traitlets.Dict().tag(sync=True)
    """{"files", "size"}: all that COPY and ADD can take."""
    taken: Any = traitlets.List().tag(sync=True)
    """[{"line", "instruction", "files", "size", "error"}]: what each COPY or ADD takes."""

    def __init__(self, report: ContextReport) -> None:
        taken = [
            {"line": one.line, "instruction": one.part.path, "files": one.part.files, "size": one.part.size, "error": one.error}
            for one in report.taken
        ]
        held = {"files": report.held.files, "size": report.held.size}
        super().__init__(words=labels(), root=report.root, held=held, taken=taken)
        self._look = report.look

    def answer_folder(self, path: str) -> list[Json]:
        """What lies in a folder."""
        out = []
        for entry in self._look(path):
            note = left_out(entry) if entry.pattern else ""
            out.append(
                {
                    "name": entry.name, "path": "/" + entry.part.path, "change": "", "kind": "dir" if entry.folder else "file",
                    "size": entry.part.size, "link": "", "note": note, "dim": bool(entry.pattern), "hint": note or "/" + entry.part.path,
                }
            )  # fmt: skip
        return out
