"""Times as Docker writes them."""

from __future__ import annotations

import re
import time

NEVER = "0001-01-01T00:00:00Z"
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?")


def rfc3339(seconds: float | None = None) -> str:
    """Seconds since 1970 (now, if None) as `2026-01-02T03:04:05.678901234Z`."""
    ns = time.time_ns() if seconds is None else int(seconds * 1_000_000_000)
    whole, rest = divmod(ns, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{rest:09d}Z"


def is_time(text: str) -> bool:
    """Whether it is a time that is written so, and that there is."""
    match = _TIME.fullmatch(text)
    if not match:
        return False
    try:
        _utc(match)
    except ValueError:
        return False
    return True


def _utc(match: re.Match[str]) -> float:
    from datetime import UTC, datetime

    return datetime(*(int(match.group(n)) for n in range(1, 7)), tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]


def to_seconds(text: str) -> float:
    """Seconds since 1970 of such a text; 0 for none."""
    match = _TIME.match(text or "")
    if not match or text.startswith("0001"):
        return 0.0
    seconds = _utc(match) + float(match.group(7) or 0)
    zone = match.group(8) or "Z"
    if zone != "Z":
        offset = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
        seconds -= offset if zone[0] == "+" else -offset
    return seconds
