"""Ctrl-C: no process of what ran is left, whatever it does with signals, and nothing lies about."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dockerlab.store import Store
from dockerlab.store.fsck import examine
from tests.benchmarks.absolute import KINDS, interrupted, sleepers
from tests.parts import ROOT, until

pytestmark = pytest.mark.usefixtures("containers_run_here")
_numbers = itertools.count(400_000_000 + os.getpid() * 100)


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupt_leaves_no_process_and_nothing_half_made(kind: str, home: Path, tmp_path: Path) -> None:
    seconds = str(next(_numbers))
    interrupted(kind, tmp_path / "context", seconds)
    assert sleepers(seconds) == []
    until(lambda: os.listdir(home / "containers") == [] and os.listdir(home / "snapshots") == [])
    store = Store.open(home)
    store.sweep()
    assert examine(store).problems == () and str(home) not in Path("/proc/self/mountinfo").read_text()


@pytest.mark.parametrize("turn", range(0, 12, 2))
def test_an_interrupt_while_a_container_starts_leaves_none_running(turn: int, home: Path, tmp_path: Path) -> None:
    seconds = str(next(_numbers))
    with subprocess.Popen(
        [sys.executable, "-m", "dockerlab", "run", "--rm", "busybox", "sleep", seconds],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        until(lambda: os.listdir(home / "containers") != [])
        time.sleep(turn * 0.002)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=20)[1]
    assert process.returncode and "Traceback" not in said
    assert sleepers(seconds) == []
    assert os.listdir(home / "containers") == []
