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
from pathlib import Path
from typing import Any

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.errors import DockerlabError
from dockerlab.store import Store
from tests.conformance.outputs import differences, tidy
from tests.conformance.placeholders import Placeholders

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT = 60.0
"""Seconds that one command may take; docker's own longest takes ten, for a container that doesn't mind TERM."""
_READY_WITHIN = 15.0


class Stage:
    """A folder with a `docker` on its PATH that is ours; every session gets a copy of the store `template`, which holds busybox:latest and nothing else."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder, self.template = folder, template
        shim = folder / "bin/docker"
        shim.parent.mkdir(parents=True)
        shim.write_text(f'#!/bin/sh\nexec {sys.executable} -m dockerlab "$@"\n')
        shim.chmod(0o755)
        self.base_size = self._base_size()

    def _base_size(self) -> int:
        engine = EmbeddedEngine(Store.open(self.template))
        try:
            return int(engine.image_inspect("busybox:latest")["Size"])
        finally:
            engine.close()

    def _environment(self, home: Path) -> dict[str, str]:
        without = ("DOCKER_HOST", "DOCKERLAB_PUBLISH_ADDRESS", "DOCKER_CONFIG", "DOCKERLAB_LANG")
        return {
            **{key: value for key, value in os.environ.items() if key not in without},
            "DOCKERLAB_HOME": str(home),
            "DOCKERLAB_BASES": "catalogue",
            "PYTHONPATH": str(ROOT),
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "TZ": "UTC",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "BUILDKIT_PROGRESS": "plain",
            "DOCKER_CLI_HINTS": "false",
            "NO_COLOR": "1",
        }

    def play(self, scenario: dict[str, Any]) -> list[str]:
        """What differed, a line each; empty if the session went as recorded."""
        with self._store() as home, tempfile.TemporaryDirectory(prefix="session-", dir=self.folder) as cwd:
            for name, text in scenario.get("files", {}).items():
                path = Path(cwd, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            replace = Placeholders(cwd, str(home), self.base_size)
            out = []
            for step in scenario["steps"]:
                command = ["docker", *step["args"]] if "args" in step else ["bash", "-c", step["shell"]]
                outcome = tidy(step, *self._run(step, command, cwd, self._environment(home)), replace)
                what = " ".join(command if "args" in step else step["shell"].split())
                out += [f"{what[:110]}: {one}" for one in differences(step, outcome)]
            return out

    @contextlib.contextmanager
    def _store(self) -> Iterator[Path]:
        top = Path(tempfile.mkdtemp(prefix="store-", dir=self.folder))
        home = top / "home"
        subprocess.run(["cp", "-a", str(self.template), str(home)], check=True)
        try:
            yield home
        finally:
            engine = EmbeddedEngine(Store.open(home))
            for item in engine.containers(all=True):
                with contextlib.suppress(DockerlabError):
                    engine.remove(item["Id"], force=True)
            engine.close()
            subprocess.run(["chmod", "-R", "u+rwX", str(top)], stderr=subprocess.DEVNULL, check=False)  # overlay leaves folders of mode 000
            shutil.rmtree(top, ignore_errors=True)

    def _run(self, step: dict[str, Any], command: list[str], cwd: str, environment: dict[str, str]) -> tuple[int | str, str, str]:
        time.sleep(step.get("wait", 0))
        end = time.monotonic() + _READY_WITHIN
        while "ready" in step and time.monotonic() < end:
            condition = ["bash", "-c", step["ready"]]
            if not subprocess.run(
                condition, cwd=cwd, env=environment, capture_output=True, stdin=subprocess.DEVNULL, check=False
            ).returncode:
                break
            time.sleep(0.2)
        code: int | str
        # files and not pipes: a background process of the command may hold them longer than the command lives
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(
                command, cwd=cwd, env=environment, stdout=out, stderr=err, stdin=subprocess.PIPE, start_new_session=True,
                executable=self.folder / "bin/docker" if "args" in step else None,
            )  # fmt: skip
            try:
                process.communicate(step.get("stdin", "").encode(), timeout=LIMIT)
                code = process.returncode if process.returncode >= 0 else 128 - process.returncode
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                code = "timeout"
            out.seek(0), err.seek(0)
            return code, out.read().decode("utf-8", "replace"), err.read().decode("utf-8", "replace")
