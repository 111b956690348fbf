"""RUN: a process on a snapshot of what the stage is so far; what it changed is the layer."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from dockerlab.build.metadata import command_words
from dockerlab.build.mounts import RunMounts
from dockerlab.build.state import StageState
from dockerlab.build.wording import quoted
from dockerlab.data import dataclass, field
from dockerlab.dockerfile import Instruction
from dockerlab.errors import BuildError, ContainerStartError, NotFoundError
from dockerlab.layers import settle_times
from dockerlab.oci import DEFAULT_PATH, environment_of
from dockerlab.runtime.spec import BoxSpec, Mount, ProcessSpec, Waiting
from dockerlab.store import Layer, Store

_ONLY_HEREDOC = re.compile(r"\s*<<-?(['\"]?)([^\s'\"]+)\1\s*\Z")


Output = Generator[tuple[str, bytes] | Waiting, None, int]


class Runner(Protocol):
    """What starts a process in a root file system (the runtime)."""

    def warm_up(self) -> None:
        """A process will be started soon: begin with what takes time."""

    def stream(self, box: BoxSpec, *, stdin: int | None = None) -> Output:
        """Output as it comes, or what to wait for; the exit code at the end; closing it kills the step."""


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


@dataclass(frozen=True)
class RunStep:
    """One RUN, ready to be done."""

    command: Command
    environment: tuple[str, ...]
    network: str
    mounts: RunMounts
    hosts: tuple[tuple[str, str], ...] = ()
    epoch: int | None = None
    """SOURCE_DATE_EPOCH, in seconds: the time of all that the step writes."""
    apart: bool = False
    """Its output and its errors are told apart, and then not in the order in which they are written."""


def execute(
    step: RunStep, state: StageState, store: Store, runner: Runner, scratch: Callable[[], Path]
) -> Generator[str | tuple[str, bytes] | Waiting, None, Layer]:
    """Do it: the name of its temporary container and then its output are yielded, its layer is returned.

    BuildError in BuildKit's words if it fails; nothing is left then.
    """
    said = f"process {quoted(step.command.shown)} did not complete successfully: "
    try:
        user = state.user(state.config.get("User") or "")
    except NotFoundError as error:
        raise BuildError(said + error.message, hint=error.hint) from None
    env = list(step.environment)
    names = {pair.partition("=")[0] for pair in env}
    env += [pair for pair in (f"PATH={DEFAULT_PATH}", f"HOME={user.home}") if pair.partition("=")[0] not in names]
    with step.mounts.ready() as waits:
        yield from waits
        mounts = (*step.mounts.mounts, *_pipes(step.command, scratch))
        process = ProcessSpec(step.command.words, tuple(env), state.config.get("WorkingDir") or "/", user.uid, user.gid, user.groups)
        began = time.time_ns()
        with store.snapshots.prepare(state.layers) as snapshot:
            yield snapshot.path.name
            output = runner.stream(
                BoxSpec(snapshot.rootfs, process, network=step.network, mounts=mounts, hosts=step.hosts, together=not step.apart)
            )
            try:
                code = yield from _meanwhile(output, lambda: store.snapshots.tidy(ahead=True))
            except ContainerStartError as error:
                yield "stderr", f"runc run failed: unable to start container process: {_bare(error.message)}\n".encode()
                code = 1
            finally:
                output.close()
            if code:
                raise BuildError(f"{said}exit code: {code}", exit_code_of_step=code)
            if step.epoch is not None:
                settle_times(snapshot.tree, began, time.time_ns(), step.epoch)
            return store.snapshots.seal(snapshot)


def _meanwhile(output: Output, chore: Callable[[], None]) -> Output:
    """`output`, and something that is done as soon as the process is on its way."""
    try:
        first = next(output)
    except StopIteration as end:
        return int(end.value)
    chore()
    yield first
    return (yield from output)


def _pipes(command: Command, scratch: Callable[[], Path]) -> Iterator[Mount]:
    """The here-documents that a command reads."""
    for name, text in command.pipes.items():
        folder = scratch() / "pipes"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
        yield Mount(str(folder / name), f"/dev/pipes/{name}", True)


def _bare(message: str) -> str:
    return message.removeprefix("unable to start container process: ")
