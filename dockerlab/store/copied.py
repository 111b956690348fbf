"""A root file system that is a copy: what overlay does for one that is mounted, done by laying out layers and comparing afterwards.

`merged` holds all of it, `diff` what is changed, as with overlay, so whoever reads `diff` needs no other code; but `diff` lags behind `merged`, and
`refresh` brings it up. Once nothing runs there, `merged` goes: what has ended is its change set alone. `laid.json` beside them says that there is a
`merged` to compare, and with what; `laid.lock` keeps two from doing so at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from dockerlab.data import dataclass
from dockerlab.layers import TreeView, laid_links, remove_tree
from dockerlab.layers.collecting import Marks, collect, doubtful, survey
from dockerlab.layers.laying import lay_out
from dockerlab.layers.owners import Owners, write_links
from dockerlab.store.files import Lock, explained, write_atomically
from dockerlab.store.rootfs import LAID, LAID_OWNERS, RootFs

LOCK = "laid.lock"


@dataclass(frozen=True)
class Given:
    """A folder of the store that lies at `path` of a laid-out root for as long as that is there; `source` is where it belongs."""

    path: str
    source: str


class CopiedRoot:
    """The copy that belongs to one RootFs. Hold `lock` from laying out until it is known that something runs in it, and while refreshing."""

    def __init__(self, rootfs: RootFs) -> None:
        self.rootfs = rootfs
        self.folder = Path(rootfs.upper).parent
        self.root = rootfs.merged
        self._owners = Path(rootfs.merged).parent / LAID_OWNERS
        self._marks: Marks = {}
        self._apart: tuple[str, ...] = ()
        self._given: tuple[Given, ...] = ()

    def lock(self) -> Lock:
        """Nobody else lays out or compares while it is held."""
        return Lock(self.folder / LOCK)

    @classmethod
    def read(cls, folder: Path) -> CopiedRoot | None:
        """The copy in `folder`, if there is one. For who holds the lock."""
        try:
            record = json.loads((folder / LAID).read_bytes())
        except FileNotFoundError:
            return None
        one = cls(RootFs(tuple(record["lowers"]), str(folder / "diff"), str(folder / "work"), str(folder / "merged"), ""))
        one._marks = {path: tuple(mark) for path, mark in record["marks"].items()}
        one._apart = tuple(record["apart"])
        one._given = tuple(Given(*pair) for pair in record["given"])
        return one

    def lay_out(self, apart: tuple[str, ...]) -> None:
        """Make `merged` from the layers and `diff`, without the paths of `apart`."""
        with explained(self.folder):
            remove_tree(self.root)
            os.mkdir(self.root, 0o755)
            links = lay_out(TreeView([*reversed(self.rootfs.lowers), self.rootfs.upper]), self.root, apart)
            if not Owners.here().real:
                laid_links.write(self._owners, links)

    def begin(self, apart: tuple[str, ...], given: tuple[Given, ...] = (), touched: Iterable[str] = (), *, kept: bool) -> None:
        """Remember what `merged` is now; what `apart` names is no part of the image, what `touched` names counts as changed.

        `kept`: on disk, for whoever comes later.
        """
        self._marks, self._apart, self._given = survey(self.root, apart), apart, given
        for path in touched:
            if path in self._marks:
                self._marks[path] = doubtful(self._marks[path])
        if kept:
            self._write()

    def refresh(self, *, live: bool) -> None:
        """Bring `diff` up to what `merged` is; without `live` nothing is at work in it any more, and it is taken away."""
        below = TreeView(list(reversed(self.rootfs.lowers)))
        with explained(self.folder):
            self._marks = collect(self.root, self.rootfs.upper, below, self._marks, self._apart, live=live)
            if not Owners.here().real:
                self._note_link_owners()
        if not live:
            self.discard()
        elif (self.folder / LAID).exists():
            self._write()

    def _note_link_owners(self) -> None:
        """The owners.json of `diff`: what lies in it, and in `merged` is somebody's."""
        known = laid_links.by_path(self.root, self._marks, laid_links.read(self._owners))
        tree = self.rootfs.upper
        write_links(tree, {path: owner for path, owner in known.items() if os.path.lexists(f"{tree}/{path}")})

    def discard(self) -> None:
        """Take `merged` away, without a look at it; what was given to it goes back to where it belongs."""
        for given in self._given:
            there = os.path.join(os.path.realpath(self.root), given.path)
            if os.path.isdir(there) and os.path.realpath(there) == there and not os.path.lexists(given.source):
                os.rename(there, given.source)
        (self.folder / LAID).unlink(missing_ok=True)
        self._owners.unlink(missing_ok=True)
        remove_tree(self.root)
        os.mkdir(self.root, 0o755)

    def _write(self) -> None:
        record = {
            "lowers": self.rootfs.lowers,
            "apart": self._apart,
            "given": [(one.path, one.source) for one in self._given],
            "marks": self._marks,
        }
        write_atomically(self.folder / LAID, json.dumps(record).encode())
