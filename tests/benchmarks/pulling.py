"""A pull of 200 MB from a registry on loopback: Docker's, skopeo's into its own store, ours. Each finds an image of which it has no layer yet."""

from __future__ import annotations

import itertools
import shutil
import socket
import subprocess
import time
from pathlib import Path

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.layers import Tree
from dockerlab.oci import HistoryEntry, ImageConfig, Reference
from dockerlab.store import Store

_LAYERS = 4
NAME = "bench-pull"


class Pulls:
    """A docker-registry, and one image after the other in it: a small layer of its own at the bottom, and above it the 10,000 files in four."""

    def __init__(self, engine: EmbeddedEngine, folder: Path, large: Path) -> None:
        self._engine, self.folder = engine, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{free.getsockname()[1]}"
        folder.mkdir()
        (folder / "registry.yml").write_text(
            f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/registry}}}}\nhttp: {{addr: {self.host}}}\n"
        )
        with open(folder / "log", "wb") as log:
            self._process = subprocess.Popen(["docker-registry", "serve", str(folder / "registry.yml")], stdout=log, stderr=log)
        folders = sorted(path for path in large.iterdir() if path.is_dir())
        self._large = [self._layer(folders[number::_LAYERS]) for number in range(_LAYERS)]
        self._numbers = itertools.count()
        self.name = ""
        self.names: list[str] = []

    def _layer(self, folders: list[Path], number: str = "") -> str:
        """The diff ID of a new layer of the engine's store."""
        store = self._engine.store
        with store.tmp() as scratch:
            with Tree(scratch / "tree") as tree:
                if number:
                    tree.write("number", number.encode())
                for folder in folders:
                    tree.mkdir(folder.name)
                    for file in folder.iterdir():
                        tree.write_from(f"{folder.name}/{file.name}", file, mtime=file.stat().st_mtime)
            return store.layers.seal(scratch).diff_id

    def renew(self) -> None:
        """Another image in the registry, which nobody has."""
        number = next(self._numbers)
        store = self._engine.store
        diff_ids = (self._layer([], f"{number} of {self.host}"), *self._large)
        config = ImageConfig(diff_ids=diff_ids, history=tuple(HistoryEntry(created_by=f"layer {one}") for one in range(len(diff_ids))))
        self.name = f"{self.host}/{NAME}:{number}"
        self.names.append(self.name)
        store.images.tag(store.images.add(config).id, Reference.parse(self.name))
        for left in reversed(range(100)):
            try:
                list(self._engine.push(self.name))
                return
            except Exception:  # it has just been started
                if not left:
                    raise
                time.sleep(0.1)

    def home(self) -> Path:
        """A folder of nobody's yet: nothing is removed between two rounds."""
        return self.folder / f"home-{time.monotonic_ns()}"

    def ours(self) -> None:
        """In this process."""
        engine = EmbeddedEngine(Store.open(self.home()))
        list(engine.pull(self.name))
        engine.close()

    def skopeo(self) -> list[str]:
        """The words of a copy into a store of its own, from which podman would run it."""
        home = self.home()
        target = f"containers-storage:[overlay@{home}/root+{home}/run]{self.name}"
        return ["skopeo", "copy", "-q", "--insecure-policy", "--src-tls-verify=false", f"docker://{self.name}", target]

    def close(self) -> None:
        """End the registry, and what skopeo leaves mounted."""
        for mounted in self.folder.glob("home-*/root/overlay"):
            subprocess.run(["umount", str(mounted)], stderr=subprocess.DEVNULL, check=False)
        self._process.terminate()
        self._process.wait(10)


def can_pull() -> bool:
    """Whether there is a registry to pull from."""
    return bool(shutil.which("docker-registry"))
