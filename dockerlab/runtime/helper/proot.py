"""The keeper of a container for an ordinary user where namespaces are refused: proot translates paths, our supervisor answers for owners and users.

As with `chroot` the root is a copy, and processes are this machine's and end by our hand. Each first process, the container's and those of `exec`, has a
proot of its own (`passage`). proot can't take its processes along when it dies, and without it they would see this machine's files: so they are
killed then, and the end of the first one's proot is the container's.
"""

from __future__ import annotations

import os

from dockerlab.runtime.helper import descendants, door, init, kernel, limits, network, records, wire
from dockerlab.runtime.helper.becoming import UNAVAILABLE
from dockerlab.runtime.helper.chroot import ChrootKeeper, Exec
from dockerlab.runtime.helper.init import StartError
from dockerlab.runtime.helper.passage import Passage, is_untraced, sweep
from dockerlab.runtime.helper.rootfs import inside
from dockerlab.runtime.helper.supervisor import Supervisor
from dockerlab.runtime.helper.supervisor.caller import Credential
from dockerlab.runtime.helper.supervisor.contained import ContainedProcessCalls
from dockerlab.runtime.helper.supervisor.laid import LaidOwners
from dockerlab.runtime.helper.supervisor.permissions import EXECUTE
from dockerlab.runtime.helper.supervisor.sockets import Ports, SocketCalls

RECORD = "laid.owners"


class ProotKeeper(ChrootKeeper):
    """As ChrootKeeper, for an ordinary user."""

    def _keeper_was_killed(self) -> None:
        sweep()

    def _publish(self) -> None:
        self.moved = None if self.is_container and self.box["network"] == "host" else Ports()
        super()._publish()

    def _is_there_by_itself(self, port: network.Port) -> bool:
        return super()._is_there_by_itself(port) and (self.moved is None or port[3] != "tcp")

    def _real_port(self, port: int) -> int:
        return self.moved.real(port) if self.moved else port

    def _connect(self, stdio: list[int]) -> None:
        """Nothing: /dev/stdout leads into /proc, and the terminals are this machine's."""

    def _begin(self, stdio: list[int]) -> None:
        os.umask(0o022)
        os.chdir("/proc")
        self.passages: dict[int, Guest] = {}
        self.owners = LaidOwners(self.merged, os.path.join(os.path.dirname(self.merged), RECORD))
        more: list[object] = [ContainedProcessCalls(lambda: (self.init_pid, self.relay))]
        if self.moved:
            more.append(SocketCalls(self.moved))
        self.supervisor = Supervisor(self.loop, self.owners, tuple(more))
        init.make_folder(inside(self.merged, str(self.process["cwd"]) or "/"))
        try:
            self.enter(First(self, self.process), stdio)
        except StartError as error:
            prefix = "error during container init: " if error.message.startswith("exec: ") else ""
            raise StartError(error.code, prefix + error.message) from None
        self.began = records.timestamp()
        self._let_go_of_stdio(stdio)
        if self.control:
            self.loop.watch(self.control.fileno(), self._from_client)

    def _fail(self, code: int, message: str, kind: str = "start", number: int = 0) -> None:
        descendants.end_all()
        super()._fail(code, message, kind, number)

    def first_is_there(self, pid: int) -> None:
        """Process 1, so to speak, is about to run."""
        self.init_pid, self.init_fd = pid, os.pidfd_open(pid)
        self._record_start()
        if self.control:
            wire.send(self.control, {"event": "started", "pid": pid, "ports": self.ports, "began": self.began})

    def over(self, status: int) -> None:
        """The container's end."""
        self.status = status
        self.loop.stop()

    # ------------------------------------------------------------------ a process's way in

    def enter(self, guest: Guest, stdio: list[int]) -> None:
        """Start a process. StartError for what can be seen beforehand; the rest is told to the guest."""
        process = guest.process
        uid = guest.credential.fsuid
        cwd = str(process["cwd"]) or "/"
        self._check_folder(guest.credential, cwd)
        env = init.environment(list(process["env"]), uid, inside(self.merged, "/etc/passwd"))  # type: ignore[call-overload]
        guest.program = init.find_program(process, env, lambda path: self._refusal(guest.credential, cwd, path))
        guest.passage = Passage(self.merged, str(self.box["work"]), process, guest.program, env, stdio)
        self.passages[guest.passage.proot] = guest
        self.loop.watch(guest.passage.channel.fileno(), lambda _events: self._from_door(guest))

    def _check_folder(self, credential: Credential, cwd: str) -> None:
        assert self.supervisor is not None
        real = os.fsencode(inside(self.merged, cwd))
        permissions = self.supervisor.permissions
        try:
            if credential.fsuid:
                permissions.check_search(credential, real)
            os.listdir(real)
            if credential.fsuid and permissions.may(credential, real, EXECUTE) is False:
                raise PermissionError(13, "")
        except OSError as error:
            raise init.no_folder(cwd, error) from None

    def _refusal(self, credential: Credential, cwd: str, path: str) -> str | None:
        """Why this user can't run the program, in runc's words."""
        assert self.supervisor is not None
        real = os.fsencode(inside(self.merged, os.path.join(cwd, path)))
        permissions = self.supervisor.permissions
        try:
            if credential.fsuid:
                permissions.check_search(credential, real)
            mode = self.owners.mode(real, os.stat(real).st_mode)
        except OSError as error:
            return f"stat {path}: {init.plain(error)}"
        may = not credential.fsuid or permissions.may(credential, real, EXECUTE) is not False
        return init.refusal_of(mode, may)

    def _from_door(self, guest: Guest) -> None:
        what, number, fds = guest.passage.heard()
        if what == door.LISTENER:
            assert self.supervisor is not None
            self.supervisor.add(fds[0])
            try:
                limits.set_rlimits(list(guest.process["rlimits"]), guest.passage.pid)  # type: ignore[call-overload]
            except StartError as error:
                guest.failed({"event": "failed", "code": error.code, "message": error.message, "kind": "start"})
                kernel.kill(guest.passage.pid, kernel.SIGKILL)
                return
            self.supervisor.introduce(guest.passage.pid, guest.credential)
            guest.there(guest.passage.pid)
            guest.passage.go()
        elif what == door.FAILED:
            guest.passage.say(f"exec {guest.program}: {init.plain(OSError(-number, ''))}\n")
        elif what == door.ENDED:
            guest.ended(number & 0xFFFF)
        else:
            self.loop.forget(guest.passage.channel.fileno())

    def _child_ended(self, pid: int, status: int) -> None:
        """A proot, or what has lost the door that would have told its end."""
        guest = self.passages.pop(pid, None)
        if guest is None:
            guest = next((one for one in self.passages.values() if one.passage.pid == pid and not one.passage.ended), None)
            if guest:
                guest.passage.ended = True
                guest.ended(status)
            super()._child_ended(pid, status)
            return
        killed = os.WIFSIGNALED(status)
        while not killed and self.loop.watches(guest.passage.channel.fileno()):  # all are gone, and what the door has said is here
            self._from_door(guest)
        self.loop.forget(guest.passage.channel.fileno())
        guest.passage.close()
        if not guest.passage.pid:
            guest.failed({"event": "failed", "code": 125, "message": guest.passage.complaint, "kind": UNAVAILABLE, "errno": 0})
        _end_untraced()
        if not guest.passage.ended:  # it has not said how: proot and the door were killed, or both with their process
            guest.passage.ended = True
            guest.ended(kernel.SIGKILL)

    def _enter(self, one: Exec, process: wire.Message, stdio: list[int]) -> None:
        try:
            self.enter(Added(self, process, one), stdio)
        except StartError as error:
            wire.send(one.connection, {"event": "failed", "code": error.code, "message": error.message, "kind": "start"})
        self._let_go_of_stdio(stdio)

    def _all_gone(self) -> None:
        super()._all_gone()
        for guest in self.passages.values():
            guest.passage.close()


def _end_untraced() -> None:
    """Kill what has lost its proot, and would see this machine's files."""
    for pid, _ in descendants.below(os.getpid()):
        if is_untraced(pid):
            kernel.kill(pid, kernel.SIGKILL)


class Guest:
    """A process to be started by a passage, and who wants to know of it. The wait status of `ended` is that of wait(2)."""

    passage: Passage
    program = ""

    def __init__(self, keeper: ProotKeeper, process: wire.Message) -> None:
        self.keeper, self.process = keeper, process
        uid, gid = int(process["uid"]), int(process["gid"])  # type: ignore[call-overload]
        groups = tuple(process["groups"])  # type: ignore[arg-type,var-annotated]
        self.credential = Credential((uid,) * 4, (gid,) * 4, groups or ((gid,) if uid or gid else ()))

    def there(self, pid: int) -> None:
        """It is about to run its program."""
        raise NotImplementedError

    def ended(self, status: int) -> None:
        """It has ended, or will never be."""
        raise NotImplementedError

    def failed(self, message: wire.Message) -> None:
        """It could not be started; its end follows."""
        raise NotImplementedError


class First(Guest):
    """The container's own process."""

    def there(self, pid: int) -> None:
        """The container has begun."""
        self.keeper.first_is_there(pid)

    def ended(self, status: int) -> None:
        """And is over."""
        self.keeper.over(status)

    def failed(self, message: wire.Message) -> None:
        """It will be told at the end."""
        self.keeper.failure = message


class Added(Guest):
    """A process of `exec`."""

    def __init__(self, keeper: ProotKeeper, process: wire.Message, one: Exec) -> None:
        super().__init__(keeper, process)
        self._one = one

    def there(self, pid: int) -> None:
        """Told to who asked for it."""
        self._one.pid, self._one.pidfd = pid, os.pidfd_open(pid)
        self.keeper.execs[pid] = self._one
        wire.send(self._one.connection, {"event": "started", "pid": pid})

    def ended(self, status: int) -> None:
        """Told too."""
        self.keeper.execs.pop(self._one.pid, None)
        self._one.ended(status)

    def failed(self, message: wire.Message) -> None:
        """Told in the place of an exit code."""
        self._one.failure = message
