"""The same by others, where the suite runs as root: an ordinary user, whose owners and users are emulated, and root in a pod that refuses namespaces and mounts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.ordinary import OrdinaryUser
from tests.parts import whole
from tests.pod import pass_tests

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="this is an ordinary user")


SOME = {
    "archives": "hard_link or device or through_a_link or folder_over or name_that_no_disk",
    "builds": "",
    "containers": "not chroot and not exec",
    "interrupts": "not kernel and not while",
    "many": "twenty",
    "racing": "copied",
}
"""What of a module is played again, unless everything is."""


def chosen(module: str, some: str) -> list[str]:
    return [f"tests/hostile/test_{module}.py", *(["-k", some] if some and not whole() else [])]


@pytest.mark.parametrize("module", SOME)
def test_as_an_ordinary_user(module: str, ordinary_user: OrdinaryUser) -> None:
    ordinary_user.pass_tests(*chosen(module, SOME[module]))


def test_in_a_pod_that_refuses_namespaces_and_mounts(tmp_path: Path) -> None:
    pass_tests(*chosen("containers", "token or device or set_id"), basetemp=f"{tmp_path}/tests")
