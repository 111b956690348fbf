"""What is timed: each row's work as Docker's client does it, as a `dockerlab` process, as a call in this process, and the least that it can cost."""

from __future__ import annotations

import itertools
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dockerlab.engine import BuildOptions, ContainerSpec, ExecSpec, Streams
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.store import Store
from tests.benchmarks.pulling import Pulls, can_pull

ROOT = Path(__file__).resolve().parent.parent.parent
Action = Callable[[], object]
OURS = (sys.executable, "-c", "from dockerlab.cli.main import command; command()")
"""What the installed command does."""
_CHANGES = "mkdir /c && i=0; while [ $i -lt 2000 ]; do echo $i > /c/$i; i=$((i+1)); done"


@dataclass(frozen=True)
class Row:
    """`actions`: "docker", "process", "kernel", "raw" → what to time, `before` what each of them needs anew, untimed.

    Goals are ratios to docker's time; `kernel_of_raw` is one to the raw limit's.
    """

    actions: dict[str, Action]
    process_goal: float = 0.0
    kernel_goal: float = 0.0
    kernel_of_raw: float = 0.0
    raw: str = ""
    before: Action = lambda: None
    loops: int = 1
    """In the kernel, and beside it, the action is done so often in one loop."""


def command(*words: str, check: bool = True) -> Action:
    """A process, its output dropped."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DOCKER_CLI_HINTS": "false"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled
    return lambda: subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, check=check)


def shell(text: str) -> Action:
    """A line for the shell."""
    return command("sh", "-c", text)


class Bench:
    """The rows, on an engine whose store holds busybox, and beside the `docker` program of this name ("" for none)."""

    def __init__(self, engine: EmbeddedEngine, folder: Path, docker: str) -> None:
        self.engine, self.folder, self.docker = engine, folder, docker
        self.programs = [OURS, *([(docker,)] if docker else [])]
        self._pulls: Pulls | None = None

    def prepare(self) -> None:
        """The images and containers that rows look at."""
        self.clear()
        command(*OURS, "build", "-q", "-t", "bench-large", str(self.folder / "large"))()
        for program in self.programs:
            command(*program, "build", "-q", "-t", "bench-deep", str(self.folder / "deep"))()
            command(*program, "run", "--network", "none", "--name", "bench-changed", "busybox", "sh", "-c", _CHANGES)()
            command(*program, "run", "-d", "--network", "none", "--name", "bench-on", "busybox", "sleep", "3600")()

    def clear(self) -> None:
        """Take them away again, at Docker's too."""
        for program in self.programs:
            command(*program, "rm", "-f", "bench-changed", "bench-on", check=False)()
            command(*program, "rmi", "-f", "bench-small", "bench-deep", "bench-large", "bench-commit", "bench-moved", check=False)()
        if self._pulls is not None:
            self._pulls.close()
            if self.docker:
                command(self.docker, "rmi", "-f", *self._pulls.names, check=False)()

    def _beside(self, *words: str, kernel: Action | None = None, raw: Action | None = None) -> dict[str, Action]:
        out = {"process": command(*OURS, *words)}
        if self.docker:
            out["docker"] = command(self.docker, *words)
        return out | ({"kernel": kernel} if kernel else {}) | ({"raw": raw} if raw else {})

    def _build(self, name: str, *, cached: bool, raw: Action | None = None) -> dict[str, Action]:
        where = str(self.folder / name)
        options = BuildOptions(context=where, tags=(f"bench-{name}",), no_cache=not cached)
        flags = [] if cached else ["--no-cache"]
        return self._beside("build", "-q", "-t", f"bench-{name}", *flags, where, kernel=lambda: list(self.engine.build(options)), raw=raw)

    def _one_step(self, base: str, raw: Action | None = None) -> dict[str, Action]:
        """A build of one step above an image: its cost must not grow with what lies below."""
        options = BuildOptions(dockerfile_text=f"FROM {base}\nRUN true\n", no_cache=True)
        return {"kernel": lambda: list(self.engine.build(options)), **({"raw": raw} if raw else {})}

    def _run_true(self) -> None:
        identifier = self.engine.create(ContainerSpec("busybox", ("true",), network="none"))
        self.engine.start(identifier)
        self.engine.wait(identifier)
        self.engine.remove(identifier)

    def _exec_true(self) -> None:
        self.engine.exec("bench-on", ExecSpec(("true",)), Streams())

    def _bubblewrap(self) -> Action | None:
        """`true` in new namespaces on busybox's own layer, by bubblewrap."""
        if not shutil.which("bwrap"):
            return None
        image = self.engine.store.images.find("busybox")
        tree = self.engine.store.layers_of(image.config)[0].tree
        return command("bwrap", "--ro-bind", str(tree), "/", "--proc", "/proc", "--dev", "/dev", "--unshare-all", "true")

    def _moved(self) -> dict[str, Row]:
        """The large image in and out. Each load has a store of its own, of which nothing is removed meanwhile; Docker's image is."""
        archive, count, folder = self.folder / "moved.tar", itertools.count(), self.folder
        command(*OURS, "tag", "bench-large", "bench-moved")()
        command(*OURS, "save", "-o", str(archive), "bench-moved")()

        def new(name: str) -> str:
            return str(folder / f"{name}{next(count)}")

        def loads(*words: str) -> Action:
            return lambda: subprocess.run(
                words, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT), "DOCKERLAB_HOME": new("home")}
            )

        def in_kernel() -> None:
            with open(archive, "rb") as source:
                EmbeddedEngine(Store.open(new("home"), bases="")).load(source)

        def out_of_kernel() -> None:
            with open(folder / "out.tar", "wb") as out:
                self.engine.save(["bench-moved"], out)

        load: dict[str, Action] = {"process": loads(*OURS, "load", "-i", str(archive)), "kernel": in_kernel}
        save: dict[str, Action] = {"process": command(*OURS, "save", "-o", str(folder / "out.tar"), "bench-moved"), "kernel": out_of_kernel}
        if self.docker:
            load["docker"] = command(self.docker, "load", "-q", "-i", str(archive))
            load["docker"]()
            save["docker"] = command(self.docker, "save", "-o", str(folder / "theirs.tar"), "bench-moved")
        if shutil.which("skopeo"):

            def copied(source: Callable[[], str], target: Callable[[], str]) -> Action:
                # its storage mounts itself; that ends with the namespace
                return lambda: command("unshare", "--mount", "skopeo", "--insecure-policy", "copy", "-q", source(), target())()

            storage = lambda where: f"containers-storage:[overlay@{where}+{where}-run]localhost/bench-moved:1"  # noqa: E731
            kept = new("storage")
            load["raw"] = copied(lambda: f"docker-archive:{archive}", lambda: storage(new("storage")))
            copied(lambda: f"docker-archive:{archive}", lambda: storage(kept))()
            beside = folder / "beside.tar"  # it overwrites none

            def save_by_skopeo() -> None:
                beside.unlink(missing_ok=True)
                copied(lambda: storage(kept), lambda: f"docker-archive:{beside}")()

            save["raw"] = save_by_skopeo
        away = command(self.docker, "rmi", "-f", "bench-moved", check=False) if self.docker else lambda: None
        return {
            "save an image of 200 MB": Row(save, 1.0, 1.0, 1.0, "skopeo copy"),
            "load an image of 200 MB": Row(load, 1.0, 1.0, 1.0, "skopeo copy", before=away),
        }

    def _pull(self) -> dict[str, Row]:
        """A pull, where there is a registry to pull from."""
        if not can_pull():
            return {}
        self._pulls = pulls = Pulls(self.engine, self.folder / "pulls", self.folder / "large")
        actions: dict[str, Action] = {
            "process": lambda: command("env", f"DOCKERLAB_HOME={pulls.home()}", *OURS, "pull", "-q", pulls.name)(),
            "kernel": pulls.ours,
        }
        if self.docker:
            actions["docker"] = lambda: command(self.docker, "pull", "-q", pulls.name)()
        if shutil.which("skopeo"):
            actions["raw"] = lambda: command(*pulls.skopeo())()
        return {"pull of 200 MB, 10,000 files": Row(actions, 0.7, 0.7, 1.0, "skopeo copy", pulls.renew)}

    def rows(self) -> dict[str, Row]:
        """Name → row, in the order in which they are told."""
        large, copies = shlex.quote(str(self.folder / "large")), shlex.quote(str(self.folder / "copies"))
        # nothing is removed between two rounds: ext4 looks at every inode that was freed in the last minutes before it gives out the next of that region
        copied = shell(f"mkdir -p {copies}; copy=$(mktemp -d {copies}/XXXXXX); cp -r {large} $copy && tar -C $copy -c . | sha256sum")
        start = command(sys.executable, "-I", "-S", "-c", "")
        commit = lambda: self.engine.commit("bench-changed", "bench-commit")  # noqa: E731
        interpreter = "an interpreter alone"
        made = itertools.count()

        def changed() -> None:
            """The container has something new, so that no commit finds its layer there already."""
            (self.folder / "new").write_text(str(next(made)))
            for program in self.programs:
                command(*program, "cp", str(self.folder / "new"), "bench-changed:/c/new")()

        return {
            "5-step build, no cache": Row(self._build("small", cached=False), 0.20, 0.08),
            "the same, all cached": Row(self._build("small", cached=True, raw=start), 0.25, 0.02, raw=interpreter),
            "30 RUN steps, no cache": Row(self._build("deep", cached=False), 0.10, 0.06),
            "10,000 files, 200 MB, no cache": Row(self._build("large", cached=False, raw=copied), 0.35, 0.35, raw="cp -r, tar, sha256sum"),
            "the same, nothing changed": Row(self._build("large", cached=True, raw=start), 0.25, 0.10, raw=interpreter),
            "one RUN above 10,000 files": Row(self._one_step("bench-large", raw=self._one_step("busybox")["kernel"]), 0, 0, 1.2, "the same above busybox"),
            "run --rm busybox true": Row(
                self._beside("run", "--rm", "--network", "none", "busybox", "true", kernel=self._run_true, raw=self._bubblewrap()),
                0.30, kernel_of_raw=2.0, raw="bwrap … true", loops=10,
            ),
            "exec": Row(
                self._beside("exec", "bench-on", "true", kernel=self._exec_true, raw=self._bubblewrap()), 0.50, kernel_of_raw=2.0, raw="bwrap … true",
                loops=10,
            ),
            "commit after 2,000 changed files": Row(self._beside("commit", "bench-changed", "bench-commit", kernel=commit), 0.10, 0.05, before=changed),
            **self._moved(),
            **self._pull(),
            "history": Row(self._beside("history", "bench-deep", raw=start), 1.0, raw=interpreter),
            "images": Row(self._beside("images", raw=start), 1.0, raw=interpreter),
            "ps": Row(self._beside("ps", "-a", raw=start), 1.0, raw=interpreter),
        }  # fmt: skip
