"""The helper process from the engine's side: started on first use, spoken to over one socket, gone when the runtime is."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import weakref
from _socket import socket as Socket
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from dockerlab.errors import RuntimeUnavailableError
from dockerlab.runtime.helper import wire

_MAIN = str(Path(__file__).with_name("helper") / "helper_main.py")
_KEPT = ("LD_LIBRARY_PATH", "LANG", "LC_ALL", "LC_CTYPE", "DOCKERLAB_HOME")
"""All that the helper knows of our environment. Process 1 of a container is a fork of it for a while, or for good (`--init`), and a notebook's environment holds tokens."""


class HelperProcess:
    """Safe to use from several threads: a request is one packet, and each has a channel of its own for what comes back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: Socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._finalizer: weakref.finalize[..., HelperProcess] | None = None

    def request(self, verb: str, body: wire.Message, fds: Mapping[str, int]) -> Socket:
        """Send one request; the channel on which its events come."""
        ours, theirs = wire.pair()
        memory = wire.to_memory(body)
        try:
            message: wire.Message = {"verb": verb, "names": list(fds)}
            descriptors = [memory, theirs.fileno(), *fds.values()]
            with self._lock:
                if not wire.send(self._start(), message, descriptors):
                    self._stop()  # killed from outside: its successor takes the request
                    if not wire.send(self._start(), message, descriptors):
                        raise RuntimeUnavailableError("the runtime's helper process ends as soon as it is started")
        except BaseException:
            ours.close()  # an interrupt: nobody will hear of what was asked for, and it is not done
            raise
        finally:
            os.close(memory)
            theirs.close()
        return ours

    def warm_up(self) -> None:
        """Start it now, so that it is ready when the first request comes."""
        with self._lock:
            self._start()

    def _start(self) -> Socket:
        if self._process is not None and self._process.poll() is not None:
            self._stop()  # killed from outside
        if self._socket is None:
            ours, theirs = wire.pair()
            with closing(theirs):
                process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-E", _MAIN, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    cwd="/",
                    env={name: os.environ[name] for name in _KEPT if name in os.environ},
                    start_new_session=True,  # a terminal's or a notebook's interrupt is not for it
                )
            self._socket, self._process = ours, process
            self._finalizer = weakref.finalize(self, _end, ours, process)
        return self._socket

    def _stop(self) -> None:
        if self._finalizer is not None:
            self._finalizer()
        self._socket = self._process = self._finalizer = None

    def close(self) -> None:
        """End the helper. Containers go on: they have keepers of their own."""
        with self._lock:
            self._stop()


def _end(channel: Socket, process: subprocess.Popen[bytes]) -> None:
    channel.close()
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
