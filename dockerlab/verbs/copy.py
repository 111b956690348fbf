"""Verbs that carry files: cp and export."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dockerlab.errors import DockerlabError, UsageError
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.images import stdin_of, writer

if TYPE_CHECKING:
    from dockerlab.engine import Engine


def split_path(text: str) -> tuple[str, str]:
    """(container, path); no container for a path of this machine. A path that begins with / or . has none, whatever colons follow."""
    if text.startswith(("/", ".")):
        return "", text
    container, colon, path = text.partition(":")
    return (container, path) if colon else ("", text)


def cp(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker cp CONTAINER:SRC DEST`, `docker cp SRC CONTAINER:DEST`; - is a tar stream."""
    (from_container, source), (to_container, target) = (split_path(text) for text in parsed.words)
    if from_container and to_container:
        raise UsageError(
            "copying between containers is not supported", hint="copy to a folder first, then into the other container", exit_code=1
        )
    if not from_container and not to_container:
        raise UsageError("must specify at least one container source", hint="write CONTAINER:/path on one side", exit_code=1)
    follow = parsed.on("follow-link")
    if to_container:
        if source == "-":
            with stdin_of(terminal) as stream:
                engine.unpack_in(to_container, stream, target)
            return 0
        whole = os.path.join(terminal.cwd, source)
        engine.copy_in(to_container, whole, target, follow=follow)
        return 0
    if target == "-":
        if terminal.is_terminal:
            raise UsageError("cowardly refusing to copy to a terminal. Use redirect", exit_code=1)
        engine.archive_out(from_container, source, writer(terminal), follow=follow)
        return 0
    engine.copy_out(from_container, source, os.path.join(terminal.cwd, target), follow=follow)
    return 0


def export(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker export [-o FILE] CONTAINER`."""
    engine.container_inspect(parsed.words[0])
    if path := parsed.text("output"):
        try:
            with open(os.path.join(terminal.cwd, path), "wb") as out:
                engine.export(parsed.words[0], out)
        except OSError as error:
            raise DockerlabError(f"failed to export container: open {path}: {os.strerror(error.errno or 0).lower()}") from None
        return 0
    if terminal.is_terminal:
        raise UsageError("cowardly refusing to save to a terminal. Use the -o flag or redirect", exit_code=1)
    engine.export(parsed.words[0], writer(terminal))
    return 0
