"""The one face that everything above speaks to, in the nouns and fields of Docker's Engine API.

`Engine` is the protocol. `EmbeddedEngine` keeps it with the rooms below: no daemon, no root; `DaemonEngine` (`daemon/`) with a Docker daemon, or Podman's. Answers about images and containers are Docker's own JSON
(`Id`, `Config`, `RootFS`, `State` …), so that whoever knows `docker inspect` knows them, and one day a socket can serve them.

    engine.create(ContainerSpec("busybox", ("echo", "hi"))) → ID → engine.start(ID, stdout=1) → engine.wait(ID) → 0
"""

from __future__ import annotations

from collections.abc import Callable
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


EMBEDDED, DAEMON, AUTO = "embedded", "daemon", "auto"
"""What DOCKERLAB_ENGINE may say; nothing means embedded."""


def open_engine(say: Callable[[str], None] = lambda text: None) -> Engine:
    """The engine of this process: the embedded one, on the store that DOCKERLAB_HOME names, unless DOCKERLAB_ENGINE asks for a daemon's.

    auto: the daemon's if one answers; `say` hears which was taken, and why. UsageError for another word, RuntimeUnavailableError if what was asked for is not there.
    """
    import os

    asked = os.environ.get("DOCKERLAB_ENGINE") or EMBEDDED
    if asked == EMBEDDED:
        return _embedded()
    from dockerlab.errors import RuntimeUnavailableError, UsageError

    if asked not in (DAEMON, AUTO):
        raise UsageError(f"DOCKERLAB_ENGINE={asked}: there is no such engine", hint=f"{EMBEDDED} (the default), {DAEMON} or {AUTO}")
    from dockerlab.engine.daemon.engine import DaemonEngine

    try:
        engine = DaemonEngine.open()
    except RuntimeUnavailableError as error:
        if asked == DAEMON:
            raise
        say(f"engine: embedded ({error.message})")
        return _embedded()
    if asked == AUTO:
        say(f"engine: the daemon at {engine.where.host} ({engine.about.get('Version')})")
    return engine


def _embedded() -> Engine:
    import sys

    if sys.platform != "linux":
        from dockerlab.errors import RuntimeUnavailableError

        raise RuntimeUnavailableError(
            "the embedded engine needs Linux", hint="use it in a Linux machine, container or pod, or use Docker itself here"
        )
    from dockerlab.engine.embedded import EmbeddedEngine

    return EmbeddedEngine()
