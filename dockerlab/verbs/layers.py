"""`dockerlab layers`: what each layer of an image did, what is wasted, which layers are shared. Docker has no such command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dockerlab.language import say
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed, usage_error
from dockerlab.verbs.listing import align
from dockerlab.verbs.units import counted, cut, human_size

if TYPE_CHECKING:
    from dockerlab.engine import Engine
    from dockerlab.engine.inside import Findings, ImageInside, LayerFacts
    from dockerlab.verbs.efficiency import Verdict

Json = dict[str, Any]
_SHOWN = 10
"""Paths of hidden bytes in the summary."""
_WIDTH = 60


def layers(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`dockerlab layers [--files] [--ci] [--json] IMAGE`, `dockerlab layers --shared [IMAGE|CONTAINER…]`."""
    if parsed.on("shared"):
        from dockerlab.verbs.sharing import show_shared

        return show_shared(parsed, engine, terminal)
    if len(parsed.words) != 1:
        raise usage_error("layers", "docker: 'dockerlab layers' requires 1 argument", 1, "--shared tells of all images")
    from dockerlab.verbs.efficiency import judged, rules

    wanted = rules(parsed)
    inside = engine.image_inside(parsed.words[0])
    findings = inside.findings()
    verdict = judged(findings, wanted) if parsed.on("ci") else None
    terminal.results.append(findings)
    if parsed.text("format") == "json":
        for text in _json(inside, findings, verdict):
            terminal.write(text)
    else:
        terminal.say(summary(inside, findings))
        if parsed.on("files"):
            for facts in inside.layers:
                terminal.say("\n" + heading(facts))
                for lines in _files(inside, facts.number):
                    terminal.say(lines)
        if verdict is not None:
            terminal.say("\n" + verdict.text)
    return 0 if verdict is None or verdict.passed else 1


def heading(facts: LayerFacts) -> str:
    """The line above a layer's paths."""
    where = f" ({facts.origin.place})" if facts.origin is not None else ""
    return f"layer {facts.number}: {cut(_plain(facts.instruction), _WIDTH * 2)}{where}\n"


def _plain(text: str) -> str:
    return " ".join(text.split())


def place_of(facts: LayerFacts) -> str:
    """`Dockerfile:3`, with the base image whose Dockerfile that is; "-" where nobody knows."""
    if facts.origin is None:
        return "-"
    return f"{facts.origin.place} ({facts.origin.image})" if facts.origin.image else facts.origin.place


def summary(inside: ImageInside, findings: Findings) -> str:
    """A row a layer, the sums, and what wastes most."""
    rows = [["LAYER", "SIZE", "ADDED", "CHANGED", "REMOVED", "HIDDEN", "WRITTEN AT", "INSTRUCTION"]]
    for facts, found in zip(inside.layers, findings.whole["layers"], strict=True):
        counts = [str(found[key]) for key in ("added", "changed", "removed")]
        rows.append(
            [
                str(facts.number),
                human_size(facts.size),
                *counts,
                human_size(found["hidden"]),
                place_of(facts),
                cut(_plain(facts.instruction), _WIDTH),
            ]
        )
    return align(rows, 8) + "\n" + _sums(findings) + _most_wasted(findings)


def _sums(findings: Findings) -> str:
    whole = findings.whole
    count, size, hidden = len(whole["layers"]), human_size(whole["size"], 4), human_size(whole["hidden_bytes"], 4)
    score, wasted = f"{whole['efficiency']:.2%}", human_size(whole["wasted_bytes"], 4)
    return say(
        f"{counted(count, 'layer')}, {size}. Later layers hide {hidden} of it: no container sees that, and every pull brings it.\n"
        f"Efficiency (dive's score): {score}; {wasted} in paths that are written more than once.\n",
        f"레이어 {count}개, {size}. 그중 {hidden}는 위 레이어에 가려져 있습니다: 어떤 컨테이너에서도 보이지 않지만 이미지를 받을 때마다 함께 내려받습니다.\n"
        f"효율(dive의 점수): {score}; 두 번 이상 쓰인 경로의 크기는 모두 {wasted}입니다.\n",
    )


def _most_wasted(findings: Findings) -> str:
    rows, more = [["HIDDEN", "IN LAYER", "BY LAYER", "PATH"]], 0
    for one in findings.wasted():
        if not one["bytes"]:
            break
        if len(rows) > _SHOWN:
            more += 1
            continue
        rows.append([human_size(one["bytes"]), ",".join(one["layers"]), ",".join(map(str, one["hidden_by"])), _shown_path(one["path"])])
    if len(rows) == 1:
        return ""
    rest = (
        say(f"… and {counted(more, 'path')} more; --json has them all\n", f"… 그 밖에 경로 {more}개; --json으로 모두 볼 수 있습니다\n")
        if more
        else ""
    )
    return "\n" + align(rows) + rest


def _shown_path(path: str) -> str:
    """A path in one line, whatever is in it."""
    return path if path.isprintable() else json.dumps(path)


def _files(inside: ImageInside, number: int) -> Iterator[str]:
    """A line a path: the change, its bytes (of what is removed those below), the path."""
    batch: list[str] = []
    for one in inside.entries(number):
        if one.change:
            size = one.size if one.change != "D" else sum(one.hides.values())
            link = f" -> {_shown_path(one.link)}" if one.link else ""
            batch.append(
                f"{one.change} {human_size(size) if one.kind != 'dir' or one.change == 'D' else '':>8} {_shown_path(one.path)}{link}\n"
            )
        if len(batch) > 1000:
            yield "".join(batch)
            batch.clear()
    yield "".join(batch)


# --- as JSON


def _json(inside: ImageInside, findings: Findings, verdict: Verdict | None) -> Iterator[bytes]:
    """One object, a line a path, written as it is read: its schema is in docs/images.md."""
    whole = findings.whole
    head = {"image": inside.id, **{key: whole[key] for key in ("size", "user_size", "efficiency", "wasted_bytes", "hidden_bytes")}}
    if verdict is not None:
        head["ci"] = verdict.as_json()
    yield json.dumps(head)[:-1].encode() + b',"layers":['
    for facts, found in zip(inside.layers, whole["layers"], strict=True):
        yield (b",\n" if facts.number > 1 else b"\n") + json.dumps(_layer_json(facts, found))[:-1].encode() + b',"paths":[\n'
        yield from _list(inside.paths(facts.number))
        yield b"]}"
    yield b'],\n"wasted":[\n'
    yield from _list(findings.wasted_lines())
    yield b"]}\n"


def _layer_json(facts: LayerFacts, found: Json) -> Json:
    from dockerlab.data import asdict

    return {
        "layer": facts.number,
        "diff_id": facts.diff_id,
        "size": facts.size,
        "created": facts.created,
        "created_by": facts.created_by,
        "dockerfile": None if facts.origin is None else asdict(facts.origin),
        **{key: found[key] for key in ("added", "changed", "removed", "hidden")},
    }


def _list(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Lines of JSON as the elements of a list; the pieces may end anywhere."""
    ended = b""  # the last line's end: a comma belongs before it only if another line follows
    for piece in pieces:
        if piece:
            text = ended + piece
            ended = b"\n" if text.endswith(b"\n") else b""
            yield text.removesuffix(b"\n").replace(b"\n", b",\n")
    yield ended
