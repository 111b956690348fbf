"""What a container stands on, whichever it is: its namespaces, on a stage in them /dev, /sys and a place for /proc, and process 1.

Most of a start's time goes into these, and nothing in them depends on the container. So they can be there before it is known: see `serve`.
"""

from __future__ import annotations

import os
from _socket import AF_UNIX, SOCK_SEQPACKET
from _socket import socket as Socket

from dockerlab.runtime.helper import kernel, namespaces, network, wire
from dockerlab.runtime.helper.becoming import first_process
from dockerlab.runtime.helper.kernel import MS_BIND, MS_MOVE, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC
from dockerlab.runtime.helper.rootfs import DEVICES, LINKS, WAITING, write

_MANY = 1 << 16
"""No descriptor of a helper is as high."""
TYPE_CHECKING = False  # `typing` would cost the helper 5 ms; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Callable


class Ground:
    """Made by the process that is to be a keeper, which is inside from then on, but for the PID namespace, in which its child `first` is.

    `stage` is a small file system, private to the container: its folders `dev`, `sys` (if it can be had) and `proc` are mounted, or will be, and go
    into the root one by one. `server` and `outer_proc` are from outside: a socket that no container's /proc/net/unix shows, and the machine's /proc.
    """

    def __init__(self, identity: str, net: str, point: str = WAITING) -> None:
        """`point`: where the stage lies at first."""
        self._point, self._identity = point, identity
        self.first = 0
        self.sync, self._theirs = wire.pair()
        self.server = Socket(AF_UNIX, SOCK_SEQPACKET)
        self.outer_proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        namespaces.enter_new(identity, net)
        if net != "host":
            network.loopback_up()
        if net == "private":
            network.take_address()
        kernel.mount(None, "/", None, MS_REC | MS_PRIVATE)
        kernel.mount("tmpfs", point, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=65536k")
        self.stage = os.open(point, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        os.fchdir(self.stage)
        for name in ("dev", "sys", "proc"):
            os.mkdir(name)
        self._devices(identity)
        self._sys(identity)
        os.chdir("/")

    def _devices(self, identity: str) -> None:
        """A /dev of our own. The tmpfs is `nodev`, each device a bind: a container's root may mknod, but what it makes opens nothing."""
        for name in ("dev/pts", "dev/shm", "dev/mqueue"):
            os.mkdir(name)
        os.chmod("dev/mqueue", 0o1777)
        for name, target in LINKS:
            os.symlink(target, f"dev/{name}")
        for name in DEVICES:
            write(f"dev/{name}", b"")
        kernel.mount("dev", "dev", None, MS_BIND)
        for name in DEVICES:
            kernel.mount(f"/dev/{name}", f"dev/{name}", None, MS_BIND)
        group = ",gid=5" if identity != "single" else ""
        kernel.mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, f"newinstance,ptmxmode=0666,mode=620{group}")
        try:
            kernel.mount("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC)
        except OSError:
            pass  # a kernel without POSIX message queues

    def _sys(self, identity: str) -> None:
        try:
            kernel.mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY)
        except OSError:  # only the owner of the network namespace may mount it: show the outer one, read-only as a whole
            try:
                kernel.mount("/sys", "sys", None, MS_BIND | MS_REC)
                kernel.set_readonly_recursive("sys")
            except OSError:
                return
        if identity != "single" and os.path.isdir("sys/firmware"):
            kernel.mount("tmpfs", "sys/firmware", "tmpfs", MS_RDONLY, "size=4k,nr_inodes=1")

    def move_to(self, folder: str) -> None:
        """Lay the stage below a root that will be mounted on this folder. The stage is the working directory from now on."""
        os.fchdir(self.stage)
        if folder != self._point:
            kernel.mount(".", folder, None, MS_MOVE)

    def fork_first(self, box: wire.Message | None, enter: Callable[[], None] | None = None) -> None:
        """Fork process 1, at the stage, where it enters what it has to and becomes what the box says."""
        theirs = self._theirs
        os.fchdir(self.stage)
        kernel.unshare(kernel.CLONE_NEWPID)
        self.first = os.fork()
        if self.first == 0:
            if box is None:
                _close_all_but(theirs.fileno())
            else:
                self.sync.close()
            if enter:
                enter()
            first_process(self._identity, theirs, box)
        theirs.close()

    def fork_first_early(self) -> bool:
        """The same without a box: it waits to hear of one, and keeps nothing of ours open meanwhile. False where this ground can have no process 1 so early."""
        self.fork_first(None)
        message, _ = wire.receive(self.sync)
        return message is not None and message["event"] == "proc"


def _close_all_but(kept: int) -> None:
    """Every descriptor above 2 but this one."""
    os.closerange(3, kept)
    os.closerange(kept + 1, _MANY)
