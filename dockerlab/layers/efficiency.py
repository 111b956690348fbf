"""How well the layers of an image use their room: the score that dive made known, and the bytes that nobody sees.

The score (wagoodman/dive, dive/filetree/efficiency.go): of every path that is a leaf of some layer's tree, the smallest size that it has in any layer, summed
up, over all sizes that it has in all layers. A whiteout is a leaf too: that of a folder has the size of what lay there, that of a file none. The bytes of
the paths that occur more than once are what dive calls wasted: all of them, also those that are seen in the end.

What dive does with a whiteout of nothing, where its walk of the layer ends, is not done here: it counts nothing. dive knows no opaque folders, and
neither does the score.

Hidden bytes are another thing, and exact: what a later layer replaces or removes, a folder's files too. A container never sees them, and every pull brings them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dockerlab.data import dataclass
from dockerlab.layers.index import Indexed


@dataclass
class LayerTotals:
    """How many paths a layer adds, changes and removes; the bytes of its files, and how many of them later layers hide."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    size: int = 0
    hidden: int = 0


@dataclass
class Wasted:
    """A path of which somebody pays for bytes that nobody sees: how many, in which layers they lie (number → bytes), which layers hide them."""

    path: str
    bytes: int
    layers: dict[str, int]
    hidden_by: list[int]


class Efficiency:
    """Takes the layers of an image one after the other, the lowest first."""

    def __init__(self) -> None:
        self.layers: list[LayerTotals] = []
        self._stack = _Stack()
        self._once: dict[str, int] = {}
        self._several: dict[str, tuple[int, int]] = {}
        """Path → the smallest size, and all of them together."""
        self._wasted: dict[str, Wasted] = {}

    def passed(self, entries: Iterable[Indexed]) -> Iterator[Indexed]:
        """The entries of the next layer, as they come; when they have all been taken, so has the layer."""
        totals = LayerTotals()
        self.layers.append(totals)
        number, folder = len(self.layers), ""
        for one in entries:
            yield one
            if one.change == "A":
                totals.added += 1
            elif one.change == "C":
                totals.changed += 1
            elif one.change == "D":
                totals.removed += 1
            totals.size += one.size
            if one.hides:
                self._hides(one, number)
            if one.whole:
                continue
            if folder and not one.path.startswith(folder + "/"):
                self._leaf(folder, 0)
            folder = ""
            if one.change == "D":
                lay_there = self._stack.remove(one.path)
                self._leaf(one.path, lay_there if one.kind == "dir" else 0)
            elif one.kind == "dir":
                folder = one.path  # a leaf if nothing of this layer lies below it
                self._stack.add(one.path, None)
            else:
                self._stack.add(one.path, one.size)
                self._leaf(one.path, one.size)
        if folder:
            self._leaf(folder, 0)

    def _leaf(self, path: str, size: int) -> None:
        if (known := self._several.get(path)) is not None:
            self._several[path] = (min(known[0], size), known[1] + size)
        elif (first := self._once.get(path)) is not None:
            self._several[path] = (min(first, size), first + size)
        else:
            self._once[path] = size

    def _hides(self, one: Indexed, number: int) -> None:
        wasted = self._wasted.setdefault(one.path, Wasted(one.path, 0, {}, []))
        wasted.hidden_by.append(number)
        for layer, count in one.hides.items():
            wasted.bytes += count
            wasted.layers[layer] = wasted.layers.get(layer, 0) + count
            self.layers[int(layer) - 1].hidden += count

    # --- what came out

    @property
    def size(self) -> int:
        """The bytes of the files in all layers."""
        return sum(layer.size for layer in self.layers)

    @property
    def user_size(self) -> int:
        """The same without the lowest layer, which dive takes for the base image."""
        return sum(layer.size for layer in self.layers[1:])

    @property
    def score(self) -> float:
        """1.0 for an image in which every path is written once."""
        once, every = sum(self._once.values()), 0
        least = every = once
        for path, (smallest, together) in self._several.items():
            least += smallest - self._once[path]
            every += together - self._once[path]
        return least / every if every else 1.0

    @property
    def wasted_bytes(self) -> int:
        """The bytes of all paths that occur in several layers, each time they do (dive's WastedBytes)."""
        return sum(together for _, together in self._several.values())

    @property
    def wasted_user_percent(self) -> float:
        """The same as a part (1.0 is all) of `user_size`; 0 where there is nothing, as dive's rule passes then."""
        wasted, user = self.wasted_bytes, self.user_size
        return wasted / user if user else float("inf") if wasted else 0.0

    def wasted(self) -> list[Wasted]:
        """The paths of hidden bytes, the most of them first."""
        return sorted(self._wasted.values(), key=lambda one: (-one.bytes, one.path))


Folder = dict[str, "int | Folder"]
"""Name → the size of a file, or what lies in a folder."""


class _Stack:
    """The layers one above the other as dive stacks them: a whiteout removes, everything else adds; what an opaque folder hides stays."""

    def __init__(self) -> None:
        self._top: Folder = {}
        self._last: tuple[str, Folder] = "", self._top
        """The folder that the last path lay in: so will most likely the next."""

    def _folder(self, path: str) -> Folder:
        if self._last[0] != path:
            here = self._top
            for part in path.split("/")[1:]:
                found = here.get(part)
                if found is None or isinstance(found, int):
                    found = here[part] = {}
                here = found
            self._last = path, here
        return self._last[1]

    def add(self, path: str, size: int | None) -> None:
        """A file, or (None) a folder."""
        parent, _, name = path.rpartition("/")
        folder = self._folder(parent)
        if size is not None:
            folder[name] = size
        elif not isinstance(folder.get(name), dict):
            folder[name] = {}

    def remove(self, path: str) -> int:
        """Take a path away; the bytes of all that lay there."""
        parent, _, name = path.rpartition("/")
        gone = self._folder(parent).pop(name, 0)
        total, way = 0, [gone]
        while way:
            one = way.pop()
            if isinstance(one, int):
                total += one
            else:
                way.extend(one.values())
        self._last = "", self._top
        return total
