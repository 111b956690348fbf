"""Solutions gone slightly wrong: each instruction, line or flag of an answer left out, moved, or altered."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from dockerlab.dockerfile import parse
from dockerlab.errors import DockerfileError


def mutants(cell: str) -> Iterator[tuple[str, str]]:
    """(what was done, the cell) for each mutant of an answer."""
    head, _, body = cell.partition("\n")
    if head.startswith("%%dockerfile"):
        yield from ((what, f"{head}\n{text}") for what, text in of_dockerfile(body))
    elif head.startswith("%%writefile") and "ockerfile" in head and ".dockerignore" not in head:
        yield from ((what, f"{head}\n{text}") for what, text in of_dockerfile(body))
    elif head.startswith("%%writefile") and ".dockerignore" in head:
        yield from ((what, f"{head}\n{text}") for what, text in of_patterns(body))
    elif head.startswith("%%"):
        yield from ((what, f"{head}\n{text}") for what, text in of_lines(body))
    else:
        yield from of_lines(cell)


def of_dockerfile(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction removed, swapped with the next, and altered."""
    try:
        found = parse(text, "Dockerfile")
    except DockerfileError:
        return
    lines = text.splitlines()
    spans = [(one.first, one.last) for stage in found.stages for one in ((stage.source,) if stage.source else ()) + stage.instructions]
    spans = sorted({(one.first, one.last) for one in found.arguments} | set(spans))
    blocks = [lines[first - 1 : last] for first, last in spans]

    def joined(parts: list[list[str]]) -> str:
        return "\n".join(line for part in parts for line in part)

    for at, block in enumerate(blocks):
        shown = block[0][:60]
        yield f"without {shown}", joined(blocks[:at] + blocks[at + 1 :])
        if at + 1 < len(blocks):
            yield f"swapped {shown}", joined([*blocks[:at], blocks[at + 1], block, *blocks[at + 2 :]])
        for altered in alterations("\n".join(block)):
            yield f"altered to {altered[:60]}", joined([*blocks[:at], altered.splitlines(), *blocks[at + 1 :]])


def alterations(instruction: str) -> Iterator[str]:
    """The instruction with one word of its own changed, or one line of several left out."""
    keyword, _, rest = instruction.partition(" ")
    if keyword.upper() == "FROM":
        base = rest.split()[0]
        yield instruction.replace(base, "debian" if base.startswith("busybox") else "busybox", 1)
        return
    lines = instruction.splitlines()
    if len(lines) > 2:
        yield "\n".join([lines[0], *lines[2:]])
    last = re.search(r"([\w./-]+)([\"'\]\s]*)$", instruction)
    if last and keyword.upper() not in ("RUN",):
        word = last[1]
        yield instruction[: last.start(1)] + (str(int(word) + 1) if word.isdigit() else word + "x") + last[2]
    flag = re.search(r" --[\w-]+=\S+", instruction)
    if flag:
        yield instruction.replace(flag[0], "", 1)


def of_lines(text: str) -> Iterator[tuple[str, str]]:
    """Each line removed, swapped with the next, and one of its flags left out."""
    lines = [line for line in text.splitlines() if line.strip()]
    for at, line in enumerate(lines):
        yield f"without {line[:60]}", "\n".join(lines[:at] + lines[at + 1 :])
        if at + 1 < len(lines):
            yield f"swapped {line[:60]}", "\n".join([*lines[:at], lines[at + 1], line, *lines[at + 2 :]])
        for altered in _flags_off(line):
            yield f"altered to {altered[:60]}", "\n".join([*lines[:at], altered, *lines[at + 1 :]])


def of_patterns(text: str) -> Iterator[tuple[str, str]]:
    """Each pattern removed, no longer for every depth, and misspelt; lines change places only if one is an exception: else their order says nothing."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for at, line in enumerate(lines):
        yield f"without {line}", "\n".join(lines[:at] + lines[at + 1 :])
        if any(other.startswith("!") for other in lines[at : at + 2]) and at + 1 < len(lines):
            yield f"swapped {line}", "\n".join([*lines[:at], lines[at + 1], line, *lines[at + 2 :]])
        for altered in (line + "x", line.removeprefix("**/"), line.removeprefix("!")):
            if altered != line:
                yield f"altered to {altered}", "\n".join([*lines[:at], altered, *lines[at + 1 :]])


def _flags_off(line: str) -> Iterator[str]:
    if not line.startswith(("%docker", "%commit")):
        return
    try:
        words = shlex.split(line)
    except ValueError:
        return
    for at, word in enumerate(words):
        if word.startswith("-"):
            yield shlex.join(words[:at] + words[at + 1 :])
