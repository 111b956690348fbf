"""The flags of `run` and `create` that say what happens while a container lives and when it ends: restart policy, health checks."""

from __future__ import annotations

import re
from typing import Any

from dockerlab.errors import UsageError
from dockerlab.verbs.flags import Parsed, usage_error

Json = dict[str, Any]
_DURATIONS = {
    "health-interval": "Interval", "health-timeout": "Timeout", "health-start-period": "StartPeriod", "health-start-interval": "StartInterval",
}  # fmt: skip


def restart_policy(text: str) -> dict[str, Any]:
    """`on-failure:3` as docker records it. UsageError in its words."""
    name, colon, count = text.partition(":")
    if colon and not name:
        raise UsageError("docker: invalid restart policy format: no policy provided before colon")
    if count and not re.fullmatch(r"[+-]?\d+", count):
        raise UsageError("docker: invalid restart policy format: maximum retry count must be an integer")
    most = int(count or 0)
    if name not in ("no", "always", "on-failure", "unless-stopped"):
        raise UsageError(
            f"docker: invalid restart policy: unknown policy '{name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        )
    if most and name != "on-failure":
        raise UsageError("docker: invalid restart policy: maximum retry count can only be used with 'on-failure'")
    if most < 0:
        raise UsageError("docker: invalid restart policy: maximum retry count cannot be negative")
    return {"Name": name, "MaximumRetryCount": most}


def health_of(parsed: Parsed) -> Json:
    """Docker's Healthcheck as far as the flags say it. UsageError in docker's words."""
    own: Json = {}
    for flag, field in _DURATIONS.items():
        if flag in parsed.flags:
            from dockerlab.dockerfile.grammar import duration

            text = parsed.text(flag)
            try:
                own[field] = duration(text)
            except ValueError as error:
                raise usage_error(parsed.verb, f'invalid argument "{text}" for "--{flag}" flag: {error}', 125) from None
            if own[field] < 0:
                raise UsageError(f"docker: --{flag} cannot be negative")
    if (retries := parsed.number("health-retries")) is not None:
        if retries < 0:
            raise UsageError("docker: --health-retries cannot be negative")
        own["Retries"] = retries
    if command := parsed.text("health-cmd"):
        own["Test"] = ["CMD-SHELL", command]
    if parsed.on("no-healthcheck"):
        if own:
            raise UsageError("docker: --no-healthcheck conflicts with --health-* options")
        own["Test"] = ["NONE"]
    return own
