"""`%layers`, alive: the stack of one image or of two side by side, and beside it what the chosen layer does to the files below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import traitlets

from dockerlab.data import asdict
from dockerlab.layers.inside import InsideEntry, LayerInside
from dockerlab.notebook.widgets.asking import AskingWidget, Json
from dockerlab.notebook.widgets.labels import labels
from dockerlab.notebook.widgets.modules import script, styles
from dockerlab.verbs.units import human_size

if TYPE_CHECKING:
    from dockerlab.engine import Engine
    from dockerlab.notebook.layer_stack import LayerStack

MOST_TEXT = 64_000  # bytes of a file that are shown
MOST_FOUND = 500
FIRST_SEEN = 100
"""Entries of a folder that are told at once; the others when they are scrolled to."""


class LayerStackWidget(AskingWidget):
    """Images and their layers; what lies in a layer is asked for when somebody looks."""

    _esm = script("layer_stack.js")
    _css = styles("theme.css", "bands.css", "tree.css", "layer_stack.css")

    images: Any = traitlets.List().tag(sync=True)
    """[{"name", "size", "bands": [{"text", "size", "number", "own", "note"}, newest first]}]"""
    shared: Any = traitlets.Int().tag(sync=True)
    """How many layers, from the bottom, all of the images have."""

    def __init__(self, engine: Engine, stacks: Sequence[LayerStack], shared: int = 0) -> None:
        images = [{"name": one.image, "size": one.size, "bands": [asdict(band) for band in one.bands]} for one in stacks]
        super().__init__(words=labels(), images=images, shared=shared)
        self._engine, self._ids = engine, [one.id for one in stacks]
        self._insides: dict[tuple[int, int], LayerInside] = {}

    def _inside(self, image: int, number: int) -> LayerInside:
        key = (image, number)
        if key not in self._insides:
            self._insides[key] = self._engine.layer_inside(self._ids[image], number)
        return self._insides[key]

    def answer_folder(self, image: int, number: int, path: str) -> Json:
        """What a layer holds or deletes in a folder: every name, so many `folders` first; of those that are seen at first all that there is (see `InsideEntry`)."""
        inside = self._inside(image, number)
        listing = inside.listing(path)
        return {"names": listing.names, "folders": listing.folders, "entries": _shown(inside.some(path, 0, FIRST_SEEN))}

    def answer_some(self, image: int, number: int, path: str, first: int, last: int) -> list[Json]:
        """All of the names from one place to another."""
        return _shown(self._inside(image, number).some(path, first, last))

    def answer_sizes(self, image: int, number: int, path: str) -> dict[str, int]:
        """Name → bytes of the folders in a folder."""
        return self._inside(image, number).sizes(path)

    def answer_find(self, image: int, number: int, text: str) -> Json:
        """Paths that hold a text, and how many there are."""
        entries, total = self._inside(image, number).find(text, MOST_FOUND)
        return {"entries": _shown(entries), "total": total}

    def answer_layer(self, image: int, number: int) -> Json:
        """A layer as a whole: counts of added, changed, deleted; who has it too."""
        counts = self._inside(image, number).counts()
        return {"counts": counts, "empty": not any(counts.values()), "holders": self._holders(image, number)}

    def answer_file(self, image: int, number: int, path: str) -> Json:
        """The beginning of a file as text, and what there is to say of it."""
        data = self._inside(image, number).read(path, MOST_TEXT + 1)
        said = labels()
        if not data:
            return {"text": "", "note": said["empty file"]}
        if b"\0" in data[:8000]:
            return {"text": "", "note": said["no text"].format(size=human_size(len(data)) + ("+" if len(data) > MOST_TEXT else ""))}
        note = said["cut"].format(size=human_size(MOST_TEXT)) if len(data) > MOST_TEXT else ""
        return {"text": data[:MOST_TEXT].decode("utf-8", "replace"), "note": note}

    def _holders(self, image: int, number: int) -> list[str]:
        """Images by name and containers that have the layer too."""
        own = self._ids[image]
        layer = self._engine.image_inspect(own)["RootFS"]["Layers"][number - 1]
        with_it = {
            one["Id"]: one["RepoTags"] or []
            for one in self._engine.images()
            if layer in self._engine.image_inspect(one["Id"])["RootFS"]["Layers"]
        }
        names = sorted(name for identifier, tags in with_it.items() if identifier != own for name in tags)
        containers = [one["Name"].lstrip("/") for one in self._engine.containers(all=True) if one["Image"] in with_it]
        return [*names, *sorted(containers)]


def _shown(entries: Sequence[InsideEntry]) -> list[Json]:
    said = labels()
    return [{**asdict(entry), "hint": _hint(entry, said.get(f"kind {entry.kind}", entry.kind))} for entry in entries]


def _hint(entry: InsideEntry, kind: str) -> str:
    return f"{entry.path}\n{kind}  {entry.mode:04o}  {entry.owner[0]}:{entry.owner[1]}"
