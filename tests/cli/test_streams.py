"""The command where its standard streams are not what a terminal gives."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts import ROOT


@pytest.mark.usefixtures("containers_run_here", "home")
@pytest.mark.parametrize("closed", [fds for count in (1, 2, 3) for fds in itertools.combinations((0, 1, 2), count)], ids=str)
def test_whoever_starts_it_without_some_of_them_gets_the_exit_code(closed: tuple[int, ...], tmp_path: Path) -> None:
    said = tmp_path / "said"
    script = f"""
import os, sys
for fd in {closed}:
    os.close(fd)
os.execv(sys.executable, [sys.executable, "-m", "dockerlab", "run", "--rm", "busybox", "sh", "-c", "echo hello; exit 3"])
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with open(said, "w", encoding="utf-8") as out:
        done = subprocess.run([sys.executable, "-c", script], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, timeout=60)
    assert done.returncode == 3
    assert said.read_text() == ("" if 1 in closed else "hello\n")
