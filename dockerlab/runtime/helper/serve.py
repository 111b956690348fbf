"""The helper's loop: one request in, one forked process that answers it. The helper itself never enters a namespace."""

from __future__ import annotations

import gc
import os
import select
from _signal import SIG_IGN, signal  # type: ignore[import-not-found]
from _socket import socket as Socket

from dockerlab.runtime.helper import WITHOUT_NAMESPACES, kernel, wire
from dockerlab.runtime.helper.chroot import ChrootEntrance, ChrootKeeper
from dockerlab.runtime.helper.enter import Entrance, enter
from dockerlab.runtime.helper.keeper import Keeper
from dockerlab.runtime.helper.probe import probe
from dockerlab.runtime.helper.restart import Runs

SIGCHLD = 17
_TAKEN, _END = b"t", b"e"


def main(fd: int) -> None:
    """Serve until the engine's process closes its end, by closing the runtime or by dying.

    A fork costs a millisecond with all that follows, so it is paid in advance: one spare child waits at the socket, and says so when it has
    taken a request, whereupon we fork the next. What is a spare dies with us; what has become a keeper doesn't.
    """
    os.set_inheritable(fd, False)
    requests = Socket(fileno=fd)
    signal(SIGCHLD, SIG_IGN)  # the kernel reaps keepers; whom we leave behind is reaped by process 1
    gc.disable()
    reader, writer = os.pipe()
    while True:
        child = os.fork()
        if child == 0:
            os.close(reader)
            _spare(requests, writer)
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        pidfd = os.pidfd_open(child)
        poll.register(pidfd, select.POLLIN)
        ready = [number for number, _ in poll.poll()]
        os.close(pidfd)
        if reader in ready and os.read(reader, 1) == _END:
            return


def _spare(requests: Socket, taken: int) -> None:
    """Wait for one request, then answer it. Never returns."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
    os.setsid()
    signal(SIGCHLD, 0)
    message, fds = wire.receive(requests)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, 0)
    os.write(taken, _END if message is None else _TAKEN)
    os.close(taken)
    if message is None:
        os._exit(0)
    serve_one(requests, message, fds)


def _keeper(isolation: str) -> type[Keeper]:
    if isolation == "proot":
        from dockerlab.runtime.helper.proot import ProotKeeper  # its files stay where they are, and nobody else need pay for it

        return ProotKeeper
    return ChrootKeeper if isolation == "chroot" else Keeper


def serve_one(requests: Socket, message: wire.Message, fds: list[int]) -> None:
    """In the forked process. Never returns."""
    try:
        requests.close()
        memory, control, *stdio = fds
        names: list[str] = list(message["names"])  # type: ignore[call-overload]
        request = wire.from_memory(memory)
        channel = Socket(fileno=control)
        named = dict(zip(names, stdio, strict=True))
        verb = message["verb"]
        try:
            if verb == "probe":
                wire.send(channel, {"event": "probed", "items": probe(str(request["folder"]))})
            elif verb == "exec":
                state: wire.Message = request["state"]  # type: ignore[assignment]
                enter((ChrootEntrance if state.get("isolation") in WITHOUT_NAMESPACES else Entrance)(request, channel, named))
            elif request["box"].get("restart"):  # type: ignore[attr-defined]
                Runs(request, Keeper).serve(channel, named)
            else:
                box: wire.Message = request["box"]  # type: ignore[assignment]
                _keeper(str(box["isolation"]))(request, channel, named).run()
        except Exception as error:  # nobody reads our stderr
            wire.send(channel, {"event": "failed", "code": 125, "message": f"{type(error).__name__}: {error}", "kind": "bug"})
    finally:
        os._exit(0)
