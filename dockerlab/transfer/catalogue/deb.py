"""Reading a Debian archive: its control information and its files, through dpkg-deb. Nothing of it is run. (deb(5), deb-control(5))"""

from __future__ import annotations

import fcntl
import io
import subprocess
import tarfile
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TypeVar

from dockerlab.data import dataclass
from dockerlab.errors import CatalogueError

T = TypeVar("T")

_AHEAD = 2
"""How many archives are unpacked ahead."""
_PIPE = 1 << 20
"""Bytes of each that are held in memory: a Java runtime's files are 190 MB, and a pod may have 450 for everything."""


@dataclass(frozen=True)
class Control:
    """A package's control information: `paragraph` as it is written, `fields` by name, `members` the other files (scripts, lists) with their modes."""

    paragraph: str
    fields: dict[str, str]
    members: dict[str, tuple[bytes, int]]

    @property
    def name(self) -> str:
        """The package's name."""
        return self.fields["Package"]

    @property
    def version(self) -> str:
        """The package's version."""
        return self.fields["Version"]

    @property
    def record(self) -> str:
        """How dpkg names the package's files in info/: with the architecture where several may be installed side by side."""
        same = self.fields.get("Multi-Arch") == "same"
        return f"{self.name}:{self.fields['Architecture']}" if same else self.name

    def lines(self, member: str) -> list[str]:
        """The lines of a control file that say something; none if the package has no such file."""
        text = self.members.get(member, (b"", 0))[0].decode()
        return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def fields_of(paragraph: str) -> dict[str, str]:
    """The fields of one paragraph, folded lines kept with their line breaks."""
    fields: dict[str, str] = {}
    last = ""
    for line in paragraph.splitlines():
        if line[:1] in " \t":
            if last:
                fields[last] += "\n" + line
        elif ":" in line:
            last, _, value = line.partition(":")
            fields[last] = value.strip()
    return fields


def read_ahead(archives: Sequence[Path], visit: Callable[[Control, tarfile.TarFile], T]) -> list[T]:
    """What `visit` makes of each archive's control information and files, in order. The files are a stream: they can be read once, as they come.

    While one is looked at, dpkg-deb already unpacks the next ones, as far as a pipe has room. CatalogueError for an archive that is damaged.
    """
    with ThreadPoolExecutor(_AHEAD) as pool:
        waiting: deque[Future[tuple[Control, subprocess.Popen[bytes]]]] = deque()
        todo = iter(archives)
        done: list[T] = []
        try:
            for archive in archives:
                waiting.extend(pool.submit(_open, path) for path in islice(todo, _AHEAD + 1 - len(waiting)))
                done.append(_visited(archive, *waiting.popleft().result(), visit))
        finally:
            for future in waiting:
                if not future.cancel() and future.exception() is None:
                    _end(future.result()[1])
    return done


def _open(archive: Path) -> tuple[Control, subprocess.Popen[bytes]]:
    control = _control(_dpkg_deb("--ctrl-tarfile", archive))
    process = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    with suppress(OSError):  # a user may have used up their room for pipes
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, _PIPE)
    return control, process


def _visited(archive: Path, control: Control, process: subprocess.Popen[bytes], visit: Callable[[Control, tarfile.TarFile], T]) -> T:
    assert process.stdout is not None and process.stderr is not None
    try:
        with tarfile.open(fileobj=process.stdout, mode="r|", bufsize=_PIPE) as tar:
            found = visit(control, tar)
        while process.stdout.read(_PIPE):
            pass  # what pads the end
        said = process.stderr.read()
        if process.wait():
            raise _damaged(archive, said)
        return found
    except tarfile.TarError as error:
        process.stdout.close()
        raise _damaged(archive, process.stderr.read() or str(error).encode()) from error
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with process:
        pass


def _dpkg_deb(what: str, archive: Path) -> bytes:
    done = subprocess.run(["dpkg-deb", what, str(archive)], capture_output=True)
    if done.returncode:
        raise _damaged(archive, done.stderr)
    return done.stdout


def _control(data: bytes) -> Control:
    members: dict[str, tuple[bytes, int]] = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        for member in tar:
            if member.isreg() and (file := tar.extractfile(member)) is not None:
                members[member.name.removeprefix("./")] = (file.read(), member.mode & 0o777)
    paragraph = members.pop("control")[0].decode().rstrip("\n") + "\n"
    return Control(paragraph, fields_of(paragraph), members)


def _damaged(archive: Path, said: bytes) -> CatalogueError:
    return CatalogueError(
        f"the package {archive.name} can't be read: {said.decode(errors='replace').strip() or 'dpkg-deb failed'}",
        hint=f"remove {archive} and try again: it is then fetched anew",
    )
