"""`dockerlab context PATH`: the build context as a build would see it. Docker has no such command; its own `docker context` names daemons."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from dockerlab.engine import BuildOptions, Engine
from dockerlab.verbs.build import options_of
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.listing import align
from dockerlab.verbs.units import human_size

if TYPE_CHECKING:
    from dockerlab.build.context_report import ContextReport, LeftOut, Part

Json = dict[str, Any]


def context_look(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`dockerlab context [-f FILE] [--json] PATH`."""
    options: BuildOptions = options_of(parsed, terminal)
    found = engine.context_report(options)
    terminal.results.append(found)
    if parsed.text("format") == "json":
        terminal.line(json.dumps(_json(found), ensure_ascii=False))
    else:
        terminal.say(context_text(found))
    return 0


def _files(part: Part) -> str:
    return f"{part.files} file{'' if part.files == 1 else 's'}"


def _where(one: LeftOut) -> str:
    """Where the pattern stands."""
    return f"line {one.pattern.line} of {one.pattern.file}" if one.pattern.line else "dockerlab's own: the running notebook, the store"


def context_text(found: ContextReport) -> str:
    """A report as tables."""
    out = [f"{found.root}: {_files(found.held)}, {human_size(found.held.size)}; BuildKit sends of them only what COPY and ADD take\n"]
    if found.left_out:
        rows = [[one.part.path, _files(one.part), human_size(one.part.size), one.pattern.text, _where(one)] for one in found.left_out]
        out.append(align([["LEFT OUT", "FILES", "SIZE", "PATTERN", "WHERE"], *rows]))
    if found.largest:
        out.append(align([["LARGEST", "SIZE"], *([part.path, human_size(part.size)] for part in found.largest)]))
    if found.taken:
        rows = [
            [str(one.line), one.part.path, "nothing" if one.error else _files(one.part), human_size(one.part.size)] for one in found.taken
        ]
        out.append(align([["LINE", "INSTRUCTION", "TAKES", "SIZE"], *rows]))
    out += [f"line {one.line}: {one.error}\n" for one in found.taken if one.error]
    return "\n".join(out)


def _json(found: ContextReport) -> Json:
    def part(one: Part, key: str = "path") -> Json:
        return {key: one.path, "files": one.files, "size": one.size}

    return {
        "root": os.path.abspath(found.root),
        "files": found.held.files,
        "size": found.held.size,
        "ignored": [
            {**part(one.part), "pattern": one.pattern.text, "file": one.pattern.file, "line": one.pattern.line} for one in found.left_out
        ],
        "largest": [{"path": one.path, "size": one.size} for one in found.largest],
        "copies": [
            {"line": one.line, **part(one.part, "instruction"), **({"error": one.error} if one.error else {})} for one in found.taken
        ],
    }
