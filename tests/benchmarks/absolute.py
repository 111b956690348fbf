"""What is ours alone and has an absolute goal: from Ctrl-C to the last process's end, and the memory of many containers.

Each kind of interrupt is that of a `dockerlab` process, or of a notebook's kernel, with a step or container that sleeps; the time ends when no process of it is left.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dockerlab.engine import ContainerSpec
from dockerlab.engine.embedded import EmbeddedEngine
from tests.benchmarks.rows import ROOT

INTERRUPT_GOAL = 0.3
"""Seconds."""
MEMORY_GOAL = 300
"""MB, of what keeps a hundred containers."""
SLEEPS = {
    "run": "sleep {0}",
    "run, children": "sh -c 'sleep {0} & sleep {0} & wait'",
    "run, SIGINT ignored": "sh -c 'trap \"\" INT TERM; sleep {0} & wait; sleep {0}'",
    "run, SIGINT handled": "sh -c 'trap \"exit 3\" INT; sleep {0} & wait'",
    "build": "sh -c 'trap \"\" INT TERM; sleep {0} & wait; sleep {0}'",
}
KINDS = (*SLEEPS, "kernel: build", "kernel: run")


def sleepers(seconds: str) -> list[str]:
    """The processes that sleep so long: nobody else does."""
    found, mark = [], f"sleep\0{seconds}\0".encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes().endswith(mark):
                found.append(pid)
    return found


def _until(condition: Callable[[], bool], limit: float = 30.0) -> None:
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {limit} seconds")
        time.sleep(0.001)


@contextmanager
def sleeping(kind: str, folder: Path, seconds: str) -> Iterator[Callable[[], object]]:
    """Begin it, and wait until it sleeps; what interrupts it. Nothing of ours is left afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind.startswith("kernel"):
        with _kernel(kind, folder, seconds) as interrupt:
            yield interrupt
        return
    command = SLEEPS[kind].format(seconds)
    words = ["run", "--rm", "busybox", "sh", "-c", f"exec {command}"]
    if kind == "build":
        (folder / "Dockerfile").write_text(f"FROM busybox\nRUN exec {command}\n")
        words = ["build", "--no-cache", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        [sys.executable, "-m", "dockerlab", *words], env=environment, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    )
    try:
        _until(lambda: bool(sleepers(seconds)))
        yield lambda: os.killpg(process.pid, signal.SIGINT)
        process.wait(30)
    finally:
        process.kill()
        process.wait()


@contextmanager
def _kernel(kind: str, folder: Path, seconds: str) -> Iterator[Callable[[], object]]:
    from jupyter_client.manager import KernelManager

    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder), env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)  # it warns of its sockets
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        client.execute("%load_ext dockerlab")
        build = f"%%dockerfile --no-cache\nFROM busybox\nRUN exec {SLEEPS['build'].format(seconds)}"
        asked = client.execute(
            build if kind.endswith("build") else f"%docker run --rm busybox {SLEEPS['run, SIGINT ignored'].format(seconds)}"
        )
        _until(lambda: bool(sleepers(seconds)))
        yield manager.interrupt_kernel
        while client.get_shell_msg(timeout=30)["parent_header"].get("msg_id") != asked:
            pass  # the reply to what was asked before
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


LAYERS_GOALS = {"cold": 3.0, "again": 0.2}
"""Seconds of `dockerlab layers` on 1 GB in 100,000 files, with no index of it and with one; LAYERS_MEMORY: MB at its peak."""
LAYERS_MEMORY = 200


def layers_of_many_files(home: Path, folder: Path, runs: int) -> Iterator[tuple[str, float, float]]:
    """("cold" or "again", seconds, MB) of each look at the image's layers, as a process of its own."""
    from tests.benchmarks.rows import OURS
    from tests.benchmarks.workloads import wide

    wide(folder)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*OURS, "build", "-q", "-t", "bench-wide", str(folder)], check=True, env=environment, stdout=subprocess.DEVNULL)
    for _ in range(runs):
        shutil.rmtree(home / "indices", ignore_errors=True)
        for kind in LAYERS_GOALS:
            began = time.perf_counter()
            process = subprocess.Popen([*OURS, "layers", "bench-wide"], env=environment, stdout=subprocess.DEVNULL)
            _, status, used = os.wait4(process.pid, 0)
            assert status == 0
            yield kind, time.perf_counter() - began, used.ru_maxrss / 1024


def interrupted(kind: str, folder: Path, seconds: str) -> float:
    """Seconds from the interrupt to the end of the last process of it."""
    with sleeping(kind, folder, seconds) as interrupt:
        began = time.perf_counter()
        interrupt()
        _until(lambda: not sleepers(seconds))
        return time.perf_counter() - began


def keepers(home: Path) -> list[int]:
    """Our own processes that work for this store: helpers, their spares, and what keeps containers."""
    mark = f"DOCKERLAB_HOME={home}".encode()
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if (
                mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                and b"helper_main.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
            ):
                found.append(int(pid))
    return found


def proportional(pids: list[int]) -> float:
    """The memory of processes in MB, what they share counted once."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            match = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
            total += int(match[1]) if match else 0
    return total / 1024


def together(engine: EmbeddedEngine, count: int) -> float:
    """MB of all that keeps so many containers at once, their own processes apart."""
    made = [engine.create(ContainerSpec("busybox", ("sleep", "3600"))) for _ in range(count)]
    try:
        for one in made:
            engine.start(one)
        return proportional(keepers(engine.store.home))
    finally:
        for one in made:
            engine.remove(one, force=True)
