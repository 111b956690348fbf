"""The build cache's records: replaced, touched, pruned and read by several at once."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from dockerlab.store.cache import BuildCache


@pytest.fixture
def cache(tmp_path: Path) -> BuildCache:
    (tmp_path / "cache").mkdir()
    return BuildCache(tmp_path)


def only(home: Path) -> Path:
    (path,) = (home / "cache").iterdir()
    return path


def test_a_record_of_the_same_size_is_written_over_where_it_lies(cache: BuildCache, tmp_path: Path) -> None:
    cache.put("key", {"layer": "a" * 64, "created": "2026-01-01T00:00:00.123456789Z"})
    inode = only(tmp_path).stat().st_ino
    cache.put("key", {"layer": "b" * 64, "created": "2026-01-01T00:00:00.5Z"})
    assert cache.get("key") == {"layer": "b" * 64, "created": "2026-01-01T00:00:00.5Z"}
    assert only(tmp_path).stat().st_ino == inode


@pytest.mark.parametrize(("first", "second"), [(10, 900), (900, 10), (3000, 3000), (10, 100)])
def test_a_record_of_any_other_size_replaces_it(cache: BuildCache, first: int, second: int) -> None:
    cache.put("key", {"text": "a" * first})
    cache.put("key", {"text": "b" * second})
    assert cache.get("key") == {"text": "b" * second}


@pytest.mark.parametrize("size", [10, 3000])
def test_a_record_that_is_put_again_counts_as_new(cache: BuildCache, tmp_path: Path, size: int) -> None:
    cache.put("key", {"text": "a" * size})
    os.utime(only(tmp_path), (1, 1))
    cache.put("key", {"text": "a" * size})
    ((_, _, changed),) = cache.records()
    assert changed > time.time() - 60


def test_readers_and_pruning_beside_a_writer_see_whole_records_or_none(cache: BuildCache) -> None:
    ended, seen, wrong = threading.Event(), set[str](), list[object]()

    def read() -> None:
        while not ended.is_set():
            value = cache.get("key")
            if value is not None:
                seen.add(value["text"][0])
                if set(value["text"]) not in ({"a"}, {"b"}) or len(value["text"]) != 300:
                    wrong.append(value)

    def prune() -> None:
        while not ended.is_set():
            for name, _, _ in cache.records():
                cache.forget(name)
            time.sleep(0.001)

    threads = [threading.Thread(target=read), threading.Thread(target=read), threading.Thread(target=prune)]
    for thread in threads:
        thread.start()
    for number in range(2000):
        cache.put("key", {"text": "ab"[number % 2] * 300})
    ended.set()
    for thread in threads:
        thread.join()
    assert not wrong and seen == {"a", "b"}


def test_a_record_pruned_before_its_writer_was_done_is_written_anew(
    cache: BuildCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.put("key", {"text": "a" * 100})
    path, fstat = only(tmp_path), os.fstat

    def pruned_meanwhile(fd: int) -> os.stat_result:
        path.unlink(missing_ok=True)
        return fstat(fd)

    monkeypatch.setattr(os, "fstat", pruned_meanwhile)
    cache.put("key", {"text": "b" * 100})
    assert cache.get("key") == {"text": "b" * 100}
