"""The same by others, where the suite runs as root: an ordinary user, whose owners and users are emulated, and root in a pod that refuses namespaces and mounts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.ordinary import OrdinaryUser
from tests.pod import pass_tests

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="this is an ordinary user")


@pytest.mark.parametrize("module", ["archives", "builds", "containers", "interrupts", "many"])
def test_as_an_ordinary_user(module: str, ordinary_user: OrdinaryUser) -> None:
    ordinary_user.pass_tests(f"tests/hostile/test_{module}.py")


@pytest.mark.parametrize("module", ["containers"])
def test_in_a_pod_that_refuses_namespaces_and_mounts(module: str, tmp_path: Path) -> None:
    pass_tests(f"tests/hostile/test_{module}.py", basetemp=f"{tmp_path}/tests")
