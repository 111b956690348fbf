"""The container's root file system, seen from the keeper: overlay, what its ground has of /dev and /sys, the files of /etc that are bound in, mounts.

All happens in a mount namespace of the keeper's own. Paths inside the image are resolved here, component by component, never by the
kernel (`Descent`): a hostile image may hold `etc -> /etc`, and the old root is still below our feet.
"""

from __future__ import annotations

import os
import stat

from dockerlab.runtime.helper import kernel
from dockerlab.runtime.helper.descent import Descent
from dockerlab.runtime.helper.kernel import MS_BIND, MS_MOVE, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC, MS_REMOUNT

Box = dict[str, object]
WAITING = "/proc"
"""Where a stage lies until there is a container to lie below: a folder that every machine has, and that nobody looks into meanwhile."""
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
LINKS = (
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
)
ETC_FILES = ("resolv.conf", "hosts", "hostname")
# What Docker hides from a container's root or shows it read-only (moby: oci/defaults.go).
MASKED = ("acpi", "asound", "interrupts", "kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug", "scsi")
READONLY = ("bus", "fs", "irq", "sys", "sysrq-trigger")


class RootError(Exception):
    """The root file system can't be made; the message is for the user."""


def inside(root: str, path: str) -> str:
    """The real path of `path` in the tree at `root`, symbolic links followed as the container would; a missing tail stays as it is."""
    todo = [part for part in path.split("/") if part not in ("", ".")]
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop(0)
        if part == ".." or part == ".":
            if part == ".." and done:
                done.pop()
            continue
        try:
            target = os.readlink(f"{root}/{'/'.join([*done, part])}")
        except OSError:
            done.append(part)
            continue
        links += 1
        if links > 40:
            raise RootError(f"too many levels of symbolic links in {path}")
        if target.startswith("/"):
            done = []
        todo = [piece for piece in target.split("/") if piece] + todo
    return "/".join([root, *done])


class Root:
    """One root file system being made. `path` is where it is mounted; after `pivot_root` it is `/`. `stage` is its ground's, which lies below it."""

    def __init__(self, box: Box, stage: int) -> None:
        self.path = str(box["merged"])
        self.stubs: list[tuple[str, bool]] = []  # what was made only to mount on it: path in the container, is a folder
        self.times: dict[str, tuple[int, int, int]] = {}  # folder above a stub: its own times of access and change, its time with the stub
        self.build = not box["init_layer"]
        self._identity = str(box["identity"])
        self._shm_size = box["shm_size"]
        self._stage = stage
        self.copy = -1  # the folder that is the root where that is no overlay
        if box["copied"]:
            self.copy = os.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def make(self, box: Box) -> None:
        """Mount everything but /proc, which only a process inside the new PID namespace can (`mount_proc`)."""
        files: dict[str, bytes] = dict(box["files"])  # type: ignore[call-overload]
        for name, data in files.items():
            write(f"{self.path}/{name}", data)
        if self.copy >= 0:
            kernel.bind(f"/proc/self/fd/{self.copy}", self.path, flags=MS_NODEV)
        else:
            self._overlay(box)
        os.fchdir(self._stage)  # the root lies on top of it now; relative paths still reach it
        self._devices()
        self._sys()
        self._keep_point("/proc")
        for name in files:
            self._file(name, f"/etc/{name}")
        self._mounts(list(box["mounts"]))  # type: ignore[call-overload]
        os.chdir("/")
        if box["readonly"]:
            kernel.mount(None, self.path, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV)

    def _overlay(self, box: Box) -> None:
        lowers: list[str] = list(box["lowers"])  # type: ignore[call-overload]
        if not self.build:
            lowers.insert(0, self._init_layer(lowers))
        elif not lowers:
            os.mkdir(f"{self.path}/nothing")
            lowers = [f"{self.path}/nothing"]
        forget_volatile(str(box["work"]))
        kernel.overlay(lowers, str(box["upper"]), str(box["work"]), self.path, data=list(box["data"]))  # type: ignore[call-overload]

    def _init_layer(self, lowers: list[str]) -> str:
        """Docker's init layer: mount points that must not show in `docker diff` lie in a layer of their own between image and container."""
        layer = f"{self.path}/init"
        for name in ("", "/dev", "/proc", "/sys"):
            os.mkdir(f"{layer}{name}")
        write(f"{layer}/.dockerenv", b"", 0o755)
        below = next((path for path in (f"{lower}/etc" for lower in lowers) if os.path.lexists(path)), None)
        if below is None or (os.path.isdir(below) and not os.path.islink(below)):
            etc = f"{layer}/etc"
            os.mkdir(etc)
            for name in ETC_FILES:
                write(f"{etc}/{name}", b"")
            if not any(os.path.lexists(f"{lower}/etc/mtab") for lower in lowers):
                os.symlink("/proc/mounts", f"{etc}/mtab")
            if below:  # overlay shows a merged folder with its topmost layer's owner, mode and time
                copy_attributes(below, etc, real=self._identity != "single")
        return layer

    def _point(self, path: str, *, folder: bool, keep: bool) -> Descent:
        """Something to mount on at `path`; what had to be made is remembered, to be removed unless `keep`. To be closed."""
        made: list[tuple[str, bool]] = []
        above: tuple[str, os.stat_result, int] | None = None
        point = Descent(self.path)

        def missing(fd: int, name: str, last: bool) -> None:
            nonlocal above
            before = os.fstat(fd)
            if folder or not last:
                os.mkdir(name, 0o755, dir_fd=fd)
            else:
                os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=fd))
            if above is None:
                above = point.path, before, os.fstat(fd).st_mtime_ns
            made.append((f"{point.path.rstrip('/')}/{name}", folder or not last))

        try:
            point.go(path, missing)
            if stat.S_ISDIR(os.fstat(point.fd).st_mode) != folder:
                raise NotADirectoryError
        except NotADirectoryError:
            point.close()
            raise RootError(
                f"error mounting to rootfs at {path!r}: not a directory: Are you trying to mount a directory onto a file (or vice-versa)? "
                "Check if the specified host path exists and is the expected type"
            ) from None
        except OSError as error:
            point.close()
            raise RootError(f"error mounting to rootfs at {path!r}: {error.strerror}") from None
        if above is not None and not keep:
            self.stubs += made
            where, before, with_stub = above
            first = self.times.get(where, (before.st_atime_ns, before.st_mtime_ns))
            self.times[where] = (first[0], first[1], with_stub)
        return point

    def _keep_point(self, path: str) -> str:
        """The same, of a folder that stays, by its path: nothing of another container is mounted yet."""
        point = self._point(path, folder=True, keep=True)
        point.close()
        return self.path + point.path

    def _devices(self) -> None:
        dev = self._keep_point("/dev")
        kernel.mount("dev", dev, None, MS_MOVE)
        kernel.mount("shm", f"{dev}/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, f"mode=1777,size={self._shm_size}")

    def _sys(self) -> None:
        target = self._keep_point("/sys")
        try:
            kernel.mount("sys", target, None, MS_MOVE)
        except OSError:
            pass  # it could not be had

    def _file(self, source: str, path: str) -> None:
        real = inside(self.path, path)
        if os.path.isdir(real):
            return
        point = self._point(path, folder=False, keep=not self.build)
        kernel.mount(source, point.held, None, MS_BIND)
        point.close()

    def _mounts(self, mounts: list[tuple[str, str, str, bool]]) -> None:
        """What the user mounts: all that is shown is held before anything is mounted, lest one mount lead another elsewhere."""
        sources = [-1 if kind == "tmpfs" else _source(source) for kind, source, _, _ in mounts]
        for (_, options, target, readonly), source in zip(mounts, sources, strict=True):
            if source < 0:
                self._tmpfs(target, options, readonly)
            else:
                self._bind(source, target, readonly)
                os.close(source)

    def _tmpfs(self, target: str, options: str, readonly: bool) -> None:
        point = self._point(target, folder=True, keep=not self.build)
        flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | (MS_RDONLY if readonly else 0)
        kernel.mount("tmpfs", point.held, "tmpfs", flags, options or "mode=1777")
        point.close()

    def _bind(self, source: int, target: str, readonly: bool) -> None:
        point = self._point(target, folder=stat.S_ISDIR(os.fstat(source).st_mode), keep=not self.build)
        kernel.mount(f"/proc/self/fd/{source}", point.held, None, MS_BIND | MS_REC)
        point.look_again()
        kernel.remount_bind(point.held, MS_NODEV | (MS_RDONLY if readonly else 0))
        if readonly:
            try:
                kernel.set_readonly_recursive(point.held)
            except OSError:
                pass  # before Linux 5.12 only the top mount is read-only, as docker's was
        point.close()


def _source(path: str) -> int:
    try:
        return os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        raise RootError(f'invalid mount config for type "bind": bind source path does not exist: {path}') from None


def mount_proc(proc: str, *, protect: bool, covered: bool) -> None:
    """Run by process 1. Where parts of /proc are masked the kernel refuses a new one, and the outer one is shown with its own numbers.

    `covered`: that can't be had, because the stage lies on it. PermissionError then.
    """
    try:
        kernel.mount("proc", proc, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    except PermissionError:
        if covered:
            raise
        kernel.mount("/proc", proc, None, MS_BIND | MS_REC)
    if not protect:
        return
    for name in READONLY:
        if os.path.exists(f"{proc}/{name}"):
            kernel.mount(f"{proc}/{name}", f"{proc}/{name}", None, MS_BIND | MS_REC)
            kernel.mount(None, f"{proc}/{name}", None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for name in MASKED:
        path = f"{proc}/{name}"
        if os.path.isdir(path):
            kernel.mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=4k,nr_inodes=1")
        elif os.path.exists(path):
            kernel.mount("/dev/null", path, None, MS_BIND)


def remove_stubs(stubs: list[tuple[str, bool]], parents: dict[str, tuple[int, int, int]]) -> None:
    """What BuildKit does after a RUN: take away the mount points it made, unless the step put something there, and keep folders' times.

    A folder that only got a stub has the time that it had before, so that the same RUN makes the same layer.

    Run by the keeper, whose root is the container's, when no process is left. (BuildKit: executor/stubs.go.)
    """
    for path, folder in reversed(stubs):
        try:
            kernel.umount(path, kernel.MNT_DETACH)
        except OSError:
            pass  # a folder above the mount point
        try:
            above = os.path.dirname(path)
            times = os.stat(above)
            if folder:
                os.rmdir(path)
            elif os.lstat(path).st_size == 0:
                os.unlink(path)
            os.utime(above, ns=(times.st_atime_ns, times.st_mtime_ns))
        except OSError:
            pass  # not empty, or gone: the step's own doing
    for path, (accessed, changed, with_stub) in parents.items():
        try:
            if os.stat(path).st_mtime_ns == with_stub:
                os.utime(path, ns=(accessed, changed))
        except OSError:
            pass  # gone, with the step


def forget_volatile(work: str) -> None:
    """Take away the mark that a former mount wrote nothing to disk in order; overlay would refuse this work folder."""
    try:
        os.rmdir(f"{work}/work/incompat/volatile")
    except OSError:
        pass


def write(path: str, data: bytes, mode: int = 0o644) -> None:
    """A whole file."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def copy_attributes(source: str, target: str, *, real: bool) -> None:
    """Owner, mode and times."""
    st = os.stat(source)
    if real:
        os.chown(target, st.st_uid, st.st_gid)
    else:
        try:
            os.setxattr(target, "user.dockerlab.owner", os.getxattr(source, "user.dockerlab.owner"))
        except OSError:
            pass  # root's, or a tmpfs without user xattrs (before Linux 6.6)
    os.chmod(target, stat.S_IMODE(st.st_mode))
    os.utime(target, ns=(st.st_atime_ns, st.st_mtime_ns))
