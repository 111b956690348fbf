"""`docker top`: a container's processes, with this machine's numbers for them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dockerlab.errors import DockerlabError
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.listing import align

if TYPE_CHECKING:
    from dockerlab.engine import Engine
    from dockerlab.runtime.container import ProcessRow

_HEADS = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]


def top(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker top CONTAINER [ps OPTIONS]`: as `ps -ef` would show them; with options this machine's own `ps` is asked."""
    rows = engine.top(parsed.words[0])
    options = [word for text in parsed.words[1:] for word in text.split()]
    cells = _asked(options, {str(row.pid) for row in rows}) if options else [_HEADS, *(_cells(row) for row in rows)]
    terminal.say(align(cells, narrowest=20))
    return 0


def _cells(row: ProcessRow) -> list[str]:
    age = max(0.0, time.time() - row.began)
    began = time.strftime("%H:%M" if age < 86400 else "%b%d", time.localtime(row.began))
    share = int(row.seconds / age * 100) if age >= 1 else 0
    whole = int(row.seconds)
    spent = f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"
    return [_user(row.uid), str(row.pid), str(row.parent), str(min(share, 99)), began, row.terminal or "?", spent, row.command]


def _user(uid: int) -> str:
    from pwd import getpwuid

    try:
        return getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _asked(options: list[str], pids: set[str]) -> list[list[str]]:
    """What `ps` says with these options, of these processes only."""
    import subprocess

    try:
        found = subprocess.run(["ps", *options], capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        raise DockerlabError("ps: not found on this machine", hint="install procps, or leave the options away") from None
    if found.returncode and not found.stdout.strip():
        raise DockerlabError(f"ps: {found.stderr.strip().splitlines()[0] if found.stderr.strip() else 'failed'}")
    lines = found.stdout.splitlines()
    heads = lines[0].split() if lines else []
    if "PID" not in heads:
        raise DockerlabError("Couldn't find PID field in ps output", hint="ask for the column pid too: -o pid,comm")
    at, last = heads.index("PID"), len(heads) - 1
    rows = [line.split(maxsplit=last) for line in lines[1:]]
    return [heads, *(row for row in rows if len(row) > at and row[at] in pids)]
