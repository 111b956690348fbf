"""The helper's loop: one request in, one forked process that answers it. The helper itself never enters a namespace.

Who starts one container after another, or builds, asks for a workshop: a second helper, forked from the first, whose spares have made the ground of
a container (`ground`) before there is a request. It gets the requests for boxes of one kind, which is an identity and a network.
"""

from __future__ import annotations

import gc
import os
import select
from _signal import SIG_IGN, signal  # type: ignore[import-not-found]
from _socket import socket as Socket
from time import monotonic

from dockerlab.runtime.helper import WITHOUT_NAMESPACES, kernel, wire
from dockerlab.runtime.helper.chroot import ChrootEntrance, ChrootKeeper
from dockerlab.runtime.helper.enter import Entrance, enter
from dockerlab.runtime.helper.ground import Ground
from dockerlab.runtime.helper.keeper import Keeper
from dockerlab.runtime.helper.probe import probe
from dockerlab.runtime.helper.restart import Runs

TYPE_CHECKING = False  # `typing` would cost the helper 5 ms; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Callable

SIGCHLD = 17
_TAKEN, _UNFIT, _LATE, _END, _STARTED = b"t", b"u", b"l", b"e", b"s"
_HEAD_START = 20
"""Milliseconds that a request has the processors for itself, if there is not another one."""
_CLOSE = 0.05
"""Seconds between two requests of one who starts container after container: the next one is expected as soon as a program runs, and process 1 too is
there in advance."""
_FRESH = 30
"""Milliseconds that such a process 1 may have waited: it says that it began when its container was started, give or take so many."""
Kind = tuple[str, str]


def main(fd: int, kind: Kind | None = None) -> None:
    """Serve until the engine's process closes its end, by closing the runtime or by dying.

    A fork costs a millisecond with all that follows, so it is paid in advance: one spare child waits at the socket, and says so when it has
    taken a request, whereupon we fork the next. What is a spare dies with us; what has become a keeper doesn't.
    `kind`: we are the workshop for such boxes. Where the machine refuses to give ground in advance, we are a helper like the first.
    """
    os.set_inheritable(fd, False)
    requests = Socket(fileno=fd)
    signal(SIGCHLD, SIG_IGN)  # the kernel reaps keepers; whom we leave behind is reaped by process 1
    gc.disable()
    reader, writer = os.pipe()
    last, close, early = 0.0, False, True
    while True:
        child = os.fork()
        if child == 0:
            os.close(reader)
            _spare(requests, writer, kind, close)
        word = _word_of(child, reader)
        if word == _END:
            return
        before, last = last, monotonic()
        early = early and word != _LATE
        close = early and word == _TAKEN and last - before < _CLOSE
        if word == _UNFIT:
            kind = None
        elif word == _TAKEN:
            next_one = select.poll()
            next_one.register(requests.fileno(), select.POLLIN)
            if close:
                next_one.register(reader, select.POLLIN)  # its program runs
            next_one.poll(_HEAD_START)


def _word_of(spare: int, reader: int) -> bytes:
    """What a spare says; "" where it ends without a word. What earlier ones have started is of no interest any more."""
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    pidfd = os.pidfd_open(spare)
    poll.register(pidfd, select.POLLIN)
    try:
        while reader in [number for number, _ in poll.poll()]:
            if (word := os.read(reader, 1)) != _STARTED:
                return word
        return b""
    finally:
        os.close(pidfd)


def _spare(requests: Socket, taken: int, kind: Kind | None, close: bool) -> None:
    """Wait for one request, then answer it. Never returns. `close`: it is likely to come at once."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
    os.setsid()
    signal(SIGCHLD, 0)
    ground = _ground_until_asked(kind, requests, taken, close) if kind else None
    message, fds = wire.receive(requests)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, 0)
    os.write(taken, _END if message is None else _TAKEN)
    if message is None:
        os._exit(0)
    serve_one(requests, message, fds, ground, lambda: tell(taken, _STARTED))


def tell(helper: int, word: bytes) -> None:
    """A word to the helper, which may have ended since: who asked for a container that stays may be gone as soon as its program runs."""
    try:
        os.write(helper, word)
    except BrokenPipeError:
        pass


def _ground_until_asked(kind: Kind, requests: Socket, taken: int, close: bool) -> Ground:
    """The ground of a box of this kind, when somebody asks for one. Does not return where it can't be made, or is no longer what it should be.

    Our mounts are a copy of this machine's as they were: whoever mounts something and then starts a container wants to find it there. The next spare
    takes the request then.
    """
    mounts = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
    try:
        ground = Ground(*kind)
    except Exception:  # whoever takes the request finds out why, and says it
        os.write(taken, _UNFIT)
        os._exit(0)
    if close and not ground.fork_first_early():
        os.write(taken, _LATE)
        os._exit(0)
    poll = select.poll()
    poll.register(mounts, select.POLLPRI)  # the kernel's word that a mount came or went since the file was opened
    poll.register(requests.fileno(), select.POLLIN)
    heard = [fd for fd, _ in poll.poll(_FRESH if close else None)]
    poll.unregister(requests.fileno())
    if not heard or mounts in heard or poll.poll(0):  # once more: it may have come just before the request
        os._exit(0)
    os.close(mounts)
    return ground


def _keeper(isolation: str) -> type[Keeper]:
    if isolation == "proot":
        from dockerlab.runtime.helper.proot import ProotKeeper  # its files stay where they are, and nobody else need pay for it

        return ProotKeeper
    return ChrootKeeper if isolation == "chroot" else Keeper


def serve_one(
    requests: Socket, message: wire.Message, fds: list[int], ground: Ground | None = None, started: Callable[[], object] = lambda: None
) -> None:
    """In the forked process. Never returns. `started`: to be called when a container's program runs."""
    try:
        requests.close()
        if message["verb"] == "workshop":
            kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
            main(fds[0], message["kind"])  # type: ignore[arg-type]
            return
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
                _keeper(str(box["isolation"]))(request, channel, named, ground=ground, started=started).run()
        except Exception as error:  # nobody reads our stderr
            wire.send(channel, {"event": "failed", "code": 125, "message": f"{type(error).__name__}: {error}", "kind": "bug"})
    finally:
        os._exit(0)
