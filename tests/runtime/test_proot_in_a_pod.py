"""The runtime's tests once more by an ordinary user whom the kernel refuses every namespace and mount, and who has proot; and by one who may trace nothing."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.ordinary import OrdinaryUser
from tests.parts import missing

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="this is an ordinary user")

NEEDS_NAMESPACES = {
    "test_run.py": (
        "test_process_one_its_host_name_and_its_root",  # a host name, number 1
        "test_a_read_only_root",
        "test_no_network",
        "test_capabilities_are_probed_once",  # asks for overlay
    ),
    "test_containers.py": (
        "test_exec",  # a host name
        "test_processes_show_their_users_inside",  # number 1
    ),
    "test_owners.py": (
        "test_what_docker_refuses_a_user[cd /root-can't cd to /root: Permission denied]",  # proot changes folders by itself
        "test_what_docker_refuses_a_user[/not-for-you-/not-for-you: Permission denied]",  # refused, but by proot's loader
        "test_access_asks_for_the_one_who_started_a_set_id_program",  # AT_SECURE, and faccessat2, which proot doesn't know
    ),
}
"""What no container has here; `dockerlab doctor` says so."""


@pytest.mark.parametrize("module", ["test_proot.py", "test_ports.py", *NEEDS_NAMESPACES])
def test_without_namespaces_and_mounts(module: str, ordinary_user: OrdinaryUser) -> None:
    if not shutil.which("proot"):
        missing("proot", "apt install proot")
    path = f"tests/runtime/{module}"
    left_out = [f"--deselect={path}::{name}" for name in NEEDS_NAMESPACES.get(module, ())]
    ordinary_user.pass_tests(path, *left_out, in_pod=True)


def test_beside_namespaces(ordinary_user: OrdinaryUser) -> None:
    if not shutil.which("proot"):
        missing("proot", "apt install proot")
    ordinary_user.pass_tests("tests/runtime/test_proot.py", "-k", "random or what_a_user_is_refused or above_modes")


def test_where_nothing_may_be_traced_either(ordinary_user: OrdinaryUser) -> None:
    ordinary_user.pass_tests("tests/runtime/test_proot.py", "-k", "ptrace_is_refused", in_pod=True, POD_REFUSES="ptrace")
