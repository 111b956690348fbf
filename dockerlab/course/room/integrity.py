"""The machinery of a shell, as it was before any cell ran: put back before a cell that judges.

A cell of an instructor's own that judges Python values can only run in the student's kernel, where any name may be something else by then. What a student
finds described (a patched `showtraceback`, a transformer that drops assertions, another `sum`) is undone here; who looks for this very module in memory
gets past it. `%check` and checks written in its words don't rely on it: they are looked at from outside the kernel.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from typing import Any

from ipykernel.displayhook import ZMQShellDisplayHook
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelbase import Kernel
from ipykernel.zmqshell import ZMQDisplayPublisher, ZMQInteractiveShell
from IPython.core.displayhook import DisplayHook
from IPython.core.inputtransformer2 import TransformerManager
from IPython.core.interactiveshell import InteractiveShell

JUDGES = "dockerlab_judges"
"""In the metadata of a request: its cell judges."""
_CLASSES = (
    InteractiveShell,
    ZMQInteractiveShell,
    IPythonKernel,
    Kernel,
    DisplayHook,
    ZMQShellDisplayHook,
    ZMQDisplayPublisher,
    TransformerManager,
)


class Machinery:
    """What runs a cell: taken note of once, put back as often as needed."""

    def __init__(self, shell: Any, kernel: Any) -> None:
        self._shell = shell
        self._classes = [(one, dict(vars(one))) for one in _CLASSES]
        self._objects = [
            (one, dict(vars(one))) for one in (shell, kernel, shell.displayhook, shell.display_pub, shell.input_transformer_manager)
        ]
        self._lists = [(one, list(one)) for one in self._found_lists()]
        self._builtins = dict(vars(builtins))
        self._hooks = {name: getattr(sys, name) for name in ("displayhook", "excepthook", "unraisablehook", "breakpointhook")}

    def _found_lists(self) -> Iterator[list[Any]]:
        manager = self._shell.input_transformer_manager
        yield from (manager.cleanup_transforms, manager.line_transforms, manager.token_transformers)
        yield from (self._shell.ast_transformers, self._shell.input_transformers_post)
        yield from self._shell.events.callbacks.values()

    def put_back(self) -> None:
        """As it was. What a cell has defined stays."""
        sys.settrace(None)
        sys.setprofile(None)
        for cls, had in self._classes:
            now = vars(cls)
            for name in [name for name in now if name not in had]:
                delattr(cls, name)
            for name, value in had.items():
                if now.get(name) is not value:
                    setattr(cls, name, value)
        for one, had in self._objects:
            for name, value in list(vars(one).items()):
                # methods that stand before those of the class; what a shell keeps of its own work is no function
                if callable(value) and had.get(name) is not value:
                    vars(one).pop(name, None) if name not in had else vars(one).__setitem__(name, had[name])
        for found, had_list in self._lists:
            found[:] = had_list
        vars(builtins).update(self._builtins)
        for name, value in self._hooks.items():
            setattr(sys, name, value)


class GuardedKernel(IPythonKernel):  # type: ignore[misc]
    """Jupyter's Python kernel. Where a request says that its cell judges, the machinery is put back first."""

    _machinery: Machinery | None = None

    async def execute_request(self, stream: Any, ident: Any, parent: Any) -> None:
        """As the protocol has it."""
        machinery = type(self)._machinery = self._machinery or Machinery(self.shell, self)
        if parent.get("metadata", {}).get(JUDGES):
            machinery.put_back()
        await super().execute_request(stream, ident, parent)
