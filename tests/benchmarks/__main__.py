"""Ours beside Docker's, in turn in one run (A B A B …), as ratios of medians: python -m tests.benchmarks [--runs N] [--row NAME]

Docker is timed with its own client where one answers (scripts/reference-docker starts one); bubblewrap beside a RUN where it is installed. "process" is
a whole `dockerlab` process, "kernel" a call in this one, as a notebook makes it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dockerlab.engine import BuildOptions, ContainerSpec, open_engine
from tests.benchmarks.workloads import write
from tests.conformance.program import Program, recorded_base

ROOT = Path(__file__).resolve().parent.parent.parent
Action = Callable[[], object]


def quiet(*words: str) -> Action:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DOCKER_CLI_HINTS": "false"}
    return lambda: subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, check=True)


def in_turn(actions: dict[str, Action], runs: int) -> dict[str, float]:
    """Median seconds of each, one after the other in every round; the first round is not counted."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for round_ in range(runs + 1):
        for name, action in actions.items():
            began = time.perf_counter()
            action()
            if round_:
                times[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in times.items()}


def rows(folder: Path, docker: str) -> dict[str, tuple[float, float, dict[str, Action]]]:
    """Row → (goal of a process, goal in the kernel, what to time)."""
    engine = open_engine()
    ours = [sys.executable, "-m", "dockerlab"]

    def build(name: str, *, cached: bool) -> dict[str, Action]:
        where = str(folder / name)
        flags = ["build", "-q", "-t", f"bench-{name}"] + ([] if cached else ["--no-cache"])
        options = BuildOptions(context=where, tags=(f"bench-{name}",), no_cache=not cached)
        out: dict[str, Action] = {"process": quiet(*ours, *flags, where), "kernel": lambda: list(engine.build(options))}
        if docker:
            out["docker"] = quiet(docker, *flags, where)
        return out

    def run_true() -> None:
        identifier = engine.create(ContainerSpec("busybox", ("true",), network="none"))
        engine.start(identifier)
        engine.wait(identifier)
        engine.remove(identifier)

    def beside(*words: str, kernel: Action | None = None) -> dict[str, Action]:
        out: dict[str, Action] = {"process": quiet(*ours, *words)}
        if kernel:
            out["kernel"] = kernel
        if docker:
            out["docker"] = quiet(docker, *words)
        return out

    script = "mkdir /c && i=0; while [ $i -lt 2000 ]; do echo $i > /c/$i; i=$((i+1)); done"
    for program in [ours, *([[docker]] if docker else [])]:
        subprocess.run(
            [*program, "rm", "-f", "bench-changed", "bench-on"], capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        quiet(*program, "run", "--network", "none", "--name", "bench-changed", "busybox", "sh", "-c", script)()
        quiet(*program, "run", "-d", "--network", "none", "--name", "bench-on", "busybox", "sleep", "600")()
    return {
        "5-step build, no cache": (0.20, 0.08, build("small", cached=False)),
        "the same, all cached": (0.25, 0.02, build("small", cached=True)),
        "30 RUN steps, no cache": (0.10, 0.06, build("deep", cached=False)),
        "10,000 files, 200 MB, no cache": (0.35, 0.35, build("large", cached=False)),
        "the same, nothing changed": (0.25, 0.10, build("large", cached=True)),
        "run --rm busybox true": (0.30, 0.0, beside("run", "--rm", "--network", "none", "busybox", "true", kernel=run_true)),
        "exec": (0.50, 0.0, beside("exec", "bench-on", "true")),
        "commit after 2,000 changed files": (0.10, 0.05, beside("commit", "bench-changed", "bench-commit", kernel=lambda: engine.commit("bench-changed", "bench-commit"))),
        "history": (1.0, 0.0, beside("history", "bench-deep")),
        "images": (1.0, 0.0, beside("images")),
        "ps": (1.0, 0.0, beside("ps", "-a")),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--row", default="", help="only rows whose name has this part")
    options = parser.parse_args()
    docker = shutil.which("docker") or ""
    if docker and subprocess.run([docker, "version"], capture_output=True).returncode:
        docker = ""
    busybox = os.environ.get("BUSYBOX") or shutil.which("busybox")
    if not busybox:
        sys.exit("no static busybox: install busybox-static, or name one in BUSYBOX")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as scratch:
        os.environ["DOCKERLAB_HOME"] = f"{scratch}/home"
        write(Path(scratch, "work"))
        recorded_base(Program(), Path(busybox))
        print(f"{'work':34} {'docker':>9} {'process':>9} {'ratio':>7} {'goal':>5} {'kernel':>9} {'ratio':>7} {'goal':>5}")
        for name, (goal, kernel_goal, actions) in rows(Path(scratch, "work"), docker).items():
            if options.row not in name:
                continue
            found = in_turn(actions, options.runs)
            theirs = found.get("docker", 0.0)

            def cell(kind: str, wanted: float, found: dict[str, float] = found, theirs: float = theirs) -> str:
                if kind not in found:
                    return f"{'':>9} {'':>7} {'':>5}"
                ratio = f"{found[kind] / theirs:7.2f}" if theirs else f"{'':>7}"
                return f"{found[kind]:8.3f}s {ratio} {wanted or '':>5}"

            print(f"{name:34} {theirs:8.3f}s {cell('process', goal)} {cell('kernel', kernel_goal)}", flush=True)
        for program in [[sys.executable, "-m", "dockerlab"], *([[docker]] if docker else [])]:
            subprocess.run(
                [*program, "rm", "-f", "bench-changed", "bench-on"], capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
            )


main()
