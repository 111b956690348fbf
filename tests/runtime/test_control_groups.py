"""What is written into control groups of either version, as runc writes it for Docker."""

from __future__ import annotations

from dockerlab.data import asdict
from dockerlab.runtime.helper.limits import settings, written
from dockerlab.runtime.spec import Limits


def files(version: int, **limits: int) -> dict[str, str]:
    wanted = {name: int(value) for name, value in asdict(Limits(**limits)).items()}
    return {file: text for controller in ("memory", "pids", "cpu") for file, text, _ in settings(controller, version, wanted)}


def test_nothing_is_written_where_nothing_is_limited():
    assert files(1) == files(2) == files(2, disk=1 << 20) == {}


def test_memory_with_its_swap():
    assert files(1, memory=64, swap=128) == {"memory.limit_in_bytes": "64", "memory.memsw.limit_in_bytes": "128"}
    assert files(2, memory=64, swap=128) == {"memory.max": "64", "memory.swap.max": "64"}  # version 2 counts swap alone
    assert files(2, memory=64, swap=64)["memory.swap.max"] == "0" and files(2, memory=64, swap=-1)["memory.swap.max"] == "max"
    assert files(1, memory=64, swap=-1)["memory.memsw.limit_in_bytes"] == "-1"


def test_processes_and_processors():
    assert files(1, pids=20) == files(2, pids=20) == {"pids.max": "20"}
    assert files(1, quota=50_000, period=100_000) == {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"}
    assert files(2, quota=50_000, period=100_000) == {"cpu.max": "50000 100000"}
    assert files(2, period=50_000) == {"cpu.max": "max 50000"}
    assert [files(2, shares=shares)["cpu.weight"] for shares in (2, 1024, 262144)] == ["1", "39", "10000"]


def test_a_size_is_told_as_one_writes_it():
    assert [written(size) for size in (64 << 20, 2 << 30, 10 << 10, 1000)] == ["64m", "2g", "10k", "1000"]
