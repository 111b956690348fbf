"""`docker stats`: what containers use of the machine, once or again and again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dockerlab.errors import NotFoundError
from dockerlab.oci import short_id
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.listing import render, show_list
from dockerlab.verbs.units import binary_size, human_size

if TYPE_CHECKING:
    from dockerlab.engine import Engine

Json = dict[str, Any]
_HEADS = {
    "Container": "CONTAINER", "ID": "CONTAINER ID", "Name": "NAME", "CPUPerc": "CPU %", "MemUsage": "MEM USAGE / LIMIT", "MemPerc": "MEM %",
    "NetIO": "NET I/O", "BlockIO": "BLOCK I/O", "PIDs": "PIDS",
}  # fmt: skip
_COLUMNS = {name: head for name, head in _HEADS.items() if name != "Container"}
_TYPE = "*container.statsContext"
_INTERVAL = 1.0
"""Seconds between two looks: how much of a processor is used shows only between them."""
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


def stats(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker stats [--no-stream] [-a] [CONTAINER…]`."""
    form = parsed.text("format")
    render([], form, _COLUMNS, _HEADS, _TYPE)
    for name in parsed.words:
        engine.container_inspect(name)
    before = _look(parsed, engine)
    while True:
        began = time.monotonic()
        if any(one["cpu"] is not None for one in before.values()) or not parsed.on("no-stream"):
            time.sleep(_INTERVAL)
        now = _look(parsed, engine)
        rows = [_row(one, before.get(key), time.monotonic() - began, parsed.on("no-trunc")) for key, one in now.items()]
        if parsed.on("no-stream"):
            terminal.results.append(list(now.values()))
            show_list(terminal, rows, form, _COLUMNS, _HEADS, _TYPE)
            return 0
        text = render(rows, form, _COLUMNS, _HEADS, _TYPE)
        terminal.say(_HOME + text.replace("\n", _REST_OF_LINE + "\n") + _REST_OF_SCREEN if terminal.is_terminal else text)
        before = now


def _look(parsed: Parsed, engine: Engine) -> dict[str, Json]:
    """ID → what it uses now, of the containers that were named, else of those that run (-a: of all)."""
    shown = parsed.words or [item["Id"] for item in engine.containers(all=parsed.on("all"))]
    out: dict[str, Json] = {}
    for name in shown:
        try:
            found = engine.stats(name)
        except NotFoundError:  # it has gone meanwhile
            continue
        out[found["id"]] = {**found, "asked": name if parsed.words else found["id"]}
    return out


def _row(one: Json, before: Json | None, seconds: float, long: bool) -> Json:
    running = one["cpu"] is not None
    spent = one["cpu"] - before["cpu"] if running and before is not None and before["cpu"] is not None else 0.0
    limit = one["limit"] if running else 0
    return {
        "Container": one["asked"],
        "ID": one["id"] if long else short_id(one["id"]),
        "Name": one["name"],
        "CPUPerc": f"{max(0.0, spent) / seconds * 100 if seconds else 0.0:.2f}%",
        "MemUsage": f"{binary_size(one['memory'])} / {binary_size(limit)}",
        "MemPerc": f"{one['memory'] / limit * 100 if limit else 0.0:.2f}%",
        "NetIO": f"{human_size(one['received'])} / {human_size(one['sent'])}",
        "BlockIO": f"{human_size(one['read'])} / {human_size(one['written'])}",
        "PIDs": str(one["tasks"]),
    }
