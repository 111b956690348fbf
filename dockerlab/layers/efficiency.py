"""How well the layers of an image use their room: the score that dive made known, and the bytes that nobody sees.

The score (wagoodman/dive, dive/filetree/efficiency.go): of every path that is a leaf of some layer's tree, the smallest size that it has in any layer, summed
up, over all sizes that it has in all layers. A whiteout is a leaf too: that of a folder has the size of what lay there, that of a file none. The bytes of
the paths that occur more than once are what dive calls wasted: all of them, also those that are seen in the end.

What dive does with a whiteout of nothing, where its walk of the layer ends, is not done here: it counts nothing. dive knows no opaque folders, and
neither does the score.

Hidden bytes are another thing, and exact: what a later layer replaces or removes, a folder's files too. A container never sees them, and every pull brings them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

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
    """Takes the layers of an image one after the other, the lowest first. `again(number)` has the entries of a layer that was taken once more."""

    def __init__(self, again: Callable[[int], Iterable[Indexed]]) -> None:
        self.layers: list[LayerTotals] = []
        self._again, self._below, self._stacked = again, _Stack(), 0
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
                self._leaf(one.path, self._removed(one, number) if one.kind == "dir" else 0)
            elif one.kind == "dir":
                folder = one.path  # a leaf if nothing of this layer lies below it
            else:
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

    def _removed(self, one: Indexed, number: int) -> int:
        """The size of a folder that a whiteout removes: of all that dive knows to lie there."""
        for below in range(self._stacked + 1, number):
            self._below.add(self._again(below))
            self._stacked = below
        return self._below.size(one.path)

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


class _Stack:
    """The layers one above the other as dive stacks them: a whiteout removes, everything else adds; what an opaque folder hides stays."""

    def __init__(self) -> None:
        self._top: list[Any] = [0, {}]
        """A node is its size, and its children by name, None for what is no folder."""

    def add(self, entries: Iterable[Indexed]) -> None:
        for one in entries:
            if one.whole:
                continue
            *way, name = one.path[1:].split("/")
            node = self._top
            for part in way:
                if node[1] is None:
                    node[1] = {}
                node = node[1].setdefault(part, [0, {}])
            if node[1] is None:
                node[1] = {}
            if one.change == "D":
                node[1].pop(name, None)
            elif one.kind == "dir":
                node[1].setdefault(name, [0, {}])[0] = 0
            else:
                node[1][name] = [one.size, None]

    def size(self, path: str) -> int:
        node: list[Any] | None = self._top
        for part in path[1:].split("/"):
            node = node[1].get(part) if node is not None and node[1] is not None else None
        return sum(self._sizes(node)) if node is not None else 0

    def _sizes(self, node: list[Any]) -> Iterator[int]:
        yield node[0]
        for child in (node[1] or {}).values():
            yield from self._sizes(child)
