"""What a build context holds, what is left out of it and why, and what each COPY takes of it — before anything is built."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator

from dockerlab.build.context import BuildContext
from dockerlab.build.sources import below, check_sources, context_missing, find, sends
from dockerlab.data import dataclass
from dockerlab.dockerfile import Dockerfile, Instruction, Scope
from dockerlab.dockerfile.ignore import IgnorePattern
from dockerlab.errors import BuildError

_LARGEST = 10


@dataclass(frozen=True)
class Part:
    """Some files of a context: `path` relative to it, how many files, their bytes."""

    path: str
    files: int
    size: int


@dataclass(frozen=True)
class LeftOut:
    """A path that a pattern leaves out, with all below it."""

    part: Part
    pattern: IgnorePattern


@dataclass(frozen=True)
class Taken:
    """What one COPY or ADD takes: `error` says why it can't, in BuildKit's words; `part.path` is the instruction as written."""

    line: int
    part: Part
    error: str = ""


@dataclass(frozen=True)
class ContextEntry:
    """What lies in a folder of a context: files and bytes that a build may have of it; if a pattern leaves it out, those that it may not have."""

    name: str
    folder: bool
    part: Part
    pattern: IgnorePattern | None


@dataclass(frozen=True)
class ContextReport:
    """The context at `root`: all that it holds, what is left out, its largest files, what is taken by whom; `look` tells what lies in a folder of it."""

    root: str
    held: Part
    left_out: tuple[LeftOut, ...]
    largest: tuple[Part, ...]
    taken: tuple[Taken, ...]
    look: Callable[[str], list[ContextEntry]]


def report(context: BuildContext, dockerfile: Dockerfile | None) -> ContextReport:
    """Look at a whole context. Nothing is read but names and sizes; `dockerfile` is None where there is none."""
    held: list[Part] = []
    left_out = []
    for part, shown in _entries(context, ""):
        if shown:
            held.append(part)
        elif (pattern := context.culprit("/" + part.path)) is not None:
            left_out.append(LeftOut(part, pattern))
    largest = sorted((part for part in held if part.files), key=lambda part: (-part.size, part.path))[:_LARGEST]
    total = Part("", sum(part.files for part in held), sum(part.size for part in held))
    taken = tuple(_taken(context, dockerfile)) if dockerfile else ()
    return ContextReport(context.root, total, tuple(left_out), tuple(largest), taken, lambda path: _folder(context, path))


def _folder(context: BuildContext, path: str) -> list[ContextEntry]:
    """Folders first. BuildError where a build sees no such folder."""
    node = context.lookup(path, follow=False) if ".." not in path.split("/") else None
    if node is None or not node.is_dir:
        raise BuildError(f"{path} is no folder of the build context")
    out = []
    for name in os.listdir(node.real):
        rel = f"{path.strip('/')}/{name}".lstrip("/")
        real, seen = os.path.join(context.root, rel), context.lookup("/" + rel, follow=False)
        if seen is None:
            folder = os.path.isdir(real) and not os.path.islink(real)
            out.append(ContextEntry(name, folder, _sum(rel, real), context.culprit("/" + rel)))
        elif seen.is_dir:
            shown = [part for part, sees in _entries(context, rel) if sees]
            out.append(ContextEntry(name, True, Part(rel, sum(one.files for one in shown), sum(one.size for one in shown)), None))
        else:
            out.append(ContextEntry(name, False, Part(rel, 1, seen.st.st_size if seen.is_file else 0), None))
    return sorted(out, key=lambda entry: (not entry.folder, entry.name))


def _entries(context: BuildContext, folder: str) -> Iterator[tuple[Part, bool]]:
    """(what lies at a path, whether the build sees it); what is left out comes as a whole."""
    for name in sorted(os.listdir(os.path.join(context.root, folder))):
        path = f"{folder}/{name}" if folder else name
        real = os.path.join(context.root, path)
        node = context.lookup("/" + path, follow=False)
        if node is None:
            yield _sum(path, real), False
        elif node.is_dir:
            yield Part(path, 0, 0), True
            yield from _entries(context, path)
        else:
            yield Part(path, 1, node.st.st_size if stat.S_ISREG(node.st.st_mode) else 0), True


def _sum(path: str, real: str) -> Part:
    if os.path.islink(real) or not os.path.isdir(real):
        return Part(path, 1, os.lstat(real).st_size)
    sizes = [os.lstat(os.path.join(folder, name)).st_size for folder, _, names in os.walk(real) for name in names]
    return Part(path, len(sizes), sum(sizes))


def _taken(context: BuildContext, dockerfile: Dockerfile) -> Iterator[Taken]:
    words = [word for one in _copies(dockerfile) for word in one.words[:-1]]
    for one in _copies(dockerfile):
        scope = Scope({}, dockerfile.escape)
        try:
            own = [scope.word(word) for word in one.words[:-1] if not (word.startswith("<<") and one.heredocs)]
            remote = check_sources(one, own, "")
            local = [word for word in own if word not in remote]
            found = find(context, local, context_missing(context, one.keyword), lambda folder: sends(context, words, folder))
        except (BuildError, ValueError) as error:
            yield Taken(one.first, Part(one.shown, 0, 0), str(error))
            continue
        nodes = {node.path: node for source in found if source.node is not None for node in below(context, source.node) if not node.is_dir}
        size = sum(node.st.st_size for node in nodes.values() if node.entry.kind == "file")
        yield Taken(one.first, Part(one.shown, len(nodes), size))


def _copies(dockerfile: Dockerfile) -> list[Instruction]:
    return [
        one
        for stage in dockerfile.stages
        for one in stage.instructions
        if one.keyword == "ADD" or (one.keyword == "COPY" and not one.flag("from"))
    ]
