"""Names and numbers of Linux signals, as STOPSIGNAL, --stop-signal and kill take them. (signal(7); moby/sys, signal_linux.go)"""

from __future__ import annotations

import re

_NAMES = [
    "HUP",
    "INT",
    "QUIT",
    "ILL",
    "TRAP",
    "ABRT",
    "BUS",
    "FPE",
    "KILL",
    "USR1",
    "SEGV",
    "USR2",
    "PIPE",
    "ALRM",
    "TERM",
    "STKFLT",
    "CHLD",
    "CONT",
    "STOP",
    "TSTP",
    "TTIN",
    "TTOU",
    "URG",
    "XCPU",
    "XFSZ",
    "VTALRM",
    "PROF",
    "WINCH",
    "IO",
    "PWR",
    "SYS",
]
_NUMBERS = {name: number for number, name in enumerate(_NAMES, 1)} | {"IOT": 6, "CLD": 17, "POLL": 29}
_REAL_TIME = re.compile(r"RT(?:MIN(?:\+([0-9]+))?|MAX(?:-([0-9]+))?)\Z")
_FIRST, _LAST = 34, 64  # of the real-time signals; below the middle they are counted from the first, above from the last
HIGHEST = 64


def signal_number(text: str) -> int:
    """`TERM`, `SIGTERM`, `sigterm`, `15`, `RTMIN+3` → the number; one that is written as a number may be none that Linux knows.

    Raises ValueError in docker's words for what is no signal.
    """
    name = text.strip().upper().removeprefix("SIG")
    if re.fullmatch(r"-?[0-9]+", text.strip()) and int(text) != 0:
        return int(text)
    if name in _NUMBERS:
        return _NUMBERS[name]
    if match := _REAL_TIME.match(name):
        up, down = match.groups()
        if up is not None and int(up) <= 15:
            return _FIRST + int(up)
        if down is not None and int(down) <= 14:
            return _LAST - int(down)
        if up is None and down is None:
            return _FIRST if name == "RTMIN" else _LAST
    raise ValueError(f"invalid signal: {text}")
