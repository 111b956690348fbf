"""Where the lines of an image's history were written, of an image that the daemon has built for us: its Dockerfile is known here, and each of its instructions is a line.

Of what it was built on it is known if that was built for us, too; what ONBUILD left in a base image stands before its child's own lines, and has none.
"""

from __future__ import annotations

from collections.abc import Sequence

from dockerlab.build.plan import Plan
from dockerlab.dockerfile import Stage
from dockerlab.store.origins import Origin, of_base


def base_of(plan: Plan) -> str:
    """The image that the target is built on, through all its stages; "" for scratch, or a folder."""
    first = _stages(plan)[0].index
    return "" if plan.bases[first] == "scratch" or first in plan.folders else plan.bases[first]


def written(plan: Plan, lines: int, below: Sequence[Origin | None], *, classic: bool) -> list[Origin | None]:
    """Where each of so many lines of history was written, the oldest first; `below` are those of the base image. Empty if that can't be told.

    `classic`: ONBUILD is a line too, as it is in no image of BuildKit's.
    """
    name = plan.dockerfile.name
    own = [
        Origin(name, one.first, one.last, stage.shown_name, one.shown)
        for stage in _stages(plan)
        for one in stage.instructions
        if classic or one.keyword != "ONBUILD"
    ]
    left = lines - len(below) - len(own)
    return [*of_base(below, base_of(plan)), *[None] * left, *own] if left >= 0 else []


def _stages(plan: Plan) -> list[Stage]:
    """The target, and before it each stage that it is built on."""
    stages = [plan.target]
    while (parent := plan.parent_of(stages[0], plan.bases[stages[0].index])) is not None:
        stages.insert(0, parent)
    return stages
