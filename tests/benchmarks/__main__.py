"""Ours beside Docker's, in turn in one run (A B A B …), as ratios of medians: python -m tests.benchmarks [--runs N] [--row NAME]

Docker is timed with its own client where one answers (scripts/reference-docker starts one). "process" is a whole `dockerlab` process, "kernel" a call in
this one, as a notebook makes it; "raw" is the least that the work can cost, such as bubblewrap's `true` beside a container's. What has no counterpart
has an absolute goal.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.store import Store
from tests.benchmarks.absolute import (
    INTERRUPT_GOAL,
    KINDS,
    LAYERS_GOALS,
    LAYERS_MEMORY,
    MEMORY_GOAL,
    interrupted,
    layers_of_many_files,
    together,
)
from tests.benchmarks.rows import ROOT, Action, Bench, Row
from tests.benchmarks.workloads import write
from tests.conformance.program import Program, recorded_base

_PEAK = """
import re, sys
from pathlib import Path
from dockerlab.engine import BuildOptions, open_engine

def kilobytes(name):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

engine = open_engine()
list(engine.build(BuildOptions(context=sys.argv[1], tags=("bench-small",))))
Path("/proc/self/clear_refs").write_text("5")
idle = kilobytes("VmRSS")
list(engine.build(BuildOptions(context=sys.argv[2], tags=("bench-large",), no_cache=True)))
print((kilobytes("VmHWM") - idle) / 1024)
engine.close()
"""
# the high-water mark is the kernel's, set back after a small build; getrusage's would be the parent's to begin with


def in_turn(actions: dict[str, Action], runs: int, before: Action = lambda: None, loops: int = 1) -> dict[str, float]:
    """Median seconds of each, one after the other in every round; the first round is not counted, nor is what `before` does, nor the disk's work for the one before."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(runs + 1):
        for name, action in actions.items():
            before()
            os.sync()
            rounds = loops if name in ("kernel", "raw") else 1
            began = time.perf_counter()
            for _ in range(rounds):
                action()
            if number:
                times[name].append((time.perf_counter() - began) / rounds)
    return {name: statistics.median(values) for name, values in times.items()}


def line(name: str, row: Row, found: dict[str, float]) -> str:
    """One row of the table: seconds, and ratios with their goals."""
    docker, raw = found.get("docker", 0.0), found.get("raw", 0.0)

    def ratio(ours: float, theirs: float, goal: float) -> str:
        return f"{ours / theirs:6.2f} {f'({goal:g})' if goal else '':7}" if ours and theirs else " " * 14

    def seconds(value: float) -> str:
        return f"{value:8.4f}" if value else " " * 8

    process, kernel = found.get("process", 0.0), found.get("kernel", 0.0)
    out = f"{name:34}{seconds(docker)} {seconds(process)} {ratio(process, docker, row.process_goal)}"
    out += f" {seconds(kernel)} {ratio(kernel, docker, row.kernel_goal)}"
    return (out + (f" {seconds(raw)} {ratio(kernel or process, raw, row.kernel_of_raw)} {row.raw}" if raw else "")).rstrip()


def peak_memory(folder: Path) -> float:
    """MB above an idle process that the 200 MB build takes at its peak."""
    words = [sys.executable, "-c", _PEAK, str(folder / "small"), str(folder / "large")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return float(subprocess.run(words, capture_output=True, text=True, check=True, env=environment).stdout)


def absolutes(engine: EmbeddedEngine, folder: Path, wanted: str, runs: int) -> None:
    """The rows that nothing is beside."""
    for kind in KINDS:
        if wanted in (name := f"from Ctrl-C to the last process's end, {kind}"):
            seconds = [interrupted(kind, folder / "interrupted", str(600_000_000 + os.getpid() * 1000 + number)) for number in range(runs)]
            print(f"{name}: {statistics.median(seconds):.3f} s, at most {max(seconds):.3f} (goal: {INTERRUPT_GOAL})", flush=True)
    if wanted in (name := "what keeps 100 containers"):
        print(f"{name}: {together(engine, 100):.0f} MB (goal: {MEMORY_GOAL})", flush=True)


def layers(folder: Path, home: Path, wanted: str, runs: int) -> None:
    """How long it takes to look into an image of many files, and what memory."""
    if wanted not in "layers of 100,000 files":
        return
    found = list(layers_of_many_files(home, folder, runs))
    for kind, goal in LAYERS_GOALS.items():
        seconds = statistics.median(took for which, took, _ in found if which == kind)
        memory = max(peak for which, _, peak in found if which == kind)
        print(
            f"layers of 100,000 files, 1 GB, {kind}: {seconds:.3f} s (goal: {goal}), {memory:.0f} MB at its peak (goal: {LAYERS_MEMORY})",
            flush=True,
        )


def in_a_browser(folder: Path, home: Path, wanted: str, runs: int) -> None:
    """How long a large layer takes to open, where there is a browser."""
    if wanted not in "opening in a browser" or not find_spec("playwright") or not find_spec("jupyterlab") or not shutil.which("chromium"):
        return
    from tests.benchmarks.browser import OPENING_GOAL, opening

    for what, milliseconds in opening(folder, home, runs).items():
        print(f"opening in a browser, {what}: {milliseconds:.0f} ms (goal: {OPENING_GOAL})", flush=True)


def a_class(folder: Path, wanted: str, count: int, runs: int) -> None:
    """What a class takes of nbgrader's time, where nbgrader is installed and the base images can be had."""
    name = f"a class of {count} submissions"
    if wanted not in name or not find_spec("nbgrader"):
        return
    from tests.benchmarks.grading import CLASS_GOAL, class_times

    pairs = list(class_times(folder, count, runs))
    theirs, ours = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
    print(
        f"{name}: nbgrader autograde {theirs:.1f} s, dockerlab grade {ours:.1f} s, {ours / theirs:.2f} of it (goal: {CLASS_GOAL})",
        flush=True,
    )


def main() -> int:
    """Time and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Ours beside Docker's, as ratios.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--students", type=int, default=20, help="so many in a class (default: 20)")
    parser.add_argument("--row", default="", help="only rows whose name has this part")
    parser.add_argument(
        "--folder", default="/var/tmp", help="where ours writes; REFERENCE_DOCKER_DIR is where Docker does: one file system for both"
    )
    options = parser.parse_args()
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell lets what it starts in the background ignore it, and so would what is interrupted here
    docker = shutil.which("docker") or ""
    if docker and subprocess.run([docker, "version"], capture_output=True, check=False).returncode:
        docker = ""
    busybox = os.environ.get("BUSYBOX") or shutil.which("busybox")
    if not busybox:
        sys.exit("no static busybox: install busybox-static, or name one in BUSYBOX")
    with tempfile.TemporaryDirectory(prefix="dockerlab-bench-", dir=options.folder) as scratch:
        home, work = Path(scratch, "home"), Path(scratch, "work")
        os.environ["DOCKERLAB_HOME"] = str(home)
        write(work)
        program = Program()
        recorded_base(program, Path(busybox))
        program.engine.close()
        engine = EmbeddedEngine(Store.open(home))
        bench = Bench(engine, work, docker)
        bench.prepare()
        try:
            print(
                f"{'seconds; ratio (goal)':34}{'docker':>8} {'process':>8} {'of docker':14} {'kernel':>8} {'of docker':14} {'raw':>8} of raw",
                flush=True,
            )
            for name, row in bench.rows().items():
                if options.row in name:
                    print(line(name, row, in_turn(row.actions, options.runs, row.before, row.loops)), flush=True)
            if options.row in "peak memory of the 200 MB build":
                print(f"peak memory of the 200 MB build: {peak_memory(work):.0f} MB above an idle process (goal: 100)", flush=True)
            absolutes(engine, work, options.row, options.runs)
            layers(Path(scratch, "wide"), home, options.row, min(options.runs, 3))
            a_class(Path(scratch, "class"), options.row, options.students, min(options.runs, 3))
            in_a_browser(Path(scratch, "lab"), home, options.row, options.runs)
        finally:
            bench.clear()
            engine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
