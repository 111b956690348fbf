"""What whoever grades a submission needs, and what its kernel needs until its cells have run: imported once, by the process that all of them are forked from.

A kernel that imports its own begins a third of a second later, and each lab is half of that slower.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - of a name that a cell looks up
import gc
import pkgutil
import sqlite3  # noqa: F401
from importlib import import_module

import tornado.platform.asyncio  # noqa: F401

import dockerlab.build
import dockerlab.course.checks
import dockerlab.course.grading
import dockerlab.course.judging
import dockerlab.course.labs
import dockerlab.course.predictions
import dockerlab.course.room.cells
import dockerlab.course.room.integrity
import dockerlab.dockerfile
import dockerlab.engine
import dockerlab.layers
import dockerlab.runtime
import dockerlab.store
import dockerlab.transfer
import dockerlab.verbs

for package in (
    dockerlab.build,
    dockerlab.course.labs,
    dockerlab.dockerfile,
    dockerlab.engine,
    dockerlab.layers,
    dockerlab.runtime,
    dockerlab.store,
    dockerlab.transfer,
    dockerlab.verbs,
):
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        import_module(module.name)

gc.freeze()
