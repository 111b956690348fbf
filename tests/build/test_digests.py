"""The digests of a context's files are remembered, and never believed where they could be wrong."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockerlab.build.context import BuildContext
from dockerlab.build.digests import FileDigests
from dockerlab.store import Store
from tests.conftest import Docker


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read."""
    from dockerlab.build.context import ContextNode

    found: list[str] = []
    whole = ContextNode.open

    def noted(self: ContextNode) -> object:
        found.append(self.path)
        return whole(self)

    monkeypatch.setattr(ContextNode, "open", noted)
    return found


@pytest.fixture
def context(tmp_path: Path) -> Iterator[BuildContext]:
    (tmp_path / "context").mkdir()
    for name in "ab":
        (tmp_path / "context" / name).write_text(name)
    yield BuildContext(tmp_path / "context")


def old(context: BuildContext) -> None:
    """Let the files be no longer of this moment. (A changed time of status can't be set back.)"""
    time.sleep(2.1)


def digests(of: FileDigests, context: BuildContext) -> list[str]:
    return [of.of(node) for node in context.walk() if not node.is_dir]


def test_another_process_reads_nothing_of_what_did_not_change(tmp_path: Path, context: BuildContext, read: list[str]) -> None:
    store = Store.open(tmp_path / "home")
    old(context)
    first, second = FileDigests(), FileDigests()
    with first.opened(store, context.root):
        before = digests(first, context)
    assert read == ["/a", "/b"]
    with second.opened(store, context.root):
        assert digests(second, context) == before
    assert read == ["/a", "/b"]
    (tmp_path / "context/a").write_text("c")  # of the same size
    third = FileDigests()
    with third.opened(store, context.root):
        after = digests(third, context)
    assert read == ["/a", "/b", "/a"] and after[0] != before[0] and after[1] == before[1]


def test_a_file_that_was_just_written_is_read_again(tmp_path: Path, context: BuildContext, read: list[str]) -> None:
    store, one = Store.open(tmp_path / "home"), FileDigests()
    for _ in range(2):
        with one.opened(store, context.root):
            digests(one, context)
    assert read == ["/a", "/b"] * 2
    assert not FileDigests()._known and store.cache.get(f"digests:{os.path.realpath(context.root)}") is None


def test_changes_of_equal_size_within_one_tick_are_all_noticed(docker: Docker, tmp_path: Path) -> None:
    file = Path("f")
    Path("Dockerfile").write_text("FROM scratch\nCOPY f /f\n")
    seen = set()
    for number in range(30):
        fd = os.open(file, os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(fd, b"%02d" % number)
        os.close(fd)
        os.utime(file, (1, 1))
        answer = docker("build", "-q", ".")
        assert answer.code == 0, answer.err
        seen.add(answer.out)
    assert len(seen) == 30
