"""What surprises people in a build, noticed where it happens: each kind once a build.

"command": a new ENTRYPOINT drops the CMD that the base brought. "copied": a step changed only owners or modes, and overlay copied the files up for it.
"deleted": a step deleted what a layer below holds, which frees nothing. "secret": an ARG or ENV that looks like a secret can be read in the history.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dockerlab.build.events import CheckWarning, Surprise
from dockerlab.dockerfile import Instruction
from dockerlab.layers import Change, TreeView

_SUSPECT = re.compile(r"\b(chown|chgrp|chmod|rm|rmdir|apt-get clean|mv)\b")
_WORTH = 1000  # bytes that are worth a word


def suspicious(instruction: Instruction) -> bool:
    """Whether it is worth looking at what a step changed: only RUN can waste, and only with some commands."""
    return instruction.keyword == "RUN" and bool(_SUSPECT.search(instruction.original) or instruction.heredocs)


def of_layer(line: int, changes: list[Change], below: TreeView) -> Iterator[Surprise]:
    """What a step's changes waste; `below` is the file system before it."""
    copied = [change for change in changes if change.kind == "C" and change.entry is not None and _only_owner_or_mode(change, below)]
    size = sum(change.entry.size for change in copied if change.entry is not None)
    if size >= _WORTH:
        yield Surprise("copied", line, {"bytes": size, "files": len(copied), "path": copied[0].path})
    deleted = [change.path for change in changes if change.kind == "D"]
    size = sum(node.st.st_size for path in deleted for node in below.walk(path) if node.entry.kind == "file")
    if size >= _WORTH:
        yield Surprise("deleted", line, {"bytes": size, "path": deleted[0]})


def _only_owner_or_mode(change: Change, below: TreeView) -> bool:
    old, new = below.lookup(change.path, follow=False), change.entry
    if old is None or new is None or new.kind != "file" or old.entry.kind != "file":
        return False
    return (old.entry.size, old.entry.mtime) == (new.size, new.mtime)  # neither chown nor chmod touches these


def dropped_command(line: int, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Surprise]:
    """Whether an ENTRYPOINT took the base's CMD away."""
    if before.get("Cmd") and not after.get("Cmd"):
        yield Surprise("command", line, {"command": " ".join(before["Cmd"])})


def secrets(warnings: tuple[CheckWarning, ...]) -> Iterator[Surprise]:
    """That history tells what should be secret."""
    for warning in warnings:
        if warning.rule == "SecretsUsedInArgOrEnv":
            yield Surprise("secret", warning.line, {"name": warning.detail.rpartition('"')[0].rpartition('"')[2]})
            return
