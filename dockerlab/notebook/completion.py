"""What the Tab key offers in a cell, and what Shift-Tab says: our part of IPython's completion and inspection."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dockerlab.notebook.build_cells import is_build
from dockerlab.notebook.directives import explained
from dockerlab.notebook.offers import offers

if TYPE_CHECKING:
    from dockerlab.engine import Engine

_OWN = "dockerlab"


def cell_matcher(engine: Callable[[], Engine], *, dockerfiles: bool) -> Any:
    """IPython's completion of our magics and of Dockerfiles; nothing of Python's beside it. `dockerfiles`: cells may be Dockerfiles as they stand."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    @context_matcher(identifier=_OWN)  # type: ignore[untyped-decorator]
    def match(context: Any) -> dict[str, Any]:
        lines = context.full_text.split("\n")
        before = "\n".join([*lines[: context.cursor_line], lines[context.cursor_line][: context.cursor_position]])
        found = offers(before, engine, dockerfile=dockerfiles and is_build(_without(lines, context.cursor_line)))
        if found is None:
            return {"completions": []}
        completions = [SimpleCompletion(one.text, type=one.kind) for one in found.offers]
        return {"completions": completions, "suppress": True, "matched_fragment": found.fragment}

    return match


def _without(lines: list[str], number: int) -> str:
    """The cell without the line that is being written, unless it is all that there is."""
    return "\n".join(lines[:number] + lines[number + 1 :]) if any(line.strip() for line in lines[:number]) else "\n".join(lines) + " "


def use_matcher(shell: Any, matcher: Any) -> None:
    """Let this matcher be ours, in place of a former one; None: none."""
    others = [one for one in shell.Completer.custom_matchers if getattr(one, "matcher_identifier", "") != _OWN]
    shell.Completer.custom_matchers = others if matcher is None else [*others, matcher]


def explain_directives(shell: Any) -> None:
    """Let inspection know the instructions of a Dockerfile, where Python has no such name. IPython has no hook for it: the shell's own method is covered."""
    inspect = shell.object_inspect_mime

    def look(name: str, *more: Any, **options: Any) -> Any:
        if name not in shell.user_ns and (found := explained(name)):
            return found
        return inspect(name, *more, **options)

    shell.object_inspect_mime = look


def explain_no_more(shell: Any) -> None:
    """The method as IPython has it."""
    shell.__dict__.pop("object_inspect_mime", None)
