"""What this machine allows, found out by really doing it, and what that means for containers."""

from __future__ import annotations

import errno
import json
import os
from _socket import socket as Socket
from contextlib import closing
from pathlib import Path

import dockerlab
from dockerlab.data import asdict, dataclass, replace
from dockerlab.errors import RuntimeUnavailableError
from dockerlab.runtime.helper import wire

NOT_LINUX = "the embedded engine needs Linux; a Docker daemon will do"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


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


@dataclass(frozen=True)
class Capabilities:
    """The answer of one probe.

    `isolation` is "namespaces", "chroot" or "none"; `identity` is "root" (real IDs), "mapped" (real IDs in a user namespace) or "single" (one
    ID; a supervisor answers for owners and users); `reason` says why it is no better isolation; `possible` are those that can be asked for.
    """

    isolation: str
    identity: str
    reason: str
    items: tuple[Capability, ...]
    possible: tuple[str, ...] = ()

    @property
    def real_owners(self) -> bool:
        """Whether owners are the kernel's own, not an emulation's."""
        return self.identity != "single"

    def get(self, name: str) -> Capability | None:
        """The item of that name."""
        return next((item for item in self.items if item.name == name), None)

    def unavailable(self) -> RuntimeUnavailableError:
        """The error of whoever wants a process where there can be none."""
        missing = next((item for item in self.items if not item.available and item.remedy and item.name in _NEEDED), None)
        return RuntimeUnavailableError(
            f"this machine can't run containers: {self.reason}", hint=missing.remedy if missing else "`dockerlab doctor` says more"
        )

    @classmethod
    def load(cls, cache_file: Path | None, folder: Path | None = None) -> Capabilities:
        """The capabilities of this machine, from memory or `cache_file` where the boot, the user and the version are the same.

        `folder` lies on the file system to try overlay on (the store's); without it, beside `cache_file`. $DOCKERLAB_ISOLATION overrides.
        """
        where = folder or (cache_file.parent if cache_file else _temporary())
        key = _key(where)
        found = _known.get(key) or _read(cache_file, key)
        if found is None:
            found = probe(where)
            if cache_file:
                _write(cache_file, key, found)
        _known[key] = found
        chosen = _overridden(found)
        return replace(chosen, items=(*chosen.items, *_LACKING)) if chosen.isolation == "chroot" else chosen


_known: dict[str, Capabilities] = {}
_NEEDED = ("namespaces", "pid_namespace", "overlay", "pivot_root", "user_notification")
ISOLATIONS = ("namespaces", "chroot", "none")
"""The best first."""


def _key(folder: Path) -> str:
    boot = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "?"
    return f"{boot} {os.geteuid() if hasattr(os, 'geteuid') else 0} {_rights()} {dockerlab.__version__} {folder}"


def _rights() -> str:
    """What else decides: capabilities and seccomp filters, which may differ from one pod of a machine to the next."""
    try:
        with open("/proc/self/status", encoding="utf-8", errors="replace") as file:
            return " ".join(line.split()[1] for line in file if line.startswith(("CapEff:", "CapBnd:", "Seccomp")))
    except OSError:
        return "?"


def _overridden(found: Capabilities) -> Capabilities:
    """As $DOCKERLAB_ISOLATION asks; RuntimeUnavailableError for what is no isolation, "none" with the reason for one that can't be had."""
    asked = os.environ.get("DOCKERLAB_ISOLATION", "")
    if asked in ("", found.isolation):
        return found
    if asked not in ISOLATIONS:
        raise RuntimeUnavailableError(
            f"DOCKERLAB_ISOLATION={asked} names no isolation", hint=f"unset it, or choose one of {', '.join(ISOLATIONS)}"
        )
    if asked == "none" or asked in found.possible:
        identity = "root" if asked == "chroot" else found.identity
        return replace(found, isolation=asked, identity=identity, reason=f"DOCKERLAB_ISOLATION={asked} asks for it")
    why = found.reason if asked == "namespaces" else _without_chroot(found)
    return replace(found, isolation="none", reason=f"DOCKERLAB_ISOLATION={asked} asks for what can't be had: {why}")


def _without_chroot(found: Capabilities) -> str:
    item = found.get("chroot")
    return f"{item.probed} was refused: {item.refused}" if item else "it needs root"


def _read(cache_file: Path | None, key: str) -> Capabilities | None:
    if cache_file is None:
        return None
    try:
        record = json.loads(cache_file.read_text())
        if record["key"] != key:
            return None
        items = tuple(Capability(**item) for item in record["items"])
        return Capabilities(record["isolation"], record["identity"], record["reason"], items, tuple(record["possible"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # no cache, or another version's: probe again


def _temporary() -> Path:
    from tempfile import gettempdir

    return Path(gettempdir())


def _write(cache_file: Path, key: str, found: Capabilities) -> None:
    aside = cache_file.with_name(f"{cache_file.name}.{os.getpid()}")
    try:
        aside.write_text(json.dumps({"key": key, **asdict(found)}, indent=1))
        aside.replace(cache_file)
    except OSError:
        pass  # a store that can't be written is told by who writes to it


def probe(folder: Path) -> Capabilities:
    """Try everything now, in processes of its own; some 30 ms."""
    from dockerlab.runtime.helper.kernel import MACHINE, SUPPORTED

    if not SUPPORTED:
        return Capabilities("none", "", NOT_LINUX + (f" (this is {MACHINE})" if os.uname().sysname == "Linux" else ""), ())
    import tempfile

    from dockerlab.runtime.helper_process import HelperProcess

    helper = HelperProcess()
    folder.mkdir(parents=True, exist_ok=True)
    scratch = tempfile.mkdtemp(prefix="probe-", dir=folder)
    try:
        with closing(helper.request("probe", {"folder": scratch}, {})) as channel:
            message = _receive(channel)
    finally:
        helper.close()
        _remove(scratch)
    results: dict[str, tuple[bool, str, int]] = dict(message["items"])  # type: ignore[call-overload]
    return _judge(results, folder)


def _receive(channel: Socket) -> wire.Message:
    message, _ = wire.receive(channel)
    if message is None or message["event"] != "probed":
        raise RuntimeUnavailableError(f"the probe of this machine failed: {message['message'] if message else 'its process was killed'}")
    return message


def _remove(folder: str) -> None:
    for root, folders, _ in os.walk(folder):
        for name in folders:
            os.chmod(os.path.join(root, name), 0o700)  # overlay leaves one with mode 000, which an ordinary user can't list
    for root, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(os.path.join(root, name))
        for name in folders:
            os.rmdir(os.path.join(root, name))
    os.rmdir(folder)


def _refusal(results: dict[str, tuple[bool, str, int]], name: str) -> str:
    works, what, number = results.get(name, (False, "not tried", 0))
    return "" if works else f"{what} ({errno.errorcode.get(number, number)})"


def _judge(results: dict[str, tuple[bool, str, int]], folder: Path) -> Capabilities:
    identity = next((name for name in ("root", "mapped", "single") if results.get(name, (False,))[0]), "")
    single = identity == "single"

    def item(name: str, probed: str, purpose: str, *, emulated: str = "", remedy: str = "", result: str = "") -> Capability:
        refused = _refusal(results, result or name)
        return Capability(name, not refused, probed, purpose, emulated, remedy if refused else "", refused)

    tried = [name for name in ("root", "mapped", "single") if name in results]
    items = [
        item(
            "namespaces",
            "unshare of mount, IPC and UTS namespaces" + ("" if identity == "root" else ", in a user namespace with its maps written"),
            "a container's own view of files, processes and host name",
            remedy="let users make user namespaces: sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone=1, "
            "kernel.apparmor_restrict_unprivileged_userns=0, or a seccomp profile that allows unshare",
            result=identity or tried[-1],
        )
    ]
    if identity:
        items += [
            item("pid_namespace", "fork after unshare of a PID namespace", "process 1 of a container, and the end of all with it",
                 remedy="allow PID namespaces (sysctl user.max_pid_namespaces)"),
            item("overlay", f"overlay mounted with userxattr on the file system of {folder}", "layers, and copy-on-write",
                 remedy="put DOCKERLAB_HOME on a file system that takes an overlay's upper folder (ext4, xfs, btrfs, tmpfs; not overlay itself)"),
            item("pivot_root", "pivot_root into a tmpfs", "the container's own root", remedy="a seccomp profile that allows pivot_root"),
            item("proc", "mount of a new /proc in a new PID namespace", "process numbers inside a container",
                 emulated="the outer /proc is shown, with its own process numbers", remedy="run where /proc has no masked parts"),
            item("network_namespace", "unshare of a network namespace, loopback up", "--network none, published ports",
                 remedy="allow network namespaces (sysctl user.max_net_namespaces)"),
            item("user_notification", "a seccomp filter with a listener", "true owners and users where there is one ID",
                 remedy="Linux 5.14 or newer, and a seccomp profile that allows seccomp"),
            Capability("real_owners", not single, "whether more than one ID can be used", "owners of files, users of processes",
                       "a supervisor answers chown, stat, set*id, open and their kin and records owners in an xattr; it teaches the truth, it is "
                       "no border: `ps` on this machine shows one user" if single else "", "be root" if single else ""),
            Capability("outbound_network", False, "by design", "connections out of a container that has its own network",
                       "a RUN has the machine's network; a container only loopback and its published ports", "use --network host"),
        ]  # fmt: skip
    needed = [name for name in _NEEDED if single or name != "user_notification"]
    missing = next((entry for entry in items if entry.name in needed and not entry.available), None)
    reason = f"{missing.probed} was refused: {missing.refused}" if missing else "" if identity else "nothing could be probed"
    chroot = chroot_items(results)
    possible = (("namespaces",) if not reason else ()) + (("chroot",) if chroot and chroot[0].available else ())
    chosen = possible[0] if possible else "none"
    return Capabilities(chosen, "root" if chosen == "chroot" else identity, reason, (*items, *chroot), possible)


def _lacking(name: str, purpose: str, emulated: str) -> Capability:
    return Capability(name, False, "follows from the isolation", purpose, emulated)


_LACKING = (
    _lacking("own_processes", "process numbers of a container's own, and the end of all with process 1",
             "processes have this machine's numbers, and one of root may signal any other (`kill -9 -1` would end the notebook too); the keeper finds all of a container and ends them with its first one"),
    _lacking("own_proc", "/proc and /sys in a container", "both are empty folders: `ps` shows nothing there, /dev/fd and /dev/stdin lead nowhere; /dev/stdout is a pipe to the container's output; "
             "`docker top` works"),
    _lacking("own_network", "a network of a container's own", "the network is this machine's: what a program listens on is reachable without -p, "
             "a -p to another port is relayed, two programs can't have one port; --network none is refused"),
    _lacking("own_hostname", "a hostname of a container's own", "`hostname` says this machine's name, /etc/hostname and $HOSTNAME the container's; "
             "--hostname is refused"),
    _lacking("mounts", "-v, --read-only, --tmpfs, RUN --mount", "-v and --read-only are refused; a tmpfs is a folder that is emptied at the end, "
             "without a limit; what a RUN mounts is copied in, or lies in the root until the step has ended; a VOLUME's folder does so too"),
    _lacking("overlay_roots", "copy-on-write of layers", "an image is copied for each step and container (blocks are shared where the file system "
             "can), and compared afterwards"),
    _lacking("sys_chroot_and_mknod", "CAP_SYS_CHROOT and CAP_MKNOD in a container", "root has neither, unlike in Docker: it could leave its root"),
)  # fmt: skip


def chroot_items(results: dict[str, tuple[bool, str, int]]) -> tuple[Capability, ...]:
    """What the isolation `chroot` needs and has, for root; nothing for others."""
    if "chroot" not in results:
        return ()
    refused = next((said for said in (_refusal(results, name) for name in ("chroot", "owners", "whiteouts")) if said), "")
    confined, devices = _refusal(results, "confined"), _refusal(results, "devices")
    return (
        Capability(
            "chroot", not refused, "chroot, chown, a change of user, a whiteout (mknod c 0 0)", "containers where namespaces are refused",
            remedy="be root with CAP_SYS_CHROOT, CAP_CHOWN, CAP_SETUID and CAP_SETGID" if refused else "", refused=refused,
        ),
        Capability("chroot_confined", not confined, "CAP_SYS_CHROOT dropped for good", "no process leaves its chroot by a second one",
                   emulated="a process of root could leave it: run no image that you don't trust", refused=confined),
        Capability("chroot_devices", not devices, "mknod of a device, and opening it", "/dev/null and its like in a chroot",
                   emulated="plain files stand in for devices: /dev/zero ends after 1 MB, /dev/urandom after 64 KB, /dev/null keeps what is "
                   "written to it until the container ends", refused=devices),
    )  # fmt: skip
