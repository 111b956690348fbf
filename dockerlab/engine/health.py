"""Health checks: from HEALTHCHECK and --health-… to what the keeper runs, and what came of it as Docker's Health object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dockerlab.errors import UsageError

if TYPE_CHECKING:
    from dockerlab.runtime.spec import HealthPlan

Json = dict[str, Any]
SECOND = 1_000_000_000
_FIELDS = ("Test", "Interval", "Timeout", "StartPeriod", "StartInterval", "Retries")


def merged(own: Mapping[str, Any], image: Json | None) -> Json | None:
    """The container's Healthcheck: what the flags say, and what they leave open as the image says. UsageError in docker's words."""
    found = {key: value for key in _FIELDS if (value := own.get(key) or (image or {}).get(key))}
    for field in ("Interval", "Timeout", "StartPeriod", "StartInterval"):
        if 0 < found.get(field, 0) < 1_000_000:
            raise UsageError(f"{field} in Healthcheck cannot be less than 1ms")
    return found or None


def plan_of(config: Json, folder: Path) -> HealthPlan | None:
    """What the keeper is to run, or None. (moby: daemon/health.go)"""
    check = config.get("Healthcheck") or {}
    kind, *words = check.get("Test") or ["NONE"]
    if kind == "CMD-SHELL":
        words = [*(config.get("Shell") or ["/bin/sh", "-c"]), *words]
    elif kind != "CMD":
        return None
    from dockerlab.runtime.spec import HealthPlan

    timeout = check.get("Timeout") or 30 * SECOND
    return HealthPlan(
        args=tuple(words),
        interval=(check.get("Interval") or 30 * SECOND) / SECOND,
        timeout=timeout / SECOND,
        start_period=(check.get("StartPeriod") or 0) / SECOND,
        start_interval=(check.get("StartInterval") or 5 * SECOND) / SECOND,
        retries=check.get("Retries") or 3,
        shown_timeout=_as_go_shows(timeout),
        log=tuple((health_of(folder) or {}).get("Log") or ()),
    )


def health_of(folder: Path, *, running: bool = True) -> Json | None:
    """Docker's Health, or None where nothing is checked. Who does not run is not healthy."""
    try:
        health: Json = json.loads((folder / "health.json").read_bytes())
    except FileNotFoundError:
        return None
    return health if running else {**health, "Status": "unhealthy"}


def _as_go_shows(nanoseconds: int) -> str:
    """A duration as Go prints it: `300ms`, `1m30s`."""
    if nanoseconds < SECOND:
        return f"{nanoseconds / 1_000_000:.6f}".rstrip("0").rstrip(".") + "ms"
    minutes, rest = divmod(nanoseconds, 60 * SECOND)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest / SECOND:.9f}".rstrip("0").rstrip(".") + "s"
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if minutes or hours else "") + seconds
