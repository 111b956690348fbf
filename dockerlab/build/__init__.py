"""From instructions to an image.

    BuildRequest(dockerfile, context, target …)
      → Plan: only the stages that the target needs, in order; independent ones are built side by side (abreast)
      → for each instruction of a stage a step: its CacheKey (what it depends on) → a hit, or
            COPY, ADD, WORKDIR: written into a new layer folder, no mount (copying)
            RUN: a snapshot, a process on it, what it changed (running)
            all others: the configuration alone (metadata)
      → BuildEvent after BuildEvent, the last one Built(image)

No Docker, no daemon: what a step means is BuildKit's, what it costs is ours. Knows no engine: how FROM finds an image and how a process runs are handed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockerlab.lazy import exported

if TYPE_CHECKING:
    from dockerlab.build.builder import Builder
    from dockerlab.build.context import BuildContext
    from dockerlab.build.events import BuildEvent, Built, CheckWarning, Notice, StepCanceled, StepDone, StepOutput, StepStarted
    from dockerlab.build.metadata import apply_change
    from dockerlab.build.request import BuildRequest

_HOMES = {
    "BuildContext": "context",
    "BuildEvent": "events",
    "BuildRequest": "request",
    "Builder": "builder",
    "Built": "events",
    "CheckWarning": "events",
    "Notice": "events",
    "StepCanceled": "events",
    "StepDone": "events",
    "StepOutput": "events",
    "StepStarted": "events",
    "apply_change": "metadata",
}
__all__ = [
    "BuildContext",
    "BuildEvent",
    "BuildRequest",
    "Builder",
    "Built",
    "CheckWarning",
    "Notice",
    "StepCanceled",
    "StepDone",
    "StepOutput",
    "StepStarted",
    "apply_change",
]
__getattr__ = exported(__name__, _HOMES)
