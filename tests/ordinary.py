"""An ordinary user, for a suite that runs as root: commands by somebody who may do nothing special."""

from __future__ import annotations

import functools
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dockerlab.layers import remove_tree
from tests.parts import ROOT, missing

PLACES = (ROOT, Path(sys.prefix), Path(sys.base_prefix))
"""What a command of the tests reads: the clone, the environment, its Python."""

# Root's clone may lie where only root may go (/root). In a mount namespace of its own the closed folder $1 becomes an open one that holds nothing
# but the places that lie in it, under their own names. $2 is a folder to keep them in meanwhile.
OPEN = """
open_folder() {
  closed=$1 kept=$2; shift 2
  for place; do mkdir -p "$kept$place"; mount --rbind "$place" "$kept$place"; done
  mount -t tmpfs -o mode=755 opened "$closed"
  for place; do mkdir -p "$place"; mount --rbind "$kept$place" "$place"; done
}
"""


@dataclass(frozen=True)
class OrdinaryUser:
    """Somebody with a home (its name has a space) in a folder that everybody may enter. Where the tests are run by such a one, it is them."""

    home: Path
    steps_down: tuple[str, ...] = ()

    def __call__(
        self, *words: str | Path, cwd: Path | None = None, first: str = "", timeout: float | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in its home, or in `cwd`, with `more` in its environment. `first`: what root does, in bash, in mounts that only this command sees."""
        command = [*self.steps_down, *map(str, words)]
        opening = _opening() if self.steps_down else ""
        if first or opening:
            script = f'set -e\n{OPEN}kept=$1; shift\n{opening}cd "$1"; shift\n{first}\nexec "$@"'
            command = [
                "unshare",
                "--mount",
                "bash",
                "-c",
                script,
                "ordinary",
                str(self.home.parent / "kept"),
                str(cwd or self.home),
                *command,
            ]
        environment = {**os.environ, "HOME": str(self.home), "XDG_DATA_HOME": str(self.home), "TMPDIR": str(self.home)}
        environment["PYTHONPATH"] = ":".join(filter(None, sys.path))
        where = "/" if first or opening else cwd or self.home
        return subprocess.run(command, cwd=where, env={**environment, **more}, capture_output=True, text=True, timeout=timeout)


@contextmanager
def ordinary_user() -> Iterator[OrdinaryUser]:
    """The user that DOCKERLAB_TEST_USER names, else nobody; for a test."""
    top = Path(tempfile.mkdtemp(prefix="ordinary-", dir="/var/tmp"))
    top.chmod(0o755)
    home = top / "their home"
    for folder in (home, top / "kept"):
        folder.mkdir()
    user = OrdinaryUser(home)
    if os.geteuid() == 0:
        found = pwd.getpwnam(os.environ.get("DOCKERLAB_TEST_USER", "nobody"))
        os.chown(home, found.pw_uid, found.pw_gid)
        user = OrdinaryUser(home, ("setpriv", "--reuid", str(found.pw_uid), "--regid", str(found.pw_gid), "--clear-groups"))
        if user(sys.executable, "-c", f"open({str(ROOT / 'README.md')!r})").returncode:
            missing(f"a clone and a Python that {found.pw_name} can read", "work where everybody may look")
    try:
        yield user
    finally:
        remove_tree(top)


def emptied(folder: str) -> str:
    """The bash that shows a folder empty but for what the tests themselves need of it."""
    inside = [place for place in dict.fromkeys(PLACES) if place.is_relative_to(folder)]
    return f'open_folder {_quoted(Path(folder))} "$kept" {" ".join(map(_quoted, inside))}\n'


@functools.cache
def _opening() -> str:
    """The bash that opens what is closed: "" if nothing is, or nobody is root."""
    if os.geteuid():
        return ""
    places: dict[Path, list[Path]] = {}
    for place in PLACES:
        closed = next((folder for folder in reversed(place.parents) if not folder.stat().st_mode & 0o001), None)
        if closed and not any(place.is_relative_to(other) for others in places.values() for other in others):
            places.setdefault(closed, []).append(place)
    return "".join(f'open_folder {_quoted(closed)} "$kept" {" ".join(map(_quoted, inside))}\n' for closed, inside in places.items())


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "'\\''") + "'"
