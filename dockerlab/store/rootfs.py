"""Where the parts of a root file system lie: what the store prepares and the runtime makes a root of.

There are two kinds of making one. As `overlay` the kernel mounts it, and `upper` is at all times what was changed. As `copy` (`copied`), where no
mount is to be had, `merged` is a folder with everything in it, and `upper` is found by comparing.
"""

from __future__ import annotations

from dockerlab.data import dataclass

LAID = "laid.json"
"""Beside `merged` where that is a copy whose changes may not be in `upper` yet."""
LAID_OWNERS = "laid.owners"
"""Beside a copy that an ordinary user works in: who owns what takes no xattr (`layers.laid_links`)."""


@dataclass(frozen=True)
class RootFs:
    """The folders of one root file system, as absolute paths.

    `lowers` are the layers' trees, the topmost first; `upper` takes the changes, `work` is overlay's own, `merged` is the root that processes see:
    overlay's mount point, or the copy. Beside each lower and beside `upper` may lie an `owners.json` (see the package's README). `data` are folders with
    contents of files that the lowers have only the inodes of (`layers.borrowed`).
    """

    lowers: tuple[str, ...]
    upper: str
    work: str
    merged: str
    data: tuple[str, ...] = ()
