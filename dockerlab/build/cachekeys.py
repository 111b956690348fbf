"""Why a step is cached or not: a key of everything that it depends on, and the memory of what it depended on last time."""

from __future__ import annotations

import json
from collections.abc import Mapping

from dockerlab.build.events import Reason
from dockerlab.data import dataclass, field
from dockerlab.oci.digest import Sha256, digest_of, hex_of
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
    project: str = ""
    """The folder whose files it reads: what is remembered of the same line in another project says nothing about this one. No part of the key."""

    @property
    def text(self) -> str:
        """The key under which the result is kept."""
        whole = Sha256()
        whole.update(
            json.dumps([self.parent, self.instruction, list(self.variables.items()), sorted(self.settings.items())]).encode(
                "utf-8", "surrogateescape"
            )
        )
        whole.update("".join([f"{path}\0{digest}\n" for path, digest in sorted(self.files.items())]).encode("utf-8", "surrogateescape"))
        return "step:" + whole.hexdigest()

    @property
    def place(self) -> str:
        """The key of the same step whatever its files and variables: where the memory lies."""
        return "place:" + hex_of(
            digest_of("\0".join(filter(None, (self.parent, self.instruction, self.project))).encode("utf-8", "surrogateescape"))
        )

    def remember(self, store: Store) -> None:
        """Note what the step depends on now, for the reason of a later miss."""
        files = dict(self.files) if len(self.files) <= _REMEMBERED else {}
        store.cache.put(self.place, {"files": files, "variables": dict(self.variables), "settings": dict(self.settings)})

    def reason(self, store: Store, parent_ran: bool) -> Reason:
        """Why there is no result for this key."""
        before = store.cache.get(self.place)
        if before is None:
            return Reason("parent" if parent_ran else "new")
        if files := _differing(before["files"], self.files):
            return Reason("files", files)
        if names := _differing(before["variables"], self.variables):
            return Reason("variables", names)
        if list(before["variables"]) != list(self.variables):
            return Reason("order")
        if names := _differing(before["settings"], self.settings):
            return Reason("settings", names)
        return Reason("gone")


def _differing(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in {*before, *now} if before.get(name) != now.get(name)))
