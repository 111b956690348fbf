"""Where the parts of a root file system lie: what the store prepares and the runtime makes a root of.

There are two kinds of making one. As `overlay` the kernel mounts it, and `upper` is at all times what was changed. As `copy` (`copied`), where no
mount is to be had, `merged` is a folder with everything in it, and `upper` is found by comparing.

An overlay needs a folder to be mounted on, but none of its own: who mounts it has mounts that nobody else sees. To make one for each container and to
take it away again cost a fiftieth of a `run`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dockerlab.data import dataclass

if TYPE_CHECKING:
    from dockerlab.store.layers import Layer

POINT = "root"
"""The store's folder that overlays are mounted on."""
LAID = "laid.json"
"""Beside `merged` where that is a copy whose changes may not be in `upper` yet."""
LAID_OWNERS = "laid.owners"
"""Beside a copy that an ordinary user works in: who owns what takes no xattr (`layers.laid_links`)."""


@dataclass(frozen=True)
class RootFs:
    """The folders of one root file system, as absolute paths.

    `lowers` are the layers' trees, the topmost first; `upper` takes the changes, `work` is overlay's own. `point` is any folder that an overlay may be
    mounted on; `merged` is where a copy is made. Beside each lower and beside `upper` may lie an `owners.json` (see the package's README). `data` are folders with
    contents of files that the lowers have only the inodes of (`layers.borrowed`).
    """

    lowers: tuple[str, ...]
    upper: str
    work: str
    merged: str
    point: str
    data: tuple[str, ...] = ()


def rootfs_at(home: Path, folder: Path, layers: Sequence[Layer], changes: Path | None = None) -> RootFs:
    """The root file system of these layers (bottom first) whose changes lie in `changes`, or else in folder/diff; these folders are made. `home` is the store's."""
    made = [str(changes or folder / "diff"), f"{folder}/work"]
    for path in made:
        if not os.path.isdir(path):
            os.mkdir(path)
            os.chmod(path, 0o755)  # whatever the umask: the topmost is the root folder that processes see
    # overlay refuses the same folder twice; of equal layers the upper one hides the lower
    lowers = dict.fromkeys(str(layer.tree) for layer in reversed(layers))
    upper, work = made
    data = dict.fromkeys(layer.bytes for layer in layers if layer.bytes)
    return RootFs(tuple(lowers), upper, work, f"{folder}/merged", f"{home}/{POINT}", tuple(data))
