"""The root file system of a container or a build step, as the runtime mounts it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RootFs:
    """Folders of one overlay: `lowers` are layer trees, the topmost first; `upper` takes the changes, `work` is overlay's own, `merged` the mount
    point. Owners that no xattr can hold stand in owners.json beside `upper` and beside each lower."""

    lowers: tuple[str, ...]
    upper: str
    work: str
    merged: str
