"""A container's limits, from Docker's HostConfig to what the runtime takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dockerlab.runtime.spec import Limits

# linux: asm-generic/resource.h, under the names of docker/go-units
RLIMITS = {
    "core": 4, "cpu": 0, "data": 2, "fsize": 1, "locks": 10, "memlock": 8, "msgqueue": 12, "nice": 13, "nofile": 7, "nproc": 6, "rss": 5,
    "rtprio": 14, "rttime": 15, "sigpending": 11, "stack": 3,
}  # fmt: skip
PERIOD = 100_000


def size_bytes(text: str) -> int:
    """`64m` → 67108864. ValueError in docker's words if it is none. (docker/go-units: RAMInBytes)"""
    import re

    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmgtp])?i?b?", text.lower())
    if not match:
        raise ValueError(f"invalid size: '{text}'")
    return int(float(match.group(1)) * 1024 ** "bkmgtp".index(match.group(2) or "b"))


def limits_of(host: dict[str, Any]) -> Limits | None:
    """None where nothing is limited, which costs nothing."""
    from dockerlab.runtime.spec import Limits

    quota, period = host["CpuQuota"], host["CpuPeriod"]
    if host["NanoCpus"]:
        quota, period = host["NanoCpus"] * PERIOD // 10**9, PERIOD
    limits = Limits(
        memory=host["Memory"],
        swap=host["MemorySwap"],
        reservation=host["MemoryReservation"],
        no_oom_kill=bool(host["OomKillDisable"]),
        pids=max(0, host["PidsLimit"] or 0),
        quota=quota,
        period=period,
        shares=host["CpuShares"],
        disk=size_bytes((host.get("StorageOpt") or {}).get("size", "0")),
    )
    return None if limits == Limits() else limits
