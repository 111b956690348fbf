"""How much of a step's output is shown: as much as BuildKit shows, however much there is."""

from __future__ import annotations

from dockerlab.build.events import StepOutput

MOST = 2 << 20
"""Bytes of one step. (BuildKit: BUILDKIT_STEP_LOG_MAX_SIZE; its limit of a speed, which depends on the machine, is not ours.)"""
_SAID = b"[output clipped, log limit 2MiB reached]\n"


class Clip:
    """The output of one step, cut where it becomes too long."""

    def __init__(self) -> None:
        self._left = MOST

    def __call__(self, output: StepOutput) -> StepOutput | None:
        """What is shown of this piece; None if nothing is."""
        if self._left < 0:
            return None
        if len(output.data) <= self._left:
            self._left -= len(output.data)
            return output
        shown, self._left = output.data[: self._left], -1
        return StepOutput(output.number, output.stream, shown + (b"" if shown.endswith(b"\n") else b"\n") + _SAID)
