"""What an image comes in, as names and bytes: a tar, or a folder. Whoever made it may be hostile: nothing outside of it is ever read, and nothing without an end."""

from __future__ import annotations

import os
import stat
import tarfile
from pathlib import Path
from typing import IO, Protocol, cast

from dockerlab.errors import StoreError
from dockerlab.layers.packed import LARGEST, Metered

NOTHING = "nothing of it was kept"
LONGEST_TEXT = 8 << 20  # bytes: ten thousand layers and their history take three millions
_MOST_ENTRIES = 100_000
_HOPS = 8


class Members(Protocol):
    """Files by their names, such as `blobs/sha256/…`."""

    what: str
    """How it is called in messages: "archive", or "folder"."""

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""

    def open(self, name: str) -> tuple[IO[bytes], int]:
        """(the file, its bytes). StoreError if there is none."""


def text_of(members: Members, name: str) -> bytes:
    """A file that is JSON. StoreError for one that is not there, or larger than any should be."""
    file, _ = members.open(name)
    with file:
        data = file.read(LONGEST_TEXT + 1)
    if len(data) > LONGEST_TEXT:
        raise StoreError(
            f'the {members.what}\'s "{name}" has more than {LONGEST_TEXT >> 20} MB, which is too much for what it should be', hint=NOTHING
        )
    return data


def _absent(members: Members, name: str) -> StoreError:
    return StoreError(
        f'the {members.what} has no "{name}"', hint="it is no image archive, or cut short; for the tar of a file system use import"
    )


class TarMembers:
    """The files of a tar that lies on disk. StoreError for more entries than any image needs."""

    what = "archive"

    def __init__(self, file: IO[bytes]) -> None:
        metered = Metered(file)
        self._tar = tarfile.open(fileobj=cast(IO[bytes], metered), mode="r:")
        count = 0
        while self._tar.next() is not None:
            metered.allow()
            if (count := count + 1) > _MOST_ENTRIES:
                raise StoreError(f"the archive has more than {_MOST_ENTRIES} entries: no image archive needs so many", hint=NOTHING)
        metered.allow(LARGEST)
        self._by_name = {os.path.normpath(member.name): member for member in self._tar.getmembers()}
        """The last of a name, as Docker takes it; some write `./manifest.json`."""

    def _member(self, name: str) -> tarfile.TarInfo | None:
        member = self._by_name.get(os.path.normpath(name))
        for _ in range(_HOPS):  # older archives link equal layers to one another
            if member is None or not (member.issym() or member.islnk()):
                break
            beside = os.path.dirname(member.name) if member.issym() else ""
            member = self._by_name.get(os.path.normpath(os.path.join(beside, member.linkname)))
        return member if member is not None and member.isreg() else None

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return self._member(name) is not None

    def open(self, name: str) -> tuple[IO[bytes], int]:
        """(the file, its bytes). StoreError if there is none."""
        member = self._member(name)
        file = self._tar.extractfile(member) if member is not None else None
        if member is None or file is None:
            raise _absent(self, name)
        return file, member.size


class FolderMembers:
    """The files of a folder; a link in it may lead to another file of it, and nowhere else."""

    what = "folder"

    def __init__(self, folder: Path | str) -> None:
        self._top = os.path.realpath(folder)

    def _path(self, name: str) -> str:
        """ "" for what is no file of the folder."""
        try:
            path = os.path.realpath(os.path.join(self._top, name))
            inside = path.startswith(self._top.rstrip("/") + "/")
            return path if inside and stat.S_ISREG(os.stat(path).st_mode) else ""
        except (OSError, ValueError):
            return ""

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return bool(self._path(name))

    def open(self, name: str) -> tuple[IO[bytes], int]:
        """(the file, its bytes). StoreError if there is none."""
        path = self._path(name)
        if not path:
            raise _absent(self, name)
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        return file, os.fstat(file.fileno()).st_size
