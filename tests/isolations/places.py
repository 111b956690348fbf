"""Every isolation that the suite is played in: who runs it, behind what, in which home. And the way in."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dockerlab.layers import remove_tree
from dockerlab.runtime.helper import kernel
from tests.ordinary import OrdinaryUser, ordinary_user

CAP_SYS_ADMIN = 21
PYTHON = (sys.executable, "-B")
POD = (*PYTHON, "-m", "tests.pod")
OVERLAY = """
mount -t overlay home -o "lowerdir=$HOME,upperdir=${HOME%/*}/upper,workdir=${HOME%/*}/work" "$HOME"
"""
# newuidmap reads these two files; here they are others than the machine's, and only for who is behind this.
RANGE = """
mkdir -p "$kept/.etc"
mount -t tmpfs etc "$kept/.etc"
cp -a /etc/. "$kept/.etc"
for file in subuid subgid; do echo "$(stat -c %U "$HOME"):100000:65536" > "$kept/.etc/$file"; done
mount --rbind "$kept/.etc" /etc
"""
CHOSEN = "from dockerlab.runtime.capabilities import Capabilities as C; c = C.load(None); k = ', copies' * (c.isolation == 'namespaces' and c.snapshots == 'copy'); print(c.isolation, c.identity + k, c.reason, sep='|')"


class NotHere(Exception):
    """This isolation can't be had here; says why. `remedy`: what to install, where that helps."""

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(why)
        self.remedy = remedy


@dataclass(frozen=True)
class Isolation:
    """One row of the table. `gives` are the isolations of `dockerlab doctor` that are right there."""

    name: str
    title: str
    gives: tuple[str, ...]
    root: bool = False
    behind: tuple[str, ...] = ()
    """The command that takes something away and starts the rest."""
    first: str = ""
    """What root does before, in mounts that only this run sees."""
    needs: str = ""
    """A program, and the package that has it."""
    more: dict[str, str] = field(default_factory=dict)
    """Environment."""


ISOLATIONS = {
    one.name: one
    for one in (
        Isolation("root", "root", ("namespaces",), root=True),
        Isolation("root-without-mounts", "root without CAP_SYS_ADMIN", ("namespaces",), root=True, behind=("setpriv", "--bounding-set", "-sys_admin")),
        Isolation("root-in-a-pod", "root, namespaces and mounts refused", ("chroot",), root=True, behind=POD),
        Isolation("root-without-devices", "root, devices refused too", ("chroot",), root=True, behind=POD, more={"POD_WITHOUT": "27"}),
        Isolation("root-on-overlay", "root, home on overlay", ("namespaces",), root=True, first=OVERLAY),
        Isolation("user-with-a-range", "ordinary user, a range in /etc/subuid", ("namespaces",), first=RANGE, needs="newuidmap uidmap"),
        Isolation("user", "ordinary user, one ID", ("namespaces",)),
        Isolation("user-in-a-pod", "ordinary user, namespaces and mounts refused", ("proot",), behind=POD, needs="proot proot"),
        Isolation("user-without-ptrace", "ordinary user, ptrace refused too", ("none",), behind=POD, more={"POD_REFUSES": "ptrace"}),
        Isolation("user-on-overlay", "ordinary user, home on overlay", ("namespaces",), first=OVERLAY),
        Isolation("user-on-overlay-in-a-pod", "ordinary user, home on overlay, namespaces and mounts refused", ("proot",), behind=POD, first=OVERLAY, needs="proot proot"),
    )
}  # fmt: skip


def own_name(chosen: str) -> str:
    """The name of the isolation that this process itself is in, of which dockerlab chooses this; "" if it is none of them."""
    mine = (one for one in ISOLATIONS.values() if one.root == (os.geteuid() == 0) and chosen in one.gives and not one.first)
    return next((one.name for one in mine), "")


@dataclass(frozen=True)
class Place:
    """Where an isolation was entered."""

    isolation: Isolation
    somebody: OrdinaryUser

    @property
    def folder(self) -> Path:
        """The home."""
        return self.somebody.home

    @property
    def told(self) -> Path:
        """A folder beside it that both sides may write, and see as it is."""
        return self.folder.parent / "told"

    def run(
        self, *words: str | Path, cwd: Path | None = None, timeout: float | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command there, in the home or in `cwd`; `more` goes into its environment. NotHere where this machine does not let it in."""
        one = self.isolation
        done = self.somebody(
            *one.behind, *words, cwd=cwd, first=one.first, timeout=timeout, **{"DOCKERLAB_ISOLATION": "", **one.more, **more}
        )
        if one.first and done.returncode and done.stderr.startswith(("unshare:", "mount:")):
            raise NotHere(f"what root does first was refused: {done.stderr.strip().splitlines()[0]}")
        return done

    @functools.cached_property
    def chosen(self) -> tuple[str, str, str]:
        """The isolation that dockerlab chooses there, whose IDs, and why no better one."""
        done = self.run(*PYTHON, "-c", CHOSEN)
        isolation, identity, reason = (done.stdout.strip() or f"?|?|{done.stderr.strip()[-500:]}").split("|", 2)
        return isolation, identity, self.without_names(reason)

    def without_names(self, text: str) -> str:
        """With HOME for every path of this run's own."""
        return re.sub(re.escape(str(self.folder)) + r"[^ :]*", "HOME", text)


@contextmanager
def entered(isolation: Isolation) -> Iterator[Place]:
    """The way in; NotHere where there is none. Nothing of it stays, and nobody's own files change."""
    if os.geteuid() and (isolation.root or isolation.first):
        raise NotHere("needs root")
    if isolation.root and isolation.behind == POD and not kernel.permitted_capabilities() >> CAP_SYS_ADMIN & 1:
        raise NotHere("needs root who may set a seccomp filter (CAP_SYS_ADMIN)")
    program, _, package = isolation.needs.partition(" ")
    if program and not shutil.which(program):
        raise NotHere(f"needs {program}", f"apt install {package}")
    with _root() if isolation.root else ordinary_user() as somebody:
        for name in ("told", "upper", "work"):
            folder = somebody.home.parent / name
            folder.mkdir()
            if os.geteuid() == 0:
                shutil.chown(folder, *_ids(somebody.home))
        yield Place(isolation, somebody)


def _ids(path: Path) -> tuple[int, int]:
    return path.stat().st_uid, path.stat().st_gid


@contextmanager
def _root() -> Iterator[OrdinaryUser]:
    top = Path(tempfile.mkdtemp(prefix="isolation-", dir="/var/tmp"))
    home = top / "a home"
    for folder in (home, top / "kept"):
        folder.mkdir()
    try:
        yield OrdinaryUser(home)
    finally:
        remove_tree(top)
