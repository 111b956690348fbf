"""From a forked child inside the container to its program: shared by process 1 and by what `exec` adds.

first_process: /proc, names, the new root; then as everybody
prepare: limits, and which capabilities can never be had again
become_process: descriptors, working directory, capabilities, IDs, the supervisor's filter last; exec
"""

from __future__ import annotations

import fcntl
import os
from _socket import socket as Socket

from dockerlab.runtime.helper import init, kernel, limits, reaper, rootfs, wire
from dockerlab.runtime.helper.init import StartError
from dockerlab.runtime.helper.supervisor import filter as seccomp

UNAVAILABLE = "unavailable"
"""The kind of a failure that is the machine's: it refuses something that a container needs."""


def first_process(identity: str, sync: Socket, box: wire.Message | None = None) -> None:
    """The child that becomes process 1. Never returns.

    It does what it can beside the keeper, which makes the root at the same time; then it waits for the root, and for its stdin, stdout and stderr.
    Without a box it is not known yet what it is to become: it says that it has its /proc, and waits for that first. Its working directory is the stage.
    """
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)  # the keeper's death is ours, and ours is everybody's in here
        init.import_no_more()
        os.setsid()
        rootfs.mount_proc("proc", protect=identity != "single", covered=box is None)
        if box is None:
            wire.send(sync, {"event": "proc"})
            box = wire.from_memory(_next(sync)[0])
        if box["hostname"]:
            kernel.sethostname(str(box["hostname"]))
        if box["domainname"]:
            kernel.setdomainname(str(box["domainname"]))
        process: wire.Message = box["process"]  # type: ignore[assignment]
        prepare(process, identity, nproc=int(box.get("nproc") or 0))  # type: ignore[call-overload]
        stdio, root = _next(sync), str(box["merged"])
        kernel.mount("proc", rootfs.inside(root, "/proc"), None, kernel.MS_MOVE)
        kernel.pivot_root(root)
        # a RUN shares this machine's network, and with it sockets that have a name and no file: in Docker it has a network of its own
        scopes = kernel.ABSTRACT_SOCKETS if box["network"] == "host" and not box["container"] else 0
        become_process(process, identity, sync, stdio, create_cwd=True, scopes=scopes)
    except BaseException as error:  # told to the one who asked, not to a stderr that nobody reads
        report_failure(sync, error, init=True)
    finally:
        os._exit(125)


def _next(sync: Socket) -> list[int]:
    """The descriptors of the keeper's next word."""
    message, fds = wire.receive(sync)
    if message is None:
        os._exit(137)  # the keeper is gone
    return fds


def prepare(process: wire.Message, identity: str, *, nproc: int = 0, capabilities: int = init.DOCKER_CAPABILITIES) -> None:
    """What comes before `become_process`, and needs neither the container's files nor its output."""
    if identity != "single":
        # Until exec we are this machine's interpreter, and a hostile process in here could write to it through /proc/PID/exe. (The
        # supervisor could not read a process like that: where there is one, so is no other user whose interpreter it might be.)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    init.plain_limits(nproc)
    limits.set_rlimits(list(process["rlimits"]))  # type: ignore[call-overload]
    kernel.give_up_capabilities(capabilities)


def become_process(
    process: wire.Message,
    identity: str,
    sync: Socket,
    stdio: list[int],
    *,
    create_cwd: bool,
    capabilities: int = init.DOCKER_CAPABILITIES,
    scopes: int = 0,
) -> None:
    """From a child inside the container's namespaces, once prepared, to its program: shared by process 1 and exec. `scopes`: see kernel.confine."""
    init.take_stdio(stdio)
    if process["terminal"]:
        fcntl.ioctl(0, 0x540E, 0)  # TIOCSCTTY: the terminal of this session
    uid = int(process["uid"])  # type: ignore[call-overload]
    cwd = str(process["cwd"]) or "/"
    if create_cwd:
        init.make_folder(cwd)
    env = init.environment(list(process["env"]), uid)  # type: ignore[call-overload]
    if scopes:
        kernel.confine(scopes)
    kernel.keep_capabilities(capabilities)
    program = ""
    if identity != "single":
        init.own_stdio(uid)
        init.become(process, single=False)
        kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)  # a change of credentials has cleared it
    else:
        if uid == 0 and not process.get("init"):  # root may go anywhere: spare the supervisor the questions of the search
            init.go_to(cwd)
            program = init.find_program(process, env)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        listener = seccomp.install()
        wire.send(sync, {"event": "listener"}, [listener])
        os.close(listener)
        if wire.receive(sync)[0] is None:
            os._exit(137)
        init.become(process, single=True)
    if not program:
        init.go_to(cwd)
    if process.get("init"):
        reaper.stay_behind(process, protect=identity != "single")
        program = reaper.find_program(process, env, sync)
    if not program:
        program = init.find_program(process, env)
    init.run_program(program, process, env, sync)


def report_failure(sync: Socket, error: BaseException, *, init: bool = False) -> None:
    """What kept a process from becoming its program, as a message for the keeper; runc says more words for a container's first one."""
    message: wire.Message = {"event": "failed", "code": 125, "message": f"{type(error).__name__}: {error}", "kind": "start"}
    if isinstance(error, StartError):
        prefix = "error during container init: " if init and error.message.startswith("exec: ") else ""
        message.update(code=error.code, message=prefix + error.message)
    elif isinstance(error, rootfs.RootError):
        message.update(message=f"error during container init: {error}")
    elif isinstance(error, OSError):
        message.update(message=str(error.strerror or error), kind=UNAVAILABLE, errno=error.errno or 0)
    wire.send(sync, message)
