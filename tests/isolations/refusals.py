"""Tests that can't be had in an isolation, and why: `dockerlab doctor` says so there, and each of these things is refused with its reason."""

from __future__ import annotations

COPIES = ("chroot", "proot")
Reasons = dict[str, dict[str, str]]

_HOST_NAME = "a host name of one's own, and number 1, need namespaces"
_NETWORK = "no network needs a namespace of its own"
_READ_ONLY = "a read-only root needs a mount"
_BIND = "showing a folder in two places needs a mount"
_PROC = "a /proc of one's own needs a mount"
_PROBED = "what is probed of namespaces is not there"

IN_COPIES: Reasons = {
    "runtime/test_run.py": {
        "test_process_one_its_host_name_and_its_root": _HOST_NAME,
        "test_a_read_only_root": _READ_ONLY,
        "test_no_network": _NETWORK,
        "test_capabilities_are_probed_once": _PROBED,
    },
    "runtime/test_containers.py": {
        "test_an_exec_has_the_host_name_and_the_processes_of_its_container": _HOST_NAME,
        "test_processes_show_their_users_inside": _HOST_NAME,
    },
    "build/test_instructions.py": {"test_run_with_network_none_has_no_way_out": _NETWORK},
    "verbs/test_verbs.py": {
        "test_a_bind_mount_is_seen_on_both_sides_and_may_be_read_only": _BIND,
        "test_a_volume_outlives_its_containers": _BIND,
    },
}
IN_CHROOT: Reasons = {
    "runtime/test_run.py": {
        "test_devices_work_and_new_ones_open_nothing": "/dev/stdout leads into /proc, which is not there",
        "test_no_write_reaches_this_machines_kernel": "there is no /proc and no /sys",
        "test_nothing_of_this_process_is_left_open_inside": _PROC,
    },
    "runtime/test_containers.py": {"test_a_terminal": "this terminal looks for its name in a /dev/pts of its own"},
}
IN_PROOT: Reasons = {
    "runtime/test_owners.py": {
        "test_what_docker_refuses_a_user[cd /root-can't cd to /root: Permission denied]": "proot changes folders by itself",
        "test_what_docker_refuses_a_user[/not-for-you-/not-for-you: Permission denied]": "refused, but by proot's loader",
        "test_access_asks_for_the_one_who_started_a_set_id_program": "proot does not know faccessat2, and AT_SECURE is the kernel's",
    },
}
IN_NONE: Reasons = {
    "engine/test_without_containers.py": {
        "test_without_namespaces_a_process_is_refused_with_the_cause": "here the cause is not that it was asked for"
    },
    "cli/test_own_commands.py": {"test_doctor_says_when_isolation_was_switched_off": "here there is nothing to switch off"},
}
REFUSALS = {"chroot": (IN_COPIES, IN_CHROOT), "proot": (IN_COPIES, IN_PROOT), "none": (IN_NONE,)}


def refusals_of(path: str, name: str) -> dict[str, str]:
    """Isolation → why this test of a module ("room/test_it.py") can't be had there; `name` with its parameters or without."""
    return {isolation: reasons[path][name] for isolation, parts in REFUSALS.items() for reasons in parts if name in reasons.get(path, {})}
