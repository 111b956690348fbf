"""What the Tab key offers in a cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dockerlab.errors import DockerlabError

if TYPE_CHECKING:
    from dockerlab.engine import Engine

_OWN = "dockerlab.exec"


def exec_matcher(engine: Callable[[], Engine]) -> Any:
    """IPython's completion of `%%exec …`: the containers that run, and nothing of Python's."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    @context_matcher(identifier=_OWN)  # type: ignore[untyped-decorator]
    def match(context: Any) -> dict[str, Any]:
        words = context.full_text.split("\n", 1)[0].split()
        if context.cursor_line or words[:1] != ["%%exec"] or context.token == "%%exec":
            return {"completions": []}
        from dockerlab.notebook.terminals import running_containers

        try:
            names = running_containers(engine())
        except DockerlabError:
            names = []
        return {
            "completions": [SimpleCompletion(name, type="container") for name in names if name.startswith(context.token)],
            "suppress": True,
        }

    return match


def use_matcher(shell: Any, matcher: Any) -> None:
    """Let this matcher be ours, in place of a former one; None: none."""
    others = [one for one in shell.Completer.custom_matchers if getattr(one, "matcher_identifier", "") != _OWN]
    shell.Completer.custom_matchers = others if matcher is None else [*others, matcher]
