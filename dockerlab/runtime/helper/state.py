"""state.json: what a keeper tells of its container to all other processes, so that they find its processes without it."""

from __future__ import annotations

import os

from dockerlab.runtime.helper import reaper, records

TYPE_CHECKING = False  # `typing` would cost the helper 5 ms; type checkers know this name
if TYPE_CHECKING:
    from dockerlab.runtime.helper.keeper import Keeper


def write_aside(keeper: Keeper) -> None:
    """Write it, to be published when the program runs; and take the room on the disk for what is written at its end.

    `entrance` is the process by which others enter, with the time of its beginning: the program itself.
    """
    first, process = keeper.init_pid, keeper.process
    began = records.start_time(first, ".")
    entrance = [first, began]
    if process.get("init"):
        program = reaper.program_of(first, ".")
        entrance = [program, records.start_time(program, ".")]
    record = {
        "keeper": os.getpid(),
        "init": first,
        "relay": keeper.relay,
        "began": began,
        "entrance": entrance,
        "started_at": keeper.began,
        "ports": keeper.ports,
        "identity": keeper.identity,
        "restarts": bool(keeper.told),
        "groups": keeper.groups.folders if keeper.groups else [],
        "rlimits": process["rlimits"],
        "nproc": keeper.nproc(),
        "isolation": keeper.isolation,
        "namespaces": keeper.namespaces(),
        "terminal": bool(process["terminal"]),
    }
    records.write_aside(keeper.folder, "state.json", record)
    records.reserve(keeper.folder, "exit.json")
