"""The helper's loop: one request in, one forked process that answers it. The helper itself never enters a namespace."""

from __future__ import annotations

import gc
import os
from _signal import SIG_IGN, signal
from _socket import socket as Socket

from dockerlab.runtime.helper import wire
from dockerlab.runtime.helper.enter import enter
from dockerlab.runtime.helper.keeper import Keeper
from dockerlab.runtime.helper.probe import probe

SIGCHLD = 17


def main(fd: int) -> None:
    """Serve until the engine's process closes its end, by closing the runtime or by dying."""
    os.set_inheritable(fd, False)
    requests = Socket(fileno=fd)
    signal(SIGCHLD, SIG_IGN)  # the kernel reaps keepers; whom we leave behind is reaped by process 1
    gc.disable()
    while True:
        message, fds = wire.receive(requests)
        if message is None:
            return
        if os.fork() == 0:
            serve_one(requests, message, fds)
        for other in fds:
            os.close(other)


def serve_one(requests: Socket, message: wire.Message, fds: list[int]) -> None:
    """In the forked process. Never returns."""
    try:
        requests.close()
        os.setsid()
        signal(SIGCHLD, 0)
        memory, control, *stdio = fds
        names: list[str] = list(message["names"])  # type: ignore[call-overload]
        request = wire.from_memory(memory)
        channel = Socket(fileno=control)
        named = dict(zip(names, stdio))
        verb = message["verb"]
        try:
            if verb == "probe":
                wire.send(channel, {"event": "probed", "items": probe(str(request["folder"]))})
            elif verb == "exec":
                enter(request, channel, named)
            else:
                Keeper(request, channel, named).run()
        except Exception as error:  # noqa: BLE001 - nobody reads our stderr
            import traceback

            text = "".join(traceback.format_exception(error))
            wire.send(channel, {"event": "failed", "code": 125, "message": f"{type(error).__name__}: {error}", "kind": "bug", "trace": text})
    finally:
        os._exit(0)
