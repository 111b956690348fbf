"""Owners of what takes no xattr (symbolic links, pipes, sockets) in a copy that an ordinary user's processes work in: a line each, by inode.

The supervisor of the processes reads them and appends to them (`runtime/helper/supervisor/laid.py`); the last word about an inode counts. A number may
be another file's by now: what the file was stands in the line too.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from dockerlab.layers.owners import Links

LinkOwner = tuple[int, int, int, int, str]
"""(device, inode, uid, gid, what it is)"""


def what_it_is(path: str, mode: int) -> str:
    """ "l:TARGET" of a symbolic link, else its kind."""
    return "l:" + os.readlink(path) if stat.S_ISLNK(mode) else f"{stat.S_IFMT(mode):o}:"


def link_owner(path: str, owner: tuple[int, int]) -> LinkOwner:
    """The line of one of them."""
    st = os.lstat(path)
    return st.st_dev, st.st_ino, *owner, what_it_is(path, st.st_mode)


def write(file: Path, owners: Iterable[LinkOwner]) -> None:
    """Begin a record."""
    text = "".join(f"{device} {inode} {uid} {gid} {os.fsencode(what).hex()}\n" for device, inode, uid, gid, what in owners)
    file.write_text(text, encoding="ascii")


def read(file: Path) -> dict[int, tuple[int, int, str]]:
    """{inode: (uid, gid, what it is)}; all of a copy lies on one device."""
    found = {}
    try:
        with open(file, encoding="ascii") as lines:
            for line in lines:
                _, inode, uid, gid, what = line.split()
                found[int(inode)] = int(uid), int(gid), os.fsdecode(bytes.fromhex(what))
    except FileNotFoundError:
        pass
    return found


def by_path(root: str, marks: Mapping[str, tuple[int, ...]], known: Mapping[int, tuple[int, int, str]]) -> Links:
    """The owners.json of a folder whose paths have these marks (see `collecting`)."""
    links: Links = {}
    for path, (inode, mode, *_) in marks.items() if known else ():
        if inode in known and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            uid, gid, what = known[inode]
            try:
                if (uid or gid) and what == what_it_is(f"{root}/{path}", mode):
                    links[path] = uid, gid
            except OSError:
                pass  # it is gone again
    return links
