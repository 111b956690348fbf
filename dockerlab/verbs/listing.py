"""Docker's lists: a table, JSON lines, a template, or only IDs — of rows whose columns know their heads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dockerlab.errors import DockerlabError
from dockerlab.verbs.template import Template
from dockerlab.verbs.template_functions import Row as TemplateRow
from dockerlab.verbs.template_functions import TemplateRunError, TemplateSyntaxError
from dockerlab.verbs.units import display_width

if TYPE_CHECKING:
    from dockerlab.verbs.dispatch import Terminal

Row = Mapping[str, Any]
_NARROWEST = 10
IN_PS = ("failed to parse template", "failed to execute template")
TEMPLATE_PARSING = ("template parsing error", "template parsing error")
"""What docker says before Go's words for a template that can't be read, and for one that asks for what is not there: `ps` has words of its own."""


def align(rows: Sequence[Sequence[str]], narrowest: int = _NARROWEST, apart: int = 3) -> str:
    """Cells in columns `apart` spaces apart, none narrower than `narrowest`, as docker's tabwriter does; wide letters (한글) count two."""
    if not rows:
        return ""
    columns = range(max(len(row) for row in rows))
    widths = [max(narrowest, *(display_width(row[n]) + apart for row in rows if n < len(row))) for n in columns]
    lines = ["".join([cell + " " * (widths[n] - display_width(cell)) for n, cell in enumerate(row[:-1])]) + row[-1] for row in rows]
    return "\n".join(lines) + "\n"


def show_list(
    terminal: Terminal,
    rows: Sequence[Row],
    form: str,
    columns: Mapping[str, str],
    heads: Mapping[str, str],
    go_type: str,
    *,
    problems: tuple[str, str] = TEMPLATE_PARSING,
) -> None:
    """Say the rows as `--format` asks (see `render`); the default table's cells stay in the terminal's `table`."""
    if form in ("", "table"):
        terminal.table = _cells(rows, columns)
    terminal.say(render(rows, form, columns, heads, go_type, problems=problems))


def _cells(rows: Sequence[Row], columns: Mapping[str, str]) -> list[list[str]]:
    return [list(columns.values()), *([str(row[name]) for name in columns] for row in rows)]


def render(
    rows: Sequence[Row],
    form: str,
    columns: Mapping[str, str],
    heads: Mapping[str, str],
    go_type: str,
    *,
    problems: tuple[str, str] = TEMPLATE_PARSING,
) -> str:
    """The rows as `--format` asks.

    `columns` are the default table's fields with their heads, `heads` those of every field; `form` is "" or "table" (the default table),
    "table TEMPLATE", "json", or a template. DockerlabError (exit 1) in docker's words for a template that is wrong.
    """
    if form in ("", "table"):
        return align(_cells(rows, columns))
    if form == "json":
        form = "{{json .}}"
    text = form.replace("\\t", "\t").replace("\\n", "\n")
    table = text.startswith("table ")
    text = text.removeprefix("table ").strip() if table else text
    try:
        template = Template(text, go_type)
    except TemplateSyntaxError as error:
        raise DockerlabError(f"{problems[0]}: {error.message}", exit_code=1) from None
    shown = [TemplateRow({key: value for key, value in row.items() if not key.startswith("_")}) for row in rows]
    try:
        lines = [template.execute(row) for row in shown]
    except TemplateRunError as error:
        raise DockerlabError(f"{problems[1]}: {error.message}", exit_code=1) from None
    if not table:
        return "".join(line + "\n" for line in lines)
    head = re.sub(r"\{\{.*?\.(\w+).*?\}\}", lambda match: heads.get(match.group(1), match.group(1)), text)
    return align([line.split("\t") for line in [head, *lines]])
