"""Linux 6.1, as Debian 12 and most servers have it, with control groups of version 2 alone: a kernel that runs as a process of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.parts import ROOT, missing, whole

SOME = "fork_bomb or memory_bomb or only_the_process or cpu_share or where_it_looks or no_group_stays"


def played(*words: str) -> subprocess.CompletedProcess[str]:
    """pytest over there."""
    if os.geteuid():
        pytest.skip("root may write control groups; an ordinary user has none to try")
    if not shutil.which("linux.uml") or not shutil.which("mkfs.ext4"):
        missing("a kernel that runs as a process", "apt-get install user-mode-linux kmod e2fsprogs")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    for name in (
        "BUSYBOX",
        "CI",
        "DOCKERLAB_HOME",
        "DOCKER_HOST",
    ):  # what lies below a folder that it covers, and what is asked of this machine alone
        env.pop(name, None)
    command = ["scripts/older-kernel", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=1800, stdin=subprocess.DEVNULL)


def test_control_groups_of_version_2_keep_limits() -> None:
    told = played("tests/verbs/test_limits.py", "-rs", *(() if whole() else ("-k", SOME)))
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-3000:]
    assert " passed" in told.stdout
    assert "nothing keeps the limit" not in told.stdout


def test_containers_and_stores_are_what_they_are_elsewhere() -> None:
    """Mounts by one string of options, among others. The rest of these two rooms' tests is played by .ci/full: a process takes five times as long there."""
    some = () if whole() else ("-k", "layers or folder or mounts or link")
    rooms = ("tests/runtime", "tests/store") if whole() else ("tests/runtime/test_kernel.py", "tests/runtime/test_run.py")
    told = played(*rooms, "--ignore", "tests/runtime/test_older_kernel.py", *some)
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-3000:]
