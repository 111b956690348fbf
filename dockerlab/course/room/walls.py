"""The walls of a room: namespaces of its own for processes, mounts and network; a machine that can't be written to; folders that can't be seen.

They are raised in two steps, since the second one needs process 1: `leave` in its parent, `furnish` in itself. A kernel then goes one step further,
`step_aside`: into a user namespace in which it has every right over what it makes, and none over the room. (user_namespaces(7), mount_namespaces(7):
what a more privileged namespace has mounted, read-only or on top of something, a less privileged one can't undo)
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from dockerlab.data import dataclass, field
from dockerlab.runtime.helper import kernel, namespaces, network

INSIDE = Path("/tmp/dockerlab")
"""Where a room's own folder lies for those inside: a path without chance in it, so that what is told of two rooms can be the same."""
_PLAIN = kernel.MS_NOSUID | kernel.MS_NODEV


@dataclass(frozen=True)
class Plan:
    """`scratch`: the room's own folder; `shown`: what is needed of the machine, wherever it lies; `hidden`: what nobody inside may see.

    `given`: name → a folder that those inside may read, below the room's own.
    """

    scratch: Path
    shown: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    given: Mapping[str, Path] = field(default_factory=dict)
    network: bool = False

    @property
    def private(self) -> list[Path]:
        """The folders in whose place the room has empty ones of its own: of temporary files, and the home of whoever grades."""
        places = {Path("/tmp"), Path(tempfile.gettempdir()).resolve(), Path.home().resolve()}
        return sorted(one for one in places if one.is_dir() and not any(one.is_relative_to(shown) for shown in self.shown))


def identities() -> tuple[str, ...]:
    """By whose rights walls may be raised here, the best first."""
    asked = os.environ.get("DOCKERLAB_ISOLATION", "")
    if not kernel.SUPPORTED or asked not in ("", "namespaces"):
        return ()
    return ("root", "mapped") if os.geteuid() == 0 else ("single",)


def leave(identity: str, *, with_network: bool) -> None:
    """Into new namespaces; the next child is process 1 of the room. OSError where that is refused."""
    if identity == "single":
        _as_oneself()
    namespaces.enter_new("mapped" if identity == "mapped" else "root", "host" if with_network else "none")
    kernel.unshare(kernel.CLONE_NEWPID)


def step_aside(identity: str) -> None:
    """Into a user namespace below the room's, in the same identity."""
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # else its own maps are not its to write
    if identity == "single":
        _as_oneself()
        kernel.unshare(kernel.CLONE_NEWNS)
        kernel.keep_capabilities(0)
    else:
        namespaces.enter_new("mapped", "host")


def _as_oneself() -> None:
    """A user namespace with one ID, which is our own."""
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(kernel.CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        Path("/proc/self", name).write_text(text)


def furnish(plan: Plan) -> None:
    """What is seen inside. Called by process 1; OSError where a part can't be had."""
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    private = plan.private
    held = [(path, _open(path)) for path in _tops(plan.shown) if any(path.is_relative_to(one) for one in private) and path.exists()]
    scratch, empty = _open(plan.scratch), [(place, _open(_empty(plan, number))) for number, place in enumerate(private)]
    given = {name: _open(path) for name, path in plan.given.items()}
    kernel.set_readonly_recursive("/")
    kernel.mount("proc", "/proc", "proc", _PLAIN | kernel.MS_NOEXEC)
    if os.path.isdir("/dev/shm"):
        kernel.mount("shm", "/dev/shm", "tmpfs", _PLAIN | kernel.MS_NOEXEC, "size=64m")
    for place, fd in empty:
        _put(fd, place)
    _put(scratch, INSIDE)
    for name, fd in given.items():
        _put(fd, INSIDE / name, readonly=True)
    for path, fd in held:
        _put(fd, path, readonly=True)
    for path in plan.hidden:
        _hide(path, (INSIDE, *plan.shown))
    if not plan.network:
        network.loopback_up()


def _open(path: Path) -> int:
    return os.open(path, os.O_PATH | os.O_CLOEXEC)


def _empty(plan: Plan, number: int) -> Path:
    folder = plan.scratch / f"private-{number}"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o1777)
    return folder


def _tops(paths: Iterable[Path]) -> list[Path]:
    """Those that lie in none of the others."""
    found: list[Path] = []
    for path in sorted(set(paths), key=lambda path: len(path.parts)):
        if not any(path.is_relative_to(top) for top in found):
            found.append(path)
    return found


def _put(fd: int, target: Path, *, readonly: bool = False) -> None:
    """Show what is held at a path, which is made where it is missing."""
    source = f"/proc/self/fd/{fd}"
    if os.path.isdir(source):
        target.mkdir(parents=True, exist_ok=True)
    elif not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    kernel.mount(source, str(target), None, kernel.MS_BIND | kernel.MS_REC)
    if not readonly:
        kernel.mount(None, str(target), None, kernel.MS_BIND | kernel.MS_REMOUNT | _flags_of(target))
    os.close(fd)


def _flags_of(target: Path) -> int:
    """Its mount's flags, which a user namespace must keep, without the one that makes it read-only. (statvfs has other numbers for the last three)"""
    present = os.statvfs(target).f_flag
    times = {0x400: 0x400, 0x800: 0x800, 0x1000: 0x200000}  # noatime, nodiratime, relatime
    return present & (_PLAIN | kernel.MS_NOEXEC) | sum(flag for seen, flag in times.items() if present & seen)


def _hide(path: Path, needed: tuple[Path, ...]) -> None:
    """Nothing is seen there, unless something lies below it that is needed."""
    if not path.exists() or any(one.is_relative_to(path) for one in needed):
        return
    if path.is_dir():
        kernel.mount("hidden", str(path), "tmpfs", _PLAIN | kernel.MS_NOEXEC | kernel.MS_RDONLY, "size=4k,mode=0")
    else:
        kernel.mount(os.devnull, str(path), None, kernel.MS_BIND)
