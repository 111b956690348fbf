"""A Docker of a test's own, in a network namespace of its own: what is published there is nowhere else, and what is pruned there is nobody's."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from docker import APIClient
from docker.errors import APIError

from tests.parts import ROOT, missing, until

_SCRIPT = ROOT / "scripts/reference-docker"
_DATA = "/var/lib/docker"
"""Where the daemon of the script says that it keeps its data."""


@contextlib.contextmanager
def started(folder: Path) -> Iterator[tuple[dict[str, str], int]]:
    """A reference Docker in this folder: the variables that name it, and its process."""
    root = Path(os.environ.get("REFERENCE_DOCKER_ROOT", "/var/tmp/reference-docker-root"))
    made = (root / ".ready").exists() or bool(os.environ.get("CI"))  # making it takes half a minute
    if os.geteuid() != 0 or not made or not shutil.which("nsenter"):
        missing("a reference Docker", 'as root on Debian: eval "$(scripts/reference-docker start)"')
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DOCKER_")}
    environment = {**kept, "REFERENCE_DOCKER_DIR": str(folder), "REFERENCE_DOCKER_APART": "1"}
    try:
        begun = subprocess.run([_SCRIPT, "start"], env=environment, stdout=subprocess.PIPE, text=True, timeout=300, check=True)
        words = [word.partition("=") for word in shlex.split(begun.stdout) if "=" in word]
        named = {key: value.replace("$PATH", os.environ["PATH"]) for key, _, value in words if key != "BUSYBOX"}
        yield named, int((folder / "run/pid").read_text())
    finally:
        subprocess.run([_SCRIPT, "stop"], env=environment, timeout=60, check=True)
        shutil.rmtree(folder, ignore_errors=True)


class OneDaemon:
    """The engine on a daemon, as ground for sessions: after each, whatever it left in the daemon is taken away."""

    def __init__(self, folder: Path, named: dict[str, str], process: int) -> None:
        """`folder`: for what the engine keeps of a session; `named`: the variables that name the daemon, whose only image is busybox:latest."""
        self._folder, self._named = folder, named
        self.within: tuple[str, ...] = ("nsenter", f"--net=/proc/{process}/ns/net", "--")
        self._calls = APIClient(base_url=named["DOCKER_HOST"].replace("unix://", "http+unix://"), version="auto", timeout=60)
        about = self._calls.inspect_image("busybox:latest")
        self._base, self.base_size = str(about["Id"]), int(about["Size"])
        self._archive = b"".join(self._calls.get_image("busybox:latest"))

    @contextlib.contextmanager
    def open(self) -> Iterator[tuple[str, dict[str, str]]]:
        """The daemon with nothing but busybox:latest in it."""
        with tempfile.TemporaryDirectory(prefix="home-", dir=self._folder) as home:
            try:
                yield _DATA, {**self._named, "DOCKERLAB_ENGINE": "daemon", "DOCKERLAB_HOME": home, "DOCKERLAB_BASES": ""}
            finally:
                self._sweep()

    def close(self) -> None:
        """Let the connection go."""
        self._calls.close()

    def _sweep(self) -> None:
        for one in self._calls.containers(all=True):
            with contextlib.suppress(APIError):  # with --rm it goes by itself
                self._calls.remove_container(one["Id"], force=True, v=True)
        until(lambda: not self._calls.containers(all=True))
        for one in self._calls.volumes()["Volumes"] or ():
            self._calls.remove_volume(one["Name"])
        for one in self._calls.images(all=True):
            for name in (one["RepoTags"] or ()) if one["Id"] == self._base else (one["Id"],):
                if name != "busybox:latest":
                    with contextlib.suppress(APIError):  # a parent, gone with its child
                        self._calls.remove_image(name, force=True)
        self._calls.prune_networks()
        self._calls.prune_builds(all=True)
        found = [one for one in self._calls.images() if one["Id"] == self._base]
        if not found or "busybox:latest" not in (found[0]["RepoTags"] or ()):
            self._calls.load_image(io.BytesIO(self._archive))
