"""What whoever grades a submission needs, and what its kernel begins with: imported once, by the process that all of them are forked from."""

from __future__ import annotations

import gc

import dockerlab.build
import dockerlab.course.checks
import dockerlab.course.grading
import dockerlab.course.judging
import dockerlab.course.predictions
import dockerlab.course.room.cells
import dockerlab.course.room.integrity
import dockerlab.engine.embedded  # noqa: F401

gc.freeze()
