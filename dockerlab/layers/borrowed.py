"""Files whose inode is one's own and whose contents are somebody else's: what a layer of a base store costs who may not use its inodes.

    own tree     usr/bin/perl   a hole of 3.7 MB, with one's own owner record and mode, and
                   user.overlay.metacopy, user.overlay.redirect = /HEX/tree/usr/bin/perl
    base store   shared/HEX/tree/usr/bin/perl   the bytes

The kernel joins the two where the folder `shared` is a data-only lower layer of the overlay; an ordinary user may mount such a one as of Linux 6.16, and
then only the lowest layer above it may hold such files (`store.borrowing.is_lowest`). (Documentation/filesystems/overlayfs.rst, "Data-only lower layers")
Overlay copies none of these marks up.

Whoever reads without a mount goes the same way (`opened`), in trees of which it was said where their contents lie: a mark on any other file, which a
container or a build context might hold, means nothing.
"""

from __future__ import annotations

import os
from _thread import allocate_lock
from pathlib import Path

_METACOPY, _REDIRECT = "user.overlay.metacopy", "user.overlay.redirect"
places: tuple[tuple[str, str], ...] = ()
"""(beginning of the paths in a tree with such files, the folder of their contents): what opens files asks only where there are any."""
_changing = allocate_lock()


def follow(tree: Path, folder: str) -> None:
    """From now on contents of files in `tree` are looked for below `folder`, the data-only layer."""
    global places
    with _changing:
        places = (*(place for place in places if place[0] != f"{tree}/"), (f"{tree}/", folder))


def forget(tree: Path) -> None:
    """The tree is nowhere any more, or somewhere else."""
    global places
    with _changing:
        places = tuple(place for place in places if place[0] != f"{tree}/")


def marks(real: str, folder: str) -> dict[str, bytes]:
    """The marks of a file whose contents are those of `real`, which lies below `folder`."""
    return {_METACOPY: b"", _REDIRECT: os.fsencode(real[len(folder.rstrip("/")) :])}


def opened(fd: int, path: str, flags: int) -> int:
    """The file that has the contents of the one at `path`, which is open as `fd` and closed then; `fd` itself where it has its own."""
    folder = next((folder for tree, folder in places if path.startswith(tree)), "")
    if not folder:
        return fd
    try:
        redirect = os.getxattr(fd, _REDIRECT)
    except OSError:
        return fd
    os.close(fd)
    return os.open(os.fsencode(folder) + redirect, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
