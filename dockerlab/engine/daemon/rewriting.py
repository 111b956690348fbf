"""A Dockerfile with other names for its images, for one build: where the daemon has a base image as dockerlab.local/NAME:TAG, FROM says so.

Only the names change, within their lines, so that what is said of a line is true of the one that was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from dockerlab.build.plan import Plan, froms, unresolved
from dockerlab.dockerfile import Dockerfile, Instruction, Stage
from dockerlab.errors import DockerlabError

_GAP = r"(?:\s|[\\`]\r?\n)+"


def renamed(dockerfile: Dockerfile, plan: Plan, given: Callable[[str], str]) -> str:
    """Its text, with what `given` says instead of each image's name; a name that stays is left as it was written, variables and all.

    BuildError, with its line, for an image that `given` can't find.
    """
    lines = dockerfile.text.split("\n")
    for instruction, pattern, name in _names(dockerfile, plan):
        try:
            other = given(name)
        except DockerlabError as error:
            alike = [stage.name for stage in dockerfile.stages if stage.name]
            raise unresolved(name, error, alike).at(instruction.first) from None
        if other == name:
            continue
        span = slice(instruction.first - 1, instruction.last)
        text = "\n".join(lines[span])
        found = re.search(pattern, text, re.IGNORECASE)
        if found:
            text = text[: found.start(1)] + other + text[found.end(1) :]
            lines[span] = text.split("\n")
    return "\n".join(lines)


def _names(dockerfile: Dockerfile, plan: Plan) -> Iterator[tuple[Instruction, str, str]]:
    """(where an image is named, how the name is found there, the name) for all that are neither stages, nor folders, nor scratch; of stages that are built."""
    for planned in plan.order:
        stage = planned.stage
        if planned.parent is None and planned.base != "scratch" and not planned.folder and stage.source is not None:
            yield stage.source, rf"FROM{_GAP}(?:--\S+{_GAP})*([^\s\\`]+)", planned.base
        for instruction in stage.instructions:
            yield from _taken(plan, stage, instruction)


def _taken(plan: Plan, stage: Stage, instruction: Instruction) -> Iterator[tuple[Instruction, str, str]]:
    for name in froms(instruction):
        if "$" not in name and name.lower() not in plan.contexts and plan.source_stage(stage, name) is None:
            yield instruction, rf"from=[\"']?({re.escape(name)})(?=[\s,\"']|$)", name
