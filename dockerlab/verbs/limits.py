"""The flags of `run` and `create` that limit a container: read and refused in docker's words, told where nothing here keeps them."""

from __future__ import annotations

import re
from typing import Any

from dockerlab.engine.limits import RLIMITS, size_bytes
from dockerlab.errors import UsageError
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed, usage_error

Json = dict[str, Any]
_MEGABYTE = 1 << 20
LEAST_MEMORY = 6 * _MEGABYTE


def limits_of(parsed: Parsed) -> Json:
    """What the flags ask for, as fields of HostConfig. UsageError for what docker refuses."""
    host: Json = {}
    for flag, field in (
        ("memory", "Memory"),
        ("memory-reservation", "MemoryReservation"),
        ("memory-swap", "MemorySwap"),
        ("shm-size", "ShmSize"),
    ):
        if flag in parsed.flags:
            text = parsed.text(flag)
            host[field] = -1 if flag == "memory-swap" and text == "-1" else _flag_bytes(parsed, flag)
    if not host.get("ShmSize"):
        host.pop("ShmSize", None)
    if "cpus" in parsed.flags:
        host["NanoCpus"] = _nano_cpus(parsed)
    for flag, field in (("cpu-shares", "CpuShares"), ("cpu-period", "CpuPeriod"), ("cpu-quota", "CpuQuota")):
        if flag in parsed.flags:
            host[field] = parsed.number(flag)
    if (pids := parsed.number("pids-limit")) and pids > 0:
        host["PidsLimit"] = pids
    if parsed.on("oom-kill-disable"):
        host["OomKillDisable"] = True
    if ulimits := parsed.all("ulimit"):
        by_name = dict(_ulimit(parsed, text) for text in ulimits)
        host["Ulimits"] = [by_name[name] for name in sorted(by_name)]
    if options := parsed.all("storage-opt"):
        host["StorageOpt"] = dict(_storage_option(parsed, text) for text in options)
    if "disk" in parsed.flags:
        host["StorageOpt"] = {"size": str(_flag_bytes(parsed, "disk"))}
    if "timeout" in parsed.flags:
        host["Timeout"] = _seconds(parsed)
    _check(host)
    return host


def _check(host: Json) -> None:
    """What docker's daemon refuses. (moby: daemon_unix.go, verifyPlatformContainerResources)"""
    memory, swap, reserved = (host.get(name, 0) for name in ("Memory", "MemorySwap", "MemoryReservation"))
    if 0 < memory < LEAST_MEMORY:
        raise UsageError("docker: Minimum memory limit allowed is 6MB", hint="for example --memory 64m")
    if memory and 0 < swap < memory:
        raise UsageError(
            "docker: Minimum memoryswap limit should be larger than memory limit, see usage",
            hint="--memory-swap is memory and swap together",
        )
    if not memory and swap > 0:
        raise UsageError("docker: You should always set the Memory limit when using Memoryswap limit, see usage", hint="add --memory")
    if 0 < reserved < LEAST_MEMORY:
        raise UsageError("docker: Minimum memory reservation allowed is 6MB")
    if memory and memory < reserved:
        raise UsageError("docker: Minimum memory limit can not be less than memory reservation limit, see usage")
    if memory and not swap:
        host["MemorySwap"] = 2 * memory
    import os

    cpus = os.cpu_count() or 1
    nano = host.get("NanoCpus", 0)
    if nano < 0 or nano > cpus * 10**9:
        raise UsageError(f"docker: range of CPUs is from 0.01 to {cpus:.2f}, as there are only {cpus} CPUs available")
    for field, name in (("CpuPeriod", "CPU Period"), ("CpuQuota", "CPU Quota")):
        if nano and host.get(field):
            raise UsageError(f"docker: Conflicting options: Nano CPUs and {name} cannot both be set", hint="--cpus says both")
    if host.get("CpuShares", 0) < 0:
        raise UsageError(f"docker: invalid CPU shares ({host['CpuShares']}): value must be a positive integer")
    if host.get("CpuPeriod") and not 1000 <= host["CpuPeriod"] <= 1_000_000:
        raise UsageError("docker: CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
    if 0 < host.get("CpuQuota", 0) < 1000:
        raise UsageError("docker: CPU cfs quota can not be less than 1ms (i.e. 1000)")


def tell_unkept(parsed: Parsed, terminal: Terminal) -> None:
    """Docker's warning, and a line for each limit that nothing on this machine keeps."""
    given = [name for name in ("memory", "pids-limit", "cpus", "cpu-shares", "cpu-quota") if parsed.flags.get(name)]
    if parsed.on("oom-kill-disable") and not parsed.text("memory"):
        terminal.complain(
            "WARNING: OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources."
        )
    if not given:
        return
    from dockerlab.runtime.limits import keepers, memory_may_wait

    if parsed.on("oom-kill-disable") and not memory_may_wait():
        terminal.complain("WARNING: Your kernel does not support OomKillDisable. OomKillDisable discarded.")
    kept = keepers()
    for name in given:
        keeper = kept["memory" if name == "memory" else "pids" if name == "pids-limit" else "cpu"]
        if not keeper.keeps and parsed.text(name) not in ("0", "-1"):
            terminal.complain(f"WARNING: --{name} is recorded, and has no effect here: {keeper.why}")


def _flag_bytes(parsed: Parsed, name: str) -> int:
    try:
        return size_bytes(parsed.text(name))
    except ValueError as error:
        raise _invalid(parsed, name, parsed.text(name), str(error)) from None


def _invalid(parsed: Parsed, name: str, text: str, why: str) -> UsageError:
    shown = "-m, --memory" if name == "memory" else f"--{name}"
    return usage_error(parsed.verb, f'invalid argument "{text}" for "{shown}" flag: {why}', 125)


def _nano_cpus(parsed: Parsed) -> int:
    """`1.5`, `1/2` → billionths of a processor, exactly."""
    from fractions import Fraction

    text = parsed.text("cpus")
    try:
        nano = Fraction(text) * 1_000_000_000
    except (ValueError, ZeroDivisionError):
        raise _invalid(parsed, "cpus", text, f"failed to parse {text} as a rational number") from None
    if nano.denominator != 1:
        raise _invalid(parsed, "cpus", text, "value is too precise")
    return int(nano)


def _ulimit(parsed: Parsed, text: str) -> tuple[str, Json]:
    """`nofile=64:128`. (docker/go-units: ParseUlimit)"""
    name, equals, values = text.partition("=")
    if not equals:
        raise _invalid(parsed, "ulimit", text, f"invalid ulimit argument: {text}")
    if name not in RLIMITS:
        raise _invalid(parsed, "ulimit", text, f"invalid ulimit type: {name}")
    numbers = values.split(":")
    if len(numbers) > 2:
        raise _invalid(parsed, "ulimit", text, f"too many limit value arguments - {values}, can only have up to two, `soft[:hard]`")
    for number in numbers:
        if not re.fullmatch(r"[+-]?\d+", number):
            raise _invalid(parsed, "ulimit", text, f'strconv.ParseInt: parsing "{number}": invalid syntax')
    soft, hard = int(numbers[0]), int(numbers[-1])
    if hard != -1 and (soft == -1 or soft > hard):
        shown = "ulimit soft limit must be less than or equal to hard limit: "
        raise _invalid(parsed, "ulimit", text, shown + (f"soft: -1 (unlimited), hard: {hard}" if soft == -1 else f"{soft} > {hard}"))
    return name, {"Name": name, "Hard": hard, "Soft": soft}


def _storage_option(parsed: Parsed, text: str) -> tuple[str, str]:
    """`size=10m` is the only one that overlay2 has."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError("docker: Invalid storage option.", hint="write size=10m")
    if name.lower() != "size":
        raise UsageError(f"docker: Unknown option {name}", hint="size is the only one")
    try:
        size_bytes(value)
    except ValueError as error:
        raise UsageError(f"docker: {error}", hint="write size=10m") from None
    return "size", value


def _seconds(parsed: Parsed) -> float:
    text = parsed.text("timeout")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 1e9:
        raise _invalid(parsed, "timeout", text, "not a number of seconds above 0")
    return seconds
