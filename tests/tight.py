"""A place as tight as a hosted notebook's: `python -m tests.tight FOLDER… -- COMMAND…`, started by root in mounts of its own.

Uid 1000 with no capability, no program that sets IDs, no network but loopback, no namespace and no mount (tests.pod), in the control groups FOLDER."""

from __future__ import annotations

import os
import sys

from dockerlab.runtime.helper import kernel, network
from tests import pod

USER = 1000
"""Jovyan's, in every image of repo2docker."""


def enter(folders: list[str]) -> None:
    """From here on this process and its children live there."""
    for folder in folders:
        with open(f"{folder}/cgroup.procs", "w", encoding="ascii") as file:
            file.write("0")
    kernel.unshare(kernel.CLONE_NEWNET)
    network.loopback_up()
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    pod.enter()


if __name__ == "__main__":
    dashes = sys.argv.index("--")
    enter(sys.argv[1:dashes])
    os.execvp(sys.argv[dashes + 1], sys.argv[dashes + 1 :])
