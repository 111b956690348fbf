"""`dockerlab cat IMAGE PATH` and `dockerlab blame IMAGE PATH`: one path of an image, and who wrote it. Docker has no such commands."""

from __future__ import annotations

import json
import posixpath
import re
from typing import IO, TYPE_CHECKING, Any

from dockerlab.errors import DockerlabError, InvalidReferenceError, NotFoundError
from dockerlab.language import say
from dockerlab.oci import Reference
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.layers import place_of
from dockerlab.verbs.listing import align
from dockerlab.verbs.units import cut, human_size

if TYPE_CHECKING:
    from dockerlab.engine import Engine
    from dockerlab.engine.inside import ImageInside, Touch

_BLOCK = 1 << 20
_NUMBERED = re.compile(r"(.+):(\d+)\Z")


def cat(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`dockerlab cat [--layer N] IMAGE PATH`: the bytes of a file, as a container would see it, or as one layer holds it."""
    name, path = parsed.words[0], _absolute(parsed.words[1])
    number = parsed.number("layer")
    if number is None:
        name, number = named_layer(engine, name)
    inside = engine.image_inside(name)
    with _opened(inside, name, path) if number is None else _of_layer(inside, path, number) as file:
        while block := file.read(_BLOCK):
            terminal.write(block)
    return 0


def _absolute(path: str) -> str:
    """As from the image's root; `..` is read as text, since links may lead anywhere."""
    return posixpath.normpath("/" + path.lstrip("/"))


def named_layer(engine: Engine, name: str) -> tuple[str, int | None]:
    """(the image, the layer) of `IMAGE:TAG:N` and `ID:N`; None for the layer where the name is an image's as it stands.

    `site:2` is always the image of that tag: only what can't be a tag is a layer.
    """
    found = _NUMBERED.match(name)
    if found is None:
        return name, None
    before, number = found[1], int(found[2])
    try:
        Reference.parse(name)
    except InvalidReferenceError:  # two colons: no tag has one
        return before, number
    if re.fullmatch(r"[0-9a-f]{4,64}", before):
        try:
            engine.image_inspect(name)
        except NotFoundError:
            try:
                if engine.image_inspect(before)["Id"].startswith("sha256:" + before):
                    return before, number
            except NotFoundError:
                pass
    return name, None


def _opened(inside: ImageInside, name: str, path: str) -> IO[bytes]:
    """The file at a path, links followed within the image."""
    node = inside.files.lookup(path) if inside.trees else None
    if node is None:
        gone = next((touch for touch in inside.touched_by(path)), None)
        hint = _alike_hint(inside, path) if gone is None else _removed_hint(inside, path, gone)
        raise NotFoundError(f"there is no {path} in {name}", hint=hint)
    if node.is_dir:
        raise DockerlabError(f"{path} is a folder", hint="dockerlab layers --files lists what is in it")
    if not node.is_file:
        raise DockerlabError(f"{path} is no file, but a {node.entry.kind}")
    return node.open()


def _alike_hint(inside: ImageInside, path: str) -> str:
    """What is called alike in the folder where it should be, or which folder there is none of."""
    from difflib import get_close_matches

    folder, name = posixpath.split(path)
    node = inside.files.lookup(folder) if inside.trees else None
    if node is None or not node.is_dir:
        return f"there is no folder {folder} either"
    close = get_close_matches(name, inside.files.names(node), 1)
    return f"did you mean {posixpath.join(folder, close[0])}?" if close else ""


def _removed_hint(inside: ImageInside, path: str, gone: Touch) -> str:
    holders = [str(touch.layer.number) for touch in inside.touched_by(path) if touch.change != "D"]
    kept = f"; layer {holders[0]} still holds it: --layer {holders[0]}" if holders else ""
    return f"layer {gone.layer.number} removes it{kept}"


def _of_layer(inside: ImageInside, path: str, number: int) -> IO[bytes]:
    """The file as a layer holds it; a link is not followed, since a layer alone does not know where it leads."""
    layer = inside.layer(number)
    if layer.says(path) != "holds":
        holders = [str(touch.layer.number) for touch in reversed(inside.touched_by(path)) if touch.change != "D"]
        hint = f"layers that do: {', '.join(holders)}" if holders else "no layer of the image does"
        raise NotFoundError(f"layer {number} does not hold {path}", hint=hint)
    entry = layer.entry(path)
    if entry is not None and entry.kind == "symlink":
        raise DockerlabError(f"{path} is a link to {entry.link}", hint="without --layer it is followed")
    if entry is None or entry.kind != "file":
        raise DockerlabError(f"{path} is no file, but a {entry.kind if entry is not None else 'folder'}")
    return layer.open(path)


# --- blame


def blame(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`dockerlab blame [--json] IMAGE PATH`: the layer that wrote a path last, with its instruction and its place in the Dockerfile, and every layer before it that did."""
    inside = engine.image_inside(parsed.words[0])
    path = inside.files.resolve(_absolute(parsed.words[1]), last=False) if inside.trees else _absolute(parsed.words[1])
    touches = inside.touched_by(path)
    if not touches:
        raise NotFoundError(f"no layer of the image has to do with {path}", hint="dockerlab layers --files lists what each layer did")
    terminal.results.append(touches)
    if parsed.text("format") == "json":
        terminal.line(json.dumps({"image": inside.id, "path": path, "layers": [_touch_json(touch) for touch in touches]}))
        return 0
    if path != _absolute(parsed.words[1]):
        terminal.line(say(f"{parsed.words[1]} is {path} in this image", f"이 이미지에서 {parsed.words[1]}의 실제 경로는 {path}입니다"))
    rows = [["LAYER", "CHANGE", "SIZE", "WRITTEN AT", "INSTRUCTION"]]
    for touch in touches:
        entry = touch.entry
        size = human_size(entry.size) if entry is not None and entry.kind == "file" else "-"
        instruction = cut(" ".join(touch.layer.instruction.split()), 80)
        rows.append([str(touch.layer.number), touch.change, size, place_of(touch.layer), instruction])
    terminal.say(align(rows, 8))
    return 0


def _touch_json(touch: Touch) -> dict[str, Any]:
    from dockerlab.data import asdict

    layer, entry = touch.layer, touch.entry
    return {
        "layer": layer.number,
        "diff_id": layer.diff_id,
        "change": touch.change,
        "kind": entry.kind if entry is not None else "",
        "size": entry.size if entry is not None else 0,
        "created_by": layer.created_by,
        "created": layer.created,
        "dockerfile": None if layer.origin is None else asdict(layer.origin),
    }
