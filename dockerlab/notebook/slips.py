"""Slips of learners that Python would answer with a traceback: the line that waits for an answer is still there, or the first line of a Dockerfile is gone.

raise NotImplementedError()    of an answer's cell: the same error, which says what to do
FROM nginx                     in a Python cell: it is a Dockerfile, and nobody has said so
"""

from __future__ import annotations

import ast
from typing import Any

from dockerlab.errors import UsageError
from dockerlab.notebook.build_cells import is_build
from dockerlab.notebook.hints import label
from dockerlab.notebook.words import word


class Unanswered(NotImplementedError):
    """An answer's cell ran into the line that waits for an answer. A message, no traceback."""

    def __str__(self) -> str:
        return word("stub left")

    def _render_traceback_(self) -> list[str]:
        return str(self).split("\n")


def no_dockerfile() -> None:
    """UsageError: the cell that was run is a Dockerfile, but its first line does not say so."""
    error = UsageError(word("first line missing"), hint=word("first line"))
    error.hint_label = label()
    raise error


def _call(name: str) -> str:
    return f'__import__("{__name__}", fromlist=["{name}"]).{name}()'


class _Stubs(ast.NodeTransformer):
    """IPython's hook: the stub's line, at the top of a cell, raises our error."""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Functions and classes of the learner are the learner's."""
        node.body = [self._told(one) for one in node.body]
        return node

    @staticmethod
    def _told(one: ast.stmt) -> ast.stmt:
        if not isinstance(one, ast.Raise) or ast.unparse(one) != "raise NotImplementedError()":
            return one
        ours = ast.parse(f"raise {_call('Unanswered')}").body[0]
        return ast.copy_location(ast.fix_missing_locations(ours), one)


def _first_line(lines: list[str]) -> list[str]:
    """IPython's hook: a cell that only the builder could read."""
    return [_call("no_dockerfile") + "\n"] if is_build("".join(lines)) else lines


def watch(shell: Any, *, dockerfiles: bool) -> None:
    """Answer the slips in this shell; `dockerfiles`: its cells may be Dockerfiles as they stand, so that none is a slip."""
    unwatch(shell)
    shell.ast_transformers.append(_Stubs())
    if not dockerfiles:
        shell.input_transformers_cleanup.append(_first_line)


def unwatch(shell: Any) -> None:
    """As it was."""
    shell.ast_transformers[:] = [one for one in shell.ast_transformers if type(one).__name__ != _Stubs.__name__]
    shell.input_transformers_cleanup[:] = [one for one in shell.input_transformers_cleanup if getattr(one, "__module__", "") != __name__]
