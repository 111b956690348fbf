"""Whether a registry can be reached: asked for two seconds at most, and not again for a minute once nobody answered.

A name server that is not there answers neither yes nor no, and its time limits are not ours to set: a thread asks, and is left alone if it takes too long.
"""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

from dockerlab.errors import UnreachableRegistryError
from dockerlab.transfer.registry.client import proxy_of
from dockerlab.transfer.registry.endpoints import Endpoint, has_way_out, is_loopback

PATIENCE = 2.0
"""Seconds that a registry may take to answer the first time."""
SILENCE = 60.0
"""Seconds for which one that did not is left alone."""
_HINT = "look at the network; images that are here go on working, dockerlab load brings in others, and the catalogue's are composed here"


class Reach:
    """Remembers in the store at `home` who did not answer."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "unreachable"

    def check(self, endpoint: Endpoint, *, anew: bool = False) -> None:
        """UnreachableRegistryError if it can't be reached, or could not within the last minute (`anew`: ask again)."""
        if is_loopback(endpoint.name):
            return  # answers, or refuses at once
        if not has_way_out(endpoint):
            raise UnreachableRegistryError(f"{endpoint.host} can't be reached: this machine has no way out to a network", hint=_HINT)
        mark = self._folder / quote(endpoint.host, safe="")
        if not anew and _age(mark) < SILENCE:
            raise UnreachableRegistryError(f"{endpoint.host} could not be reached within the last minute", hint=_HINT)
        if problem := _asked(endpoint):
            self._folder.mkdir(exist_ok=True)
            mark.touch()
            raise UnreachableRegistryError(f"{endpoint.host} can't be reached: {problem}", hint=_HINT)
        mark.unlink(missing_ok=True)


def _age(mark: Path) -> float:
    try:
        age = time.time() - mark.stat().st_mtime
    except OSError:
        return SILENCE
    return age if age >= 0 else SILENCE  # a clock that was set back


def _asked(endpoint: Endpoint) -> str:
    """Why it can't be reached, or ""."""
    if proxy := proxy_of(endpoint):
        parts = urlsplit(proxy)
        targets = [(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))]
    else:
        targets = [(endpoint.name, endpoint.port(scheme)) for scheme in endpoint.schemes]
    found = ["no answer within 2 seconds"]
    done = threading.Event()

    def ask() -> None:
        for host, port in targets:
            try:
                socket.create_connection((host, port), PATIENCE).close()
            except (OSError, UnicodeError) as error:
                found[0] = (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).lower()
                continue
            found[0] = ""
            break
        done.set()

    threading.Thread(target=ask, daemon=True).start()
    return found[0] if done.wait(PATIENCE) else "no answer within 2 seconds"
