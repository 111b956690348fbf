"""From a root file system to a process.

The walk of a RUN: the builder makes a `BoxSpec` (a root file system and a process) and calls `Runtime.run`. The request goes to the helper
(`helper/`), a bare interpreter started once, which forks a keeper. The keeper unshares namespaces, mounts the overlay, and forks process
1, which moves into the new root and becomes the program. Output comes back through pipes, the exit code through the run's own channel;
when the channel closes, the keeper kills what is left.

Whoever asks for a second box of one kind (an identity and a network) gets a workshop from then on: a second helper, whose spare processes have made
namespaces, /dev and /sys before anybody asks (`helper/ground.py`, `helper/serve.py`).

A container walks the same way by `Runtime.start`, but its keeper has a folder: it holds the lock there for as long as it lives, writes
the state, the log and the exit code, and goes on when the one who asked is gone. `container` reads that folder, from any process.

Where namespaces and mounts are refused, `chroot` makes a root that is a copy; `helper/chroot.py` keeps what runs in it where we are root, `helper/proot.py`
where we are not, and `DOCKERLAB_ISOLATION` chooses. Where this machine gives us one ID only, `helper/supervisor/` does what the kernel would do with owners and users. `capabilities` finds
out what the machine gives. Nothing here knows images, layers' digests or Dockerfiles.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` would cost the helper 15 ms; type checkers know this name
if TYPE_CHECKING:
    from dockerlab.runtime.capabilities import Capabilities
    from dockerlab.runtime.container import ContainerDirectory, ContainerState, ProcessRow
    from dockerlab.runtime.control import Control
    from dockerlab.runtime.fallbacks import Capability
    from dockerlab.runtime.log import LogLine
    from dockerlab.runtime.runtime import Runtime, StartedContainer
    from dockerlab.runtime.spec import BoxSpec, Mount, Port, ProcessSpec, Waiting

_HOMES = {
    "Capabilities": "capabilities",
    "Capability": "fallbacks",
    "ContainerDirectory": "container",
    "ContainerState": "container",
    "LogLine": "log",
    "ProcessRow": "container",
    "Control": "control",
    "Runtime": "runtime",
    "StartedContainer": "runtime",
    "BoxSpec": "spec",
    "Mount": "spec",
    "Port": "spec",
    "ProcessSpec": "spec",
    "Waiting": "spec",
}

__all__ = [
    "BoxSpec",
    "Capabilities",
    "Capability",
    "ContainerDirectory",
    "ContainerState",
    "Control",
    "LogLine",
    "Mount",
    "Port",
    "ProcessRow",
    "ProcessSpec",
    "Runtime",
    "StartedContainer",
    "Waiting",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: the helper imports this package too, and must start in milliseconds."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
