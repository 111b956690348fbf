"""The helper process from the engine's side: started on first use, spoken to over one socket, gone when the runtime is."""

from __future__ import annotations

import os
import weakref
from _socket import socket as Socket
from _thread import allocate_lock  # `threading` has the same one, and takes a millisecond
from collections import Counter
from collections.abc import Mapping

from dockerlab.errors import RuntimeUnavailableError
from dockerlab.runtime import helper_start
from dockerlab.runtime.helper import wire

Kind = tuple[str, str]


class HelperProcess:
    """Safe to use from several threads: a request is one packet, and each has a channel of its own for what comes back."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._asked: Counter[Kind] = Counter()
        self._workshops: dict[Kind, Socket] = {}
        self._helper: helper_start.Helper | None = None
        self._finalizer: weakref.finalize[..., HelperProcess] | None = None

    def request(self, verb: str, body: wire.Message, fds: Mapping[str, int], kind: Kind | None = None) -> Socket:
        """Send one request; the channel on which its events come.

        `kind`: a box of this identity and network is wanted, and nothing need be done before its namespaces are made. From the third one on they are
        there in advance.
        """
        ours, theirs = wire.pair()
        memory = wire.to_memory(body)
        try:
            message: wire.Message = {"verb": verb, "names": list(fds)}
            descriptors = [memory, theirs.fileno(), *fds.values()]
            with self._lock:
                if not wire.send(self._helper_for(kind), message, descriptors):
                    self._stop()  # killed from outside: its successor takes the request
                    if not wire.send(self._start(), message, descriptors):
                        raise RuntimeUnavailableError("the runtime's helper process ends as soon as it is started")
                if kind:
                    self._expect_more(kind)
        except BaseException:
            ours.close()  # an interrupt: nobody will hear of what was asked for, and it is not done
            raise
        finally:
            os.close(memory)
            theirs.close()
        return ours

    def _helper_for(self, kind: Kind | None) -> Socket:
        helper = self._start()
        return self._workshops.get(kind, helper) if kind else helper

    def _expect_more(self, kind: Kind) -> None:
        """Whoever has asked for two boxes of a kind asks for a third."""
        self._asked[kind] += 1
        if self._asked[kind] == 2:
            ours, theirs = wire.pair()
            try:
                wire.send(self._start(), {"verb": "workshop", "kind": kind}, [theirs.fileno()])
            finally:
                theirs.close()
            self._workshops[kind] = ours

    def warm_up(self) -> None:
        """Start it now, so that it is ready when the first request comes."""
        with self._lock:
            self._start()

    def _start(self) -> Socket:
        if self._helper is not None and self._helper.has_ended:
            self._stop()  # killed from outside
        if self._helper is None:
            self._helper = helper_start.taken()
            self._finalizer = weakref.finalize(self, self._helper.end)
        return self._helper.socket

    def _stop(self) -> None:
        if self._finalizer is not None:
            self._finalizer()
        self._helper = self._finalizer = None
        for workshop in self._workshops.values():
            workshop.close()
        self._workshops.clear()
        self._asked.clear()

    def close(self) -> None:
        """End the helper. Containers go on: they have keepers of their own."""
        with self._lock:
            self._stop()
