"""What magics return: objects to use in Python, that show themselves as text and as HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from dockerlab.data import dataclass, field
from dockerlab.notebook.live import Live
from dockerlab.notebook.pictures import Band, Written, as_image, cow_svg, pair_svg, stack_svg
from dockerlab.notebook.words import layer_count, word
from dockerlab.oci import short_id
from dockerlab.verbs.listing import align
from dockerlab.verbs.units import ago, cut, human_size

if TYPE_CHECKING:
    from dockerlab.engine import Engine

Json = dict[str, Any]


def table_html(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain table: no style that a code hosting page would strip."""
    head = "".join(f'<th align="left" style="text-align:left">{escape(cell)}</th>' for cell in heads)
    body = "".join(
        "<tr>" + "".join(f'<td align="left" style="text-align:left">{escape(cell)}</td>' for cell in row) + "</tr>" for row in rows
    )
    # JupyterLab's own style aligns to the right unless the cell says otherwise
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


@dataclass
class Listing(Sequence[Json]):
    """Docker's JSON objects, shown as the table that docker prints."""

    items: list[Json]
    text: str
    heads: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)

    def __getitem__(self, at: Any) -> Any:
        return self.items[at]

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return self.text.rstrip("\n")

    def _repr_html_(self) -> str:
        return table_html(self.heads, self.rows) if self.heads else f"<pre>{escape(self.text)}</pre>"


@dataclass
class History(Sequence[Json]):
    """An image's history, newest first; each line has created_by, size, empty_layer, comment, id."""

    image: str
    lines: list[Json]

    def __getitem__(self, at: Any) -> Any:
        return self.lines[at]

    def __len__(self) -> int:
        return len(self.lines)

    def __iter__(self) -> Iterator[Json]:
        return iter(self.lines)

    def _rows(self, width: int) -> list[list[str]]:
        return [
            [
                line["id"] if line["id"] == "<missing>" else short_id(line["id"]),
                ago(line["created"]),
                cut(line["created_by"], width),
                human_size(line["size"]) if not line["empty_layer"] else "0B",
                line["comment"],
            ]
            for line in self.lines
        ]

    def __repr__(self) -> str:
        return align([["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"], *self._rows(45)]).rstrip("\n")

    def _repr_html_(self) -> str:
        return table_html(["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"], self._rows(120))


_NOTHING_RUN = "/bin/sh -c #(nop) "


def _instruction(created_by: str) -> str:
    """As it was written in a Dockerfile, as far as history tells."""
    text = created_by.removesuffix(" # buildkit").strip()
    if text.startswith(_NOTHING_RUN):
        return text.removeprefix(_NOTHING_RUN).strip()
    if text.startswith("/bin/sh -c "):
        return "RUN " + text.removeprefix("/bin/sh -c ").strip()
    return text.replace("RUN /bin/sh -c ", "RUN ", 1) if text.startswith("RUN /bin/sh -c ") else text


def bands_of(history: Sequence[Json], base: tuple[int, str] = (0, "")) -> list[Band]:
    """An engine's history as bands, newest first; layers are numbered from the bottom. `base`: how many are another image's, and its name."""
    out: list[Band] = []
    number = 0
    for line in reversed(history):
        text = _instruction(str(line["CreatedBy"])) or str(line["Comment"])
        if line["EmptyLayer"]:
            out.append(Band(text, 0, 0))
        else:
            number += 1
            out.append(Band(text, int(line["Size"]), number, note=base[1] if number == base[0] else "", own=number > base[0]))
    out.reverse()
    return out


def base_of(engine: Engine, image: Json) -> tuple[int, str]:
    """The image with a name on which this one stands, if the engine has it: how many layers it has, and its name."""
    layers = image["RootFS"]["Layers"]
    found = [(0, "")]
    for other in engine.images():
        below = engine.image_inspect(other["Id"])["RootFS"]["Layers"]
        if other["RepoTags"] and len(below) < len(layers) and below == layers[: len(below)]:
            found.append((len(below), other["RepoTags"][0].removesuffix(":latest")))
    return max(found)


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
        return cls(label, bands_of(history, base_of(engine, found)), int(found["Size"]), str(found["Id"])).answered_by(engine)

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


@dataclass
class CopyOnWrite:
    """A container's writable layer above its image's layers; `written` has kind (A, C, D), path and a note."""

    container: str
    image: str
    written: list[Written]
    bands: list[Band]

    @classmethod
    def of(cls, engine: Engine, container: str) -> CopyOnWrite:
        """The container of this name. NotFoundError if there is none."""
        found = engine.container_inspect(container)
        written = []
        for change in engine.changes(container):
            note = ""
            if change["Layer"]:
                if change["Kind"] == "D":
                    note = word("hides", n=change["Layer"])
                elif not change["Folder"]:
                    note = word("copied up", n=change["Layer"]) + f" ({human_size(change['Below'])})"
            elif change["Kind"] == "A" and not change["Folder"]:
                note = human_size(change["Size"])
            written.append(Written(change["Kind"], change["Path"], note))
        return cls(found["Name"][1:], found["Config"]["Image"], written, bands_of(engine.history(found["Image"])))

    def __repr__(self) -> str:
        lines = [f"{word('container')} {self.container}", f"{word('writable')}:"]
        lines += [f"  {line.kind} {line.path}" + (f"  ({line.note})" if line.note else "") for line in self.written] or [
            f"  {word('unchanged')}"
        ]
        lines.append(f"{word('read-only')} ({self.image}):")
        lines += [f"  {band.number}  {human_size(band.size)}  {cut(band.text, 60)}" for band in self.bands if band.number]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return as_image(cow_svg(self.container, self.image, self.written, self.bands), repr(self))


@dataclass
class Built(Live):
    """A finished build: the image's ID, its names, its steps, its layers."""

    id: str
    names: list[str]
    steps: list[Json]
    stack: LayerStack

    def _widget(self, engine: Engine) -> Any:
        return self.stack._widget(engine)

    def __repr__(self) -> str:
        return repr(self.stack)

    def _repr_html_(self) -> str:
        return self.stack._repr_html_()


@dataclass
class Ran:
    """A command that was run: its exit code and, for run and create, the container's ID."""

    exit_code: int
    id: str = ""

    def __repr__(self) -> str:
        return f"exit code {self.exit_code}"

    def _ipython_display_(self) -> None:
        """Success says nothing: the command's own output stands in the cell."""
        if self.exit_code:
            from IPython.display import display

            display({"text/plain": repr(self), "text/html": f"<code>{escape(repr(self))}</code>"}, raw=True)


@dataclass
class Committed:
    """A new image made from a container."""

    id: str
    name: str
    stack: LayerStack

    def __repr__(self) -> str:
        return f"{self.id}\n{self.stack!r}"

    def _repr_html_(self) -> str:
        return f"<code>{escape(self.id)}</code><br/>{self.stack._repr_html_()}"
