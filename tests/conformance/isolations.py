"""The same commands in every isolation that can be had here: `dockerlab` as root, as root without namespaces, as an ordinary user with a range of IDs and without."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dockerlab.layers import remove_tree
from tests.ordinary import ordinary_user, user_with_many_ids
from tests.parts import ROOT

Command = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Isolation:
    """`user` is who runs it: "" is root, "one" an ordinary user, "many" one to whom newuidmap would give more IDs than one."""

    name: str
    user: str = ""
    asked: str = ""
    """DOCKERLAB_ISOLATION."""


ISOLATIONS = {
    one.name: one
    for one in (
        Isolation("root"),
        Isolation("chroot", asked="chroot"),
        Isolation("many-ids", user="many"),
        Isolation("one-id", user="one"),
    )
}


@dataclass(frozen=True)
class Place:
    """Where `dockerlab` runs in one isolation: a store of its own, and a folder that whoever runs it may read, where the commands run."""

    run: Command
    folder: Path
    real_root: bool = False
    """Whether root in a container is the machine's."""


@contextmanager
def place_of(isolation: Isolation) -> Iterator[Place]:
    """`place.run("build", …)` answers as subprocess.run does. Skips the test if it can't be had here."""
    if os.geteuid() and (not isolation.user or isolation.asked):
        pytest.skip("only root can try this isolation")
    if isolation.user:
        name = "" if isolation.user == "one" else user_with_many_ids()
        if isolation.user == "many" and (not name or os.geteuid()):
            pytest.skip("needs root, newuidmap (apt install uidmap), and an ordinary user with a range in /etc/subuid and /etc/subgid")
        with ordinary_user(name) as user:
            words = {"DOCKERLAB_HOME": str(user.home / "home"), "DOCKERLAB_ISOLATION": isolation.asked}
            yield Place(lambda *verb: user(sys.executable, "-m", "dockerlab", *verb, timeout=300, **words), user.home)
        return
    folder = Path(tempfile.mkdtemp(prefix="isolation-", dir="/var/tmp"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DOCKERLAB_HOME": str(folder / "home"), "DOCKERLAB_ISOLATION": isolation.asked}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "dockerlab", *words]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)

    yield Place(run, folder, real_root=True)
    remove_tree(folder)
