"""An image's layers as a result of a cell: text, picture, and a widget where somebody looks on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dockerlab.data import dataclass
from dockerlab.notebook.live import Live
from dockerlab.notebook.pictures import Band, as_image, pair_svg, stack_svg
from dockerlab.notebook.words import layer_count, word
from dockerlab.oci import short_id
from dockerlab.verbs.listing import align
from dockerlab.verbs.units import cut, human_size

if TYPE_CHECKING:
    from dockerlab.engine import Engine

Json = dict[str, Any]
_NOTHING_RUN = "/bin/sh -c #(nop) "


def instruction_of(created_by: str) -> str:
    """As it was written in a Dockerfile, as far as history tells."""
    text = created_by.removesuffix(" # buildkit").strip()
    if text.startswith(_NOTHING_RUN):
        return text.removeprefix(_NOTHING_RUN).strip()
    if text.startswith("/bin/sh -c "):
        return "RUN " + text.removeprefix("/bin/sh -c ").strip()
    return text.replace("RUN /bin/sh -c ", "RUN ", 1) if text.startswith("RUN /bin/sh -c ") else text


def bands_of(history: Sequence[Json], base: Base | None = None) -> list[Band]:
    """An engine's history as bands, newest first; layers are numbered from the bottom."""
    base = base or Base()
    out: list[Band] = []
    number = 0
    for line in reversed(history):
        text = instruction_of(str(line["CreatedBy"])) or str(line["Comment"])
        if line["EmptyLayer"]:
            out.append(Band(text, 0, 0))
        else:
            number += 1
            out.append(Band(text, int(line["Size"]), number, note=base.name if number == base.layers else "", own=number > base.layers))
    out.reverse()
    return out


@dataclass(frozen=True)
class Base:
    """The image on which another one stands: its name, and how many of the other's layers and lines of history, from the bottom, are its own."""

    name: str = ""
    layers: int = 0
    lines: int = 0


def base_of(engine: Engine, image: str) -> Base:
    """The largest image with a name whose history this one's begins with, if the engine has such a one."""
    own = _told(engine, image)
    best = Base()
    for other in engine.images():
        if not other["RepoTags"]:
            continue
        lines = _told(engine, other["Id"])
        if best.lines < len(lines) < len(own) and own[: len(lines)] == lines:
            best = Base(other["RepoTags"][0].removesuffix(":latest"), sum(not empty for *_, empty in lines), len(lines))
    return best


def _told(engine: Engine, image: str) -> list[tuple[float, str, bool]]:
    """What an image's history says, the oldest line first. An ID stands for it for ever, and after each build all images are asked."""
    found = _known.get(image)
    if found is None:
        found = [(line["Created"], line["CreatedBy"], line["EmptyLayer"]) for line in reversed(engine.history(image))]
        if image.startswith("sha256:"):
            if len(_known) >= _MOST_KNOWN:
                _known.clear()
            _known[image] = found
    return found


_known: dict[str, list[tuple[float, str, bool]]] = {}
_MOST_KNOWN = 1000


@dataclass
class LayerStack(Live):
    """An image's layers; `bands` are newest first."""

    image: str
    bands: list[Band]
    size: int
    id: str = ""

    @classmethod
    def of(cls, engine: Engine, name: str, shown: str = "") -> LayerStack:
        """The layers of the image of this name (`shown` is how to call it). NotFoundError if there is none."""
        history = engine.history(name)
        found = engine.image_inspect(name)
        label = shown or (name if not name.startswith("sha256:") else (found["RepoTags"] or [short_id(name)])[0])
        return cls(label, bands_of(history, base_of(engine, name)), int(found["Size"]), str(found["Id"])).answered_by(engine)

    def __len__(self) -> int:
        return sum(band.number > 0 for band in self.bands)

    def __repr__(self) -> str:
        rows = [
            [str(band.number) if band.number else "-", human_size(band.size) if band.number else word("metadata"), cut(band.text, 70)]
            for band in self.bands
        ]
        return f"{word('image')} {self.image}: {layer_count(len(self))}, {human_size(self.size)}\n" + align(rows).rstrip("\n")

    def _repr_html_(self) -> str:
        return as_image(stack_svg(self.image, self.bands, self.size), repr(self))

    def _widget(self, engine: Engine) -> Any:
        from dockerlab.notebook.widgets.layer_stack import LayerStackWidget

        return LayerStackWidget(engine, [self])


@dataclass
class SideBySide(Live):
    """Two images; `shared` is how many layers, from the bottom, both have."""

    stacks: list[LayerStack]
    shared: int

    @classmethod
    def of(cls, engine: Engine, names: Sequence[str]) -> SideBySide:
        """The images of these names. NotFoundError if there is none."""
        stacks = [LayerStack.of(engine, name) for name in names]
        first, second = (engine.image_inspect(one.id)["RootFS"]["Layers"] for one in stacks)
        shared = next((n for n, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), min(len(first), len(second)))
        return cls(stacks, shared).answered_by(engine)

    def __repr__(self) -> str:
        told = "\n\n".join(map(repr, self.stacks))
        return told + (f"\n\n{word('shared base')}" if self.shared else "")

    def _repr_html_(self) -> str:
        titles = [f"{one.image}: {layer_count(len(one))}, {human_size(one.size)}" for one in self.stacks]
        return as_image(pair_svg(titles, [one.bands for one in self.stacks], self.shared), repr(self))

    def _widget(self, engine: Engine) -> Any:
        from dockerlab.notebook.widgets.layer_stack import LayerStackWidget

        return LayerStackWidget(engine, self.stacks, self.shared)
