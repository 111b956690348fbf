"""Into new namespaces, with one of three identities.

root      real root: no user namespace; owners are the kernel's
mapped    root without CAP_SYS_ADMIN: a user namespace in which every ID that we have stands for itself; owners are the kernel's
single    an ordinary user: one ID, 0, which is our own; owners are the supervisor's
"""

from __future__ import annotations

import os

from dockerlab.runtime.helper import kernel
from dockerlab.runtime.helper.rootfs import write

BASE = kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS


def flags_of(identity: str, network: str) -> int:
    """All namespaces of a container, as setns takes them."""
    flags = BASE | kernel.CLONE_NEWPID
    if identity != "root":
        flags |= kernel.CLONE_NEWUSER
    if network != "host":
        flags |= kernel.CLONE_NEWNET
    return flags


def enter_new(identity: str, network: str) -> None:
    """Everything but the PID namespace: the next child after that is process 1, and a relay may have to be forked before."""
    flags = flags_of(identity, network) & ~kernel.CLONE_NEWPID
    if identity == "mapped":
        _enter_mapped(flags)
        return
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(flags)
    if identity == "single":
        write("/proc/self/setgroups", b"deny")
        write("/proc/self/uid_map", f"0 {uid} 1".encode())
        write("/proc/self/gid_map", f"0 {gid} 1".encode())


def _enter_mapped(flags: int) -> None:
    """Only a process outside that has CAP_SETUID may write a map of more than one ID: a child does it for us."""
    maps = {name: _identity_map(f"/proc/self/{name}") for name in ("uid_map", "gid_map")}
    reader, writer = os.pipe()
    us = os.getpid()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(writer)
            os.read(reader, 1)
            for name, text in maps.items():
                write(f"/proc/{us}/{name}", text)
            code = 0
        finally:
            os._exit(code)
    os.close(reader)
    try:
        kernel.unshare(flags)
    finally:
        os.close(writer)
        _, status = os.waitpid(child, 0)
    if status:
        raise PermissionError(1, "write of uid_map with all IDs")


def _identity_map(path: str) -> bytes:
    with open(path, encoding="utf-8") as file:
        rows = [line.split() for line in file]
    return "\n".join(f"{inner} {inner} {count}" for inner, _, count in rows).encode()
