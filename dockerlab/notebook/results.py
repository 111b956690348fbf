"""What magics return: objects to use in Python, that show themselves as text and as HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from dockerlab.data import dataclass, field
from dockerlab.notebook.layer_stack import LayerStack
from dockerlab.notebook.live import Live
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
