"""A process for each submission, forked from one that has everything imported and has never seen a submission: so many at a time, and each on its own.

What a worker does is killed with it; the others go on. An interrupt ends those that are at work, and waits until they have cleared what was theirs.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any, TypeVar

from dockerlab.course.surroundings import kept
from dockerlab.data import dataclass
from dockerlab.errors import DockerlabError
from dockerlab.runtime.helper import kernel

T = TypeVar("T")
_NOTEBOOK = ("build_cells", "building", "completion", "directives", "magics", "offers", "predictions", "process", "results", "terminals")
LOADED = (*(f"dockerlab.notebook.{name}" for name in _NOTEBOOK), "dockerlab.course.room.loaded")
"""What the forked have imported already; by name, since the rooms below this one are none of ours."""
_PATIENCE = 60.0  # seconds for a worker to clear what was its own
_SAID_AGAIN = 2.0  # seconds after which it is told once more


@dataclass(frozen=True)
class Killed:
    """A worker that did not live to give its result."""

    why: str


def each(function: Callable[[T], Any], arguments: Sequence[T], jobs: int) -> Iterator[tuple[int, Any]]:
    """(number, function(argument)) as each is done; an exception that it raised is its result, as is Killed."""
    context = _context()
    waiting = list(enumerate(arguments))[::-1]
    working: dict[Connection, tuple[int, ForkServerProcess]] = {}
    try:
        while waiting or working:
            while waiting and len(working) < jobs:
                number, argument = waiting.pop()
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(theirs, function, argument), daemon=True)
                process.start()
                theirs.close()
                working[ours] = (number, process)
            for ready in wait(list(working)):
                assert isinstance(ready, Connection)
                number, process = working.pop(ready)
                yield number, _result(ready, process)
    finally:
        for connection, (_, process) in working.items():
            process.terminate()
            connection.close()
        _until_gone([process for _, process in working.values()])


def one(function: Callable[[T], Any], argument: T) -> Any:
    """function(argument), in such a process. Raises what it raised, or DockerlabError if it was killed."""
    (_, result), *_ = each(function, [argument], 1)
    if isinstance(result, Exception):
        raise result
    if isinstance(result, Killed):
        raise DockerlabError(result.why)
    return result


def _result(connection: Connection, process: ForkServerProcess) -> Any:
    with connection:
        try:
            result = connection.recv()
        except (EOFError, OSError):
            process.join()
            return Killed(f"its grading was killed (exit code {process.exitcode})")
    process.join()
    return result


def _until_gone(processes: Sequence[ForkServerProcess]) -> None:
    """Wait for those that were told to end, and tell them again: what was raised there may be lost, since an interpreter drops what is raised in the middle of a fork."""
    for _ in range(int(_PATIENCE / _SAID_AGAIN)):
        again = time.monotonic() + _SAID_AGAIN
        for process in processes:
            process.join(max(0.0, again - time.monotonic()))
        left = [process for process in processes if process.is_alive()]
        if not left:
            break
        for process in left:
            process.terminate()


def _end(number: int, frame: object) -> None:
    sys.exit(143)


def clearing_up() -> None:
    """From now on this process need not be told to end, if it is a worker: it is about to."""
    if signal.getsignal(signal.SIGTERM) is _end:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _work(results: Connection, function: Callable[[T], Any], argument: T) -> None:
    os.setsid()  # a terminal's interrupt is for the one who waits for us
    signal.signal(signal.SIGTERM, _end)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGTERM)
    result: Any
    try:
        result = function(argument)
    except Exception as error:
        result = error
    with suppress(BrokenPipeError):
        results.send(result)


def _context() -> ForkServerContext:
    """Started on first use, with an environment of which nothing is secret: whoever is forked from it can read it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(LOADED))
    plain = {
        **kept(os.environ),
        "HOME": os.path.expanduser("~"),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONHASHSEED": "0",  # what two runs of a class print can be the same
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a kernel imports its debugger, which would warn on standard error that nobody debugs
    }
    with _environment(plain):
        forkserver.ensure_running()
    return context


@contextmanager
def _environment(chosen: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(chosen)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
