"""A small root file system around a static busybox, and short ways to run things in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dockerlab.data import replace
from dockerlab.runtime import BoxSpec, Capabilities, ContainerDirectory, ProcessSpec, Runtime
from dockerlab.store.rootfs import RootFs
from tests.parts import missing

PATH = "PATH=/usr/local/bin:/usr/bin:/bin"
PASSWD = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n"
GROUP = "root:x:0:\nstaff:x:50:\napp:x:1000:\n"


@pytest.fixture(scope="session")
def busybox(busybox_file: Path) -> Path:
    return busybox_file


@pytest.fixture(scope="session")
def capabilities(tmp_path_factory: pytest.TempPathFactory) -> Capabilities:
    found = Capabilities.load(tmp_path_factory.mktemp("capabilities") / "capabilities.json")
    if found.isolation == "none":
        missing("a way to run containers", found.reason)
    return found


def asked_for(isolation: str, tmp_path_factory: pytest.TempPathFactory) -> Capabilities:
    """Those of a module that has an isolation of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKERLAB_ISOLATION", isolation)
        found = Capabilities.load(tmp_path_factory.mktemp("capabilities") / "capabilities.json")
    assert found.isolation == isolation, found.reason
    return found


def runtime_of(capabilities: Capabilities) -> Iterator[Runtime]:
    """As a fixture of a module with capabilities of its own; for all others it is that of the session."""
    with Runtime(capabilities) as one:
        yield one


runtime = pytest.fixture(scope="session")(runtime_of)


@pytest.fixture(scope="session")
def base(busybox: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DIR/tree as a layer has it: /bin full of busybox's names, /etc, /tmp, /root."""
    tree = tmp_path_factory.mktemp("base") / "tree"
    for name in ("bin", "etc", "tmp", "root", "home", "usr"):
        (tree / name).mkdir(parents=True)
    (tree / "tmp").chmod(0o1777)
    (tree / "root").chmod(0o700)
    for name in ("", "bin", "etc", "home", "usr"):
        (tree / name).chmod(0o755)
    shutil.copy(busybox, tree / "bin/busybox")
    for applet in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
        if not (tree / "bin" / applet).exists():
            (tree / "bin" / applet).symlink_to("busybox")
    (tree / "etc/passwd").write_text(PASSWD)
    (tree / "etc/group").write_text(GROUP)
    return tree


class Box:
    """One root file system; several processes may be run in it, one after the other."""

    def __init__(self, runtime: Runtime, folder: Path, lowers: tuple[Path, ...]) -> None:
        self.runtime, self.folder = runtime, folder
        for name in ("diff", "work", "merged"):
            (folder / name).mkdir(parents=True)
        (folder / "diff").chmod(0o755)
        self.upper = folder / "diff"
        self.rootfs = RootFs(tuple(map(str, lowers)), str(self.upper), str(folder / "work"), str(folder / "merged"), str(folder / "merged"))

    def spec(self, *args: str, uid: int = 0, gid: int | None = None, env: tuple[str, ...] = (), **more: Any) -> BoxSpec:
        process = {name: more.pop(name) for name in ("cwd", "groups", "terminal") if name in more}
        gid = uid if gid is None else gid
        return BoxSpec(self.rootfs, ProcessSpec(args, (PATH, *env), uid=uid, gid=gid, **process), **more)

    def run(self, *args: str, **more: Any) -> tuple[int, str]:
        """Exit code, and what came out (both streams)."""
        pieces: list[bytes] = []
        code = self.runtime.run(self.spec(*args, **more), on_output=lambda _stream, data: pieces.append(data))
        return code, b"".join(pieces).decode()

    def sh(self, script: str, **more: Any) -> str:
        """What a script prints; it must succeed."""
        code, output = self.run("sh", "-c", script, **more)
        assert code == 0, output
        return output

    def start(self, *args: str, **more: Any) -> ContainerDirectory:
        fds = {name: more.pop(name) for name in ("stdin", "stdout", "stderr") if name in more}
        self.runtime.start(self.folder, self.spec(*args, **more), **fds).control.close()
        return ContainerDirectory(self.folder)

    def exec(self, script: str, **process: Any) -> tuple[int, str]:
        reader, writer = os.pipe()
        try:
            spec = ProcessSpec(("sh", "-c", script), (PATH,))
            code = self.runtime.exec(self.folder, replace(spec, **process), stdout=writer, stderr=writer)
        finally:
            os.close(writer)
        with os.fdopen(reader, "rb") as file:
            return code, file.read().decode()

    def paths(self) -> list[str]:
        """What the layer holds."""
        return sorted(str(path.relative_to(self.upper)) for path in self.upper.rglob("*"))


class MakeBox:
    def __init__(self, runtime: Runtime, base: Path, folder: Path) -> None:
        self._runtime, self._base, self._folder, self._count = runtime, base, folder, 0
        self.made: list[Box] = []

    def __call__(self, *above: Path) -> Box:
        """A fresh root file system; `above` are further layers, topmost first."""
        self._count += 1
        box = Box(self._runtime, self._folder / str(self._count), (*above, self._base))
        self.made.append(box)
        return box


@pytest.fixture
def make_box(runtime: Runtime, base: Path, tmp_path: Path) -> Iterator[MakeBox]:
    maker = MakeBox(runtime, base, tmp_path)
    yield maker
    for box in maker.made:
        if (box.folder / "state.json").exists():
            ContainerDirectory(box.folder).stop(grace=0)


@pytest.fixture
def box(make_box: MakeBox) -> Box:
    return make_box()
