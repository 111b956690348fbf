"""How each layered instruction becomes a step: what it depends on, and what doing it means."""

from __future__ import annotations

import os
import posixpath
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dockerlab.build import running
from dockerlab.build.cachekeys import CacheKey
from dockerlab.build.context import BuildContext
from dockerlab.build.copying import Layout, chmod_of, chown_of, made_mode, make_workdir, nobody_here
from dockerlab.build.events import BuildEvent, ContainerMade, Notice, StepOutput
from dockerlab.build.metadata import shell_of, workdir
from dockerlab.build.mounts import RunMounts
from dockerlab.build.plan import base_image
from dockerlab.build.sources import (
    Source,
    Sources,
    SourceTree,
    check_sources,
    context_missing,
    describe,
    find,
    has_wildcard,
    is_git,
    sends,
    stage_missing,
)
from dockerlab.build.state import StageState
from dockerlab.data import dataclass
from dockerlab.dockerfile import Instruction
from dockerlab.dockerfile.ignore import path_matcher
from dockerlab.errors import BuildError, NotFoundError
from dockerlab.layers import Tree, TreeView
from dockerlab.runtime.spec import Waiting
from dockerlab.store import Layer

if TYPE_CHECKING:
    from dockerlab.build.builder import BuildRun
    from dockerlab.build.stage import StageBuild


Scratch = Callable[[], Path]
"""Where a step may put what it needs for a while: a folder of its own, made when it asks."""


@dataclass
class Step:
    """What a layered instruction needs: its key, and how to do it."""

    key: CacheKey
    history: str
    work: Callable[[], Iterator[BuildEvent | Waiting | Layer]]


def prepare(one: StageBuild, instruction: Instruction, scratch: Scratch) -> Step:
    """What the next instruction of a stage depends on and how to do it; nothing is written yet but into `scratch`."""
    if instruction.keyword == "RUN":
        return _run(one, instruction, scratch)
    if instruction.keyword == "WORKDIR":
        return _workdir(one, instruction, scratch)
    return _copy(one, instruction, scratch)


def _now(run: BuildRun) -> int:
    return run.epoch if run.epoch is not None else int(time.time())


def _epoch(run: BuildRun) -> dict[str, str]:
    """SOURCE_DATE_EPOCH as a part of a step's key: it is in the times of what the step writes."""
    return {} if run.epoch is None else {"SOURCE_DATE_EPOCH": str(run.epoch)}


def _sealed(one: StageBuild, scratch: Scratch, fill: Callable[[Tree], None]) -> Iterator[Layer]:
    folder, below = scratch() / "layer", one.state.layers
    folder.mkdir()
    tree = Tree(folder / "tree")
    fill(tree)
    tree.close()
    if below:
        (folder / "tree").chmod(below[-1].tree.stat().st_mode & 0o7777)
    yield one.run.store.layers.seal(folder)


# --- FROM a folder


def load(one: StageBuild, context: BuildContext, scratch: Scratch) -> Step:
    """Everything that a folder holds, as the one layer of a base."""
    run = one.run
    node = context.lookup("/")
    assert node is not None
    source = Source("", node, tree=context)
    files = describe(source, context, run.builder.digests, False, lambda rel: False)
    key = CacheKey("folder", "FROM", files=files, settings=_epoch(run))

    def work() -> Iterator[BuildEvent | Waiting | Layer]:
        yield from _sealed(one, scratch, lambda tree: Layout(tree, one.state.view, _now(run)).put(source, "/"))

    return Step(key, "", work)


# --- WORKDIR


def _workdir(one: StageBuild, instruction: Instruction, scratch: Scratch) -> Step:
    state = one.state
    path = workdir(instruction, state)
    name = state.config.get("User") or "0"
    try:
        user = state.user(name)
    except NotFoundError:
        if state.layers:
            raise
        raise nobody_here(name) from None
    state.config["WorkingDir"] = path
    owner = (user.uid, user.gid) if state.config.get("User") else None
    if name.isdecimal() and owner:
        owner = (user.uid, user.uid)  # a number alone is the group's too here, whatever /etc/passwd says; a RUN would ask it
    key = CacheKey(state.key, f"WORKDIR {path}", settings={"owner": str(owner), **_epoch(one.run)})

    def work() -> Iterator[BuildEvent | Waiting | Layer]:
        yield from _sealed(one, scratch, lambda tree: make_workdir(tree, state.view, path, owner, _now(one.run)))

    return Step(key, f"WORKDIR {path}", work)


# --- RUN


def _tree_of(one: StageBuild, name: str) -> tuple[BuildContext | TreeView, str]:
    """(the file system that --from names, how to call it)."""
    run, plan = one.run, one.plan
    source = plan.source_stage(one.stage, name)
    if source is not None:
        return run.stages[source.index].state.view, f"stage {source.shown_name}"
    other = run.request.contexts.get(name.lower())
    if isinstance(other, BuildContext):
        return other, f"context {name}"
    image = base_image(run.builder.resolve, other or name, [other.name for other in plan.dockerfile.stages if other.name])
    return TreeView([layer.tree for layer in run.store.layers_of(image.config)]), f"image {name}"


def _run(one: StageBuild, instruction: Instruction, scratch: Scratch) -> Step:
    run, state, number = one.run, one.state, one.number
    renewed = run.renewed if one.wants_no_cache else None
    mounts = RunMounts(
        scratch, run.store, run.request.context, lambda name: _tree_of(one, name)[0], run.request.secrets, run.builder.digests, renewed
    )
    for text in instruction.flag_values("mount"):
        mounts.add(text, state)
    environment, kept = running.variables(state, run.request.proxies(), mounts.environment)
    network = instruction.flag("network") or run.request.network
    command = running.command_of(instruction, state)
    if not command.words:
        raise BuildError("failed to marshal LLB definition: arguments are required", hint="RUN needs a command")
    config = state.config
    key = CacheKey(
        state.key,
        f"RUN {' '.join(instruction.flag_values('mount'))} {list(command.words)} {dict(command.pipes)}",
        files=mounts.made_of,
        variables=kept,
        settings={
            "user": str(config.get("User") or ""),
            "workdir": str(config.get("WorkingDir") or "/"),
            "shell": str(shell_of(config)),
            "network": network,
            "hosts": ",".join(run.request.add_hosts),
            **_epoch(run),
        },
    )
    step = running.RunStep(
        command, tuple(environment), "none" if network == "none" else "host", mounts, run.request.hosts(), run.epoch, run.request.apart
    )

    def work() -> Iterator[BuildEvent | Waiting | Layer]:
        steps = running.execute(step, state, run.store, run.builder.runner(), scratch)
        try:
            while True:
                try:
                    told = next(steps)
                except StopIteration as end:
                    yield end.value
                    return
                if isinstance(told, Waiting):
                    yield told
                else:
                    yield ContainerMade(number, told) if isinstance(told, str) else StepOutput(number, *told)
        finally:
            steps.close()

    return Step(key, running.history_text(instruction, state), work)


# --- COPY and ADD


def _heredoc_sources(instruction: Instruction, words: list[str], state: StageState) -> list[Source]:
    import re

    docs = {doc.name: doc for doc in instruction.heredocs}
    out = []
    for word in words:
        name = re.sub(r"^<<-?(['\"]?)(.*)\1\Z", r"\2", word)
        doc = docs[name]
        text = re.sub(r"(?m)^\t+", "", doc.text) if doc.strip_tabs else doc.text
        if doc.expand:
            text = state.expand().document(text)
        out.append(Source(name, None, text.encode("utf-8", "surrogateescape"), asked=name))
    return out


def _project(tree: SourceTree, run: BuildRun) -> str:
    """The folder of a context; "" for one that came as a stream, which lies somewhere else each time, and for a stage."""
    if not isinstance(tree, BuildContext) or tree.root.startswith(f"{run.store.home}/"):
        return ""
    return os.path.realpath(tree.root)


def _copy(one: StageBuild, instruction: Instruction, scratch: Scratch) -> Step:
    run, state = one.run, one.state
    scope, keyword = state.expand(), instruction.keyword
    chown_text, chmod_text = (scope.word(instruction.flag(name)) for name in ("chown", "chmod"))
    chmod = chmod_of(chmod_text)
    owner, unknown = chown_of(chown_text, state.view)
    *words, last = [word if word.startswith("<<") and instruction.heredocs else scope.word(word) for word in instruction.words]
    destination = _destination(last, state)
    heredocs = [word for word in words if word.startswith("<<") and instruction.heredocs]
    files = [word for word in words if word not in heredocs]
    tree, sources = _files(one, instruction, files, destination, scratch)
    documents = _heredoc_sources(instruction, heredocs, state)
    items = [*sources.items, *documents]
    for source in documents:
        sources.made_of[f"<<{source.name}"] = source.data.hex()
    patterns = [scope.word(value) for value in instruction.flag_values("exclude")]
    matcher = path_matcher(patterns) if patterns else None

    def excluded(rel: str) -> bool:
        return matcher is not None and bool(matcher.matches(rel))

    wanted = None if matcher is None else excluded
    owned = isinstance(tree, TreeView)
    for source in sources.items:
        if source.node is not None:
            sources.made_of.update(describe(source, source.tree or tree, run.builder.digests, owned, wanted, keep=one.runs_anyway))
        else:
            sources.made_of[source.asked] = f"url {source.digest} {source.mtime}"
    if matcher is not None:
        wild = any(has_wildcard(word) for word in files)  # a file that is named itself is copied whatever the patterns say
        items = [source for source in items if source.node is None or source.node.is_dir or not (wild and excluded(source.name))]
    flags = "".join(f"--{name}={value} " for name, value in (("chown", chown_text), ("chmod", chmod_text)) if value)
    shown = " ".join([*files, *(f"<<{source.name}" for source in documents), last])
    key = CacheKey(
        state.key,
        f"{keyword} {flags}{' '.join(f'--{name}={value}' for name, value in instruction.flags if name not in ('chown', 'chmod', 'from', 'link'))} {shown} -> {destination}",
        files=sources.made_of,
        settings={"owner": str(owner), **_epoch(run)},
        project=_project(tree, run),
    )

    def fill(written: Tree) -> None:
        from dockerlab.build.archives import is_archive

        layout = Layout(written, state.view, _now(run), owner, chmod, made_mode(chmod_text), excluded)
        for source in items:
            unpack = instruction.flag("unpack")
            local = source.node is not None
            wants = (unpack == "" and local) or (any(name == "unpack" for name, _ in instruction.flags) and instruction.on("unpack"))
            if keyword == "ADD" and wants and not source.name.startswith("<<") and is_archive(source):
                layout.unpack(source, destination)
            else:
                layout.put(source, destination)

    def work() -> Iterator[BuildEvent | Waiting | Layer]:
        for name in unknown:
            yield Notice(f"--chown={chown_text}: the image has no user or group {name}; as in Docker the files are root's")
        yield from _sealed(one, scratch, fill)

    return Step(key, f"{keyword} {flags}{shown} # buildkit", work)


def _destination(text: str, state: StageState) -> str:
    folder = text.endswith(("/", "/.", "/..")) or text in (".", "..")
    if not text.startswith("/"):
        text = (state.config.get("WorkingDir") or "/").rstrip("/") + "/" + text
    clean = posixpath.normpath(text)
    clean = "/" + clean.lstrip("/")
    return clean + "/" if folder and clean != "/" else clean if clean != "/" else "/"


def _files(one: StageBuild, instruction: Instruction, words: list[str], destination: str, scratch: Scratch) -> tuple[SourceTree, Sources]:
    keyword, state = instruction.keyword, one.state
    context = one.run.request.context
    checksum = state.expand().word(instruction.flag("checksum"))
    remote = check_sources(instruction, words, checksum)
    if keyword == "COPY" and instruction.flag("from"):
        tree, called = _tree_of(one, instruction.flag("from"))
        missing = context_missing(tree, keyword) if isinstance(tree, BuildContext) else stage_missing(called, tree)
    else:
        tree, missing = context, context_missing(context, keyword)

    def sent(folder: str) -> bool:
        if tree is not context:
            return tree.lookup(folder) is not None
        return sends(context, [state.expand().word(word) for word in one.plan.context_words()], folder)

    found = Sources()
    for word in words:
        if word not in remote:
            found.items += find(tree, [word], missing, sent, parents=instruction.on("parents"))
        elif is_git(word):
            from dockerlab.build.repositories import clone

            found.items.append(clone(word, instruction.on("keep-git-dir"), scratch()))
        else:
            from dockerlab.build.downloads import download

            found.items.append(download(word, checksum, destination, scratch()))
    return tree, found
