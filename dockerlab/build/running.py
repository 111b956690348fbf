"""RUN: a process on a snapshot of what the stage is so far; what it changed is the layer."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dockerlab.build.context import BuildContext
from dockerlab.build.copying import Layout
from dockerlab.build.metadata import command_words
from dockerlab.build.sources import Source, SourceTree
from dockerlab.build.state import StageState
from dockerlab.build.wording import not_found, quoted
from dockerlab.dockerfile import Instruction
from dockerlab.dockerfile.mounts import mount_fields
from dockerlab.errors import BuildError, ContainerStartError, NotFoundError
from dockerlab.layers import Owners, Tree, TreeView, find_user
from dockerlab.oci import DEFAULT_PATH, environment_of
from dockerlab.runtime.spec import BoxSpec, Mount, ProcessSpec
from dockerlab.store import Layer, Store

_ONLY_HEREDOC = re.compile(r"\s*<<-?(['\"]?)([^\s'\"]+)\1\s*\Z")


class Runner(Protocol):
    """What starts a process in a root file system (the runtime)."""

    def stream(self, box: BoxSpec, *, stdin: int | None = None) -> Generator[tuple[str, bytes], None, int]:
        """Output as it comes; the exit code at the end; closing it kills the step."""


@dataclass(frozen=True)
class Command:
    """What a RUN does: its words, and files that it reads from /dev/pipes."""

    words: tuple[str, ...]
    pipes: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """As BuildKit names the process."""
        return " ".join(self.words)


def command_of(instruction: Instruction, state: StageState) -> Command:
    """The words of a RUN; a here-document is a script, or the input of the command before it."""
    if instruction.exec_form or not instruction.heredocs:
        return Command(tuple(command_words(instruction, state.config)))
    shell = command_words(Instruction("RUN", "", ("",)), state.config)[:-1]
    text = instruction.words[0]
    if _ONLY_HEREDOC.match(text) and len(instruction.heredocs) == 1:
        doc = instruction.heredocs[0]
        body = _untabbed(doc.text) if doc.strip_tabs else doc.text
        if body.startswith("#!"):
            return Command((*shell, f"/dev/pipes/{doc.name}"), {doc.name: body})
        return Command((*shell, body))
    whole = text
    for doc in instruction.heredocs:
        whole += f"\n{doc.text}{doc.name}"
    return Command((*shell, whole))


def script_summary(instruction: Instruction) -> str:
    """What BuildKit adds to the name of a RUN whose here-document is a script: ` (its first line...)`."""
    if instruction.keyword != "RUN" or len(instruction.heredocs) != 1 or not _ONLY_HEREDOC.match(instruction.words[0]):
        return ""
    doc = instruction.heredocs[0]
    first, *more = (_untabbed(doc.text) if doc.strip_tabs else doc.text).strip().splitlines() or [""]
    return f" ({first}{'...' if more else ''})"


def _untabbed(text: str) -> str:
    return re.sub(r"(?m)^\t+", "", text)


def history_text(instruction: Instruction, state: StageState) -> str:
    """`RUN |1 A=1 /bin/sh -c … # buildkit`: every argument that the stage declared, with the value that it has here."""
    given = [f"{name}={state.scope.get(name, value or '')}" for name, value in state.arguments.items()]
    prefix = f"|{len(given)} {' '.join(given)} " if given else ""
    return f"RUN {prefix}{command_of(instruction, state).shown} # buildkit"


def variables(state: StageState, proxies: Mapping[str, str], secrets: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """(the process's environment, the part of it that the cache key holds)."""
    env = environment_of(state.config)
    kept = dict(env)
    for name, value in state.arguments.items():
        if value is not None or name in state.scope:
            kept[name] = state.scope.get(name, value or "")
    whole = {**proxies, **kept, **secrets}
    return [f"{name}={value}" for name, value in whole.items()], kept


class RunMounts:
    """The --mount flags of one RUN: folders made ready below `scratch`, and what of them the cache key holds."""

    def __init__(
        self, scratch: Path, store: Store, context: BuildContext, find_tree: Callable[[str], SourceTree], secrets: Mapping[str, bytes]
    ) -> None:
        self._scratch, self._store, self._context, self._find_tree, self._secrets = scratch, store, context, find_tree, secrets
        self.mounts: list[Mount] = []
        self.environment: dict[str, str] = {}
        self.reads: list[tuple[str, SourceTree, Source]] = []
        """What the bind mounts read: target, tree, source."""
        self._fills: list[Callable[[], None]] = []
        self._count = self._agents = 0

    def fill(self) -> None:
        """Make the folders of bind mounts and new caches ready: the step is going to run."""
        for fill in self._fills:
            fill()

    def add(self, text: str, state: StageState) -> None:
        """One flag. BuildError in BuildKit's words for a wrong one."""
        fields = mount_fields(text, state.expand().word)
        kind = fields["type"]
        target = fields.get("target") or fields.get("dst") or fields.get("destination") or ""
        if target and not target.startswith("/"):
            target = (state.config.get("WorkingDir") or "/").rstrip("/") + "/" + target
        if kind == "secret":
            self._secret(fields, target)
        elif kind == "ssh":
            if _on(fields, "required"):
                raise BuildError("no SSH key forwarded from the client", hint="this build has no ssh agent: remove the mount")
            if not target:  # BuildKit names the socket of an agent, whether there is one or not
                self.environment["SSH_AUTH_SOCK"] = f"/run/buildkit/ssh_agent.{self._agents}"
                self._agents += 1
        elif target.rstrip("/") == "":
            raise BuildError(f'invalid mount target "{target or "/"}"', hint="write target=/a/path")
        elif kind == "tmpfs":
            self.mounts.append(Mount(f"size={fields['size']}" if fields.get("size") else "", target, False, "tmpfs"))
        elif kind == "cache":
            self._cache(fields, target, state)
        else:
            self._bind(fields, target)

    def _folder(self) -> Path:
        self._count += 1
        folder = self._scratch / f"mount{self._count}"
        folder.mkdir(parents=True)
        return folder

    def _secret(self, fields: Mapping[str, str], target: str) -> None:
        name = fields.get("source") or fields.get("src") or fields.get("id") or target.rpartition("/")[2]
        data = self._secrets.get(name)
        if data is None:
            if _on(fields, "required"):
                raise BuildError(f"secret {name}: not found", hint=f"give it with --secret id={name},src=FILE")
            return
        if fields.get("env"):
            self.environment[fields["env"]] = data.decode("utf-8", "replace")
            if not target:
                return
        file = self._folder() / "secret"
        file.write_bytes(data)
        file.chmod(int(fields.get("mode", "0400"), 8))
        Owners.here().set(str(file), int(fields.get("uid", "0")), int(fields.get("gid", "0")))
        self.mounts.append(Mount(str(file), target or f"/run/secrets/{name.rpartition('/')[2]}", True))

    def _cache(self, fields: Mapping[str, str], target: str, state: StageState) -> None:
        folder = self._store.cache_mounts.folder(fields.get("id") or target)
        source = self._source(self._find_tree(fields["from"]), _path_of(fields)) if fields.get("from") else None

        def fill() -> None:
            with self._store.cache_mounts.making(folder) as made:
                if made is None:
                    return
                tree = Tree(made / "tree")
                if source is not None:
                    _put(Layout(tree, TreeView([]), 0), source)
                tree.close()
                (made / "tree").chmod(int(fields.get("mode", "0755"), 8))
                Owners.here().set(str(made / "tree"), int(fields.get("uid", "0")), int(fields.get("gid", "0")))

        self._fills.append(fill)
        self.mounts.append(Mount(str(folder / "tree"), target, _on(fields, "ro") or _on(fields, "readonly")))

    def _bind(self, fields: Mapping[str, str], target: str) -> None:
        tree: SourceTree = self._find_tree(fields["from"]) if fields.get("from") else self._context
        folder = self._folder()
        source = self._source(tree, _path_of(fields))
        self.reads.append((target, tree, source))
        self._fills.append(lambda: _put(Layout(Tree(folder / "tree"), TreeView([]), 0), source))
        made = folder / "tree" if source.node is not None and source.node.is_dir else folder / "tree" / source.name
        writable = _on(fields, "rw") or _on(fields, "readwrite")
        self.mounts.append(Mount(str(made), target, not writable))

    def _source(self, tree: SourceTree, path: str) -> Source:
        node = tree.lookup(path)
        if node is None:
            raise BuildError(
                not_found(path),
                hint="the source of a bind mount lies in the build context, or in the stage that from= names",
            )
        return Source(path.rpartition("/")[2], node, tree=tree, asked=path)


def _path_of(fields: Mapping[str, str]) -> str:
    return "/" + (fields.get("source") or fields.get("src") or "").lstrip("/")


def _put(layout: Layout, source: Source) -> None:
    assert source.node is not None
    layout.put(source, "/" if source.node.is_dir else "/" + source.name)
    layout.tree.close()


def _on(fields: Mapping[str, str], name: str) -> bool:
    return name in fields and fields[name] in ("true", "1", "t", "T", "TRUE", "True")


@dataclass(frozen=True)
class RunStep:
    """One RUN, ready to be done."""

    command: Command
    environment: tuple[str, ...]
    network: str
    mounts: RunMounts
    hosts: tuple[tuple[str, str], ...] = ()


def execute(
    step: RunStep, state: StageState, store: Store, runner: Runner, scratch: Path
) -> Generator[str | tuple[str, bytes], None, Layer]:
    """Do it: the name of its temporary container and then its output are yielded, its layer is returned.

    BuildError in BuildKit's words if it fails; nothing is left then.
    """
    said = f"process {quoted(step.command.shown)} did not complete successfully: "
    view = state.view
    try:
        user = find_user(view, state.config.get("User") or "")
    except NotFoundError as error:
        raise BuildError(said + error.message, hint=error.hint) from None
    env = list(step.environment)
    names = {pair.partition("=")[0] for pair in env}
    env += [pair for pair in (f"PATH={DEFAULT_PATH}", f"HOME={user.home}") if pair.partition("=")[0] not in names]
    step.mounts.fill()
    mounts = list(step.mounts.mounts)
    if step.command.pipes:
        folder = scratch / "pipes"
        folder.mkdir()
        for name, text in step.command.pipes.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
            mounts.append(Mount(str(folder / name), f"/dev/pipes/{name}", True))
    process = ProcessSpec(step.command.words, tuple(env), state.config.get("WorkingDir") or "/", user.uid, user.gid, user.groups)
    with store.snapshots.prepare(state.layers) as snapshot:
        box = BoxSpec(snapshot.rootfs, process, network=step.network, mounts=tuple(mounts), hosts=step.hosts)
        yield snapshot.path.name
        output = runner.stream(box)
        try:
            code = yield from output
        except ContainerStartError as error:
            yield "stderr", f"runc run failed: unable to start container process: {_bare(error.message)}\n".encode()
            code = 1
        finally:
            output.close()
        if code:
            raise BuildError(f"{said}exit code: {code}", exit_code_of_step=code)
        return store.snapshots.seal(snapshot)


def _bare(message: str) -> str:
    return message.removeprefix("unable to start container process: ")
