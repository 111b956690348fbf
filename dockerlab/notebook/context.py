"""`%context`: the build context as a result of a cell. What would be sent, what is left out by which pattern, what each COPY takes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from dockerlab.data import dataclass, replace
from dockerlab.notebook import cells
from dockerlab.notebook.live import Live
from dockerlab.notebook.pictures import TreeLine, as_image, tree_svg
from dockerlab.notebook.streams import captured
from dockerlab.notebook.words import word
from dockerlab.verbs.units import human_size

if TYPE_CHECKING:
    from dockerlab.build.context_report import ContextEntry, ContextReport
    from dockerlab.engine import Engine

_MOST = 40  # lines of the still picture


@dataclass
class ContextSeen(Live):
    """What was found; `report.look(path)` tells of a folder."""

    report: ContextReport

    @classmethod
    def of(cls, engine: Engine, words: list[str], shell: Any) -> ContextSeen:
        """`[-f FILE] [PATH]`; without a PATH the folder of the notebook, without what a cell's build leaves out there."""
        from dockerlab.verbs.build import options_of
        from dockerlab.verbs.dispatch import OURS
        from dockerlab.verbs.flags import parse, usage_error

        parsed = parse("build", words, OURS["build"])
        if len(parsed.words) > 1:
            raise usage_error("build", f"%context takes one PATH, not {len(parsed.words)}", 1)
        own = not parsed.words
        parsed.words = parsed.words or ["."]
        with captured() as (terminal, _), cells.only_looking():
            options = options_of(parsed, terminal, exclude=cells.patterns(cells.left_out(shell, os.path.abspath("."))) if own else ())
        return cls(engine.context_report(options)).answered_by(engine)

    def __repr__(self) -> str:
        from dockerlab.verbs.context import context_text

        return context_text(self.report).rstrip("\n")

    def _repr_html_(self) -> str:
        held = self.report.held
        title = f"{word('context')} {os.path.basename(self.report.root)}: {word('context sum', n=held.files, size=human_size(held.size))}"
        return as_image(tree_svg(title, self._lines(), _MOST), repr(self))

    def _lines(self) -> list[TreeLine]:
        """The tree, folder by folder from the top, as deep as there is room."""
        lines: list[TreeLine] = []

        def below(path: str, depth: int) -> None:
            for entry in self.report.look(path):
                note = left_out(entry) if entry.pattern else ""
                lines.append(
                    TreeLine(depth, entry.name + ("/" if entry.folder else ""), human_size(entry.part.size), note, bool(entry.pattern))
                )
                if entry.folder and not entry.pattern and len(lines) < _MOST:
                    below(f"{path}/{entry.name}".lstrip("/"), depth + 1)

        below("", 0)
        return lines

    def _widget(self, engine: Engine) -> Any:
        from dockerlab.notebook.widgets.context import ContextWidget

        return ContextWidget(self.report)

    def __getstate__(self) -> dict[str, Any]:
        return {"report": replace(self.report, look=_forgotten)}


def _forgotten(path: str) -> list[ContextEntry]:
    """What a report that was stored away knows of a folder."""
    return []


def left_out(entry: ContextEntry) -> str:
    """By which pattern, of which line of which file."""
    assert entry.pattern is not None
    if not entry.pattern.line:
        return word("left out by us")
    return word("left out by", pattern=entry.pattern.text, where=f"{entry.pattern.file}:{entry.pattern.line}")
