"""What a keeper copies from a container's process to whoever reads it, and into the log: all of it, and never more at once than has room."""

from __future__ import annotations

import json
import os
import random
import threading

import pytest

from dockerlab.runtime.helper import records
from dockerlab.runtime.helper.loop import QUEUE_LIMIT, Loop, Outlet, Stream


class Written(records.Log):
    """A log that stays in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[bytes] = []

    def _append(self, lines: bytes) -> None:
        self.lines += lines.splitlines()


class Copy:
    """A stream from one pipe to another, whose reader has not begun."""

    def __init__(self) -> None:
        self.loop = Loop()
        source, self.source = os.pipe()
        self.target, target = os.pipe()
        self.outlet = Outlet(self.loop, target)
        self.stream = Stream(self.loop, source, lambda data: None, [self.outlet])
        self.most = 0

    def writes(self, count: int) -> None:
        """Somebody writes so many bytes, and closes."""

        def write() -> None:
            for _ in range(count >> 16):
                os.write(self.source, bytes(1 << 16))
            os.close(self.source)

        threading.Thread(target=write, daemon=True).start()

    def turns(self, seconds: float) -> None:
        self.loop.after(seconds, self.loop.stop)
        self.loop.run()
        self.most = max(self.most, len(self.outlet._queue))


def test_a_reader_that_does_not_read_is_waited_for_and_then_gets_all() -> None:
    copy = Copy()
    copy.writes(8 << 20)
    copy.turns(0.5)
    assert QUEUE_LIMIT < copy.most < 2 * QUEUE_LIMIT and not copy.loop.watches(copy.stream.fd)
    got = []
    reader = threading.Thread(target=lambda: got.append(sum(len(data) for data in iter(lambda: os.read(copy.target, 1 << 16), b""))))
    reader.start()
    while reader.is_alive():
        copy.turns(0.05)
    assert got == [8 << 20] and copy.most < 2 * QUEUE_LIMIT and copy.stream.ended


def test_a_reader_that_goes_away_is_waited_for_no_longer() -> None:
    copy = Copy()
    copy.writes(8 << 20)
    copy.turns(0.3)
    os.close(copy.target)
    for _ in range(100):
        copy.turns(0.05)
        if copy.stream.ended:
            break
    assert copy.stream.ended and copy.outlet.broken


@pytest.mark.parametrize("seed", range(40))
def test_many_lines_at_once_are_logged_as_one_by_one(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "timestamp", lambda: "now")
    chance = random.Random(seed)
    alphabet = b'B"\n\x00\xff\xe2\x82\xac\x7f' + (b"\\" if seed % 3 else b"")
    pieces = []
    for _ in range(chance.randrange(1, 40)):
        length = chance.choice([0, 1, 80, 4000, 16383, 16384, 17000, 40000]) if chance.random() < 0.3 else chance.randrange(90)
        pieces.append(bytes(chance.choices(alphabet, k=length)) if chance.random() < 0.3 else b"x" * length)
        pieces.append(chance.choice([b"\n", b"\n", b""]))
    text = b"".join(pieces) * 3
    together, alone = Written(), Written()
    for size, log in ((1 << 16, together), (61, alone)):
        for at in range(0, len(text), size):
            log.write("stdout", text[at : at + size])
        log.write("stdout", b"")
    for log in (together, alone):
        found = [json.loads(line) for line in log.lines]
        assert b"".join(one["log"].encode("utf-8", "surrogateescape") for one in found) == text
        assert all(len(one["log"].encode("utf-8", "surrogateescape")) <= records.LONGEST_LINE for one in found)
        assert {(one["stream"], one["time"]) for one in found} <= {("stdout", "now")}
        assert all("\n" not in one["log"][:-1] for one in found)


def test_lines_that_come_one_by_one_have_times_of_their_own() -> None:
    log = Written()
    log.write("stderr", b"one\ntwo\n" * 100)
    times = [json.loads(line)["time"] for line in log.lines]
    assert len(times) == 200 and len(set(times)) > 100 and times == sorted(times)
