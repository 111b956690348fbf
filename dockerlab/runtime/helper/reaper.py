"""`--init`: process 1 that is not the program. It passes signals on to the program, reaps orphans, and ends as the program ends.

What docker-init (tini) does, without an executable of its own: process 1 stays what it was, and the program becomes its child.
"""

from __future__ import annotations

import ctypes
import os
from _signal import SIG_BLOCK, SIG_IGN, SIG_SETMASK, pthread_sigmask, signal, sigwait  # type: ignore[import-not-found]
from _socket import socket as Socket

from dockerlab.runtime.helper import init, kernel, wire

NAME = b"docker-init"
SIGCHLD, SIGTTIN, SIGTTOU = 17, 21, 22
# Not passed on (tini: main): a fault of our own, and what a terminal says to a process in its background.
OWN = (4, 5, 6, 7, 8, 11, SIGTTIN, SIGTTOU, 31)
PR_SET_NAME = 15
TIOCSPGRP = 0x5410


def stay_behind(process: wire.Message, *, protect: bool) -> None:
    """Fork. Returns in the child, which is to become the program; process 1 stays here until the child has ended.

    `protect`: nothing in the container may look into process 1, which is this machine's interpreter.
    """
    signals = set(range(1, 65)) - set(OWN) - {32, 33}  # 32 and 33 are the C library's own
    pthread_sigmask(SIG_BLOCK, signals)
    _call_ourselves([b"/sbin/docker-init", b"--", *(os.fsencode(word) for word in process["args"])])  # type: ignore[attr-defined]
    child = os.fork()  # the program may look at process 1 at once
    if child == 0:
        os.setpgid(0, 0)
        if process["terminal"]:
            signal(SIGTTOU, SIG_IGN)
            _foreground()
            signal(SIGTTOU, 0)
        pthread_sigmask(SIG_SETMASK, ())
        return
    try:
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        if protect:
            kernel.prctl(kernel.PR_SET_DUMPABLE, 0)  # a change of credentials may have set it again
        os._exit(_serve(child, signals))
    finally:
        os._exit(125)


def _serve(child: int, signals: set[int]) -> int:
    """Pass on and reap until the child has ended; the exit code, 128 and more for a signal."""
    while True:
        number = sigwait(signals)
        if number != SIGCHLD:
            try:
                os.kill(child, number)
            except ProcessLookupError:
                pass
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if not pid:
                break
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                return 128 - code if code < 0 else code


def _foreground() -> None:
    """The child's process group is the one that the terminal's keys are for."""
    try:
        os.tcsetpgrp(0, os.getpgrp())
    except OSError:
        pass  # standard input is no terminal


def _call_ourselves(words: list[bytes]) -> None:
    """What `ps` shows: the name, and the command line, which is written where the interpreter's was."""
    name = ctypes.create_string_buffer(NAME)
    kernel.prctl(PR_SET_NAME, ctypes.addressof(name))
    try:
        with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rsplit(") ", 1)[1].split()
        start, end = int(fields[45]), int(fields[46])
    except (OSError, IndexError, ValueError):
        return
    if 0 < start < end:
        line = b"\0".join(words)[: end - start - 1]
        ctypes.memmove(start, line.ljust(end - start, b"\0"), end - start)


def find_program(process: wire.Message, env: dict[str, str], sync: Socket) -> str:
    """As init.find_program; but what can't be found is told by the init, in tini's words, in a container that has started."""
    try:
        return init.find_program(process, env)
    except init.StartError as error:
        wire.send(sync, {"event": "ready"})
        if wire.receive(sync)[0] is None:
            os._exit(137)
        reason = "No such file or directory" if error.code == 127 else "Permission denied"
        os.write(2, os.fsencode(f"[FATAL tini ({os.getpid()})] exec {process['args'][0]} failed: {reason}\n"))  # type: ignore[index]
        os._exit(error.code)


def program_of(init_pid: int, proc: str) -> int:
    """The number of process 1's child, which is the program; process 1's own where the kernel does not tell (CONFIG_PROC_CHILDREN)."""
    try:
        with open(f"{proc}/{init_pid}/task/{init_pid}/children", encoding="utf-8") as file:
            return int(file.read().split()[0])
    except (OSError, IndexError):
        return init_pid
