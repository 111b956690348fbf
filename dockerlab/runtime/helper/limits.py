"""What a container may use: control groups where we may make them, else resource limits and (in `watch`) a look a few times a second.

As root with a writable /sys/fs/cgroup each container has a group below `dockerlab` in every hierarchy that its limits need, of version 1 or
2, as Docker's daemon has them below `docker`. A group whose keeper is dead is removed by the next one that makes a group.
"""

from __future__ import annotations

import os
import resource
import time

from dockerlab.runtime.helper import kernel
from dockerlab.runtime.helper.init import StartError, plain
from dockerlab.runtime.helper.records import start_time

TOP = "dockerlab"
CONTROLLERS = ("memory", "pids", "cpu")
BESIDE = ("cpu", "cpuacct", "cpuset")
"""Hierarchies of version 1 in which Java looks for a group of the container too: where one is missing it heeds no limit of memory. (cgroupSubsystem_linux.cpp)"""
PERIOD = 100_000  # microseconds: docker's and the kernel's default
Limits = dict[str, int]
"""memory, swap (with memory; -1: no limit), reservation, no_oom_kill, pids, quota and period (µs), shares, disk (bytes)"""


def hierarchies(controllers: tuple[str, ...] = CONTROLLERS) -> dict[str, tuple[str, int]]:
    """Controller → (the folder below which groups may be made, version), as far as they are mounted to be written to."""
    found: dict[str, tuple[str, int]] = {}
    unified = ""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
            rows = file.read().splitlines()
    except OSError:
        return found
    for row in rows:
        before, _, after = row.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2") or not os.access(fields[4], os.W_OK):
            continue
        if kind[0] == "cgroup2":
            unified = fields[4]
            continue
        for controller in controllers:
            if controller in kind[2].split(","):
                found.setdefault(controller, (fields[4], 1))
    if unified:
        for controller in _words(f"{unified}/cgroup.controllers"):
            if controller in controllers:
                found.setdefault(controller, (unified, 2))
    return found


def tops(controllers: tuple[str, ...] = CONTROLLERS) -> dict[str, tuple[str, int]]:
    """Controller → (our folder of groups, version), made now. A controller that can't be had is left out."""
    result = {}
    for controller, (mounted, version) in hierarchies(controllers).items():
        top = f"{mounted}/{TOP}"
        try:
            os.makedirs(top, exist_ok=True)
            if version == 2:
                for folder in (mounted, top):  # EBUSY: a pod's own processes lie at its root, and none may lie beside groups
                    if controller not in _words(f"{folder}/cgroup.subtree_control"):
                        _write(f"{folder}/cgroup.subtree_control", f"+{controller}")
            elif controller == "cpuset":
                _as_above(top)
        except OSError:
            continue
        result[controller] = (top, version)
    return result


def _words(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().split()
    except OSError:
        return []


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _as_above(folder: str) -> None:
    """A new group of cpuset has no processor and no memory, and takes in no process: it gets those of the group above."""
    for file in ("cpuset.cpus", "cpuset.mems"):
        if not _words(f"{folder}/{file}"):
            _write(f"{folder}/{file}", " ".join(_words(f"{os.path.dirname(folder)}/{file}")))


def settings(controller: str, version: int, limits: Limits) -> list[tuple[str, str, bool]]:
    """(file, text, whether it must be taken) of one controller, in the order in which they are written; empty where nothing is limited."""
    out: list[tuple[str, str, bool]] = []
    if controller == "memory" and limits["memory"]:
        memory, swap = limits["memory"], limits["swap"]
        if version == 1:
            out.append(("memory.limit_in_bytes", str(memory), True))
            out.append(("memory.memsw.limit_in_bytes", str(swap), False))  # a kernel without swap accounting has no such file
            if limits["reservation"]:
                out.append(("memory.soft_limit_in_bytes", str(limits["reservation"]), False))
            if limits["no_oom_kill"]:
                out.append(("memory.oom_control", "1", False))
        else:
            out.append(("memory.max", str(memory), True))
            out.append(("memory.swap.max", "max" if swap < 0 else str(max(0, swap - memory)), False))
            if limits["reservation"]:
                out.append(("memory.low", str(limits["reservation"]), False))
    elif controller == "pids" and limits["pids"]:
        out.append(("pids.max", str(limits["pids"]), True))
    elif controller == "cpu":
        quota, period, shares = limits["quota"], limits["period"] or PERIOD, limits["shares"]
        if version == 1:
            if quota or limits["period"]:
                out.append(("cpu.cfs_period_us", str(period), True))
                out.append(("cpu.cfs_quota_us", str(quota or -1), True))
            if shares:
                out.append(("cpu.shares", str(shares), True))
        else:
            if quota or limits["period"]:
                out.append(("cpu.max", f"{quota if quota > 0 else 'max'} {period}", True))
            if shares:  # runc: 2 to 262144 shares are 1 to 10000 of weight
                out.append(("cpu.weight", str(1 + (max(2, shares) - 2) * 9999 // 262142), True))
    return out


class Groups:
    """The control groups of one container. `kept` are the controllers that keep its limits; for the others somebody else must.

    `beside` limit nothing: they are there for programs that look for their limits.
    """

    def __init__(self, name: str, limits: Limits) -> None:
        """Make them. Where the machine refuses, there are none; StartError in runc's words for a value that the kernel does not take."""
        self.kept: dict[str, tuple[str, int]] = {}
        self.beside: dict[str, str] = {}
        self.doors: list[int] = []
        self._events: list[int] = []
        self._parents: dict[str, int] = {}
        wanted = {name for name in CONTROLLERS if settings(name, 2, limits)}
        if not wanted or os.geteuid():
            return
        for controller, (top, version) in tops().items():
            if controller not in wanted:
                continue
            folder = self._made(top, name)
            if not folder:
                continue
            self.kept[controller] = (folder, version)
            for file, text, needed in settings(controller, version, limits):
                try:
                    _write(f"{folder}/{file}", text)
                except OSError as error:
                    if needed:
                        self.remove()
                        words = f'failed to write "{text}": write {folder}/{file}: {plain(error)}'
                        raise StartError(
                            125, f"error during container init: error setting cgroup config for procHooks process: {words}"
                        ) from None
        if self.kept.get("memory", ("", 0))[1] == 1:
            for controller, (top, version) in tops(BESIDE).items():
                if version == 1 and controller not in self.kept and (folder := self._made(top, name)):
                    self.beside[controller] = folder
        self._parents = {folder: os.open(os.path.dirname(folder), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for folder in self.folders}
        self._events = [
            os.open(f"{folder}/{'memory.events' if version == 2 else 'memory.oom_control'}", os.O_RDONLY | os.O_CLOEXEC)
            for controller, (folder, version) in self.kept.items()
            if controller == "memory"
        ]
        self.doors = doors(self.folders)

    @staticmethod
    def _made(top: str, name: str) -> str:
        """A group of this name, and of this process, the container's keeper; "" where it can't be had."""
        folder = f"{top}/{name}.{os.getpid()}-{start_time(os.getpid())}"
        try:
            _sweep(top)
            os.makedirs(folder, exist_ok=True)
            if os.path.exists(f"{folder}/cpuset.cpus"):
                _as_above(folder)
        except OSError:
            return ""
        return folder

    @property
    def folders(self) -> list[str]:
        """Each once: controllers of version 2 share one."""
        return list(dict.fromkeys([*(folder for folder, _ in self.kept.values()), *self.beside.values()]))

    def out_of_memory(self) -> bool:
        """Whether the kernel has killed a process of it for want of memory."""
        for fd in self._events:
            for line in os.pread(fd, 4096, 0).decode().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill" and int(count):
                    return True
        return False

    def remove(self) -> None:
        """When the last process is dead. The keeper's paths are the container's by then: we go by our descriptors."""
        for folder in self.folders:
            name = os.path.basename(folder)
            for _ in range(20):
                try:
                    if folder in self._parents:
                        os.rmdir(name, dir_fd=self._parents[folder])
                    else:
                        os.rmdir(folder)
                except FileNotFoundError:
                    pass
                except OSError:
                    time.sleep(0.005)  # the last ones are being taken down
                    continue
                break
        self.kept, self.beside = {}, {}


def _sweep(top: str) -> None:
    """Remove groups whose keepers were killed: their processes are dead too."""
    for name in os.listdir(top):
        if not _is_kept(name):
            try:
                os.rmdir(f"{top}/{name}")
            except OSError:
                pass  # another one sweeps too


def _is_kept(name: str) -> bool:
    """Whether the keeper that a group's name names is alive: another process may have its number by now, or it waits to be reaped."""
    keeper, _, began = name.rpartition(".")[2].partition("-")
    try:
        with open(f"/proc/{int(keeper)}/stat", encoding="utf-8", errors="replace") as file:
            words = file.read().rsplit(") ", 1)[1].split()
        return words[0] != "Z" and words[19] == began
    except (OSError, ValueError):
        return not keeper.isdigit()  # not one of ours


def doors(folders: list[str]) -> list[int]:
    """Descriptors through which a process enters groups, wherever its root is by then."""
    return [os.open(f"{folder}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for folder in folders]


def enter(groups: list[int]) -> None:
    """This process, and what it forks from now on."""
    for fd in groups:
        os.write(fd, b"0")


def show(root: str, groups: Groups, limits: Limits) -> None:
    """/sys/fs/cgroup as a program looks for its limits there: the container's own groups, read-only, or files that say the same."""
    target = f"{root}/sys/fs/cgroup"
    if not os.path.isdir(target):
        return
    unified = next((folder for folder, version in groups.kept.values() if version == 2), "")
    kernel.mount("cgroup", target, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC, "mode=755,size=64k")
    if unified:
        kernel.bind(unified, target, readonly=True)
        return
    for controller, folder in [*((one, folder) for one, (folder, _) in groups.kept.items()), *groups.beside.items()]:
        os.mkdir(f"{target}/{controller}")
        kernel.bind(folder, f"{target}/{controller}", readonly=True)
    for controller in CONTROLLERS:
        if controller not in groups.kept:
            for file, text, _needed in settings(controller, 2, limits):
                fd = os.open(f"{target}/{file}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o444)
                os.write(fd, f"{text}\n".encode())
                os.close(fd)
    kernel.remount_bind(target, kernel.MS_RDONLY)


def set_rlimits(rlimits: list[tuple[int, int, int]], pid: int = 0) -> None:
    """`--ulimit`, for a process (0: this one): (number, soft, hard), -1 for none. StartError in runc's words for one that may not be raised."""
    for number, soft, hard in rlimits:
        try:
            resource.prlimit(pid, number, (soft, hard))
        except (OSError, ValueError) as error:  # ValueError: what Python makes of EPERM and EINVAL
            reason = plain(error) if isinstance(error, OSError) else "operation not permitted"
            raise StartError(125, f"error setting rlimits for ready process: error setting rlimit type {number}: {reason}") from None


def written(size: int) -> str:
    """A size as one writes it in a flag: `64m`."""
    for shift, unit in ((30, "g"), (20, "m"), (10, "k")):
        if size and size % (1 << shift) == 0:
            return f"{size >> shift}{unit}"
    return str(size)
