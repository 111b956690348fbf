"""The same tests once more by others, where the suite runs as root: an ordinary user, and root in a pod without CAP_SYS_ADMIN."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.skipif(os.geteuid() != 0, reason="this is an ordinary user")
@pytest.mark.parametrize(
    "module",
    ["test_run.py", "test_containers.py", "test_ports.py", "test_init.py", "test_owners.py", "test_kernel.py", "test_hostile_images.py"],
)
def test_as_an_ordinary_user(module, ordinary_user):
    ordinary_user.pass_tests(str(HERE / module))


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
@pytest.mark.parametrize(
    "module", ["test_run.py", "test_containers.py", "test_ports.py", "test_init.py", "test_owners.py", "test_hostile_images.py"]
)
def test_as_root_that_may_not_mount(module, tmp_path):
    pytest_ = [sys.executable, "-B", "-m", "pytest", str(HERE / module), "-q", "-p", "no:cacheprovider", "--basetemp", f"{tmp_path}/tests"]
    done = subprocess.run(
        ["setpriv", "--bounding-set", "-sys_admin", *pytest_],
        env={**os.environ, "PYTHONPATH": ":".join(filter(None, sys.path))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-2000:]
