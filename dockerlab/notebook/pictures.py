"""Pictures of layers: SVG put together by hand, shown as an `<img>`, because code hosting strips scripts and styles from a notebook's outputs but renders these.

The same picture everywhere: read-only layers below, base at the bottom, the writable layer on top, sizes to scale.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from dockerlab.data import dataclass
from dockerlab.notebook.words import layer_count, word
from dockerlab.verbs.units import cut, display_width, human_size

_FONT = "font-family='ui-sans-serif, system-ui, Noto Sans KR, Apple SD Gothic Neo, sans-serif'"
_MONO = "font-family='ui-monospace, SFMono-Regular, Menlo, monospace'"
_INK, _SOFT, _LINE, _PAPER = "#1b2733", "#5b6b7b", "#c9d3dd", "#ffffff"
_BASE, _OWN, _WRITABLE = "#e3e9ef", "#d3e6fb", "#ffe9b8"
_COLOUR = {"A": "#1a7f37", "C": "#9a6700", "D": "#cf222e"}
_WIDTH, _LEFT, _BOX, _BAR = 760, 16, 470, 170


@dataclass(frozen=True)
class Band:
    """One step of an image's history, to be drawn: `number` is its layer's number from the bottom (1), or 0 where it has none."""

    text: str
    size: int
    number: int
    note: str = ""
    own: bool = True


def _text(
    x: float, y: float, text: str, *, size: int = 13, colour: str = _INK, font: str = _FONT, anchor: str = "start", weight: str = "normal"
) -> str:
    return f"<text x='{x}' y='{y}' font-size='{size}' fill='{colour}' {font} text-anchor='{anchor}' font-weight='{weight}'>{escape(text)}</text>"


def _rect(x: float, y: float, width: float, height: float, fill: str, *, dashed: bool = False, stroke: str = _LINE) -> str:
    dash = " stroke-dasharray='4 3'" if dashed else ""
    return f"<rect x='{x}' y='{y}' width='{width}' height='{height}' rx='5' fill='{fill}' stroke='{stroke}'{dash}/>"


@dataclass(frozen=True)
class _Column:
    """Where a stack is drawn: its left edge, the width of its boxes and of the longest bar beside them, letters of an instruction, the largest layer."""

    left: float
    box: float
    bar: float
    letters: int
    largest: int


def _column(
    bands: Sequence[Band], left: float = _LEFT, box: float = _BOX, bar: float = _BAR, letters: int = 56, largest: int = 0
) -> _Column:
    return _Column(left, box, bar, letters, largest or max([band.size for band in bands] + [1]))


def _height(bands: Sequence[Band]) -> float:
    return sum(36 if band.number else 25 for band in bands)


def _bands(bands: Sequence[Band], top: float, column: _Column | None = None) -> tuple[list[str], float]:
    """The stack from `top` downwards, newest first; (pieces, where it ends)."""
    out: list[str] = []
    at = column or _column(bands)
    y, beside = top, at.left + at.box + 12
    for band in bands:
        if not band.number:
            out.append(_rect(at.left + 14, y + 2, at.box - 28, 20, _PAPER, dashed=True))
            out.append(_text(at.left + 24, y + 16, cut(band.text, at.letters + 6), size=11, colour=_SOFT, font=_MONO))
            out.append(_text(beside, y + 16, word("metadata"), size=11, colour=_SOFT) if at.bar == _BAR else "")
            y += 25
            continue
        out.append(_rect(at.left, y, at.box, 32, _OWN if band.own else _BASE))
        out.append(_text(at.left + 10, y + 21, str(band.number), size=12, colour=_SOFT, weight="bold"))
        out.append(_text(at.left + 32, y + 21, cut(band.text, at.letters - len(band.note)), size=12, font=_MONO))
        out.append(_text(at.left + at.box - 10, y + 21, band.note, size=12, colour=_SOFT, anchor="end"))
        width = max(2.0, at.bar * band.size / at.largest) if band.size else 0
        if width:
            out.append(f"<rect x='{beside}' y='{y + 9}' width='{width:.1f}' height='14' rx='2' fill='#6aa3dc'/>")
        out.append(_text(beside + 6 + width, y + 21, human_size(band.size), size=12, colour=_SOFT))
        y += 36
    return out, y


def _svg(pieces: Sequence[str], height: float, title: str) -> str:
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{height:.0f}' viewBox='0 0 {_WIDTH} {height:.0f}' role='img'>"
        f"<title>{escape(title)}</title><rect width='100%' height='100%' rx='8' fill='{_PAPER}' stroke='{_LINE}'/>{''.join(pieces)}</svg>"
    )


def stack_svg(name: str, bands: Sequence[Band], total: int) -> str:
    """An image's layers: base at the bottom, metadata dashed, sizes as bars."""
    count = sum(band.number > 0 for band in bands)
    title = f"{word('image')} {name}: {layer_count(count)}, {human_size(total)}"
    pieces = [_text(_LEFT, 28, title, size=15, weight="bold")]
    body, end = _bands(bands, 42)
    return _svg([*pieces, *body], end + 10, title)


def pair_svg(titles: Sequence[str], stacks: Sequence[Sequence[Band]], shared: int) -> str:
    """Two images side by side, on the layers that both of them have: these are drawn once, since they are stored once."""
    own = [[*bands][: _first_shared(bands, shared)] for bands in stacks]
    base = [*stacks[0]][_first_shared(stacks[0], shared) :]
    largest = max([band.size for bands in stacks for band in bands] + [1])
    ground = 46 + max(map(_height, own))
    pieces: list[str] = []
    for left, title, bands in zip((_LEFT, _LEFT + 368), titles, own, strict=True):
        pieces.append(_text(left, 28, cut(title, 46), size=14, weight="bold"))
        pieces += _bands(bands, ground - _height(bands), _column(bands, left, 262, 34, 26, largest))[0]
    end = ground
    if base:
        pieces.append(f"<line x1='{_LEFT}' y1='{ground + 2}' x2='{_WIDTH - _LEFT}' y2='{ground + 2}' stroke='#6aa3dc' stroke-width='2'/>")
        drawn, end = _bands(base, ground + 10, _column(base, largest=largest))
        pieces += [*drawn, _text(_WIDTH / 2, end + 14, word("shared base"), size=12, colour=_SOFT, anchor="middle")]
        end += 16
    return _svg(pieces, end + 10, " | ".join(titles))


def _first_shared(bands: Sequence[Band], shared: int) -> int:
    return next((at for at, band in enumerate(bands) if shared and band.number == shared), len(bands))


@dataclass(frozen=True)
class Written:
    """One line of the writable layer."""

    kind: str
    path: str
    note: str


def cow_svg(containers: Sequence[str], image: str, written: Sequence[Sequence[Written]], bands: Sequence[Band], most: int = 14) -> str:
    """Containers of one image, side by side: the writable layer of each with what was added, changed and deleted, above the read-only layers of them all."""
    most = max(most, 1)
    gap, each = 12, (_WIDTH - 2 * _LEFT - 12 * (len(containers) - 1)) / len(containers)
    lines = max(1, *(min(len(one), most) + (len(one) > most) for one in written))
    height = 40 + 20 * lines
    pieces: list[str] = []
    for n, (name, one) in enumerate(zip(containers, written, strict=True)):
        pieces += _writable(name, one, most, _LEFT + n * (each + gap), each, height)
    below = 42 + height + 26
    pieces.append(_text(_LEFT, below, f"{word('read-only')} ({image})", size=13, weight="bold"))
    body, end = _bands([band for band in bands if band.number], below + 12)
    return _svg([*pieces, *body], end + 10, f"{word('container')} {', '.join(containers)}")


def _writable(name: str, written: Sequence[Written], most: int, left: float, width: float, height: float) -> list[str]:
    letters = int(width / 13)
    pieces = [
        _text(left, 28, cut(f"{word('container')} {name}", int(width / 9)), size=15, weight="bold"),
        _rect(left, 42, width, height, _WRITABLE, stroke="#d9a520"),
        _text(left + 10, 64, word("writable"), size=13, weight="bold"),
    ]
    y = 86.0
    if not written:
        pieces.append(_text(left + 24, y, word("unchanged"), size=12, colour=_SOFT))
    for line in written[:most]:
        pieces.append(_text(left + 14, y, line.kind, size=12, colour=_COLOUR[line.kind], font=_MONO, weight="bold"))
        pieces.append(_text(left + 34, y, cut(line.path, letters), size=12, font=_MONO))
        pieces.append(_text(left + width - 12, y, line.note if width > 500 else "", size=11, colour=_SOFT, anchor="end"))
        y += 20
    if len(written) > most:
        pieces.append(_text(left + 34, y, word("more", n=len(written) - most), size=12, colour=_SOFT))
    return pieces


@dataclass(frozen=True)
class TreeLine:
    """A path of a tree: how deep it lies, what it is called, its size, what there is to say; `dim`: it is there, and not meant."""

    depth: int
    name: str
    size: str
    note: str = ""
    dim: bool = False


def tree_svg(title: str, lines: Sequence[TreeLine], most: int) -> str:
    """Files and folders, at most so many lines of them."""
    pieces = [_text(_LEFT, 28, cut(title, 84), size=15, weight="bold")]
    y = 52.0
    for line in lines[:most]:
        x = _LEFT + 8 + 18 * line.depth
        name = cut(line.name, 48 - 2 * line.depth)
        pieces.append(_text(x, y, name, size=12, font=_MONO, colour=_SOFT if line.dim else _INK))
        if line.dim:
            pieces.append(f"<line x1='{x}' y1='{y - 4}' x2='{x + 7.3 * len(name):.0f}' y2='{y - 4}' stroke='{_SOFT}'/>")
        if line.note:
            pieces.append(_text(x + 7.6 * len(name) + 12, y, cut(line.note, 60), size=11, colour=_SOFT))
        pieces.append(_text(_WIDTH - _LEFT - 8, y, line.size, size=12, colour=_SOFT, anchor="end"))
        y += 20
    if len(lines) > most:
        pieces.append(_text(_LEFT + 8, y, word("more", n=len(lines) - most), size=12, colour=_SOFT))
        y += 20
    return _svg(pieces, y, title)


@dataclass(frozen=True)
class ProcessWord:
    """A word of a process: `source` is "ENTRYPOINT", "CMD", "--entrypoint", "argument" or "shell" (what a shell form adds)."""

    text: str
    source: str
    note: str = ""


_SOURCES = {"ENTRYPOINT": "#6aa3dc", "--entrypoint": "#1f6feb", "CMD": "#1a7f37", "argument": "#d9a520", "shell": "#9aa7b3"}


def _notes(notes: Sequence[str], y: float) -> tuple[list[str], float]:
    """Sentences below a picture, in lines that fit; (pieces, where they end)."""
    pieces = []
    for note in notes:
        for n, line in enumerate(_lines(note, 102)):
            pieces.append(_text(_LEFT + 10 * (n > 0), y + 14, line, size=12, colour=_COLOUR["C"]))
            y += 18
    return pieces, y


def _lines(text: str, columns: int) -> list[str]:
    lines = [""]
    for part in text.split(" "):
        longer = f"{lines[-1]} {part}".lstrip()
        if display_width(longer) <= columns:
            lines[-1] = longer
        else:
            lines.append(cut(part, columns))
    return lines


def process_svg(line: str, words: Sequence[ProcessWord], sources: Sequence[str], notes: Sequence[str]) -> str:
    """A process word by word, a row each, with where it came from."""
    pieces = [_text(_LEFT, 28, cut(line, 84), size=14, font=_MONO, weight="bold")]
    y = 44.0
    for one, source in zip(words, sources, strict=True):
        pieces.append(_rect(_LEFT, y, 380, 26, _PAPER))
        pieces.append(f"<rect x='{_LEFT}' y='{y}' width='5' height='26' rx='2' fill='{_SOURCES[one.source]}'/>")
        pieces.append(_text(_LEFT + 14, y + 18, cut(one.text, 48), size=13, font=_MONO))
        pieces.append(_text(_LEFT + 394, y + 18, cut(source, 56), size=12, colour=_SOFT))
        y += 32
    told, y = _notes(notes, y)
    return _svg([*pieces, *told], y + 10, line)


@dataclass(frozen=True)
class Lane:
    """A variable at a line: "ARG", "ENV", "base" or "told" (in the history), "" where it is not there; `text` is shown where it `begins`."""

    kind: str = ""
    text: str = ""
    begins: bool = False


@dataclass(frozen=True)
class LaneRow:
    """A line of a Dockerfile with a lane for each variable; `ruled`: something new begins with it."""

    number: str
    text: str
    lanes: tuple[Lane, ...]
    ruled: bool = False


_LANES = {"ARG": (_WRITABLE, "#d9a520"), "ENV": (_OWN, "#6aa3dc"), "base": (_BASE, _LINE)}


def lanes_svg(title: str, names: Sequence[str], rows: Sequence[LaneRow], notes: Sequence[str]) -> str:
    """Variables as lanes beside the lines of a Dockerfile: filled where the variable is there."""
    first, each = 340, (_WIDTH - 340 - _LEFT) / max(len(names), 1)
    letters = int(each / 7.5) - 1
    pieces = [_text(_LEFT, 28, title, size=15, weight="bold")]
    pieces += [_text(first + n * each + 6, 50, cut(name, letters), size=12, font=_MONO, weight="bold") for n, name in enumerate(names)]
    y = 60.0
    for row in rows:
        if row.ruled:
            pieces.append(f"<line x1='{_LEFT}' y1='{y}' x2='{_WIDTH - _LEFT}' y2='{y}' stroke='{_LINE}'/>")
        weight = "bold" if row.ruled else "normal"
        pieces.append(_text(_LEFT + 18, y + 16, row.number, size=11, colour=_SOFT, anchor="end"))
        font = _MONO if row.number else _FONT
        pieces.append(_text(_LEFT + 26, y + 16, cut(row.text, 40), size=12, font=font, weight=weight))
        for n, lane in enumerate(row.lanes):
            pieces += _lane_cell(lane, first + n * each, y, each - 6, letters)
        y += 24
    told, y = _notes(notes, y + 4)
    return _svg([*pieces, *told], y + 10, title)


def _lane_cell(lane: Lane, x: float, y: float, width: float, letters: int) -> list[str]:
    if not lane.kind:
        return []
    if lane.kind == "told":
        return [_text(x + 8, y + 16, cut(lane.text, letters), size=12, colour=_COLOUR["D"])]
    fill, edge = _LANES[lane.kind]
    box = f"<rect x='{x:.1f}' y='{y}' width='{width:.1f}' height='24' fill='{fill}'/><rect x='{x:.1f}' y='{y}' width='3' height='24' fill='{edge}'/>"
    return [box, _text(x + 8, y + 16, cut(lane.text, letters), size=12, font=_MONO) if lane.begins else ""]


def as_image(svg: str, alternative: str) -> str:
    """The picture as an HTML image that needs nothing else."""
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{escape(alternative, quote=True)}" src="data:image/svg+xml;base64,{data}" style="max-width:100%"/>'
