"""`--log-driver` and `--log-opt` of run and create."""

from __future__ import annotations

from typing import Any

from dockerlab.errors import DockerlabError, UsageError
from dockerlab.verbs.flags import Parsed

_OPTIONS = {
    "json-file": ("compress", "env", "env-regex", "labels", "labels-regex", "max-buffer-size", "max-file", "max-size", "mode", "tag"),
    "local": ("compress", "max-buffer-size", "max-file", "max-size", "mode"),
    "none": (),
}
_ELSEWHERE = ("awslogs", "etwlogs", "fluentd", "gcplogs", "gelf", "journald", "splunk", "syslog")


def log_config(parsed: Parsed) -> dict[str, Any] | None:
    """Docker's LogConfig; None if nothing was asked for. UsageError for a driver or an option that there is not."""
    driver, options = parsed.text("log-driver"), parsed.all("log-opt")
    if not driver and not options:
        return None
    driver = driver or "json-file"
    if driver == "none" and options:
        raise UsageError("docker: invalid logging opts for driver none")
    if driver in _ELSEWHERE:
        raise UsageError(
            f"docker: --log-driver {driver} is not done here: logs are kept in the store", hint="one of json-file, local, none"
        )
    if driver not in _OPTIONS:
        raise DockerlabError(
            f'error looking up logging plugin {driver}: plugin "{driver}" not found', hint="one of json-file, local, none", exit_code=125
        )
    found = {key: value for key, _, value in (text.partition("=") for text in options)}
    for key in found:
        if key not in _OPTIONS[driver]:
            raise DockerlabError(f"unknown log opt '{key}' for {driver} log driver", hint=", ".join(_OPTIONS[driver]), exit_code=125)
    return {"Type": driver, "Config": dict(sorted(found.items()))}
