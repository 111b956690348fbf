"""A root that is a copy, as far as the engine's process makes it: layers laid out into a folder (`store.copied`), and what is no part of the image.

In `namespaces`, where the store's file system takes no overlay, the helper mounts what it always mounts on top. In `chroot` and `proot`, for a pod that
refuses namespaces and mounts, what a mount would show is put there as files: /etc/hosts and its like, /dev, what a RUN mounts. What can't be had so is
refused before anything is made. The helper's half (`helper/chroot.py` for root, `helper/proot.py` for others) starts processes in it and ends them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dockerlab.errors import ContainerStartError, RuntimeUnavailableError
from dockerlab.layers import TreeView, copy_tree, remove_tree
from dockerlab.runtime.container import ContainerDirectory
from dockerlab.runtime.helper.chroot import CARRIED
from dockerlab.runtime.helper.passage import DOOR
from dockerlab.runtime.helper.records import start_time
from dockerlab.runtime.helper.rootfs import DEVICES, LINKS, inside, write
from dockerlab.runtime.spec import BoxSpec, Mount
from dockerlab.store.copied import LOCK, CopiedRoot, Given
from dockerlab.store.files import Lock
from dockerlab.store.rootfs import LAID

_NUMBERS = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
_STANDING_IN = {"zero": bytes(1 << 20), "random": b"", "urandom": b""}
_OURS = ("dev", "proc", "sys")


def refuse_options(
    isolation: str, *, binds: bool, hostname: str, readonly: bool, network: str, limits: bool, restart: bool, init: bool
) -> None:
    """RuntimeUnavailableError for what a container is asked for and can't have."""

    def refuse(what: str, instead: str) -> RuntimeUnavailableError:
        why = f"this machine refuses namespaces and mounts, so containers run in the isolation `{isolation}`"
        return RuntimeUnavailableError(f"{what}: {why}", hint=instead)

    if binds:
        raise refuse("-v can't be had", "copy files in with `docker cp` or COPY, and out with `docker cp`")
    if hostname:
        raise refuse(
            "--hostname can't be had", "leave it away: the name would be that of the whole machine; --add-host gives names to addresses"
        )
    if readonly:
        raise refuse("--read-only can't be had", "leave it away: only a mount could keep root from writing")
    if network == "none":
        raise refuse("--network none can't be had", "leave it away: the container has this machine's network")
    if limits:
        raise refuse("limits can't be kept", "leave --memory, --cpus, --pids-limit and --disk away; --timeout and --ulimit work")
    if restart:
        raise refuse("--restart can't be had", "leave it away, and start the container again with `docker start`")
    if init:
        raise refuse("--init can't be had", "leave it away: here the keeper reaps what is left behind")


def check(isolation: str, box: BoxSpec) -> None:
    """The same for a box, whoever asks for it."""
    refuse_options(
        isolation,
        binds=False,
        hostname="",
        readonly=box.readonly,
        network=box.network,
        limits=box.limits is not None,
        restart=box.restart is not None,
        init=box.init,
    )


def copied_root(isolation: str, box: BoxSpec, files: Mapping[str, bytes], *, build: bool) -> MountedOnRoot:
    """The root of a box, to be made."""
    return (MountedOnRoot if isolation == "namespaces" else UnmountedRoot)(isolation, box, files, build=build)


class MountedOnRoot:
    """One root being made, on which the helper will mount. `files` are the contents of files in /etc."""

    def __init__(self, isolation: str, box: BoxSpec, files: Mapping[str, bytes], *, build: bool) -> None:
        self._isolation = isolation
        self._box, self._files, self._build = box, files, build
        self.copied = CopiedRoot(box.rootfs)
        self._root = box.rootfs.merged
        self._below = TreeView([*reversed(box.rootfs.lowers), box.rootfs.upper])
        self._apart: list[str] = []
        self._given: list[Given] = []
        self._times: dict[str, os.stat_result] = {}
        self._touched: list[str] = []
        self._made: set[str] = set()

    def make(self, *, kept: bool) -> None:
        """Lay out the layers, put beside them what is no part of the image, and remember what it all is. Nothing is left where that fails."""
        try:
            self._fill()
            for path, st in self._times.items():
                os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))
            self.copied.begin(tuple(self._apart), tuple(self._given), self._touched, kept=kept)
        except BaseException:
            self.copied.begin((), tuple(self._given), kept=False)
            self.copied.discard()
            raise

    def _fill(self) -> None:
        if self._build:  # mount points are made, and taken away again, by who mounts
            self.copied.lay_out(())
        else:
            self._lay_out_and_furnish()

    def _lay_out_and_furnish(self) -> None:
        self.copied.lay_out(_OURS)
        for name in _OURS:
            os.mkdir(f"{self._root}/{name}", 0o755)
            self._set_apart(name, keep=True)
        if not self._build:
            self._init_layer()
        for name, data in self._files.items():
            self._file(f"/etc/{name}", data)

    def _set_apart(self, rel: str, *, keep: bool) -> None:
        """`keep`: a folder that the image has not becomes part of the change set, as a mount point does; what lies in it does not."""
        new = self._below.trees and self._below.lookup("/" + rel, follow=False) is None
        self._apart.append(f"{rel}/" if keep and new and (self._build or rel not in _OURS) else rel)

    def _point(self, path: str) -> str:
        """The real place of a path of the image, the folders above it made, nothing at it; the times of folders that were there are kept."""
        real = inside(self._root, path)
        top = os.path.dirname(real)
        missing = []
        while not os.path.lexists(top):
            missing.append(top)
            top = os.path.dirname(top)
        self._times.setdefault(top, os.stat(top, follow_symlinks=False))
        for folder in reversed(missing):
            os.mkdir(folder, 0o755)
        self._made.update(missing)
        if self._build and not os.path.lexists(real) and top != self._root and top not in self._made:
            self._touched.append(
                os.path.relpath(top, self._root)
            )  # a mount point copies the folder up that it is made in, and is taken away again
        remove_tree(real)
        return real

    def _file(self, path: str, data: bytes) -> None:
        real = inside(self._root, path)
        if not os.path.isdir(real):
            write(self._point(path), data)
            self._apart.append(os.path.relpath(real, self._root))

    def _init_layer(self) -> None:
        """Docker's init layer: what must not show in `docker diff`."""
        if not os.path.lexists(f"{self._root}/.dockerenv"):
            write(self._point("/.dockerenv"), b"", 0o755)
        etc = f"{self._root}/etc"
        if not os.path.islink(etc) and not os.path.isfile(etc) and not os.path.lexists(f"{etc}/mtab"):
            os.symlink("/proc/mounts", self._point("/etc/mtab"))


class UnmountedRoot(MountedOnRoot):
    """One that must hold all that a mount would show."""

    def _fill(self) -> None:
        self._lay_out_and_furnish()
        (make_devices if self._isolation == "chroot" else make_places_of_devices)(f"{self._root}/dev")
        for mount in sorted(self._box.mounts, key=lambda mount: not mount.readonly):  # what is copied, before what is moved away
            self._mount(mount)

    def _mount(self, mount: Mount) -> None:
        """A copy, an empty folder, or the folder itself for as long as the process lives."""
        rel = os.path.relpath(inside(self._root, mount.target), self._root)
        self._set_apart(rel, keep=not self._build)
        if mount.kind != "tmpfs" and not os.path.lexists(mount.source) and mount.readonly:
            raise RuntimeUnavailableError(f"bind source path does not exist: {mount.source}")
        real = self._point(mount.target)
        if mount.kind == "tmpfs":
            options = dict(option.partition("=")[::2] for option in mount.source.split(","))
            os.mkdir(real)
            os.chmod(real, int(options.get("mode") or "1777", 8))
        elif mount.readonly or os.path.isfile(mount.source):
            copy_tree(mount.source, real)
        else:
            self._given.append(Given(rel, mount.source))
            try:
                os.rename(mount.source, real)
            except FileNotFoundError:  # a shared cache that another step works with at this moment
                os.mkdir(real, 0o755)


def make_devices(dev: str) -> None:
    """What /dev holds. /dev/stdout and /dev/stderr lead into /proc elsewhere; here they are pipes that the keeper reads. Where device files can't be made, or open nothing, plain files stand in for them: doctor says what that means."""
    _make_device_folders(dev)
    for name, target in LINKS:
        if name in CARRIED:
            os.mkfifo(f"{dev}/{name}")
            os.chmod(f"{dev}/{name}", 0o666)
        else:
            os.symlink(target, f"{dev}/{name}")
    for name in DEVICES:
        path = f"{dev}/{name}"
        if not _device(path, *_NUMBERS[name]):
            write(path, _STANDING_IN.get(name, b"") or (os.urandom(1 << 16) if name.endswith("random") else b""))
        os.chmod(path, 0o666)


def make_places_of_devices(dev: str) -> None:
    """The same where proot shows this machine's devices, and its /proc: places for them."""
    _make_device_folders(dev)
    for name, target in LINKS:
        if name == "ptmx":
            write(f"{dev}/{name}", b"")
        else:
            os.symlink(target, f"{dev}/{name}")
    for path in (DOOR, *(f"/dev/{name}" for name in DEVICES)):
        write(f"{dev}/{os.path.basename(path)}", b"")


def _make_device_folders(dev: str) -> None:
    for name, mode in (("pts", 0o755), ("shm", 0o1777), ("mqueue", 0o1777)):
        os.mkdir(f"{dev}/{name}")
        os.chmod(f"{dev}/{name}", mode)


def _device(path: str, major: int, minor: int) -> bool:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(major, minor))
        os.close(os.open(path, os.O_RDWR | os.O_NOCTTY))
    except OSError as error:
        if error.errno == 6:  # ENXIO: /dev/tty where this process has no terminal
            return True
        Path(path).unlink(missing_ok=True)
        return False
    return True


@contextmanager
def starting(isolation: str, folder: Path, box: BoxSpec, files: Mapping[str, bytes]) -> Iterator[None]:
    """The root of the container in `folder` is made, and while it lasts nobody takes it for one that has ended. Gone if the start fails.

    What a former run left is taken up first. ContainerStartError where it runs already.
    """
    root = copied_root(isolation, box, files, build=False)
    with root.copied.lock():
        if ContainerDirectory(folder).alive:
            raise ContainerStartError("the container is running already", exit_code=125)
        _settle(folder)
        root.make(kept=True)
        try:
            yield
        except BaseException:
            _settle(folder)
            raise


def bring_up(folder: Path) -> None:
    """See to it that the change set of the container in `folder` is what its processes have made of its root; for whoever will read `diff`.

    Costs nothing where the root is an overlay, or where nothing was run since; else the root is walked.
    """
    if (folder / LAID).exists():
        with Lock(folder / LOCK):
            _settle(folder)


def give_up(folder: Path) -> None:
    """The root of a container that has ended goes without a comparison."""
    with Lock(folder / LOCK):
        copied = CopiedRoot.read(folder)
        if copied is not None:
            end_everything(copied.root)
            copied.discard()


def _settle(folder: Path) -> None:
    """For who holds the lock."""
    copied = CopiedRoot.read(folder)
    if copied is not None:
        live = ContainerDirectory(folder).alive
        if not live:
            end_everything(copied.root)
        copied.refresh(live=live)


def end_everything(root: str) -> None:
    """Kill what is still at work in a root whose keeper is gone: it can't leave the folder, and that tells it from all other processes."""
    for pid in members(root):
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass


def members(root: str) -> list[int]:
    """The processes whose root is this folder, the oldest first, as far as this process may see that.

    By the kernel's word those of proot have this machine's root, but all work in the folder that proot began in.
    """
    real = os.path.realpath(root)
    found = []
    for name in os.listdir("/proc"):
        try:
            if not name.isdigit():
                continue
            program = os.path.basename(os.readlink(f"/proc/{name}/exe"))
            translated = program == "proot" or program.startswith("prooted-")
            if os.readlink(f"/proc/{name}/{'cwd' if translated else 'root'}") == real:
                found.append((start_time(int(name)), int(name)))
        except (OSError, ValueError):
            pass  # ended meanwhile, or another user's
    return [pid for _, pid in sorted(found)]
