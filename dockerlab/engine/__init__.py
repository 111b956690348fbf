"""The one face that everything above speaks to, in the nouns and fields of Docker's Engine API.

`Engine` is the protocol, `EmbeddedEngine` keeps it with the rooms below: no daemon, no root. Answers about images and containers are Docker's own JSON
(`Id`, `Config`, `RootFS`, `State` …), so that whoever knows `docker inspect` knows them, and one day a socket can serve them.

    engine.create(ContainerSpec("busybox", ("echo", "hi"))) → ID → engine.start(ID, stdout=1) → engine.wait(ID) → 0
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockerlab.lazy import exported

if TYPE_CHECKING:
    from dockerlab.engine.protocol import Engine
    from dockerlab.engine.specs import BuildOptions, ContainerSpec, ExecSpec, PortBinding, Streams

_HOMES = {
    "BuildOptions": "specs",
    "ContainerSpec": "specs",
    "Engine": "protocol",
    "ExecSpec": "specs",
    "PortBinding": "specs",
    "Streams": "specs",
}
__all__ = [
    "BuildOptions",
    "ContainerSpec",
    "Engine",
    "ExecSpec",
    "PortBinding",
    "Streams",
    "open_engine",
]
__getattr__ = exported(__name__, _HOMES)


def open_engine() -> Engine:
    """The engine of this process: the embedded one, on the store that DOCKERLAB_HOME names."""
    import sys

    if sys.platform != "linux":
        from dockerlab.errors import RuntimeUnavailableError

        raise RuntimeUnavailableError(
            "the embedded engine needs Linux", hint="use it in a Linux machine, container or pod, or use Docker itself here"
        )
    from dockerlab.engine.embedded import EmbeddedEngine

    return EmbeddedEngine()
