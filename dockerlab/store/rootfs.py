"""Where the parts of a root file system lie: what the store prepares and the runtime mounts."""

from __future__ import annotations

from dockerlab.data import dataclass


@dataclass(frozen=True)
class RootFs:
    """The folders of one overlay mount, as absolute paths.

    `lowers` are the layers' trees, the topmost first; `upper` takes the changes, `work` is overlay's own, `merged` is the mount point.
    Beside each lower and beside `upper` may lie an `owners.json` (see the package's README).
    """

    lowers: tuple[str, ...]
    upper: str
    work: str
    merged: str
