"""A build in a cell: the text is the Dockerfile, steps and logs appear as they happen, the result is a `Built` that shows its layers."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from dockerlab.data import replace
from dockerlab.engine import Engine
from dockerlab.errors import BuildError, ConflictError, DockerfileError, DockerlabError, Interrupted
from dockerlab.notebook import cells
from dockerlab.notebook.layer_stack import LayerStack
from dockerlab.notebook.live import seen_live
from dockerlab.notebook.results import Built
from dockerlab.notebook.streams import cell_terminal, show
from dockerlab.notebook.words import word
from dockerlab.oci import Reference
from dockerlab.verbs.build import finished, options_of, outputs, progress_of, told
from dockerlab.verbs.classic import ClassicProgress, asked_for
from dockerlab.verbs.dispatch import OURS, Terminal, machine_errors
from dockerlab.verbs.flags import Parsed, parse, usage_error
from dockerlab.verbs.progress import BuildProgress, reason

_EXTRA = {"force": {"type": "bool"}, "whole-cell": {"type": "bool"}, **OURS["build"]}


def build_cell(line: str, text: str, shell: Any, engine: Engine) -> Built:
    """`%%dockerfile [OPTIONS] [PATH]`. DockerlabError, with the place in the cell, if it can't be built."""
    parsed = parse("build", cells.split(line), _EXTRA)
    if len(parsed.words) > 1:
        raise usage_error("build", f"%%dockerfile takes one PATH, not {len(parsed.words)}: {' '.join(parsed.words)}", 1)
    if cells.unanswered(text):
        raise DockerlabError(word("unanswered"), hint=word("how to answer"))
    own_context = not parsed.words
    folder = os.path.abspath(parsed.words[0] if parsed.words else ".")
    without: list[str] = []
    if own_context:
        parsed.words = ["."]
        without = cells.left_out(shell, folder)
    name = parsed.text("file")
    with machine_errors():
        if name:
            _write(name, text, parsed.on("force"))
        return _build(parsed, text, engine, without, live=seen_live(shell))


def _write(name: str, text: str, force: bool) -> None:
    if os.path.exists(name) and not force:
        with open(name, encoding="utf-8", errors="surrogateescape") as file:
            old = file.read()
        if old.rstrip("\n") == text.rstrip("\n"):
            return  # an editor puts a line's end at the end, or takes it away: no difference to show
        raise ConflictError(
            f"{name} exists with other text", excerpt=cells.first_difference(old, text, name), hint="--force writes the cell over it"
        )
    with open(name, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)


def _build(parsed: Parsed, text: str, engine: Engine, without: list[str], *, live: bool) -> Built:
    with cell_terminal() as terminal, ExitStack() as opened:
        engine.notice = terminal.complain
        classic = asked_for(parsed, terminal)
        options = replace(options_of(parsed, terminal, text=text, exclude=cells.patterns(without) if without else ()), classic=classic)
        if without and not parsed.on("quiet") and (present := [name for name in without if os.path.exists(name)]):
            show(word("left out", what=", ".join(present)) + "\n")
        plain = partial(progress_of, parsed, classic=classic, explain=True, phrase=word, text=text)
        picture = _picture(parsed, plain, opened) if live and not classic else None
        progress = picture or plain(terminal)
        steps: list[dict[str, Any]] = []
        try:
            built = finished(_noted(engine.build(options), steps), progress)
        except KeyboardInterrupt:
            raise Interrupted(word("interrupted build")) from None
        except (BuildError, DockerfileError) as error:
            if picture or parsed.on("trace"):
                progress.failed(error)
            step, name = error.state_before if isinstance(error, BuildError) else ("", "")
            state = f"--step {step} {name}" if step else name
            raise DockerlabError(
                told(error, classic=classic).message,
                hint=_hint(error, text, state),
                excerpt=error.excerpt if parsed.text("file") else cells.in_cell(error.excerpt, 0 if parsed.on("whole-cell") else 1),
            ) from None
        progress.warnings(built.warnings)
        if isinstance(progress, ClassicProgress):
            progress.tagged([Reference.parse(name).familiar for name in options.tags])
        outputs(parsed, engine, terminal, built, options)
    names = [str(name) for name in options.tags]
    return Built(built.image.id, names, steps, LayerStack.of(engine, built.image.id, names[0] if names else "")).answered_by(engine)


def _hint(error: BuildError | DockerfileError, text: str, state: str) -> str:
    """What to do next; of a line that only waited for an answer, that it has to go."""
    if text.splitlines()[error.line - 1 : error.line] == ["raise NotImplementedError()"]:
        return word("stub line")
    return word("look around", state=state) if state else error.hint


def _picture(parsed: Parsed, plain: Callable[[Terminal], BuildProgress], opened: ExitStack) -> BuildProgress | None:
    """Where no form was asked for."""
    if parsed.on("quiet") or parsed.text("progress") not in ("", "auto"):
        return None
    from dockerlab.notebook.live_build import LiveBuild

    return opened.enter_context(LiveBuild(plain, trace=parsed.on("trace")))


def _noted(events: Any, steps: list[dict[str, Any]]) -> Any:
    from dockerlab.build import StepDone

    try:
        for event in events:
            if isinstance(event, StepDone):
                steps.append(
                    {
                        "name": event.name,
                        "cached": event.cached,
                        "reason": reason(event.reason, word),
                        "seconds": event.seconds,
                        "layer": event.layer,
                        "size": event.size,
                    }
                )
            yield event
    finally:
        events.close()
