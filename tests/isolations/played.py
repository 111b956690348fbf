"""Which modules are played in which isolation. A room of tests is a folder of tests/; `python -m pytest` plays all of them where it is started itself."""

from __future__ import annotations

from tests.parts import whole

Tests = dict[str, str]
"""Module or folder → which of its tests, as pytest's -k has it; "" is all of them."""


def _in(room: str, *names: str, **some: str) -> Tests:
    """Modules of a room by their names; `some`: of these only a part, unless the long matrices are played to their ends."""
    return {f"tests/{room}/test_{name}.py": "" if whole() else words for name, words in {**dict.fromkeys(names, ""), **some}.items()}


def _all_in(room: str, *, but: str = "") -> Tests:
    """Every module of a room; `but`: without these, unless the long matrices are played to their ends."""
    return {f"tests/{room}": f"not ({but})" if but and not whole() else ""}


SOME_OF_ALL: dict[str, Tests] = {
    "layers": _in("layers", "layers"),
    "store": _in("store", "store"),
    "build": _in("build", "instructions", building="not power_cut"),
    "runtime": _in("runtime", "run"),
    "verbs": _in("verbs", "verbs", terminals="let_go or control_c or as_large"),
    "notebook": _in("notebook", cells="mistakes or lists"),
}
"""What is played wherever containers run: layers, the store, builds, processes, containers, terminals, cells."""

LESS_OF_ALL: dict[str, Tests] = {
    **SOME_OF_ALL,
    "build": _in(
        "build", building="owners or user or same_build or failing", instructions="copy_ or heredocs or secret or cache_mount or bound"
    ),
    "verbs": _in("verbs", "verbs"),
    "notebook": _in("notebook", cells="lists"),
}
"""What rows play besides what is their own, and where only the disk or the user is another."""

PLAYED: dict[str, dict[str, Tests]] = {
    "root-without-mounts": {"runtime": _in("runtime", "run", "containers", "ports", "init", "owners", "hostile_images")},
    "root-in-a-pod": {
        **LESS_OF_ALL,
        "runtime": _in("runtime", "chroot", "run", "containers", "ports"),
        "engine": _in("engine", "chroot"),
        "hostile": _in("hostile", containers="token or device or set_id"),
    },
    "root-without-devices": {"runtime": _in("runtime", chroot="device or dev_stdout or deleted or mounts_is or owner_mode")},
    "root-on-overlay": LESS_OF_ALL,
    "user-with-a-range": {**LESS_OF_ALL, "runtime": _in("runtime", "run", "owners")},
    "user": {
        "layers": _all_in("layers"),
        "store": _all_in("store"),
        "build": _all_in("build", but="power_cut or catalogue"),
        "runtime": {
            **_in("runtime", "run", "containers", "ports", "init", "owners", "kernel", "hostile_images"),
            **_in(
                "runtime", proot="random or what_a_user_is_refused or above_modes"
            ),  # beside namespaces, whose layers are there to compare with
        },
        "engine": _all_in("engine", but="test_crashes or (test_proot and not layers_that)"),
        "verbs": _all_in("verbs", but="test_template or test_call"),
        "notebook": _in(
            "notebook",
            magics="builds_an_image or python_objects or one_message or copy_on_write or stop_button or as_it_happens",
            terminals="left_running or stop_button or tab_key",
        ),
        "hostile": _in(
            "hostile",
            "builds",
            archives="hard_link or device or through_a_link or folder_over or name_that_no_disk",
            containers="not chroot and not exec",
            interrupts="not kernel and not while",
            many="twenty",
            racing="copied",
        ),
    },
    "user-in-a-pod": {
        **LESS_OF_ALL,
        "runtime": _in("runtime", "proot", "containers", "owners", run="not never_lost", ports="not meanwhile"),
        "engine": _in("engine", "proot"),
    },
    "user-without-ptrace": {
        "oci": _all_in("oci"),
        "dockerfile": _all_in("dockerfile"),
        "layers": _all_in("layers"),
        "store": _all_in("store"),
        "transfer": _in("transfer", "docker_archive", "catalogue", catalogue_images="busybox and not runs or tampered"),
        "build": _in("build", "checks", "digests"),
        "conformance": _in("conformance", "builds"),
        "runtime": {"tests/runtime/test_proot.py": "ptrace_is_refused"},
        "engine": {"tests/engine/test_proot.py": "nothing_is_allowed", "tests/engine/test_without_containers.py": ""},
        "verbs": _in("verbs", "call", "context", "contexts", "template", "events", "disk_and_prune", "networks", "mounts_and_logs"),
        "notebook": _in("notebook", cells="mistakes or lists or without_namespaces"),
        "course": _in("course", material="not server"),
        "cli": _in("cli", own_commands="doctor or message"),
    },
    "user-on-overlay": LESS_OF_ALL,
    "user-on-overlay-in-a-pod": LESS_OF_ALL,
}
"""Isolation → room → tests."""
