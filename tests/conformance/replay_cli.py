"""A recorded command-line session, played with `dockerlab` in place of `docker`, command by command."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.errors import DockerlabError
from dockerlab.store import Store
from tests.conformance.outputs import differences, tidy
from tests.conformance.placeholders import Placeholders

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT = 60.0
"""Seconds that one command may take; docker's own longest takes ten, for a container that doesn't mind TERM."""
_READY_WITHIN = 15.0


class Ground(Protocol):
    """Where sessions are played: an engine with busybox:latest and nothing else, anew for each."""

    base_size: int
    """Bytes of busybox:latest."""
    within: tuple[str, ...]
    """The words that a command is started with, to be where the engine's ports are."""

    def open(self) -> AbstractContextManager[tuple[str, dict[str, str]]]:
        """For one session: where the engine keeps its data, and the variables that name it ("" takes one away)."""


class OwnStore:
    """The embedded engine: each session gets a copy of the store `template`."""

    within = ()

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder, self.template = folder, template
        engine = EmbeddedEngine(Store.open(template))
        self.base_size = int(engine.image_inspect("busybox:latest")["Size"])
        engine.close()

    @contextlib.contextmanager
    def open(self) -> Iterator[tuple[str, dict[str, str]]]:
        """A store that is taken away afterwards."""
        top = Path(tempfile.mkdtemp(prefix="store-", dir=self.folder))
        home = top / "home"
        subprocess.run(["cp", "-a", str(self.template), str(home)], check=True)
        try:
            yield str(home), {"DOCKERLAB_HOME": str(home), "DOCKERLAB_BASES": "catalogue"}
        finally:
            engine = EmbeddedEngine(Store.open(home))
            for item in engine.containers(all=True):
                with contextlib.suppress(DockerlabError):
                    engine.remove(item["Id"], force=True)
            engine.close()
            subprocess.run(["chmod", "-R", "u+rwX", str(top)], stderr=subprocess.DEVNULL, check=False)  # overlay leaves folders of mode 000
            shutil.rmtree(top, ignore_errors=True)


class Stage:
    """A folder with a `docker` on its PATH that is ours, on some ground."""

    def __init__(self, folder: Path, ground: Ground) -> None:
        self.folder, self.ground = folder, ground
        shim = folder / "bin/docker"
        shim.parent.mkdir(parents=True)
        shim.write_text(
            f'#!/bin/sh\nPATH=${{PATH#*:}} exec {sys.executable} -m dockerlab "$@"\n'
        )  # where docker's client is asked for, it is another
        shim.chmod(0o755)

    def _environment(self, own: dict[str, str]) -> dict[str, str]:
        without = ("DOCKER_HOST", "DOCKERLAB_PUBLISH_ADDRESS", "DOCKER_CONFIG", "DOCKERLAB_LANG")
        found = {
            **{key: value for key, value in os.environ.items() if key not in without},
            **own,
            "PYTHONPATH": str(ROOT),
            "TZ": "UTC",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "BUILDKIT_PROGRESS": "plain",
            "DOCKER_CLI_HINTS": "false",
            "NO_COLOR": "1",
        }
        return {**found, "PATH": f"{self.folder / 'bin'}:{found['PATH']}"}

    def play(self, scenario: dict[str, Any]) -> list[str]:
        """What differed, a line each; empty if the session went as recorded."""
        with self.ground.open() as (root, own), tempfile.TemporaryDirectory(prefix="session-", dir=self.folder) as cwd:
            for name, text in scenario.get("files", {}).items():
                path = Path(cwd, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            replace = Placeholders(cwd, root, self.ground.base_size)
            environment = self._environment(own)
            out = []
            for step in scenario["steps"]:
                outcome = tidy(step, *self._run(step, cwd, environment), replace)
                what = " ".join(["docker", *step["args"]] if "args" in step else step["shell"].split())
                out += [f"{what[:110]}: {one}" for one in differences(step, outcome)]
            return out

    def _run(self, step: dict[str, Any], cwd: str, environment: dict[str, str]) -> tuple[int | str, str, str]:
        command = [str(self.folder / "bin/docker"), *step["args"]] if "args" in step else ["bash", "-c", step["shell"]]
        time.sleep(step.get("wait", 0))
        end = time.monotonic() + _READY_WITHIN
        while "ready" in step and time.monotonic() < end:
            condition = [*self.ground.within, "bash", "-c", step["ready"]]
            if not subprocess.run(
                condition, cwd=cwd, env=environment, capture_output=True, stdin=subprocess.DEVNULL, check=False
            ).returncode:
                break
            time.sleep(0.2)
        code: int | str
        # files and not pipes: a background process of the command may hold them longer than the command lives
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(
                [*self.ground.within, *command],
                cwd=cwd,
                env=environment,
                stdout=out,
                stderr=err,
                stdin=subprocess.PIPE,
                start_new_session=True,
            )
            try:
                process.communicate(step.get("stdin", "").encode(), timeout=LIMIT)
                code = process.returncode if process.returncode >= 0 else 128 - process.returncode
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                code = "timeout"
            out.seek(0), err.seek(0)
            return code, out.read().decode("utf-8", "replace"), err.read().decode("utf-8", "replace")
