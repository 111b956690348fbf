"""Times of what a step wrote: the same on every machine and on every day, where SOURCE_DATE_EPOCH asks for it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dockerlab.layers.lending import lstat_lent, names_lent, reached

_SLACK = 20_000_000  # nanoseconds: a file is dated by a clock that may be a tick behind


def settle_times(tree: Path | str, since: int, until: int, epoch: int) -> None:
    """Whatever a tree in upper format holds that was written between two moments (nanoseconds since 1970) is of `epoch` (seconds).

    What a program dated itself, and what was copied with its own time, stays.
    """
    when = epoch * 1_000_000_000
    pending = [str(tree)]
    while pending:
        folder = pending.pop()
        for name in names_lent(folder):
            path = os.path.join(folder, name)
            st = lstat_lent(path)
            if stat.S_ISDIR(st.st_mode):
                pending.append(path)
            if since - _SLACK <= st.st_mtime_ns <= until + _SLACK:
                with reached(path):
                    os.utime(path, ns=(when, when), follow_symlinks=False)


def nanoseconds(seconds: float) -> int:
    """A time as the kernel wants it, exact for whole seconds."""
    whole = int(seconds)
    return whole * 1_000_000_000 + round((seconds - whole) * 1_000_000_000)
