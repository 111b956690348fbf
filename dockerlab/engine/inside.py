"""The inside of an image: its layers and what each of them did, path after path; what its room is used for; who wrote a path.

    engine.image_inside("site:1")  →  ImageInside
        .layers                     [LayerFacts(1, "sha256:…", "RUN …", size, origin), …], the lowest first
        .findings()                 totals a layer, efficiency, hidden bytes
        .paths(3)                   what layer 3 adds, changes and removes, as text: lines of JSON
        .touched_by("/etc/motd")    every layer that had to do with it, the last first

It needs layers as trees, in a store. An engine whose images lie elsewhere brings an image into a store of its own first, and gives this from there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dockerlab.data import asdict, dataclass
from dockerlab.errors import NotFoundError
from dockerlab.layers import TreeView
from dockerlab.store import Image, Store
from dockerlab.store.indices import IMAGE, PATHS, blocks, pack, unpack
from dockerlab.store.origins import Origin

if TYPE_CHECKING:
    from dockerlab.layers.efficiency import Efficiency
    from dockerlab.layers.index import Indexed
    from dockerlab.layers.inside import InsideEntry, LayerInside

Json = dict[str, Any]


@dataclass(frozen=True)
class LayerFacts:
    """A layer of an image: its number (1 is the lowest), what made it, its bytes, and where that was written, if it was built here."""

    number: int
    diff_id: str
    created_by: str
    created: str
    size: int
    origin: Origin | None

    @property
    def instruction(self) -> str:
        """As it stands in the Dockerfile, else as the history has it."""
        return self.origin.instruction if self.origin is not None else self.created_by


@dataclass(frozen=True)
class Touch:
    """A layer that had to do with a path: "A" added, "C" changed, "D" removed it; `entry` tells what the layer holds, or what it removed."""

    layer: LayerFacts
    change: str
    entry: InsideEntry | None


class Findings:
    """What an image's layers come to, as it was kept: a line for the whole, and one for each path of hidden bytes."""

    def __init__(self, kept: bytes) -> None:
        self._kept = kept
        self.whole: Json = json.loads(next(unpack(kept)))
        """"size", "user_size", "efficiency", "wasted_bytes", "hidden_bytes", "layers": {"added", "changed", "removed", "size", "hidden"} of each."""

    def wasted(self) -> Iterator[Json]:
        """{"path", "bytes", "layers": number → bytes, "hidden_by": numbers}, the most bytes first."""
        lines = unpack(self._kept)
        next(lines)
        return (json.loads(line) for line in lines)

    def wasted_lines(self) -> Iterator[bytes]:
        """The same as text, a line of JSON each."""
        lines = unpack(self._kept)
        next(lines)
        return lines


class ImageInside:
    """The inside of one image of a store. NotFoundError, StoreError where one of its layers is not there."""

    def __init__(self, store: Store, image: Image) -> None:
        self._store, self._image, self.id, self.config = store, image, image.id, image.config

    @cached_property
    def layers(self) -> list[LayerFacts]:
        """The lowest first."""
        steps = [
            (entry, origin)
            for entry, origin in zip(self.config.history, self._store.images.origins(self._image), strict=True)
            if not entry.empty_layer
        ]
        out = []
        for at, diff_id in enumerate(self.config.diff_ids):
            entry, origin = steps[at] if at < len(steps) else (None, None)
            created_by, created = (entry.created_by, entry.created) if entry is not None else ("", "")
            out.append(LayerFacts(at + 1, diff_id, created_by, created, self._store.layers.size(diff_id), origin))
        return out

    @cached_property
    def trees(self) -> list[Path]:
        """The layers' change sets in overlay's upper format, the lowest first."""
        return [self._store.layers.get(diff_id).tree for diff_id in self.config.diff_ids]

    @property
    def files(self) -> TreeView:
        """The file system that a container of it would begin with."""
        return TreeView(self.trees)

    def layer(self, number: int) -> LayerInside:
        """What layer 1, 2 … does to those below it. NotFoundError for a number that none has."""
        from dockerlab.layers.inside import LayerInside

        if not 1 <= number <= len(self.trees):
            raise NotFoundError(f"there is no layer {number}", hint=f"the image has the layers 1 to {len(self.trees)}")
        return LayerInside(self.trees[: number - 1], self.trees[number - 1])

    # --- what each layer did

    def paths(self, number: int) -> Iterator[bytes]:
        """Lines of JSON (`layers.index`), in pieces that end anywhere."""
        return blocks(self._index(number))

    def entries(self, number: int) -> Iterator[Indexed]:
        """The same as objects."""
        from dockerlab.layers.index import read_lines

        return read_lines(unpack(self._index(number)))

    def _index(self, number: int) -> bytes:
        found = self._store.indices.read(self.config.diff_ids[:number], PATHS)
        return found if found is not None else self._indexed(number, lambda entries: entries)

    def _indexed(self, number: int, through: Callable[[Iterator[Indexed]], Iterator[Indexed]]) -> bytes:
        """The index of a layer, made now and kept; its entries pass `through` meanwhile."""
        from dockerlab.layers.index import index, lines

        with self._store.using():
            made = pack(lines(through(index(self.trees[number - 1], TreeView(self.trees[: number - 1])))))
            self._store.indices.keep(self.config.diff_ids[:number], PATHS, made)
        return made

    def findings(self) -> Findings:
        """What the layers come to."""
        if not self.config.diff_ids or (kept := self._store.indices.read(self.config.diff_ids, IMAGE)) is None:
            kept = pack(_found(self._efficiency()))
            if self.config.diff_ids:
                self._store.indices.keep(self.config.diff_ids, IMAGE, kept)
        return Findings(kept)

    def _efficiency(self) -> Efficiency:
        from dockerlab.layers.efficiency import Efficiency
        from dockerlab.layers.index import read_lines

        efficiency = Efficiency()
        for number in range(1, len(self.config.diff_ids) + 1):
            if (known := self._store.indices.read(self.config.diff_ids[:number], PATHS)) is None:
                self._indexed(number, efficiency.passed)
                continue
            for _ in efficiency.passed(read_lines(unpack(known))):
                pass
        return efficiency

    # --- one path

    def touched_by(self, path: str) -> list[Touch]:
        """Every layer that holds or removes a path (no link in it is followed), the last one first."""
        out = []
        for facts in self.layers:
            inside = self.layer(facts.number)
            said, entry = inside.says(path), inside.entry(path)
            if said == "holds" and entry is not None:
                out.append(Touch(facts, entry.change or "C", entry))
            elif said == "hides" and entry is not None:
                out.append(Touch(facts, "D", entry))
        return out[::-1]


def _found(efficiency: Efficiency) -> Iterator[bytes]:
    whole = {
        "size": efficiency.size,
        "user_size": efficiency.user_size,
        "efficiency": efficiency.score,
        "wasted_bytes": efficiency.wasted_bytes,
        "hidden_bytes": sum(layer.hidden for layer in efficiency.layers),
        "layers": [asdict(layer) for layer in efficiency.layers],
    }
    yield json.dumps(whole).encode() + b"\n"
    for one in efficiency.wasted():
        yield json.dumps(asdict(one), separators=(",", ":")).encode() + b"\n"
