"""The last steps before a container's process runs: identity, working directory, limits, and the search for the program.

Run in the child that becomes the process (process 1 of a container, or the process of an exec). What goes wrong here is sent to the
keeper as a message with docker's exit code and runc's words; the program's own failures are its own.
"""

from __future__ import annotations

import os
import resource
import stat
import sys
from _frozen_importlib import BuiltinImporter, FrozenImporter
from _signal import SIG_DFL, pthread_sigmask, set_wakeup_fd, signal  # type: ignore[import-not-found]  # the `signal` module would import enum and cost 7 ms
from _socket import socket as Socket

from dockerlab.runtime.helper import kernel, wire

TYPE_CHECKING = False  # `typing` would cost the helper 5 ms; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Callable

SIG_SETMASK = 2
# Docker's default set (moby: oci/caps/defaults.go): chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service,
# net_raw, sys_chroot, mknod, audit_write, setfcap.
DOCKER_CAPABILITIES = sum(1 << n for n in (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31))
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NOFILE_SOFT = 1024


class StartError(Exception):
    """The process can't start: docker's exit code and the words after `unable to start container process: `."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def import_no_more() -> None:
    """From here on files under /usr/lib/python3 may be the image's, and nothing of an image may run in a keeper: modules are had from memory only.

    Importing late is easy without an import statement: a codec's first use, a traceback that the interpreter prints.
    """
    sys.meta_path[:] = [BuiltinImporter, FrozenImporter]


def plain(error: OSError) -> str:
    """Go's wording of an errno: the C library's, in lower case."""
    text = os.strerror(error.errno or 0)
    return text[:1].lower() + text[1:]


def take_stdio(fds: list[int]) -> None:
    """Make three descriptors 0, 1 and 2, and let exec close all others."""
    high = [os.dup(fd) if fd < 3 else fd for fd in fds]
    for number, fd in enumerate(high):
        os.dup2(fd, number, inheritable=True)
    kernel.close_on_exec_from(3)


def plain_limits(nproc: int = 0) -> None:
    """Limits and signals as a fresh Docker container has them, whatever the notebook's kernel had."""
    os.umask(0o022)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(NOFILE_SOFT, hard) if hard != resource.RLIM_INFINITY else NOFILE_SOFT, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if nproc:
        resource.setrlimit(resource.RLIMIT_NPROC, (nproc, nproc))
    set_wakeup_fd(-1)
    for number in (1, 2, 3, 13, 15, 17, 25):  # HUP INT QUIT PIPE TERM CHLD XFSZ: Python and the helper ignore or handle some
        signal(number, SIG_DFL)
    pthread_sigmask(SIG_SETMASK, ())


def own_stdio(uid: int) -> None:
    """runc: the pipes of stdin, stdout and stderr belong to the user, so that `echo > /dev/stdout` works for one who is not root."""
    for fd in (0, 1, 2):
        try:
            kind = os.fstat(fd).st_mode
            if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind):
                os.fchown(fd, uid, -1)
        except OSError:
            pass  # not ours to give


def become(process: wire.Message, *, single: bool) -> None:
    """Take the process's IDs; where there is one ID these calls are the supervisor's to answer."""
    uid, gid = int(process["uid"]), int(process["gid"])  # type: ignore[call-overload]
    groups: list[int] = list(process["groups"])  # type: ignore[call-overload]
    if uid == 0 and gid == 0 and not groups:
        if single:
            return  # the supervisor starts everybody as root without groups
        if not os.getgroups():
            return
        os.setgroups([])
        return
    os.setgroups(groups or [gid])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def make_folder(path: str) -> None:
    """runc makes the working directory of a container's first process, owned by root."""
    try:
        os.makedirs(path, 0o755, exist_ok=True)
    except OSError:
        pass  # a file, or a read-only root: `go_to` says so


def go_to(path: str) -> None:
    """Change to the working directory, or say as runc does why not."""
    try:
        os.chdir(path)
    except OSError as error:
        raise no_folder(path, error) from None


def no_folder(path: str, error: OSError) -> StartError:
    """Why the working directory can't be had."""
    code = 126 if error.errno in (13, 20) else 127
    return StartError(code, f'chdir to cwd ("{path}") set in config.json failed: {plain(error)}')


def environment(entries: list[str], uid: int, passwd: str = "/etc/passwd") -> dict[str, str]:
    """`K=V` entries, the last one of a name winning, with runc's HOME where the image and the user set none."""
    result = {}
    for entry in entries:
        name, separator, value = entry.partition("=")
        if name and separator:
            result[name] = value
    if "HOME" not in result:
        result["HOME"] = home_of(uid, passwd)
    return result


def home_of(uid: int, passwd: str) -> str:
    """The home of the image's /etc/passwd; / for an ID that it has not."""
    try:
        with open(passwd, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                fields = line.rstrip("\n").split(":")
                if len(fields) >= 6 and fields[2] == str(uid):
                    return fields[5] or "/"
    except OSError:
        pass
    return "/root" if uid == 0 else "/"


def find_program(process: wire.Message, env: dict[str, str], refusal: Callable[[str], str | None] | None = None) -> str:
    """Go's exec.LookPath, which runc asks: 127 for what isn't there, 126 for what may not be run, with its words.

    `refusal` says why a path can't be run; without it, this process finds out for itself.
    """
    refusal = refusal or _refusal
    name = str(process["args"][0])  # type: ignore[index]
    if not name:
        raise StartError(127, 'exec: "": executable file not found in $PATH')
    if "/" in name:
        reason = refusal(name)
        if reason is None:
            return name
        raise StartError(127 if "no such file" in reason else 126, f'exec: "{name}": {reason}')
    for folder in env.get("PATH", DEFAULT_PATH).split(":"):
        candidate = f"{folder or '.'}/{name}"
        if refusal(candidate) is None:
            return candidate
    raise StartError(127, f'exec: "{name}": executable file not found in $PATH')


def _refusal(path: str) -> str | None:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return f"stat {path}: {plain(error)}"
    return refusal_of(mode, os.access(path, os.X_OK, effective_ids=True))


def refusal_of(mode: int, may: bool) -> str | None:
    """Why a file of this mode can't be run, by one who may or may not; None if it can."""
    if stat.S_ISDIR(mode):
        return "is a directory: permission denied"
    return None if may and mode & 0o111 else "permission denied"


def run_program(program: str, process: wire.Message, env: dict[str, str], sync: Socket) -> None:
    """Say `ready`, wait for `go`, exec. Returns never: an exec that fails ends as docker's does, with 255 and one line."""
    wire.send(sync, {"event": "ready"})
    if wire.receive(sync)[0] is None:
        os._exit(137)  # the keeper is gone
    try:
        os.execve(program, list(process["args"]), env)  # type: ignore[call-overload]
    except OSError as error:
        os.write(2, os.fsencode(f"exec {program}: {plain(error)}\n"))
        os._exit(255)
