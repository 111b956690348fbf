"""Reading a Debian archive: its control information and its files, through dpkg-deb. Nothing of it is run. (deb(5), deb-control(5))"""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dockerlab.errors import CatalogueError


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


def read_control(archive: Path) -> Control:
    """The control information. CatalogueError if the archive is damaged."""
    done = subprocess.run(["dpkg-deb", "--ctrl-tarfile", str(archive)], capture_output=True)
    if done.returncode:
        raise _damaged(archive, done.stderr)
    members: dict[str, tuple[bytes, int]] = {}
    with tarfile.open(fileobj=io.BytesIO(done.stdout), mode="r:") as tar:
        for member in tar:
            if member.isreg() and (file := tar.extractfile(member)) is not None:
                members[member.name.removeprefix("./")] = (file.read(), member.mode & 0o777)
    paragraph = members.pop("control")[0].decode().rstrip("\n") + "\n"
    return Control(paragraph, fields_of(paragraph), members)


@contextmanager
def data_of(archive: Path) -> Iterator[tarfile.TarFile]:
    """The package's files as a tar to be read in order. CatalogueError if the archive is damaged."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|", bufsize=1 << 18) as tar:
                yield tar
            while process.stdout.read(1 << 18):
                pass  # what follows the last entry is padding; leaving it would end dpkg-deb with SIGPIPE
        except tarfile.TarError as error:
            raise _damaged(archive, str(error).encode()) from error
        except BaseException:
            process.kill()
            raise
        errors = process.stderr.read()
    if process.returncode:
        raise _damaged(archive, errors)


def _damaged(archive: Path, said: bytes) -> CatalogueError:
    return CatalogueError(
        f"the package {archive.name} can't be read: {said.decode(errors='replace').strip() or 'dpkg-deb failed'}",
        hint=f"remove {archive} and try again: it is then fetched anew",
    )
