"""The system calls that Python's `os` has not, by number and by name; nothing here knows about containers.

Imported by the helper process, whose start-up is counted in milliseconds: `ctypes` is the only costly import. Constants are those of
Linux on x86-64 and aarch64 (asm/unistd.h, linux/sched.h, linux/mount.h, linux/seccomp.h).
"""

from __future__ import annotations

import ctypes
import os

MACHINE = os.uname().machine
SUPPORTED = os.uname().sysname == "Linux" and MACHINE in ("x86_64", "aarch64")
X86 = MACHINE == "x86_64"
HAS_LOWERDIR_PLUS = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2] if part.isdigit()) >= (6, 8)
_PAGE = 4096
"""Bytes that the options of a mount may have, with the zero at their end."""

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 0x1000, 0x2000, 0x4000, 0x40000
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 23, 24, 36, 38
SIGKILL, SIGTERM, SIGSTOP, SIGCONT = 9, 15, 19, 18
AT_FDCWD, AT_EMPTY_PATH, AT_RECURSIVE = -100, 0x1000, 0x8000

_PIVOT_ROOT = 155 if X86 else 41
_CAPGET, _CAPSET = (125, 126) if X86 else (90, 91)
_SECCOMP = 317 if X86 else 277
_PIDFD_SEND_SIGNAL, _CLOSE_RANGE, _MOUNT_SETATTR = 424, 436, 442
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446
ABSTRACT_SOCKETS, SIGNALS = 1, 2
_MOVE_MOUNT, _FSOPEN, _FSCONFIG, _FSMOUNT = 429, 430, 431, 432

_libc = ctypes.CDLL(None, use_errno=True)

if SUPPORTED:
    _libc.syscall.restype = ctypes.c_long
    _libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)
    _libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
    _readv, _writev = _libc.process_vm_readv, _libc.process_vm_writev


class _IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def _fail(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")


def syscall(what: str, number: int, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """One call by its number; OSError names `what`. Buffers must be kept in a variable by the caller until it returns."""
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result: int = _libc.syscall(ctypes.c_long(number), *words)
    if result < 0:
        raise _fail(what)
    return result


def _text(value: str | bytes | None) -> bytes | None:
    return None if value is None else os.fsencode(value)


def unshare(flags: int) -> None:
    """unshare(2)."""
    if _libc.unshare(flags) < 0:
        raise _fail("unshare")


def setns(fd: int, flags: int) -> None:
    """setns(2); with a pidfd it enters several namespaces at once (Linux 5.8)."""
    if _libc.setns(fd, flags) < 0:
        raise _fail("setns")


def prctl(option: int, value: int) -> int:
    """prctl(2) with one argument."""
    result: int = _libc.prctl(option, value, 0, 0, 0)
    if result < 0:
        raise _fail("prctl")
    return result


def mount(source: str | None, target: str, kind: str | None = None, flags: int = 0, data: str | None = None) -> None:
    """mount(2)."""
    if _libc.mount(_text(source), _text(target), _text(kind), flags, _text(data)) < 0:
        raise _fail(f"mount {kind or source or 'again'} on {target}")


def umount(target: str, flags: int = 0) -> None:
    """umount2(2)."""
    if _libc.umount2(_text(target), flags) < 0:
        raise _fail(f"umount {target}")


def bind(source: str, target: str, *, readonly: bool = False, recursive: bool = False, flags: int = MS_NOSUID | MS_NODEV) -> None:
    """Show `source` at `target`. Flags of a bind take effect only by a second call, and for the top of a recursive one only."""
    mount(source, target, None, MS_BIND | (MS_REC if recursive else 0))
    if readonly or flags:
        remount_bind(target, flags | (MS_RDONLY if readonly else 0))


def remount_bind(target: str, flags: int) -> None:
    """Add flags to a bind mount, keeping those it has: in a user namespace the kernel refuses to clear what came from outside."""
    present = os.statvfs(target).f_flag & 0x2F  # ST_RDONLY, NOSUID, NODEV, NOEXEC have the mount flags' values
    kept = present & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    atime = os.statvfs(target).f_flag
    kept |= 0x400 if atime & 0x400 else 0  # noatime
    kept |= 0x800 if atime & 0x800 else 0  # nodiratime
    kept |= 0x200000 if atime & 0x1000 else 0  # relatime
    mount(None, target, None, MS_BIND | MS_REMOUNT | flags | kept)


def set_readonly_recursive(target: str) -> None:
    """mount_setattr(2) with AT_RECURSIVE: a whole tree of mounts read-only (Linux 5.12)."""
    attributes = ctypes.create_string_buffer((1).to_bytes(8, "little") + bytes(24), 32)
    syscall("mount_setattr", _MOUNT_SETATTR, AT_FDCWD, os.fsencode(target), AT_RECURSIVE, attributes, 32)


def pivot_root(new_root: str) -> None:
    """Make `new_root` the root of this mount namespace and drop the old one (pivot_root(2), the form with two dots)."""
    os.chdir(new_root)
    syscall("pivot_root", _PIVOT_ROOT, b".", b".")
    umount(".", MNT_DETACH)
    os.chdir("/")


def overlay(
    lowers: list[str], upper: str, work: str, target: str, *, userxattr: bool = True, data: list[str] | tuple[str, ...] = ()
) -> None:
    """Mount an overlay; `lowers` top first, below them the data-only layers of `data` (with userxattr: Linux 6.16).

    The new mount API takes one call a layer (`lowerdir+`, Linux 6.8: up to 500). Where the kernel has it not, and would note each trial in its log, one
    option string must fit a page: the common part of the paths is left out by a change of the working directory, or there are short links to them all
    in `target`, as Docker has them in its store.
    """
    if data or HAS_LOWERDIR_PLUS:
        try:
            _overlay_by_calls(lowers, upper, work, target, userxattr, data)
            return
        except OSError as error:
            if data or error.errno not in (22, 38, 1):  # EINVAL: no lowerdir+; ENOSYS, EPERM: no fsopen, or a filter that refuses it
                raise
    _overlay_by_string(lowers, upper, work, target, userxattr)


def _overlay_by_calls(
    lowers: list[str], upper: str, work: str, target: str, userxattr: bool, data: list[str] | tuple[str, ...] = ()
) -> None:
    context = syscall("fsopen overlay", _FSOPEN, b"overlay", 1)
    try:
        upper, work = upper.replace("\\", "\\\\"), work.replace("\\", "\\\\")  # the kernel unescapes these two, and no lowerdir+
        for key, values in (("lowerdir+", lowers), ("datadir+", data), ("upperdir", [upper]), ("workdir", [work])):
            for value in values:
                syscall(f"overlay {key}={value}", _FSCONFIG, context, 1, key.encode(), os.fsencode(value), 0)
        if userxattr:
            syscall("overlay userxattr", _FSCONFIG, context, 0, b"userxattr", None, 0)
        syscall(f"mount overlay on {target}", _FSCONFIG, context, 6, None, None, 0)
        mounted = syscall("fsmount", _FSMOUNT, context, 1, MS_NODEV)
        try:
            syscall("move_mount", _MOVE_MOUNT, mounted, b"", AT_FDCWD, os.fsencode(target), 4)
        finally:
            os.close(mounted)
    finally:
        os.close(context)


def _overlay_by_string(lowers: list[str], upper: str, work: str, target: str, userxattr: bool) -> None:
    def escape(path: str) -> str:
        return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")

    def options(layers: list[str]) -> str:
        above = f"upperdir={escape(upper)},workdir={escape(work)}" + (",userxattr" if userxattr else "")
        return f"lowerdir={':'.join(map(escape, layers))},{above}"

    here, top = os.getcwd(), os.path.commonpath(lowers)
    text = options([os.path.relpath(path, top) for path in lowers])
    if len(os.fsencode(text)) >= _PAGE:
        top, links = f"{target}/lowers", [str(number) for number in range(len(lowers))]
        text = options(links)
        if len(os.fsencode(text)) >= _PAGE:
            raise OSError(7, f"{len(lowers)} layers are more than this kernel's overlay takes in one option string")
        os.mkdir(top)
        for link, path in zip(links, lowers, strict=True):
            os.symlink(path, f"{top}/{link}")
    os.chdir(top)
    try:
        mount("overlay", target, "overlay", MS_NODEV, text)
    finally:
        os.chdir(here)


def sethostname(name: str) -> None:
    """sethostname(2)."""
    data = os.fsencode(name)
    if _libc.sethostname(data, ctypes.c_size_t(len(data))) < 0:
        raise _fail("sethostname")


def setdomainname(name: str) -> None:
    """setdomainname(2)."""
    data = os.fsencode(name)
    if _libc.setdomainname(data, ctypes.c_size_t(len(data))) < 0:
        raise _fail("setdomainname")


def signal_process(pidfd: int, number: int) -> None:
    """pidfd_send_signal(2); a process that is gone is no error."""
    try:
        syscall("pidfd_send_signal", _PIDFD_SEND_SIGNAL, pidfd, number, None, 0)
    except ProcessLookupError:
        pass


def kill(pid: int, number: int) -> None:
    """kill(2); a process that is gone is no error."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def close_on_exec_from(first: int) -> None:
    """Let exec close every descriptor from `first` up (close_range with CLOSE_RANGE_CLOEXEC, Linux 5.11)."""
    try:
        syscall("close_range", _CLOSE_RANGE, first, 0xFFFFFFFF, 4)
    except OSError:
        for name in os.listdir("/proc/self/fd"):
            if int(name) >= first:
                try:
                    os.set_inheritable(int(name), False)
                except OSError:
                    pass  # the descriptor of this very listing


def permitted_capabilities() -> int:
    """What this process may do, as a mask (bit N is capability N)."""
    header = ctypes.create_string_buffer((0x20080522).to_bytes(4, "little") + bytes(4), 8)
    data = ctypes.create_string_buffer(24)
    syscall("capget", _CAPGET, header, data)
    return int.from_bytes(data.raw[4:8], "little") | int.from_bytes(data.raw[16:20], "little") << 32


def limit_capabilities(mask: int) -> None:
    """Keep only the capabilities of `mask` (bit N is capability N), in the bounding set too."""
    give_up_capabilities(mask)
    keep_capabilities(mask)


def give_up_capabilities(mask: int) -> None:
    """Leave only those of `mask` in the bounding set: no program that is executed gets another one. What this process has it keeps."""
    for capability in range(64):
        if not mask >> capability & 1:
            try:
                prctl(PR_CAPBSET_DROP, capability)
            except OSError:
                break  # EINVAL: the kernel's last capability lies behind us


def keep_capabilities(mask: int) -> None:
    """Lay down those that `mask` hasn't."""
    header = ctypes.create_string_buffer((0x20080522).to_bytes(4, "little") + bytes(4), 8)
    low, high = (mask & 0xFFFFFFFF).to_bytes(4, "little"), (mask >> 32).to_bytes(4, "little")
    data = ctypes.create_string_buffer(low + low + bytes(4) + high + high + bytes(4), 24)
    syscall("capset", _CAPSET, header, data)


def confine(scopes: int) -> bool:
    """From here on, this process and its descendants reach only each other's ABSTRACT_SOCKETS, or SIGNALS (Landlock, Linux 6.12). False where that can't be had.

    Needs CAP_SYS_ADMIN in its user namespace, or PR_SET_NO_NEW_PRIVS.
    """
    attributes = ctypes.create_string_buffer(bytes(16) + scopes.to_bytes(8, "little"), 24)
    try:
        ruleset = syscall("landlock_create_ruleset", _LANDLOCK_CREATE_RULESET, attributes, 24, 0)
    except OSError:
        return False
    try:
        syscall("landlock_restrict_self", _LANDLOCK_RESTRICT_SELF, ruleset, 0)
    except OSError:
        return False
    finally:
        os.close(ruleset)
    return True


def seccomp_listener(program: bytes, instructions: int) -> int:
    """Install a filter for this process and its descendants; the descriptor on which its notifications are read."""
    code = ctypes.create_string_buffer(program, len(program))
    head = ctypes.create_string_buffer(instructions.to_bytes(2, "little") + bytes(6) + ctypes.addressof(code).to_bytes(8, "little"), 16)
    return syscall("seccomp", _SECCOMP, 1, 8, head)


_page = ctypes.create_string_buffer(4096)
_local, _remote = _IoVec(ctypes.addressof(_page), 0), _IoVec(0, 0)
_local_at, _remote_at, _page_at = ctypes.byref(_local), ctypes.byref(_remote), ctypes.addressof(_page)


def read_memory(pid: int, address: int, size: int) -> bytes:
    """`size` bytes (a page at most) of another process; OSError where a part of them can't be read. For one thread: the buffer is shared."""
    if size > 4096:
        return read_memory(pid, address, 4096) + read_memory(pid, address + 4096, size - 4096)
    _local.size = _remote.size = size
    _remote.base = address
    if _readv(pid, _local_at, 1, _remote_at, 1, 0) != size:
        raise _fail("process_vm_readv")
    return ctypes.string_at(_page_at, size)


def write_memory(pid: int, address: int, data: bytes) -> None:
    """Write into another process."""
    page = ctypes.create_string_buffer(data, len(data))
    local, remote = _IoVec(ctypes.addressof(page), len(data)), _IoVec(address, len(data))
    if _writev(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0) != len(data):
        raise _fail("process_vm_writev")
