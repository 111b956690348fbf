"""What this machine allows, found out by really doing it, and what that means for containers."""

from __future__ import annotations

import json
import os
from _socket import socket as Socket
from contextlib import closing
from pathlib import Path

import dockerlab
from dockerlab.data import asdict, dataclass, replace
from dockerlab.errors import RuntimeUnavailableError
from dockerlab.runtime.fallbacks import COPIED, Capability, Results, chroot_items, lacking, overlay_remedy, proot_item, refusal
from dockerlab.runtime.helper import finding, wire

NOT_LINUX = "the embedded engine needs Linux; a Docker daemon will do"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Capabilities:
    """The answer of one probe.

    `isolation` is "namespaces", "chroot", "proot" or "none"; `identity` is "root" (real IDs), "mapped" (real IDs in a user namespace) or "single" (one
    ID; a supervisor answers for owners and users); `reason` says why it is no better isolation; `possible` are those that can be asked for.
    `snapshots` says how a root file system is made: "overlay" or "copy" (the only way without namespaces).
    """

    isolation: str
    identity: str
    reason: str
    items: tuple[Capability, ...]
    possible: tuple[str, ...] = ()
    snapshots: str = "overlay"

    @property
    def real_owners(self) -> bool:
        """Whether owners are the kernel's own, not an emulation's."""
        return self.identity != "single"

    def get(self, name: str) -> Capability | None:
        """The item of that name."""
        return next((item for item in self.items if item.name == name), None)

    def unavailable(self) -> RuntimeUnavailableError:
        """The error of whoever wants a process where there can be none."""
        missing = self.get("proot")  # the remedy that is in a user's own hands comes first
        if missing is None or missing.available or not missing.remedy or self.possible:
            missing = next((item for item in self.items if not item.available and item.remedy and item.name in _NEEDED), None)
        return RuntimeUnavailableError(
            f"this machine can't run containers: {self.reason}", hint=missing.remedy if missing else "`dockerlab doctor` says more"
        )

    @classmethod
    def load(cls, cache_file: Path | None, folder: Path | None = None) -> Capabilities:
        """The capabilities of this machine, from memory or `cache_file` where the boot, the user and the version are the same.

        `folder` lies on the file system to try overlay on (the store's); without it, beside `cache_file`. $DOCKERLAB_ISOLATION and
        $DOCKERLAB_SNAPSHOTS override.
        """
        where = folder or (cache_file.parent if cache_file else _temporary())
        key = _key(where)
        found = _known.get(key) or _read(cache_file, key)
        if found is None:
            found = probe(where)
            if cache_file:
                _write(cache_file, key, found)
        _known[key] = found
        chosen = _overridden_snapshots(_overridden(found))
        return replace(chosen, items=(*chosen.items, *lacking(chosen.isolation, chosen.snapshots)))


_known: dict[str, Capabilities] = {}
_IDENTITIES = {"chroot": "root", "proot": "single"}
_NEEDED = ("namespaces", "pid_namespace", "pivot_root", "user_notification", "layer_marks")
ISOLATIONS = ("namespaces", "chroot", "proot", "none")
SNAPSHOTS = ("overlay", "copy")
"""The best first."""


def _key(folder: Path) -> str:
    boot = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "?"
    user = os.geteuid() if hasattr(os, "geteuid") else 0
    return f"{boot} {user} {_rights()} {finding.proot() if user else ''} {dockerlab.__version__} {folder}"


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
        identity, snapshots = _IDENTITIES.get(asked, found.identity), _snapshots(asked, found)
        return replace(found, isolation=asked, identity=identity, snapshots=snapshots, reason=f"DOCKERLAB_ISOLATION={asked} asks for it")
    why = found.reason if asked == "namespaces" else _without(found, asked)
    return replace(found, isolation="none", reason=f"DOCKERLAB_ISOLATION={asked} asks for what can't be had: {why}")


def _overridden_snapshots(found: Capabilities) -> Capabilities:
    """The same for $DOCKERLAB_SNAPSHOTS."""
    asked = os.environ.get("DOCKERLAB_SNAPSHOTS", "")
    if asked in ("", found.snapshots) or found.isolation == "none":
        return found
    if asked not in SNAPSHOTS:
        raise RuntimeUnavailableError(
            f"DOCKERLAB_SNAPSHOTS={asked} names no way to make a root file system",
            hint=f"unset it, or choose one of {', '.join(SNAPSHOTS)}",
        )
    if asked == "copy":
        return replace(found, snapshots=asked)
    overlay = found.get("overlay") if found.isolation == "namespaces" else None
    why = f"{overlay.probed} was refused: {overlay.refused}" if overlay else f"the isolation `{found.isolation}` mounts nothing"
    return replace(found, isolation="none", reason=f"DOCKERLAB_SNAPSHOTS={asked} asks for what can't be had: {why}")


def _snapshots(isolation: str, found: Capabilities) -> str:
    overlay = found.get("overlay")
    return "overlay" if isolation == "namespaces" and overlay and overlay.available else "copy"


def _without(found: Capabilities, asked: str) -> str:
    item = found.get(asked)
    if item:
        return f"{item.probed} was refused: {item.refused}"
    return "it needs root" if asked == "chroot" else "it is for an ordinary user, and root has chroot"


def _read(cache_file: Path | None, key: str) -> Capabilities | None:
    if cache_file is None:
        return None
    try:
        record = json.loads(cache_file.read_text())
        if record["key"] != key:
            return None
        items = tuple(Capability(**item) for item in record["items"])
        return Capabilities(
            record["isolation"], record["identity"], record["reason"], items, tuple(record["possible"]), record["snapshots"]
        )
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
    results: Results = dict(message["items"])  # type: ignore[call-overload]
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


def _judge(results: Results, folder: Path) -> Capabilities:
    identity = next((name for name in ("root", "mapped", "single") if results.get(name, (False,))[0]), "")
    single = identity == "single"

    def item(name: str, probed: str, purpose: str, *, emulated: str = "", remedy: str = "", result: str = "") -> Capability:
        refused = refusal(results, result or name)
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
                 emulated=COPIED, remedy=overlay_remedy(results)),
            item("borrowed_bytes", "an overlay with a data-only layer, mounted with userxattr, and a change above it",
                 "layers of another user's base store that take no room here", emulated="such a layer is copied when its files are first needed",
                 remedy="Linux 6.16 or newer"),
            item("layer_marks", "an xattr; a whiteout: mknod c 0 0, or a file that an xattr makes one", "layers that delete, owners",
                 remedy=f"put DOCKERLAB_HOME on a file system with user xattrs (ext4, xfs, btrfs), not {folder}"),
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
    proot = proot_item(results, str(folder))
    others = (*chroot_items(results), *((proot,) if proot else ()))
    possible = (("namespaces",) if not reason else ()) + tuple(
        entry.name for entry in others if entry.name in ("chroot", "proot") and entry.available
    )
    chosen = possible[0] if possible else "none"
    if not possible and proot:
        reason += f"; {proot.name} was tried too: {proot.refused}"
    found = Capabilities(chosen, _IDENTITIES.get(chosen, identity), reason, (*items, *others), possible)
    return replace(found, snapshots=_snapshots(chosen, found))
