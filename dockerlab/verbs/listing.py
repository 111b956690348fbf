"""Docker's lists: a table, JSON lines, a template, or only IDs — of rows whose columns know their heads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dockerlab.errors import DockerlabError
from dockerlab.verbs.template import Template
from dockerlab.verbs.template_functions import TemplateRunError, TemplateSyntaxError, to_json

Row = Mapping[str, Any]


def align(rows: Sequence[Sequence[str]]) -> str:
    """Cells in columns, three spaces apart, as docker's tabwriter does."""
    if not rows:
        return ""
    widths = [max(_width(row[n]) if n < len(row) else 0 for row in rows) for n in range(max(len(row) for row in rows))]
    lines = []
    for row in rows:
        cells = [cell + " " * (widths[n] - _width(cell) + 3) for n, cell in enumerate(row[:-1])]
        lines.append("".join([*cells, row[-1]]).rstrip() if len(row) > 1 else row[0])
    return "\n".join(lines) + "\n"


def _width(text: str) -> int:
    from unicodedata import east_asian_width

    return len(text) if text.isascii() else sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def render(rows: Sequence[Row], form: str, columns: Mapping[str, str], heads: Mapping[str, str], go_type: str) -> str:
    """The rows as `--format` asks.

    `columns` are the default table's fields with their heads, `heads` those of every field; `form` is "" or "table" (the default table),
    "table TEMPLATE", "json", or a template. DockerlabError (exit 1) in docker's words for a template that is wrong.
    """
    if form in ("", "table"):
        return align([list(columns.values()), *([_cell(row[name]) for name in columns] for row in rows)])
    if form == "json":
        form = "{{json .}}"
    text = form.replace("\\t", "\t").replace("\\n", "\n")
    table = text.startswith("table ")
    text = text.removeprefix("table ").strip() if table else text
    try:
        template = Template(text, go_type)
    except TemplateSyntaxError as error:
        raise DockerlabError(f"failed to parse template: {error.message}", exit_code=1) from None
    shown = [{key: value for key, value in row.items() if not key.startswith("_")} for row in rows]
    try:
        lines = [_execute(template, row, text) for row in shown]
    except TemplateRunError as error:
        raise DockerlabError(f"failed to execute template: {error.message}", exit_code=1) from None
    if not table:
        return "".join(line + "\n" for line in lines)
    head = re.sub(r"\{\{.*?\.(\w+).*?\}\}", lambda match: heads.get(match.group(1), match.group(1)), text)
    return align([line.split("\t") for line in [head, *lines]])


def _execute(template: Template, row: Row, text: str) -> str:
    if text == "{{json .}}":
        return to_json({key: value for key, value in sorted(row.items()) if not callable(value)})
    return template.execute(row)


def _cell(value: Any) -> str:
    return str(value)
