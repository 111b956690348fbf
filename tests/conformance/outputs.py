"""Outputs of docker's client as they are compared: tables as cells, JSON as structure where only that was recorded, builds without their progress."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_HEADS = set(
    "CONTAINER ID|IMAGE|COMMAND|CREATED|STATUS|PORTS|NAMES|SIZE|REPOSITORY|TAG|IMAGE ID|DIGEST|CREATED BY|CREATED AT|COMMENT|"
    "TYPE|TOTAL|ACTIVE|RECLAIMABLE|DRIVER|VOLUME NAME|NETWORK ID|NAME|SCOPE|UID|PID|PPID|C|STIME|TTY|TIME|CMD|LABELS|MOUNTS|"
    "NETWORKS|STATE|USER|PLATFORM|ID|LOCAL VOLUMES".split("|")
)
_TYPES: dict[type, str] = {dict: "object", list: "array", str: "string", bool: "bool", type(None): "null"}
Replace = Callable[[str], str]
Step = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How one command of a session went, with placeholders."""

    code: int | str
    stdout: str
    stderr: str


def rows_of(text: str) -> list[list[str]]:
    """Rows of a docker table, the heads first; none if the text is no table."""
    lines = text.splitlines()
    columns = [(match.start(), match[0]) for match in re.finditer(r"\S+(?: \S+)*", lines[0])] if lines else []
    if not columns or any(head not in _HEADS for _, head in columns) or (len(columns) == 1 and len(lines) == 1 and len(lines[0]) < 3):
        return []
    edges = [start for start, _ in columns] + [None]
    return [[line[start:end].strip() for start, end in itertools.pairwise(edges)] for line in lines]


def _table(rows: list[list[str]], replace: Replace) -> str:
    """The table with every cell replaced, and its columns three spaces apart again."""
    heads, rows = rows[0], rows[1:]
    if "IMAGE ID" in heads and "TAG" in heads:  # names of one image come in any order
        at = heads.index("IMAGE ID")
        rows = [row for _, same in itertools.groupby(rows, lambda row: row[at]) for row in sorted(same)]
    out = [heads, *([_cell(head, replace(cell)) for head, cell in zip(heads, row, strict=True)] for row in rows)]
    widths = [max(map(len, column)) + 3 for column in zip(*out, strict=True)]
    return "".join("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in out)


def _cell(head: str, text: str) -> str:
    if head in ("PID", "PPID") and text.isdigit():
        return "<pid>"
    return "<time>" if head in ("STIME", "TIME", "C") and re.fullmatch(r"[\d:]+", text) else text


def _structure(text: str) -> str:
    """Each path of the JSON (one value, or one a line) with the type found there."""
    try:
        values = [json.loads(text)]
    except ValueError:
        try:
            values = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            return "not JSON\n" + text
    seen: set[str] = set()

    def look(path: str, value: Any) -> None:
        seen.add(f"{path or '.'} {_TYPES.get(type(value), 'number')}")
        inside = {f".{key}": one for key, one in value.items()} if isinstance(value, dict) else {}
        for key, one in inside.items():
            look(path + key, one)
        for one in value if isinstance(value, list) else ():
            look(path + "[]", one)

    for value in values:
        look("", value)
    return "".join(f"{line}\n" for line in sorted(seen))


def _without_progress(text: str) -> str:
    """A build's stderr: <progress> for the lines whose order and times differ from run to run, and what else it said."""
    out: list[str] = []
    progress = False
    for line in text.splitlines():
        if re.match(r"#\d+( |$)", line):
            progress = True
        elif line.strip() or (out and out[-1].strip()):
            line = re.sub(r"^\d+\.\d+ ", "<time> ", line)
            out.append(re.sub(r"^(?:<time> )?(?:/bin/sh: )?(?=line \d+: .*not found$)", "<sh> ", line))  # the shell writes it in pieces
    return ("<progress>\n" if progress else "") + "".join(f"{line}\n" for line in out)


def tidy(step: Step, code: int | str, stdout: str, stderr: str, replace: Replace) -> Outcome:
    """A command's outcome in the words of the recording."""
    if re.search(r"(?m)^#\d+ ", stderr):
        stderr = _without_progress(stderr)
    if step.get("show") == "keys":
        out = replace(_structure(stdout))
    elif rows := rows_of(stdout):
        out = _table(rows, replace)
    else:
        out = replace(stdout)
    if order := step.get("sort"):
        out = "".join(sorted(out.splitlines(keepends=True), key=lambda line: line[2:] if order == "path" else line))
    stderr = re.sub(r"(?m)^time=\S+ level=\w+ msg=.*\n", "", stderr)  # the client's own log, there or not as its threads go
    return Outcome(code, out, replace(re.sub(r"\x1b\[[0-9;]*m", "", stderr)))


def differences(step: Step, outcome: Outcome) -> list[str]:
    """How a command differs from the recording: exit code, stdout, and whether stderr says anything (its words are our own)."""
    out = [] if outcome.code == step["exit"] else [f"exit {outcome.code}, docker {step['exit']}"]
    ours: list[Any]
    theirs: list[Any]
    if step.get("kind") == "table":
        where, ours, theirs = "row", rows_of(outcome.stdout) or [outcome.stdout[:160]], rows_of(step["stdout"])
    else:
        where, ours, theirs = "line", outcome.stdout.splitlines(), step["stdout"].splitlines()
        if outcome.stdout != step["stdout"] and ours == theirs:
            out.append("stdout ends without a line's end, or with one, where docker's does not")
    for number, (mine, his) in enumerate(itertools.zip_longest(ours, theirs), 1):
        if mine != his:
            out.append(f"stdout {where} {number} {_shown(mine)}, docker {_shown(his)}")
            break
    says = [text.strip().splitlines() for text in (outcome.stderr, step["stderr"])]
    if bool(says[0]) != bool(says[1]):
        out.append(f"stderr {_shown(says[0][-1] if says[0] else None)}, docker {_shown(says[1][0] if says[1] else None)}")
    return out


def _shown(found: Any) -> str:
    if found is None:
        return "nothing"
    text = repr(found)
    return text if len(text) < 160 else text[:160] + "…"
