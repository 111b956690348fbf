"""Docker's verbs by an ordinary user who has proot, where namespaces and mounts are refused and where they are not; and by one who may trace nothing."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.ordinary import OrdinaryUser
from tests.parts import missing

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="this is an ordinary user")


@pytest.mark.parametrize("pod", [False, True])
def test_as_an_ordinary_user(pod: bool, ordinary_user: OrdinaryUser) -> None:
    if not shutil.which("proot"):
        missing("proot", "apt install proot")
    ordinary_user.pass_tests("tests/engine/test_proot.py", in_pod=pod)


def test_as_one_who_may_trace_nothing_either(ordinary_user: OrdinaryUser) -> None:
    ordinary_user.pass_tests("tests/engine/test_proot.py", "-k", "nothing_is_allowed", in_pod=True, POD_REFUSES="ptrace")
