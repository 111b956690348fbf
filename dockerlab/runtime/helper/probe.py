"""What this machine lets us do, found out by doing it: each trial in a process of its own, since most can't be undone.

A result is [works, which call was refused, errno]. Nothing here decides; `capabilities` in the engine's process does.
"""

from __future__ import annotations

import os

from dockerlab.runtime.helper import chroot, finding, kernel, namespaces, network, rootfs
from dockerlab.runtime.helper.supervisor import filter as seccomp

TYPE_CHECKING = False  # `typing` would cost the helper 5 ms; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Callable

Result = tuple[bool, str, int]


def probe(folder: str) -> dict[str, Result]:
    """`folder`: a folder on the store's file system, where overlay would lie; we make and remove our own below it."""
    if not kernel.SUPPORTED:
        return {}
    results: dict[str, Result] = {}
    for identity in ("root", "mapped", "single"):
        if identity != "single" and os.geteuid() != 0:
            continue
        results[identity] = trial(lambda identity=identity: namespaces.enter_new(identity, "host"))  # type: ignore[misc]
        if results[identity][0]:
            break
    if os.geteuid() == 0:
        _probe_chroot(results, folder)
    else:
        results["proot"] = trial(lambda: _proot(folder))
    results["layer_marks"] = trial(lambda: _marks(folder))
    chosen = next((name for name in ("root", "mapped", "single") if results.get(name, (False,))[0]), None)
    if chosen is None:
        return results
    results["pid_namespace"] = trial(lambda: _pid_namespace(chosen))
    results["proc"] = trial(lambda: _proc(chosen))
    results["overlay"] = trial(lambda: _overlay(chosen, folder))
    results["borrowed_bytes"] = trial(lambda: _borrowed_bytes(chosen, folder))
    results["pivot_root"] = trial(lambda: _pivot(chosen, folder))
    results["network_namespace"] = trial(lambda: _network(chosen))
    results["user_notification"] = trial(_notification)
    return results


def _probe_chroot(results: dict[str, Result], folder: str) -> None:
    """What the isolation `chroot` needs, and what it would rather have."""
    results["chroot"] = trial(lambda: _chroot(folder))
    results["owners"] = trial(lambda: _owners(folder))
    results["confined"] = trial(_confined)
    results["devices"] = trial(lambda: _devices(folder))


def _proot(folder: str) -> None:
    """A program behind proot that puts itself under the supervisor's filter, and whose memory we can read."""
    if not finding.proot():
        raise OSError(2, "proot is not installed")
    from dockerlab.runtime.helper import door, passage  # the probe alone, and who runs behind proot, needs them

    os.makedirs(f"{folder}/root/dev")
    rootfs.write(f"{folder}/root{passage.DOOR}", b"")
    null = os.open(os.devnull, os.O_RDWR)
    process = {"args": ["none"], "cwd": "/", "terminal": False}
    one = passage.Passage(f"{folder}/root", folder, process, "/none", {}, [null] * 3, shown=False)
    what, number, _ = one.heard()
    if what == door.LISTENER:
        kernel.read_memory(number, door.READABLE, 8)
        one.go()
        what, number, _ = one.heard()  # there is no program of that name
    os.waitpid(one.proot, 0)
    one.close()
    if (what, number) != (door.FAILED, -2):
        raise OSError(1, one.complaint)


def _marks(folder: str) -> None:
    """What a layer's tree holds besides files: whiteouts, of one of two kinds, opaque folders, owners."""
    os.mkdir(f"{folder}/opaque")
    os.setxattr(f"{folder}/opaque", "user.overlay.opaque", b"y")
    try:
        os.mknod(f"{folder}/whiteout", 0o020000, 0)
    except PermissionError:
        rootfs.write(f"{folder}/whiteout", b"")
        os.setxattr(f"{folder}/whiteout", "user.overlay.whiteout", b"y")
    if os.geteuid():
        rootfs.write(f"{folder}/theirs", b"")
        os.setxattr(f"{folder}/theirs", "user.dockerlab.owner", b"1:1")


def _chroot(folder: str) -> None:
    os.chroot(folder)
    os.chdir("/")


def _owners(folder: str) -> None:
    rootfs.write(f"{folder}/owned", b"")
    os.chown(f"{folder}/owned", 1, 1)
    os.setgroups([1])
    os.setresgid(1, 1, 1)
    os.setresuid(1, 1, 1)


def _confined() -> None:
    """Whether a capability can be taken away for good: with CAP_SYS_CHROOT root leaves a chroot by a second one."""
    kernel.limit_capabilities(kernel.permitted_capabilities() & ~(1 << chroot.SYS_CHROOT))
    if kernel.prctl(kernel.PR_CAPBSET_READ, chroot.SYS_CHROOT):
        raise OSError(1, "CAP_SYS_CHROOT stays")


def _devices(folder: str) -> None:
    os.mknod(f"{folder}/null", 0o020666, os.makedev(1, 3))
    os.close(os.open(f"{folder}/null", os.O_RDWR))


def trial(action: Callable[[], None]) -> Result:
    """Do it in a forked process."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        text = b"0 "
        try:
            action()
        except OSError as error:
            text = f"{error.errno or 5} {error.strerror or error}".encode()
        except BaseException as error:  # a result, not a crash
            text = f"5 {type(error).__name__}: {error}".encode()
        finally:
            os.write(writer, text[:4000])
            os._exit(0)
    os.close(writer)
    text = b""
    while chunk := os.read(reader, 4096):
        text += chunk
    os.close(reader)
    os.waitpid(child, 0)
    number, _, what = text.decode(errors="replace").partition(" ")
    return (number == "0", what, int(number or 5))


def _private(identity: str) -> None:
    namespaces.enter_new(identity, "host")
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)


def _in_pid_namespace(identity: str, action: Callable[[], None]) -> None:
    _private(identity)
    kernel.unshare(kernel.CLONE_NEWPID)
    works, what, number = trial(action)
    if not works:
        raise OSError(number, what)


def _pid_namespace(identity: str) -> None:
    def first() -> None:
        if os.getpid() != 1:
            raise OSError(5, "the child of a new PID namespace is not its process 1")

    _in_pid_namespace(identity, first)


def _proc(identity: str) -> None:
    _in_pid_namespace(identity, lambda: kernel.mount("proc", "/proc", "proc", 14))


def _overlay(identity: str, folder: str) -> None:
    _private(identity)
    for name in ("lower", "upper", "work", "merged"):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
    rootfs.write(f"{folder}/lower/file", b"")
    kernel.overlay([f"{folder}/lower"], f"{folder}/upper", f"{folder}/work", f"{folder}/merged")
    os.setxattr(f"{folder}/merged/file", "user.dockerlab.owner", b"1:1")
    os.unlink(f"{folder}/merged/file")


def _borrowed_bytes(identity: str, folder: str) -> None:
    """A file whose contents lie in a data-only layer (`layers.borrowed`), changed."""
    _private(identity)
    for name in ("inodes", "data", "upper-of-inodes", "work-of-inodes", "joined"):
        os.makedirs(f"{folder}/{name}")
    rootfs.write(f"{folder}/data/file", b"contents")
    rootfs.write(f"{folder}/inodes/file", b"")
    os.truncate(f"{folder}/inodes/file", 8)
    os.setxattr(f"{folder}/inodes/file", "user.overlay.metacopy", b"")
    os.setxattr(f"{folder}/inodes/file", "user.overlay.redirect", b"/file")
    joined = f"{folder}/joined"
    kernel.overlay([f"{folder}/inodes"], f"{folder}/upper-of-inodes", f"{folder}/work-of-inodes", joined, data=[f"{folder}/data"])
    os.chmod(f"{joined}/file", 0o600)
    with open(f"{joined}/file", "rb") as file:
        if file.read() != b"contents":
            raise OSError(5, "the contents are others")


def _pivot(identity: str, folder: str) -> None:
    def first() -> None:
        os.makedirs(f"{folder}/merged", exist_ok=True)
        kernel.mount("tmpfs", f"{folder}/merged", "tmpfs")
        kernel.pivot_root(f"{folder}/merged")

    _in_pid_namespace(identity, first)


def _network(identity: str) -> None:
    namespaces.enter_new(identity, "none")
    network.loopback_up()


def _notification() -> None:
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    os.close(seccomp.install())
