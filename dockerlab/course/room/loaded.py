"""What whoever grades a submission needs, and what its kernel needs until its cells have run: imported once, by the process that all of them are forked from.

A kernel that imports its own begins a third of a second later, and each lab is half of that slower.
"""

from __future__ import annotations

import gc
import pkgutil
import sys
from importlib import import_module

from jupyter_client.localinterfaces import localhost

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

_OF_A_KERNEL = (
    "IPython.core.completerlib", "IPython.core.debugger", "IPython.core.logger", "IPython.core.magics.extension", "IPython.core.magics.history",
    "IPython.core.oinspect", "IPython.extensions.storemagic", "dockerlab.distribution", "dockerlab.notebook.hints", "dockerlab.notebook.slips",
    "encodings.idna", "faulthandler", "ipykernel.debugger", "ipykernel.kernelapp", "psutil", "sqlite3", "tornado.platform.asyncio", "tornado.queues",
)  # fmt: skip
"""What Jupyter's kernel and our extension import when they begin, and the codec of a name that a cell looks up."""
sys.modules["debugpy"] = None  # type: ignore[assignment]  # nobody debugs a submission: half of a kernel's beginning
for name in _OF_A_KERNEL:
    import_module(name)
del sys.modules["debugpy"]
localhost()  # looks at this machine's network, once
gc.freeze()
