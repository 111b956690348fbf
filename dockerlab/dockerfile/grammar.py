"""What each instruction may look like, and what BuildKit says to one that does not. (BuildKit's frontend/dockerfile/instructions)"""

from __future__ import annotations

import re

from dockerlab.dockerfile.model import Instruction
from dockerlab.truth import FALSE, TRUE

KEYWORDS: dict[str, frozenset[str]] = {
    "ADD": frozenset({"chown", "chmod", "link", "keep-git-dir", "checksum", "exclude", "unpack"}),
    "ARG": frozenset(),
    "CMD": frozenset(),
    "COPY": frozenset({"chown", "chmod", "from", "link", "parents", "exclude"}),
    "ENTRYPOINT": frozenset(),
    "ENV": frozenset(),
    "EXPOSE": frozenset(),
    "FROM": frozenset({"platform"}),
    "HEALTHCHECK": frozenset({"interval", "timeout", "start-period", "start-interval", "retries"}),
    "LABEL": frozenset(),
    "MAINTAINER": frozenset(),
    "ONBUILD": frozenset(),
    "RUN": frozenset({"mount", "network", "security", "device"}),
    "SHELL": frozenset(),
    "STOPSIGNAL": frozenset(),
    "USER": frozenset(),
    "VOLUME": frozenset(),
    "WORKDIR": frozenset(),
}
"""Every instruction, with its flags."""
_OF_NEWER_SYNTAX = {"COPY": frozenset({"parents"}), "RUN": frozenset({"security"})}
"""Flags that Docker 28.5 knows only where `# syntax=` asks for another frontend."""
_SWITCHES = frozenset({"link", "parents", "keep-git-dir", "unpack"})
_SEVERAL = frozenset({"mount", "device", "exclude"})
_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*\Z")
_DURATION = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_UNIT = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000}
_AT_LEAST_ONE = ("ARG", "ENV", "LABEL", "EXPOSE", "VOLUME", "ONBUILD")
_EXACTLY_ONE = ("WORKDIR", "USER", "STOPSIGNAL", "MAINTAINER")


def suggestion(keyword: str) -> str:
    """The instruction that was probably meant, or ""."""
    from difflib import get_close_matches

    close = get_close_matches(keyword.upper(), list(KEYWORDS), 1, 0.5)
    return close[0] if close else ""


def duration(text: str) -> int:
    """Go's duration, such as 1m30s, in nanoseconds. ValueError in Go's words."""
    sign, body = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if body == "0":
        return 0
    if not body:
        raise ValueError(f'time: invalid duration "{text}"')
    total, at = 0.0, 0
    while at < len(body):
        match = _DURATION.match(body, at)
        if not match:
            if re.match(r"[\d.]+\Z", body[at:]):
                raise ValueError(f'time: missing unit in duration "{text}"')
            if re.match(r"[\d.]+[^\d.]", body[at:]):
                unit = re.match(r"[\d.]+([^\d.]+)", body[at:])
                raise ValueError(f'time: unknown unit "{unit.group(1) if unit else ""}" in duration "{text}"')
            raise ValueError(f'time: invalid duration "{text}"')
        total += float(match.group(0)[: -len(match.group(1))]) * _UNIT[match.group(1)]
        at = match.end()
    return int(sign * total)


def read_flags(keyword: str, raw: list[str], own_syntax: bool = False) -> list[tuple[str, str]]:
    """(name, value) of `--name=value` words. ValueError in BuildKit's words for a wrong one. `own_syntax`: the file has a `# syntax=` line."""
    known = KEYWORDS[keyword] if own_syntax else KEYWORDS[keyword] - _OF_NEWER_SYNTAX.get(keyword, frozenset())
    out: list[tuple[str, str]] = []
    for word in raw:
        name, equals, value = word.removeprefix("--").partition("=")
        if name not in known:
            from difflib import get_close_matches

            close = get_close_matches(name, sorted(known), 1)
            raise ValueError(f"unknown flag: --{name}" + (f" (did you mean {close[0]}?)" if close else ""))
        if name not in _SEVERAL and any(name == before for before, _ in out):
            raise ValueError(f"duplicate flag specified: --{name}")
        if (not equals and name not in _SWITCHES) or (equals and not value and name in _SWITCHES):
            raise ValueError(f"missing a value on flag: --{name}")
        if name in _SWITCHES and value and value not in TRUE | FALSE:
            raise ValueError(f"expecting boolean value for flag --{name}, not: {value}")
        out.append((name, value))
    return out


def check(instruction: Instruction) -> None:
    """ValueError in BuildKit's words if the instruction has not the form that it must have."""
    keyword, words = instruction.keyword, instruction.words
    if keyword in _AT_LEAST_ONE and not words:
        raise ValueError(f"{keyword} requires at least one argument")
    if keyword in _EXACTLY_ONE and len(words) != 1:
        raise ValueError(f"{keyword} requires exactly one argument")
    if keyword in ("COPY", "ADD") and len(words) < 2:
        raise ValueError(f"{keyword} requires at least two arguments, but only one was provided. Destination could not be determined")
    if keyword in ("ENV", "LABEL", "ARG"):
        names = [key for key, _ in instruction.pairs] if keyword != "ARG" else [word.partition("=")[0] for word in words]
        if not all(names):
            raise ValueError(f"{keyword} names can not be blank")
    if keyword == "SHELL" and not instruction.exec_form:
        raise ValueError("SHELL requires the arguments to be in JSON form")
    if keyword == "SHELL" and not words:
        raise ValueError("SHELL requires at least one argument")
    if keyword == "RUN" and instruction.flag("network") not in ("", "default", "none", "host"):
        raise ValueError(f'invalid network mode "{instruction.flag("network")}"')
    if keyword == "VOLUME" and not all(word.strip() for word in words):
        raise ValueError("VOLUME specified can not be an empty string")
    if keyword == "HEALTHCHECK":
        _check_health(instruction)
    if keyword == "FROM":
        _check_from(words)


def _check_from(words: tuple[str, ...]) -> None:
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
        raise ValueError("FROM requires either one or three arguments")
    if len(words) == 3 and not _STAGE_NAME.match(words[2].lower()):
        raise ValueError(f'invalid name for build stage: "{words[2]}", name can\'t start with a number or contain symbols')


def _check_health(instruction: Instruction) -> None:
    words = instruction.words
    if not words:
        raise ValueError("HEALTHCHECK requires at least one argument")
    kind = words[0].upper()
    if kind == "NONE":
        if len(words) > 1:
            raise ValueError("HEALTHCHECK NONE takes no arguments")
        return
    if kind != "CMD":
        raise ValueError(f'Unknown type "{kind}" in HEALTHCHECK (try CMD)')
    if len(words) < 2 or not any(word.strip() for word in words[1:]):
        raise ValueError("Missing command after HEALTHCHECK CMD")
    for name, value in instruction.flags:
        if name == "retries":
            if not value.lstrip("-").isdigit():
                raise ValueError(f'strconv.ParseInt: parsing "{value}": invalid syntax')
            if int(value) < 0:
                raise ValueError("--retries cannot be negative")
            continue
        nanoseconds = duration(value)
        if 0 < nanoseconds < 1_000_000:
            raise ValueError(f'Interval "{name}" cannot be less than 1ms')
