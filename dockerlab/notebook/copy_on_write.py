"""Containers and what copy-on-write did in them, as a result of a cell: text, picture, and a widget that follows them where somebody looks on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dockerlab.data import dataclass
from dockerlab.notebook.layer_stack import bands_of, base_of
from dockerlab.notebook.live import Live
from dockerlab.notebook.pictures import Band, Written, as_image, cow_svg
from dockerlab.notebook.words import word
from dockerlab.verbs.units import cut, human_size

if TYPE_CHECKING:
    from dockerlab.engine import Engine

Json = dict[str, Any]


def written_of(engine: Engine, container: str) -> list[Written]:
    """The writable layer's lines: kind (A, C, D), path, and what copy-on-write did."""
    return [Written(change["Kind"], change["Path"], _note(change)) for change in engine.changes(container)]


def _note(change: Json) -> str:
    if change["Layer"] and change["Kind"] == "D":
        return word("hides", n=change["Layer"])
    if change["Folder"]:
        return ""
    if change["Layer"]:
        return word("copied up", n=change["Layer"]) + f" ({human_size(change['Below'])})"
    return human_size(change["Size"]) if change["Kind"] == "A" else ""


@dataclass
class CopyOnWrite(Live):
    """A container's writable layer above its image's layers; `written` has kind (A, C, D), path and a note."""

    container: str
    image: str
    written: list[Written]
    bands: list[Band]

    @classmethod
    def of(cls, engine: Engine, container: str) -> CopyOnWrite:
        """The container of this name. NotFoundError if there is none."""
        found = engine.container_inspect(container)
        bands = bands_of(engine.history(found["Image"]), base_of(engine, found["Image"]))
        return cls(found["Name"][1:], found["Config"]["Image"], written_of(engine, container), bands).answered_by(engine)

    def __repr__(self) -> str:
        return "\n".join([*self._own(), *_below(self.image, self.bands)])

    def _own(self) -> list[str]:
        lines = [f"  {line.kind} {line.path}" + (f"  ({line.note})" if line.note else "") for line in self.written]
        return [f"{word('container')} {self.container}", f"{word('writable')}:", *(lines or [f"  {word('unchanged')}"])]

    def _repr_html_(self) -> str:
        return as_image(cow_svg([self.container], self.image, [self.written], self.bands), repr(self))

    def _widget(self, engine: Engine) -> Any:
        from dockerlab.notebook.widgets.copy_on_write import CopyOnWriteWidget

        return CopyOnWriteWidget(engine, [self.container])


@dataclass
class CopiesOnWrite(Live):
    """Several containers: those of one image stand on one base, that is there once."""

    containers: list[CopyOnWrite]

    @classmethod
    def of(cls, engine: Engine, names: Sequence[str]) -> CopiesOnWrite:
        """The containers of these names. NotFoundError if there is none."""
        return cls([CopyOnWrite.of(engine, name) for name in names]).answered_by(engine)

    def _groups(self) -> list[list[CopyOnWrite]]:
        groups: dict[str, list[CopyOnWrite]] = {}
        for one in self.containers:
            groups.setdefault(one.image, []).append(one)
        return list(groups.values())

    def __repr__(self) -> str:
        lines: list[str] = []
        for group in self._groups():
            for one in group:
                lines += one._own()
            lines += _below(group[0].image, group[0].bands)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return "<br/>".join(
            as_image(cow_svg([one.container for one in group], group[0].image, [one.written for one in group], group[0].bands), repr(self))
            for group in self._groups()
        )

    def _widget(self, engine: Engine) -> Any:
        from dockerlab.notebook.widgets.copy_on_write import CopyOnWriteWidget

        return CopyOnWriteWidget(engine, [one.container for one in self.containers])


def _below(image: str, bands: Sequence[Band]) -> list[str]:
    layers = [f"  {band.number}  {human_size(band.size)}  {cut(band.text, 60)}" for band in bands if band.number]
    return [f"{word('read-only')} ({image}):", *layers]
