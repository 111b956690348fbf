"""What a daemon tells of processes, of the use of its machine, of events and of its disk, in the protocol's shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from dockerlab.engine.daemon.calls import Calls, objects
from dockerlab.oci.timestamps import to_seconds
from dockerlab.runtime.container import ProcessRow

Json = dict[str, Any]
_TABLE, _FRAME = "pid,uid,ppid,etimes,time,tty,args", 8


def processes(calls: Calls, container: str) -> list[ProcessRow]:
    """See `Engine.top`. The daemon asks its machine's ps."""
    import time

    found = calls.get(f"/containers/{container}/top", ps_args=f"-o {_TABLE}").json()
    rows = []
    for row in found["Processes"]:
        one = dict(zip(found["Titles"], row, strict=False))
        age = one.get("ELAPSED", "0")
        tty = one.get("TT") or one.get("TTY") or ""
        rows.append(
            ProcessRow(
                int(one["PID"]),
                int(one.get("UID", 0)),
                one.get("COMMAND") or one.get("CMD") or "",
                int(one.get("PPID", 0)),
                time.time() - float(age if age.isdigit() else 0),
                _spent(one.get("TIME", "")),
                "" if tty == "?" else tty,
            )
        )
    return rows


def _spent(text: str) -> float:
    """`[days-]hours:minutes:seconds`."""
    days, _, rest = text.rpartition("-")
    seconds = 0.0
    for part in rest.split(":") if re.fullmatch(r"[\d:]+", rest) else ():
        seconds = 60 * seconds + int(part)
    return seconds + 86400 * int(days or 0)


def usage(calls: Calls, container: str) -> Json:
    """See `Engine.stats`."""
    about = calls.get(f"/containers/{container}/json").json()
    out: Json = {
        "id": about["Id"], "name": about["Name"].lstrip("/"), "cpu": None, "memory": 0, "tasks": 0,
        "received": 0, "sent": 0, "read": 0, "written": 0, "limit": 0,
    }  # fmt: skip
    if not about["State"]["Running"]:
        return out
    once: Json = {"stream": 0, "one-shot": 1}
    found = calls.get(f"/containers/{container}/stats", **once).json()
    memory = found.get("memory_stats") or {}
    inactive = (memory.get("stats") or {}).get("total_inactive_file", (memory.get("stats") or {}).get("inactive_file", 0))
    networks = (found.get("networks") or {}).values()
    blocks = (found.get("blkio_stats") or {}).get("io_service_bytes_recursive") or []
    return out | {
        "cpu": found["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9,
        "memory": max(0, memory.get("usage", 0) - inactive),
        "limit": memory.get("limit", 0),
        "tasks": (found.get("pids_stats") or {}).get("current", 0),
        "received": sum(one["rx_bytes"] for one in networks),
        "sent": sum(one["tx_bytes"] for one in networks),
        "read": sum(one["value"] for one in blocks if one["op"].lower() == "read"),
        "written": sum(one["value"] for one in blocks if one["op"].lower() == "write"),
    }


def events(calls: Calls, since: float | None, until: float | None) -> Iterator[Json]:
    """See `Engine.events`."""
    asked = {key: f"{value:.9f}" for key, value in (("since", since), ("until", until)) if value is not None}
    answer = calls.get("/events", as_stream=True, **asked)
    try:
        yield from objects(answer)
    finally:
        answer.close()


def logged(calls: Calls, container: str, follow: bool, tail: int | None) -> Iterator[tuple[float, str, bytes]]:
    """See `Engine.logs`."""
    tty = bool(calls.get(f"/containers/{container}/json").json()["Config"]["Tty"])
    asked: Json = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": int(follow), "tail": "all" if tail is None else tail}
    answer = calls.get(f"/containers/{container}/logs", as_stream=True, **asked)
    try:
        yield from (_lines(answer.raw) if tty else _frames(answer.raw))
    finally:
        answer.close()


def _lines(raw: Any) -> Iterator[tuple[float, str, bytes]]:
    rest = b""
    while piece := raw.read1(64 << 10) if hasattr(raw, "read1") else raw.read(64 << 10):
        *lines, rest = (rest + piece).split(b"\n")
        yield from (_stamped("stdout", line + b"\n") for line in lines)
    if rest:
        yield _stamped("stdout", rest)


def _frames(raw: Any) -> Iterator[tuple[float, str, bytes]]:
    while len(header := raw.read(_FRAME)) == _FRAME:
        yield _stamped("stderr" if header[0] == 2 else "stdout", raw.read(int.from_bytes(header[4:], "big")))


def _stamped(stream: str, line: bytes) -> tuple[float, str, bytes]:
    """A time of RFC 3339, a space, what was printed."""
    stamp, _, data = line.partition(b" ")
    return to_seconds(stamp.decode("ascii", "replace")), stream, data


def disk_usage(calls: Calls, containers: list[Json]) -> Json:
    """See `Engine.disk_usage`; `containers` are the `docker inspect` objects."""
    found = cast(Json, calls.get("/system/df").json())
    sizes = {one["Id"]: one for one in found.get("Containers") or ()}
    return {
        "LayersSize": found.get("LayersSize") or 0,
        "BaseStores": [],
        "Images": [
            {
                **one,
                "RepoTags": one.get("RepoTags") or [],
                "RepoDigests": one.get("RepoDigests") or [],
                "SharedSize": max(0, one["SharedSize"]),
                "BaseSize": 0,
                "Labels": one.get("Labels") or {},
            }
            for one in found.get("Images") or ()
        ],
        "Containers": [
            {**one, "SizeRw": sizes.get(one["Id"], {}).get("SizeRw", 0), "SizeRootFs": sizes.get(one["Id"], {}).get("SizeRootFs", 0)}
            for one in containers
        ],
        "Volumes": [{**one, "UsageData": one.get("UsageData") or {"RefCount": 0, "Size": 0}} for one in found.get("Volumes") or ()],
        "BuildCache": [step(one) for one in found.get("BuildCache") or ()],
    }


def unused_volumes(calls: Calls, all: bool) -> list[Json]:
    """Volumes that no container uses: those without a name, with `all` those with one too; UsageData says how large."""
    found = [
        {**one, "UsageData": one.get("UsageData") or {"RefCount": 0, "Size": 0}}
        for one in calls.get("/system/df").json().get("Volumes") or ()
    ]
    anonymous = "com.docker.volume.anonymous"
    return [one for one in found if not one["UsageData"]["RefCount"] and (all or anonymous in (one.get("Labels") or {}))]


def step(one: Json) -> Json:
    """A record of the build cache."""
    return {**one, "CreatedAt": to_seconds(one["CreatedAt"]), "Shared": bool(one.get("Shared")), "InUse": bool(one.get("InUse"))}
