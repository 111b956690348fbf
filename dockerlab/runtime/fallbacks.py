"""What containers need, have and lack where this machine refuses namespaces: `chroot` for root, `proot` for an ordinary user."""

from __future__ import annotations

import errno

from dockerlab.data import dataclass

Results = dict[str, tuple[bool, str, int]]
"""The probe's answers: name -> (works, what was refused, errno)."""
PROOT_MISSING = "install proot: `apt-get install proot` (for a Binder: the line `proot` in apt.txt)"


@dataclass(frozen=True)
class Capability:
    """One thing that was tried. `refused` is what the kernel said; `emulated` what stands in for it; `remedy` the one thing that helps."""

    name: str
    available: bool
    probed: str
    purpose: str
    emulated: str = ""
    remedy: str = ""
    refused: str = ""


def refusal(results: Results, *names: str) -> str:
    """What the first of these trials that failed was refused; "" if none failed."""
    for name in names:
        works, what, number = results.get(name, (False, "not tried", 0))
        if not works:
            return f"{what} ({errno.errorcode.get(number, number)})"
    return ""


def overlay_remedy(results: Results) -> str:
    """What would give overlays to a machine that has none."""
    if results.get("overlay", (False, "", 0))[2] == errno.ENODEV:
        return "load the kernel's module, as this machine's root: `modprobe overlay`"
    return "put DOCKERLAB_HOME on a file system that takes an overlay's upper folder (ext4, xfs, btrfs, tmpfs; not overlay itself)"


def chroot_items(results: Results) -> tuple[Capability, ...]:
    """What the isolation `chroot` needs and has, for root; nothing for others."""
    if "chroot" not in results:
        return ()
    refused = refusal(results, "chroot", "owners", "layer_marks")
    confined, devices = refusal(results, "confined"), refusal(results, "devices")
    return (
        Capability(
            "chroot", not refused, "chroot, chown, a change of user, a whiteout", "containers where namespaces are refused",
            remedy="be root with CAP_SYS_CHROOT, CAP_CHOWN, CAP_SETUID and CAP_SETGID" if refused else "", refused=refused,
        ),
        Capability("chroot_confined", not confined, "CAP_SYS_CHROOT dropped for good", "no process leaves its chroot by a second one",
                   emulated="a process of root could leave it: run no image that you don't trust", refused=confined),
        Capability("chroot_devices", not devices, "mknod of a device, and opening it", "/dev/null and its like in a chroot",
                   emulated="plain files stand in for devices: /dev/zero ends after 1 MB, /dev/urandom after 64 KB, /dev/null keeps what is "
                   "written to it until the container ends", refused=devices),
    )  # fmt: skip


def proot_item(results: Results, folder: str) -> Capability | None:
    """What the isolation `proot` needs, for an ordinary user; None for root."""
    if "proot" not in results:
        return None
    if results["proot"][2] == errno.ENOENT and not results["proot"][0]:
        remedy = PROOT_MISSING
    elif refusal(results, "proot"):
        remedy = "let processes trace their own children: a seccomp profile that allows ptrace and process_vm_readv, sysctl kernel.yama.ptrace_scope=1"
    else:
        remedy = f"put DOCKERLAB_HOME on a file system with user xattrs (ext4, xfs, btrfs), not {folder}"
    refused = refusal(results, "proot", "layer_marks")
    return Capability(
        "proot", not refused, "a program started by proot that puts itself under a seccomp filter with a listener, its memory read; an xattr; a whiteout",
        "containers where namespaces are refused", remedy=remedy if refused else "", refused=refused,
    )  # fmt: skip


def _lacking(name: str, purpose: str, emulated: str) -> Capability:
    return Capability(name, False, "follows from the isolation", purpose, emulated)


COPIED = "an image is copied for each step and container (blocks are shared where the file system can), and compared afterwards; its size counts twice"
_NETWORK = "a network of a container's own"
_OVERLAY_ROOTS = _lacking("overlay_roots", "copy-on-write of layers", COPIED)
_SHARED = (
    _lacking("own_hostname", "a hostname of a container's own", "`hostname` says this machine's name, /etc/hostname and $HOSTNAME the container's; "
             "--hostname is refused"),
    _lacking("mounts", "-v, --read-only, --tmpfs, RUN --mount", "-v and --read-only are refused; a tmpfs is a folder that is emptied at the end, "
             "without a limit; what a RUN mounts is copied in, or lies in the root until the step has ended; a VOLUME's folder does so too"),
    _OVERLAY_ROOTS,
)  # fmt: skip
_LACKING = {
    "chroot": (
        _lacking("own_processes", "process numbers of a container's own, and the end of all with process 1",
                 "processes have this machine's numbers, and one of root may signal any other (`kill -9 -1` would end the notebook too); the keeper finds all of a container and ends them with its first one"),
        _lacking("own_proc", "/proc and /sys in a container", "both are empty folders: `ps` shows nothing there, /dev/fd and /dev/stdin lead nowhere; /dev/stdout is a pipe to the container's output; "
                 "`docker top` works"),
        _lacking("own_network", _NETWORK, "the network is this machine's: what a program listens on is reachable without -p, "
                 "a -p to another port is relayed, two programs can't have one port; --network none is refused"),
        *_SHARED,
        _lacking("sys_chroot_and_mknod", "CAP_SYS_CHROOT and CAP_MKNOD in a container", "root has neither, unlike in Docker: it could leave its root"),
    ),
    "proot": (
        _lacking("own_processes", "process numbers of a container's own, and the end of all with process 1",
                 "processes have this machine's numbers, but signal none but the container's own, and number 1 is its first one to `kill`; the keeper finds "
                 "all of a container and ends them with its first one"),
        _lacking("own_proc", "/proc and /sys in a container", "/proc is this machine's, so `ps` shows its processes; /sys is an empty folder"),
        _lacking("real_root", "root's rights in a container",
                 "paths are translated by proot, which stops each system call: a step takes two to three times as long; owners, users and modes are a "
                 "supervisor's work, true for teaching, no border: a process could leave its root; no chroot, capabilities or set-ID programs in it"),
        _lacking("own_network", _NETWORK, "the network is this machine's, but a TCP port that a program listens on is a free one of loopback: `connect` and "
                 "`getsockname` follow, -p leads there, and two containers may have one port, or one below 1024; UDP ports are not moved, nor any with "
                 "--network host; --network none is refused"),
        *_SHARED,
    ),
}  # fmt: skip


def lacking(isolation: str, snapshots: str) -> tuple[Capability, ...]:
    """What containers have not, by the isolation and the snapshots in force, and what is done instead."""
    return _LACKING.get(isolation, (_OVERLAY_ROOTS,) if isolation == "namespaces" and snapshots == "copy" else ())
