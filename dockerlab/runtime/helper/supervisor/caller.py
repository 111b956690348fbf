"""The process that made a call: its memory, its paths, and the credentials it has in the container."""

from __future__ import annotations

import resource

from dockerlab.runtime.helper import kernel

RLIMIT_LOCKS = 10  # not in Python's `resource`; Linux has ignored it since 2.4
AT_FDCWD = -100
Ids = tuple[int, int, int, int]  # real, effective, saved, file system


class Credential:
    """Who a process is in the container. `power` says what is left of root's right to change IDs."""

    __slots__ = ("groups", "power", "supplementary", "users")
    NONE, KEEPCAPS, ABLE = 0, 1, 2  # nothing; root that asked to keep its capabilities; no longer root, but kept them

    def __init__(self, users: Ids = (0, 0, 0, 0), groups: Ids = (0, 0, 0, 0), supplementary: tuple[int, ...] = (), power: int = 0) -> None:
        self.users, self.groups, self.supplementary, self.power = users, groups, supplementary, power

    @property
    def key(self) -> tuple[Ids, Ids, tuple[int, ...], int]:
        """Equal for equal credentials."""
        return self.users, self.groups, self.supplementary, self.power

    @property
    def fsuid(self) -> int:
        """The user that file accesses are judged by."""
        return self.users[3]

    @property
    def fsgid(self) -> int:
        """The group that new files get."""
        return self.groups[3]

    @property
    def real(self) -> Credential:
        """The one who started a set-ID program, by whom access(2) judges."""
        return Credential((self.users[0],) * 4, (self.groups[0],) * 4, self.supplementary)

    @property
    def is_root(self) -> bool:
        """Whether the effective user is root."""
        return self.users[1] == 0

    def in_group(self, gid: int) -> bool:
        """Whether the group's permission bits apply."""
        return gid == self.groups[3] or gid in self.supplementary


class Credentials:
    """The table of all credentials of a container.

    A process's index into it rides in its soft limit of RLIMIT_LOCKS, which the kernel ignores but hands down by fork and keeps over exec:
    nothing is lost when a parent dies before its child is first seen. No limit means root.
    """

    def __init__(self, me: int = 0) -> None:
        """`me` is the one real user, as the kernel shows it."""
        self.me = me
        self.loading: set[int] = set()
        """Processes that have run proot's loader and have not opened their program yet."""
        root = Credential()
        self._table = [root]
        self._index = {root.key: 0}

    @property
    def only_root(self) -> bool:
        """Whether nobody in the container has ever been anybody else."""
        return len(self._table) == 1

    def of(self, pid: int) -> Credential:
        """Those of a process, by this machine's number for it."""
        soft = resource.prlimit(pid, RLIMIT_LOCKS)[0]
        return self._table[soft if 0 <= soft < len(self._table) else 0]

    def of_shown(self, folder: bytes) -> Credential | None:
        """The credentials of the process that /proc/NUMBER of the container shows: its limits can be read there, its outer number can't."""
        try:
            with open(folder + b"/limits", "rb") as file:
                for line in file:
                    if line.startswith(b"Max file locks"):
                        soft = line.split()[3]
                        index = int(soft) if soft.isdigit() else 0
                        return self._table[index if index < len(self._table) else 0]
        except OSError:
            pass  # ended meanwhile
        return None

    def set(self, pid: int, credential: Credential) -> None:
        """Give a process other credentials."""
        index = self._index.get(credential.key)
        if index is None:
            index = self._index[credential.key] = len(self._table)
            self._table.append(credential)
        resource.prlimit(pid, RLIMIT_LOCKS, (index, resource.RLIM_INFINITY))


class Caller:
    """One notified call. Paths are given so that the keeper can use them: its root is the container's, its working directory the outer
    /proc, so `PID/cwd/...` and `PID/fd/N/...` lead where the process's own relative paths would."""

    __slots__ = ("_credential", "chrooted", "ident", "listener", "pid", "table")

    def __init__(self, pid: int, ident: int, listener: int, table: Credentials, chrooted: bool) -> None:
        self.pid, self.ident, self.listener, self.chrooted = pid, ident, listener, chrooted
        self.table = table
        self._credential: Credential | None = None

    @property
    def credential(self) -> Credential:
        """Who asks."""
        if self._credential is None:
            self._credential = self.table.of(self.pid)
        return self._credential

    def become(self, credential: Credential) -> None:
        """Change who it is."""
        self.table.set(self.pid, credential)

    def read(self, address: int, size: int) -> bytes:
        """Bytes of its memory."""
        return kernel.read_memory(self.pid, address, size)

    def write(self, address: int, data: bytes) -> None:
        """Change its memory."""
        kernel.write_memory(self.pid, address, data)

    def string(self, address: int) -> bytes:
        """Up to its NUL, never across a page in one piece: the next page may not be mapped."""
        text = b""
        while len(text) < 4096:
            at = address + len(text)
            text += kernel.read_memory(self.pid, at, min(256, 4096 - at % 4096))
            end = text.find(b"\0")
            if end >= 0:
                return text[:end]
        raise OSError(36, "ENAMETOOLONG")

    def path(self, address: int, folder: int = AT_FDCWD) -> bytes:
        """The path at `address`, relative to the descriptor `folder`; with no address the descriptor itself."""
        return self.place(address, folder)[0]

    def place(self, address: int, folder: int) -> tuple[bytes, bool]:
        """As `path`, and whether the string was missing or empty, which with AT_EMPTY_PATH means the descriptor."""
        text = self.string(address) if address else b""
        return self._place(text, folder), not text

    def _place(self, text: bytes, folder: int) -> bytes:
        if text[:1] == b"/":
            if text[:11] == b"/proc/self/":  # the keeper is in another PID namespace and has no `self` there
                return b"%d/%s" % (self.pid, text[11:])
            return b"%d/root%s" % (self.pid, text) if self.chrooted else text
        folder &= 0xFFFFFFFF
        if folder == 0xFFFFFF9C:  # AT_FDCWD as an unsigned int
            base = b"%d/cwd" % self.pid
        else:
            base = b"%d/fd/%d" % (self.pid, folder)
        return base + b"/" + text if text else base

    def umask(self) -> int:
        """Its file mode creation mask."""
        with open(f"{self.pid}/status", "rb") as file:
            for line in file:
                if line.startswith(b"Umask:"):
                    return int(line.split()[1], 8)
        return 0o022
