"""`%variables`: what ARG and ENV are worth at each line of a Dockerfile, in the container, and in the image's history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dockerlab.build.variables import GLOBAL, Line, Timeline, Variable
from dockerlab.data import dataclass
from dockerlab.errors import BuildError, DockerfileError, DockerlabError
from dockerlab.notebook import cells
from dockerlab.notebook.live import Live
from dockerlab.notebook.pictures import Lane, LaneRow, as_image, lanes_svg
from dockerlab.notebook.streams import captured
from dockerlab.notebook.words import word
from dockerlab.verbs.listing import align
from dockerlab.verbs.units import cut

if TYPE_CHECKING:
    from dockerlab.engine import Engine
    from dockerlab.engine.specs import BuildOptions

_MOST = 6  # variables of the still picture


@dataclass
class VariablesSeen(Live):
    """What was found, and of which build."""

    found: Timeline
    options: BuildOptions

    @classmethod
    def of(cls, engine: Engine, words: list[str], text: str | None = None) -> VariablesSeen:
        """`[--build-arg NAME=VALUE]… [--target STAGE] [-f FILE] [PATH]`, of a cell's `text` or of the PATH's Dockerfile."""
        from dockerlab.verbs.build import options_of
        from dockerlab.verbs.dispatch import OURS
        from dockerlab.verbs.flags import parse, usage_error

        parsed = parse("build", words, OURS["build"])
        if len(parsed.words) > 1:
            raise usage_error("build", f"%variables takes one PATH, not {len(parsed.words)}", 1)
        if text is not None and cells.unanswered(text):
            raise DockerlabError(word("unanswered"), hint=word("how to answer"))
        parsed.words = parsed.words or ["."]
        with captured() as (terminal, _), cells.only_looking():
            options = options_of(parsed, terminal, text=text) if text is not None else options_of(parsed, terminal)
        try:
            return cls(engine.variables(options), options).answered_by(engine)
        except (BuildError, DockerfileError) as error:
            excerpt = error.excerpt if text is None else cells.in_cell(error.excerpt, 1)
            raise DockerlabError(error.message, hint=error.hint, excerpt=excerpt) from None

    def __repr__(self) -> str:
        found = self.found
        heads = [word("line"), word("instruction"), *found.names]
        rows = [[str(line.number), cut(line.text, 40), *(_cell_text(line, name) for name in found.names)] for line in found.lines]
        run = ["", word("at run"), *(found.at_run.get(name, "–") for name in found.names)]
        history = ["", word("in history"), *(_readable(found, name) for name in found.names)]
        return "\n".join([align([heads, *rows, run, history]).rstrip("\n"), *notes_of(found)])

    def _repr_html_(self) -> str:
        found = self.found
        names = found.names[:_MOST]
        rows = [
            LaneRow(str(line.number), line.text, tuple(_lane(line, name) for name in names), line.text.startswith("FROM "))
            for line in found.lines
        ]
        run = LaneRow(
            "", word("at run"), tuple(Lane("ENV", found.at_run[name], True) if name in found.at_run else Lane() for name in names), True
        )
        told = tuple(Lane("told", _readable(found, name), True) if name in found.readable else Lane() for name in names)
        more = [word("more", n=len(found.names) - _MOST)] if len(found.names) > _MOST else []
        notes = [*more, *notes_of(found)]
        return as_image(lanes_svg(word("variables"), names, [*rows, run, LaneRow("", word("in history"), told, True)], notes), repr(self))

    def _widget(self, engine: Engine) -> Any:
        from dockerlab.notebook.widgets.variables import VariablesWidget

        return VariablesWidget(engine, self)


def _readable(found: Timeline, name: str) -> str:
    lines = len(found.readable.get(name, ()))
    return word("readable", n=lines) if lines else "–"


def _lane(line: Line, name: str) -> Lane:
    there = line.visible.get(name)
    return Lane(there.kind, there.value or "", name in line.sets) if there else Lane()


def _cell_text(line: Line, name: str) -> str:
    there = line.visible.get(name)
    if there is None:
        return "–"
    return f"{there.kind} {cut(shown(there), 24)}" if name in line.sets else "|"


def shown(there: Variable) -> str:
    """A variable's value, as it is shown: one that nobody gave a value, and one that is empty, can be told apart."""
    return word("no value") if there.value is None else there.value or "''"


def notes_of(found: Timeline) -> list[str]:
    """What surprises people about it."""
    stages = {line.number: line.stage for line in found.lines}
    out = []
    for one in found.unseen:
        key = "unseen global" if stages.get(one.declared) == GLOBAL else "unseen"
        if one.at_run:
            key = "unseen at run" if one.here else "unseen at run elsewhere"
        out.append(word(key, line=one.line, name=one.name, declared=one.declared))
    return [*dict.fromkeys(out), *(word("unused argument", name=name) for name in found.unused)]
