"""Files whose inode is one's own and whose contents are somebody else's: what a layer of a base store costs who may not use its inodes.

    own tree     usr/sbin/nginx   a hole of 1.2 MB, with one's own owner record and mode, and
                   user.overlay.metacopy, user.overlay.redirect = /HEX/tree/usr/sbin/nginx    what the kernel makes of it (below)
                   user.overlay.bytes = /srv/dockerlab/shared/HEX/tree/usr/sbin/nginx         what we make of it (`opened`)
    base store   shared/HEX/tree/usr/sbin/nginx   the bytes

The kernel joins the two where the folder `shared` is a data-only lower layer of the overlay; an ordinary user may mount such a one as of Linux 6.16, and
then only the lowest layer above it may hold such files (`store.borrowing.is_lowest`).
(Documentation/filesystems/overlayfs.rst, "Data-only lower layers".) All three marks are overlay's own: it copies none of them up.
"""

from __future__ import annotations

import os
from typing import Final

BYTES: Final = "user.overlay.bytes"
follows = False
"""Whether any tree of such files is in use here; what opens files asks only then."""


def follow() -> None:
    """From now on contents are looked for where they lie."""
    global follows
    follows = True


def marks(real: str, folder: str) -> dict[str, bytes]:
    """The marks of a file whose contents are those of `real`, which lies below `folder`, the data-only layer to be."""
    return {
        "user.overlay.metacopy": b"",
        "user.overlay.redirect": os.fsencode(real[len(folder.rstrip("/")) :]),
        BYTES: os.fsencode(real),
    }


def opened(fd: int, flags: int) -> int:
    """The file that has the contents of the one open as `fd`, which is closed then; `fd` itself where it has its own."""
    try:
        place = os.getxattr(fd, BYTES)
    except OSError:
        return fd
    os.close(fd)
    return os.open(place, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
