"""One proot, from its start to the end of the process that it was started for: what `proot` (the keeper) and the probe need of it.

The door (`door`) tells what happens behind it; whoever owns the passage reads `channel` with `heard`.
"""

from __future__ import annotations

import os
from _socket import SCM_RIGHTS, SOL_SOCKET

from dockerlab.runtime.helper import door, finding, init, kernel, wire
from dockerlab.runtime.helper.rootfs import DEVICES

TYPE_CHECKING = False  # `typing` would cost the helper 5 ms; type checkers know this name
if TYPE_CHECKING:
    from _socket import socket as Socket

DOOR = "/dev/.door"
"""Where the program of `door` is shown in a container; a file must be there."""
SHOWN = ("/proc", "/dev/pts", "/dev/ptmx", *(f"/dev/{name}" for name in DEVICES))
"""What of this machine is shown in a container, as far as it is there, over files and folders of these names."""


def is_part_of_one(pid: int) -> bool:
    """Whether a process below a keeper is a proot or the program of a door, and so none of the container's."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            command = file.read(64).split(b"\0")[0]
    except OSError:
        return False
    return command == DOOR.encode() or (command == b"proot" and os.path.basename(_link(f"/proc/{pid}/exe")) == "proot")


def is_untraced(pid: int) -> bool:
    """Whether this is a process of a container whose proot is gone."""
    if not os.path.basename(_link(f"/proc/{pid}/exe")).startswith("prooted-"):
        return False
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            return b"TracerPid:\t0\n" in file.read()
    except OSError:
        return False


def sweep() -> None:
    """Take away the loaders of proots that were killed and whose keeper was, too."""
    for name in os.listdir("/tmp"):
        parts = name.split("-")
        if parts[0] == "prooted" and len(parts) == 3 and not os.path.exists(f"/proc/{parts[1]}"):
            try:
                os.unlink(f"/tmp/{name}")
            except OSError:
                pass  # another user's


class Passage:
    """`root` is the container's, `scratch` a folder for the door's file; `process` has `args`, `cwd` and `terminal`, `program` is a path in the container."""

    def __init__(
        self, root: str, scratch: str, process: wire.Message, program: str, env: dict[str, str], stdio: list[int], *, shown: bool = True
    ) -> None:
        self.pid = 0
        """The process that it is all for, once it is there."""
        self.ended = False
        self.complaint = ""
        """What proot itself had to say of a failure; known once it is closed."""
        self._stderr = os.dup(stdio[2])
        self._file, self._loader = f"{scratch}/door-{os.urandom(8).hex()}", ""
        door.write(self._file, program, list(process["args"]), env, terminal=bool(process["terminal"]))  # type: ignore[call-overload]
        self._errors = os.memfd_create("errors", os.MFD_CLOEXEC)
        self.channel, theirs = wire.pair()
        command = ["proot", "-r", root, "-w", str(process["cwd"]) or "/", "-b", f"{os.path.relpath(self._file, root)}:{DOOR}"]
        for path in SHOWN if shown else ():
            if os.path.exists(path):
                command += ["-b", path]
        self.proot = os.fork()
        if self.proot == 0:
            try:
                self._become_proot(root, [*command, DOOR], theirs)
            except OSError as error:
                os.pwrite(self._errors, f"proot: {error.strerror}".encode(), 0)
            finally:
                os._exit(125)
        theirs.close()
        try:
            self.channel.sendmsg([b"s"], [(SOL_SOCKET, SCM_RIGHTS, wire.pack(stdio))])
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has ended already, and will be heard of

    def _become_proot(self, root: str, command: list[str], channel: Socket) -> None:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
        os.setsid()
        # proot changes folders for its processes in its own mind only: by the kernel's word all that belong to a container are here
        os.chdir(root)
        null = os.open(os.devnull, os.O_RDWR)
        wanted = [null, null, self._errors, channel.fileno()]  # the last is door.SOCKET
        high = [_above(fd, len(wanted)) for fd in wanted]
        for number, fd in enumerate(high):
            os.dup2(fd, number, inheritable=True)
        kernel.close_on_exec_from(len(wanted))
        init.plain_limits()
        # newer ones have seccomp choose what they translate, and our filter would come before theirs
        os.execve(finding.proot(), command, {"PROOT_NO_SECCOMP": "1"})

    def heard(self) -> tuple[int, int, list[int]]:
        """(what happened, a number, descriptors): see `door`; 0 at the end."""
        try:
            data, ancillary, _, _ = self.channel.recvmsg(16, 64)
        except ConnectionResetError:
            return 0, 0, []
        what, number = int.from_bytes(data[:8], "little"), int.from_bytes(data[8:], "little", signed=True)
        if what == door.LISTENER:
            self.pid = number
            self._loader = _link(f"/proc/{number}/exe")
        if what == door.ENDED:
            self.ended = True
            self._let_go_of_stderr()
        return what, number, [int.from_bytes(body[:4], "little") for _, _, body in ancillary]

    def go(self) -> None:
        """Let the process become its program."""
        try:
            self.channel.send(b"g")
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has ended meanwhile

    def say(self, text: str) -> None:
        """Write to the process's stderr, for one that could not be run."""
        try:
            os.write(self._stderr, text.encode(errors="surrogateescape"))
        except OSError:
            pass  # nobody reads it

    def _read_errors(self) -> str:
        lines = os.pread(self._errors, 4096, 0).decode(errors="replace").splitlines()
        return lines[0].removeprefix("proot error: ") if lines else "proot ended without a word"

    def close(self) -> None:
        """proot has ended; one that was killed has left its loader behind."""
        os.unlink(self._file)
        self.complaint = self._read_errors()
        if os.path.basename(self._loader).startswith("prooted-"):
            try:
                os.unlink(self._loader)
            except OSError:
                pass
        self._let_go_of_stderr()
        os.close(self._errors)
        self.channel.close()

    def _let_go_of_stderr(self) -> None:
        if self._stderr >= 0:
            os.close(self._stderr)
            self._stderr = -1


def _above(fd: int, floor: int) -> int:
    low = []
    while fd < floor:
        low.append(fd)
        fd = os.dup(fd)
    for one in low[1:]:
        os.close(one)
    return fd


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
