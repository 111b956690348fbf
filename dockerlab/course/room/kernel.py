"""From a fork of the room's keeper to a kernel of Jupyter's, which has nothing of the grader's but the modules that are imported already.

Where there are no walls it is a new program instead, which imports a copy of this package: what it does to its own files it does to that copy.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from dockerlab.course.room.allowance import Allowance
from dockerlab.course.room.walls import step_aside
from dockerlab.data import dataclass


@dataclass(frozen=True)
class KernelSpec:
    """`connection`: Jupyter's connection file; `folder`: where its cells run; `environment`: all that it has of one. `identity`: "" where there are no walls."""

    connection: Path
    folder: Path
    environment: dict[str, str]
    identity: str


def become(spec: KernelSpec, allowance: Allowance) -> NoReturn:
    """This process, a fork with no threads, is the kernel from now on."""
    code = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _lay_down_descriptors()
        os.chdir(spec.folder)
        _limit(allowance)
        if spec.identity:
            step_aside(spec.identity)
            os.environ.clear()
            os.environ.update(spec.environment)
            run(str(spec.connection))
        else:
            os.execve(sys.executable, [sys.executable, "-m", __name__, str(spec.connection)], spec.environment)
        code = 0
    finally:
        os._exit(code)


def _lay_down_descriptors() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _limit(allowance: Allowance) -> None:
    """What the kernel of this machine keeps for each process; the keeper looks at their sum. One file may take half the disk, so that its cell fails alone."""
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_DATA: allowance.memory, resource.RLIMIT_FSIZE: allowance.disk // 2}
    if os.geteuid():
        limits[resource.RLIMIT_NPROC] = allowance.processes + _processes_of_this_user()
    for name, value in limits.items():
        hard = resource.getrlimit(name)[1]
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (most, most))


def _processes_of_this_user() -> int:
    """Threads that count already: in a user namespace of its own a room begins with none, without one with all."""
    count = 0
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == os.geteuid():
                count += len(os.listdir(f"/proc/{name}/task"))
        except OSError:
            continue  # ended meanwhile
    return count


def run(connection: str) -> None:
    """Serve on that connection until killed."""
    import random
    import tempfile

    from ipykernel.kernelapp import IPKernelApp

    from dockerlab.course.room.integrity import GuardedKernel

    tempfile.tempdir = None  # the grader's, found in its own environment
    random.seed()
    sys.argv = ["dockerlab"]
    words: list[Any] = ["--HistoryManager.hist_file=:memory:", "--IPKernelApp.log_level=50", "--IPKernelApp.parent_handle=0"]
    app = IPKernelApp.instance(connection_file=connection, kernel_class=GuardedKernel, quiet=True)
    app.initialize(words)
    app.start()


if __name__ == "__main__":
    run(sys.argv[1])
