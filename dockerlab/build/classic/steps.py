"""The steps of the classic builder that write files: COPY and ADD straight into a layer, WORKDIR, and RUN in a temporary container."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dockerlab.build.archives import is_archive
from dockerlab.build.classic.sources import digest_of_all, find
from dockerlab.build.classic.state import ClassicState
from dockerlab.build.context import BuildContext
from dockerlab.build.copying import Layout, make_workdir
from dockerlab.build.events import BuildEvent, ContainerMade, StepOutput
from dockerlab.build.metadata import command_words
from dockerlab.build.sources import Source, SourceTree, check_sources
from dockerlab.build.wording import OUTSIDE
from dockerlab.data import dataclass
from dockerlab.dockerfile import Instruction
from dockerlab.errors import BuildError, ContainerStartError, NotFoundError
from dockerlab.layers import Tree, TreeView, find_group, find_user
from dockerlab.oci import DEFAULT_PATH, environment_of
from dockerlab.runtime.spec import BoxSpec, Mount, ProcessSpec, Waiting
from dockerlab.store import Layer
from dockerlab.store.files import unique

if TYPE_CHECKING:
    from dockerlab.build.classic.builder import ClassicRun

_NEEDS_BUILDKIT = {"COPY": ("chmod", "parents"), "ADD": ("chmod",), "RUN": ("mount", "network", "security")}
_RUNTIME = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: "

Work = Callable[[Path], Iterator[BuildEvent | Waiting | Layer | None]]
"""Do a step in a scratch folder: what happens is yielded, the layer (None where nothing changed) last."""


@dataclass(frozen=True)
class ClassicStep:
    """A step as it will be done: the history's text, which with the image before it is also the key of the cache."""

    created_by: str
    work: Work
    container: bool = False
    """It takes a temporary container, for a RUN or only to be committed."""


def prepare(run: ClassicRun, state: ClassicState, instruction: Instruction, scratch: Path) -> ClassicStep:
    """The step of one instruction; the configuration is changed already. BuildError, ValueError in docker's words."""
    keyword = instruction.keyword
    for name in _NEEDS_BUILDKIT.get(keyword, ()):
        if any(flag == name for flag, _ in instruction.flags):
            raise BuildError(
                f"the --{name} option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn how to build images with BuildKit enabled",
                hint="build without DOCKER_BUILDKIT=0 and --builder classic",
            )
    if keyword == "RUN":
        return _run(run, state, instruction)
    if keyword in ("COPY", "ADD"):
        return _copy(run, state, instruction, scratch)
    if keyword == "WORKDIR":
        return _workdir(run, state, instruction)
    if keyword == "ARG":
        return ClassicStep(state.nop(_argument(state, instruction)), _nothing, True)
    return ClassicStep(state.nop(state.applied(instruction)), _nothing, True)


def _nothing(scratch: Path) -> Iterator[BuildEvent | Waiting | Layer | None]:
    yield None


def _argument(state: ClassicState, instruction: Instruction) -> str:
    shown, scope = [], state.expand()
    for word in instruction.words:
        name, equals, default = word.partition("=")
        value = scope.word(default) if equals else None
        state.arguments.declared[name] = value
        state.arguments.asked.add(name)
        shown.append(name if value is None else f"{name}={value}")
    return "ARG " + " ".join(shown)


def container_name() -> str:
    """What docker would call a new container in the output of a build."""
    return unique(32)


def _sealed(run: ClassicRun, state: ClassicState, scratch: Path, fill: Callable[[Tree], None]) -> Iterator[Layer | None]:
    folder = scratch / "layer"
    folder.mkdir()
    tree = Tree(folder / "tree")
    fill(tree)
    tree.close()
    if state.layers:
        (folder / "tree").chmod(state.layers[-1].tree.stat().st_mode & 0o7777)
    yield _changed(run.store.layers.seal(folder, links=True))


def _changed(layer: Layer) -> Layer | None:
    """The layer, or None if nothing is in it."""
    return layer if any(layer.tree.iterdir()) else None


# --- WORKDIR


def _workdir(run: ClassicRun, state: ClassicState, instruction: Instruction) -> ClassicStep:
    path = state.expand().word(instruction.words[0])
    if not path:
        raise ValueError("cannot normalize nothing")
    if not path.startswith("/"):
        path = (state.config.get("WorkingDir") or "/").rstrip("/") + "/" + path
    path = posixpath.normpath("/" + path.lstrip("/"))
    state.config["WorkingDir"] = path

    def work(scratch: Path) -> Iterator[BuildEvent | Waiting | Layer | None]:
        try:
            yield from _sealed(run, state, scratch, lambda tree: make_workdir(tree, state.view, path, (0, 0), int(time.time())))
        except BuildError as error:
            raise BuildError(f"Cannot mkdir: {path} is not a directory", hint=error.hint) from None

    return ClassicStep(state.nop(f"WORKDIR {path}", apart=False), work, True)


# --- RUN


def _run(run: ClassicRun, state: ClassicState, instruction: Instruction) -> ClassicStep:
    words = command_words(instruction, state.config)
    if instruction.heredocs:  # this builder knows no here-documents, and drops them
        words = [*words[:-1], instruction.words[0].strip()]
    if not instruction.exec_form and not (words[-1]):
        words = words[:-1]
    environment = state.environment
    arguments = state.arguments.visible(environment)
    recorded = sorted(f"{name}={value}" for name, value in arguments.items() if name in state.arguments.asked)
    counted = [f"|{len(recorded)}", *recorded] if arguments else []

    def work(scratch: Path) -> Iterator[BuildEvent | Waiting | Layer | None]:
        number, name = run.number, container_name()
        yield ContainerMade(number, name)
        try:
            user = find_user(state.view, state.config.get("User") or "")
        except NotFoundError as error:
            raise BuildError(error.message, hint=error.hint) from None
        whole = {"PATH": DEFAULT_PATH, "HOSTNAME": name[:12], "HOME": user.home, **environment_of(state.config), **arguments}
        process = ProcessSpec(
            tuple(words),
            tuple(f"{key}={value}" for key, value in whole.items()),
            state.config.get("WorkingDir") or "/",
            user.uid,
            user.gid,
            user.groups,
        )
        with run.store.snapshots.prepare(state.layers) as snapshot:
            box = BoxSpec(
                snapshot.rootfs,
                process,
                hostname=name[:12],
                network="none" if run.request.network == "none" else "host",
                mounts=tuple(_volumes(state, scratch)),
                hosts=run.request.hosts(),
                like_container=True,
            )
            output = run.builder.runner().stream(box)
            try:
                while True:
                    told = next(output)
                    yield told if isinstance(told, Waiting) else StepOutput(number, *told)
            except StopIteration as end:
                code = end.value
            except ContainerStartError as error:
                raise BuildError(_RUNTIME + error.message, hint=error.hint) from None
            finally:
                output.close()
            if code:
                raise BuildError(f"The command '{' '.join(words)}' returned a non-zero code: {code}", exit_code_of_step=code)
            yield _changed(run.store.snapshots.seal(snapshot, links=True))

    return ClassicStep(" ".join([*counted, *words]), work, True)


def _volumes(state: ClassicState, scratch: Path) -> Iterator[Mount]:
    """A new volume for each VOLUME, with what the image has there: gone when the step ends."""
    for count, path in enumerate(state.config.get("Volumes") or {}):
        folder, view = scratch / f"volume{count}", state.view
        layout = Layout(Tree(folder), TreeView([]), int(time.time()))
        node = view.lookup(path)
        if node is not None and node.is_dir:
            layout.put(Source("", node, tree=view), "/")
        layout.tree.close()
        yield Mount(str(folder), path)


# --- COPY and ADD


def _copy(run: ClassicRun, state: ClassicState, instruction: Instruction, scratch: Path) -> ClassicStep:
    keyword, scope = instruction.keyword, state.expand()
    *words, destination = [scope.word(word) for word in instruction.words if not (word.startswith("<<") and instruction.heredocs)]
    tree = _tree(run, instruction)
    check_sources(instruction, words if keyword == "ADD" else [word for word in words if not _is_url(word)], "")
    sources: list[Source] = []
    try:
        for word in words:
            sources += [_download(word, destination, scratch)] if _is_url(word) and keyword == "ADD" else _found(tree, word, keyword)
    except FileNotFoundError as error:
        from dockerlab.build.sources import context_missing

        where = "" if isinstance(tree, TreeView) else "file not found in build context or excluded by .dockerignore: "
        hint = "" if isinstance(tree, TreeView) else context_missing(run.request.context, keyword)(f"/{error}").hint
        raise BuildError(f"{keyword} failed: {where}stat {error}: file does not exist", hint=hint) from None
    if len(sources) > 1 and not destination.endswith("/"):
        raise BuildError(
            f"When using {keyword} with more than one source file, the destination must be a directory and end with a /",
            hint=f"write {destination}/",
        )
    if not sources:
        raise BuildError(f"{keyword} failed: no source files were specified", hint="this builder wants a pattern to match something")
    chown = scope.word(instruction.flag("chown"))
    owner = _owner(chown, state.view) if chown else None if isinstance(tree, TreeView) else (0, 0)
    where = _destination(destination, state)
    now = int(time.time())

    def fill(written: Tree) -> None:
        layout = Layout(written, state.view, now, owner, classic=True)
        for source in sources:
            if keyword == "ADD" and source.node is not None and is_archive(source):
                layout.owner = owner if chown else None  # what an archive brings keeps its owners
                layout.unpack(source, where)
                layout.owner = owner
            else:
                layout.put(source, where)

    def work(scratch: Path) -> Iterator[BuildEvent | Waiting | Layer | None]:
        yield from _sealed(run, state, scratch, fill)

    shown = f"{keyword} {f'--chown={chown} ' if chown else ''}{digest_of_all(sources)} in {destination} "
    return ClassicStep(state.nop(shown, apart=False), work)


def _is_url(word: str) -> bool:
    return word.lower().startswith(("http://", "https://"))


def _found(tree: BuildContext | TreeView, word: str, keyword: str) -> Iterator[Source]:
    if _is_url(word):
        raise BuildError(f"{keyword} failed: source can't be a URL for {keyword}", hint="ADD downloads a URL")
    if isinstance(tree, BuildContext) and posixpath.normpath(word.lstrip("/")).split("/")[0] == "..":
        raise BuildError(f"{keyword} failed: forbidden path outside the build context: {word} ()", hint=OUTSIDE)
    as_tree: SourceTree = tree
    return find(as_tree, word)


def _tree(run: ClassicRun, instruction: Instruction) -> BuildContext | TreeView:
    name = instruction.flag("from") if instruction.keyword == "COPY" else ""
    return run.stage_or_image(name) if name else run.request.context


def _download(word: str, destination: str, scratch: Path) -> Source:
    import re

    from dockerlab.build.downloads import download

    try:
        return download(word, "", destination, scratch)
    except BuildError as error:
        status = re.search(r"invalid response status (\d+)", error.message)
        said = f"failed to GET {word} with status {status[1]}" if status else error.message
        raise BuildError(f"ADD failed: {said}", hint=error.hint) from None


def _owner(text: str, view: TreeView) -> tuple[int, int]:
    """--chown as numbers; this builder wants the names to be there."""
    user, _, group = text.partition(":")
    ids = []
    for what, name in (("uid", user), ("gid", group or user)):
        try:
            ids.append(int(name) if name.isdigit() else find_user(view, name).uid if what == "uid" else find_group(view, name))
        except NotFoundError as error:
            kind = "user" if what == "uid" else "group"
            raise BuildError(
                f"unable to convert uid/gid chown string to host mapping: can't find {what} for {kind} {name}: no such {kind}: {name}",
                hint=error.hint,
            ) from None
    return ids[0], ids[1]


def _destination(text: str, state: ClassicState) -> str:
    """As an absolute path; a slash at its end stays."""
    folder = text.endswith(("/", "/.")) or text == "."
    if not text.startswith("/"):
        text = (state.config.get("WorkingDir") or "/").rstrip("/") + "/" + text
    clean = posixpath.normpath("/" + text.lstrip("/"))
    return clean + "/" if folder and clean != "/" else clean
