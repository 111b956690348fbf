"""Why a step is cached or not: a key of everything that it depends on, and the memory of what it depended on last time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dockerlab.store import Store

_REMEMBERED = 20_000  # files whose digests are kept for the reason; more are only compared as a whole


@dataclass(frozen=True)
class CacheKey:
    """What a step depends on: the key of its parent, the instruction as it will be done, the files that it reads, the variables that it sees."""

    parent: str
    instruction: str
    files: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The key under which the result is kept."""
        whole = hashlib.sha256()
        whole.update(
            json.dumps([self.parent, self.instruction, list(self.variables.items()), sorted(self.settings.items())]).encode(
                "utf-8", "surrogateescape"
            )
        )
        for path, digest in sorted(self.files.items()):
            whole.update(f"{path}\0{digest}\n".encode("utf-8", "surrogateescape"))
        return "step:" + whole.hexdigest()

    @property
    def place(self) -> str:
        """The key of the same step whatever its files and variables: where the memory lies."""
        return "place:" + hashlib.sha256(f"{self.parent}\0{self.instruction}".encode("utf-8", "surrogateescape")).hexdigest()

    def remember(self, store: Store) -> None:
        """Note what the step depends on now, for the reason of a later miss."""
        files = dict(self.files) if len(self.files) <= _REMEMBERED else {}
        store.cache.put(self.place, {"files": files, "variables": dict(self.variables), "settings": dict(self.settings)})

    def reason(self, store: Store, parent_ran: bool) -> str:
        """Why there is no result for this key."""
        before = store.cache.get(self.place)
        if before is None:
            return "an earlier step ran again" if parent_ran else "not built before"
        if files := _differing(before["files"], self.files):
            shown = ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
            return f"changed: {shown}"
        if names := _differing(before["variables"], self.variables):
            return f"build argument or variable changed: {', '.join(names[:3])}"
        if list(before["variables"]) != list(self.variables):
            return "the order of variables changed"
        if names := _differing(before["settings"], self.settings):
            return f"changed for this step: {', '.join(names[:3])}"
        return "its result was removed from the cache"


def _differing(before: Mapping[str, str], now: Mapping[str, str]) -> Sequence[str]:
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
