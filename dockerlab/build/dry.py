"""The dry run: everything that BuildKit finds before the first step — values that can't be, variables that nobody defined — with nothing built.

It goes the way BuildKit goes, and stops where that stops: what is found while the text is read; names of stages and casing; FROM with nothing but defaults;
FROM with its arguments; the base images; then stage after stage, instruction after instruction, where only the configuration moves. `--check` shows what it
finds, in all stages; every build shows the warnings of the stages that it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dockerlab.build.copying import chmod_of
from dockerlab.build.metadata import KEYWORDS, apply, triggers, workdir
from dockerlab.build.plan import Plan, Planned, base_image, froms, global_arguments, platform_arguments
from dockerlab.build.sources import check_sources
from dockerlab.build.state import MACHINE, StageState
from dockerlab.build.watching import RecordingScope, WatchedScope, WatchedState
from dockerlab.build.wording import quoted
from dockerlab.data import dataclass, field
from dockerlab.dockerfile import Instruction, Scope, Stage
from dockerlab.dockerfile.checks import BuildCheck, CheckOptions, lines_of, of_one, of_port, of_the_whole, while_reading
from dockerlab.dockerfile.mounts import mount_fields
from dockerlab.dockerfile.suggest import nearest
from dockerlab.errors import BuildError, DockerlabError, InvalidReferenceError
from dockerlab.oci import Reference, environment_of
from dockerlab.oci.platform import parse_platform
from dockerlab.oci.ports import container_ports
from dockerlab.store import Image

if TYPE_CHECKING:
    from dockerlab.build.request import BuildRequest


@dataclass
class Findings:
    """What a dry run found: warnings, and the error at which it stopped."""

    warnings: list[BuildCheck] = field(default_factory=list)
    error: DockerlabError | None = None


def examine(request: BuildRequest, resolve: Callable[[Reference], Image], *, only_check: bool = False) -> Findings:
    """Look at a whole request. Never raises for what is wrong in the Dockerfile. `only_check`: also at stages that the target does not need."""
    out, options = Findings(), CheckOptions()
    try:
        options = CheckOptions.of(request.dockerfile.directives, request.argument("BUILDKIT_DOCKERFILE_CHECK"))
        for one in _Look(request, resolve, only_check).everything():
            out.warnings.append(one)
    except ValueError as error:
        out.error = BuildError(str(error))
    except DockerlabError as error:
        out.error = error
    out.warnings = options.kept(out.warnings)
    if out.warnings and out.error is None and options.strict:
        names = ", ".join(dict.fromkeys(one.rule for one in out.warnings))
        hint = "`# check=error=true` makes warnings errors"
        out.error = BuildError(f"lint violation found for rules: {names}", hint=hint, line=0 if only_check else out.warnings[0].lines[0])
    return out


class _Look:
    """One dry run; what it yields was found before the error that it raises."""

    def __init__(self, request: BuildRequest, resolve: Callable[[Reference], Image], only_check: bool) -> None:
        self.request, self.resolve, self.only_check = request, resolve, only_check
        self.states: dict[int, WatchedState] = {}

    def everything(self) -> Iterator[BuildCheck]:
        from dockerlab.build.request import epoch_of

        request, dockerfile = self.request, self.request.dockerfile
        yield from while_reading(dockerfile)
        yield from of_the_whole(dockerfile)
        yield from self._defaults()
        scope, declared = global_arguments(dockerfile, request.argument, platform_arguments(request.platform))
        epoch_of(request)
        yield from self._froms(scope, {*scope, *declared})
        plan = request.plan()
        if self.only_check and not request.target:
            planned = [plan.planned(stage) for stage in dockerfile.stages]
        else:
            planned = sorted(plan.order, key=lambda one: one.stage.index)
        for one in planned:
            yield from self._start(plan, one)
            self._other_bases(plan, one.stage)
        for one in planned:
            yield from self._stage(plan, one)

    # --- FROM

    def _defaults(self) -> Iterator[BuildCheck]:
        """InvalidDefaultArgInFrom: what FROM would name with nothing but the defaults."""
        dockerfile = self.request.dockerfile
        try:
            scope, _ = global_arguments(dockerfile, lambda name: None, platform_arguments(self.request.platform))
            bases = [(stage, Scope(scope, dockerfile.escape).word(stage.base)) for stage in dockerfile.stages]
        except (BuildError, ValueError):
            return  # the error comes again with the arguments that were given
        for stage, base in bases:
            if not _valid(base):
                detail = f"Default value for ARG {stage.base} results in empty or invalid base image name"
                yield BuildCheck("InvalidDefaultArgInFrom", detail, lines_of(stage.source))

    def _froms(self, scope: dict[str, str], known: set[str]) -> Iterator[BuildCheck]:
        """UndefinedArgInFrom and what is wrong with --platform, stage after stage, up to the first that makes no sense."""
        for stage in self.request.dockerfile.stages:
            for text in filter(None, (stage.base, stage.platform)):
                recording = RecordingScope(scope, self.request.dockerfile.escape)
                try:
                    value = recording.word(text)
                except ValueError:
                    return
                for missing in sorted(recording.missing - known):
                    also = f" (did you mean {near}?)" if (near := nearest(missing, sorted(known))) else ""
                    yield BuildCheck("UndefinedArgInFrom", f"FROM argument '{missing}' is not declared{also}", lines_of(stage.source))
                if text is stage.platform:
                    yield from _platform(stage, value, recording, scope)
                if not value or (text is stage.platform and not _is_platform(value)):
                    return

    def _start(self, plan: Plan, planned: Planned) -> Iterator[BuildCheck]:
        """The stage's state before its first instruction; BuildError for a base that is not there."""
        stage, name = planned.stage, planned.stage.shown_name
        state = WatchedState(name, {}, [], [], "", escape=self.request.dockerfile.escape)
        self.states[stage.index] = state
        if planned.parent is not None:
            return  # it begins as the parent ends
        if planned.base == "scratch" or planned.folder:
            plain = StageState.scratch(name)
            state.config, state.scope = plain.config, plain.scope
            return
        line = stage.source.first if stage.source else 0
        try:
            image = base_image(self.resolve, planned.base)
        except BuildError as error:
            raise error.at(line) from None
        yield from self._other_machine(plan, stage, image, line)
        state.config = {key: value for key, value in image.config.config.items() if value is not None}
        state.scope = environment_of(state.config)

    def _other_bases(self, plan: Plan, stage: Stage) -> None:
        """BuildError for an image that --from names and that is not there."""
        names = [other.name for other in plan.dockerfile.stages if other.name]
        for instruction in stage.instructions:
            for name in froms(instruction):
                other = self.request.contexts.get(name.lower(), name)
                if isinstance(other, str) and other != "scratch" and plan.source_stage(stage, name) is None:
                    try:
                        base_image(self.resolve, other, names)
                    except BuildError as error:
                        copies = instruction.keyword == "COPY"
                        raise (error.at if copies else error.somewhere_at)(instruction.first) from None

    def _other_machine(self, plan: Plan, stage: Stage, image: Image, line: int) -> Iterator[BuildCheck]:
        """InvalidBaseImagePlatform; BuildError where a platform was asked for that the base is not for."""
        asked = plan.platforms.get(stage.index, self.request.platform)
        wanted = parse_platform(asked, MACHINE) if asked else f"linux/{MACHINE}"
        found = f"{image.config.os}/{image.config.architecture}"
        if wanted.split("/")[:2] == found.split("/"):
            return
        if asked:
            raise BuildError(
                f"{stage.base}: failed to resolve source metadata for {Reference.parse(plan.bases[stage.index])}: no match for platform {wanted}",
                line=line,
                hint=f"the image is for {found}; programs of another machine can't run here",
            )
        detail = f'Base image {stage.base} was pulled with platform "{found}", expected "{wanted}" for current build'
        yield BuildCheck("InvalidBaseImagePlatform", detail, lines_of(stage.source))

    # --- stages

    def _stage(self, plan: Plan, planned: Planned) -> Iterator[BuildCheck]:
        stage, state = planned.stage, self.states[planned.stage.index]
        if planned.parent is not None:
            parent = self.states[planned.parent.index]
            plain = parent.child(stage.shown_name)
            state.config, state.scope, state.arguments, state.workdir_set = plain.config, plain.scope, plain.arguments, parent.workdir_set
        earlier: dict[str, Instruction] = {}
        first, last = (stage.source.first, stage.source.last) if stage.source else (0, 0)
        for instruction in (*triggers(state.config, first, last), *stage.instructions):
            state.watched.clear()
            try:
                yield from self._one(plan, stage, state, instruction, earlier.get(instruction.keyword))
            except (BuildError, ValueError) as error:
                yield from _undefined(state, instruction)
                raise _with_spaces(BuildError.of(error), instruction).at(instruction.first) from None
            yield from _undefined(state, instruction)
            earlier[instruction.keyword] = instruction

    def _one(
        self, plan: Plan, stage: Stage, state: WatchedState, instruction: Instruction, earlier: Instruction | None
    ) -> Iterator[BuildCheck]:
        keyword = instruction.keyword
        if keyword == "ARG":
            yield from _argument(plan, state, instruction)
        elif keyword == "EXPOSE":
            scope = Scope(state.scope, state.escape)
            for port in [port for word in sorted(instruction.words) for port in filter(None, scope.words(word))]:
                container_ports(port)
                yield from of_port(instruction, port)
            apply(instruction, state)
        elif keyword in KEYWORDS:
            own_shell = bool(state.config.get("Shell"))
            _move_to_end(state, instruction)
            apply(instruction, state)
            yield from of_one(instruction, earlier, own_shell)
            return
        elif keyword == "WORKDIR":
            path = state.expand().word(instruction.words[0])
            if not path.startswith("/") and not state.workdir_set:
                detail = f"Relative workdir {quoted(path)} can have unexpected results if the base image changes"
                yield BuildCheck("WorkdirRelativePath", detail, lines_of(instruction))
            state.watched.pop()  # once is enough
            state.workdir_set = True
            state.config["WorkingDir"] = workdir(instruction, state)
        elif keyword == "RUN":
            for text in instruction.flag_values("mount"):
                _mount(text, state)
        else:
            yield from self._copy(plan, stage, state, instruction)
        yield from of_one(instruction, earlier, True)
        if self.only_check:
            _not_yet(plan, stage, instruction)

    def _copy(self, plan: Plan, stage: Stage, state: WatchedState, instruction: Instruction) -> Iterator[BuildCheck]:
        scope, heredocs = state.expand(), instruction.heredocs
        words = [word if word.startswith("<<") and heredocs else scope.word(word) for word in instruction.words]
        for value in instruction.flag_values("exclude"):
            scope.word(value)
        chmod, checksum, _ = (scope.word(instruction.flag(name)) for name in ("chmod", "checksum", "chown"))
        for document in heredocs:
            if document.expand:
                scope.document(document.text)
        chmod_of(chmod)
        check_sources(instruction, words[:-1], checksum)
        if name := instruction.flag("from"):
            plan.source_stage(stage, name)
            return
        for word in words[:-1]:
            if not (word.startswith("<<") and heredocs) and self.request.context.rules.ignores(word):
                detail = f"Attempting to {instruction.keyword.capitalize()} file {quoted(word)} that is excluded by .dockerignore"
                yield BuildCheck("CopyIgnoredFile", detail, lines_of(instruction))


def _valid(name: str) -> bool:
    try:
        Reference.parse(name)
    except InvalidReferenceError:
        return False
    return bool(name)


def _is_platform(text: str) -> bool:
    try:
        return bool(parse_platform(text, MACHINE))
    except ValueError:
        return False


def _platform(stage: Stage, value: str, recording: RecordingScope, scope: dict[str, str]) -> Iterator[BuildCheck]:
    """FROM --platform: redundant, or a constant."""
    lines = lines_of(stage.source)
    if recording.found == {"TARGETPLATFORM"} and not recording.missing and value == scope.get("TARGETPLATFORM"):
        detail = f"Setting platform to predefined {stage.platform} in FROM is redundant as this is the default behavior"
        yield BuildCheck("RedundantTargetPlatform", detail, lines)
    if recording.found or recording.missing:
        return
    if not _is_platform(value):
        return
    system, machine = parse_platform(value, MACHINE).split("/")[:2]
    if system not in stage.name and machine not in stage.name:
        yield BuildCheck("FromPlatformFlagConstDisallowed", f'FROM --platform flag should not use constant value "{value}"', lines)


def _with_spaces(error: BuildError, instruction: Instruction) -> BuildError:
    """The error; where a quoted name was cut at its spaces, with the form that takes such names."""
    cut = any(word.count(mark) % 2 for word in instruction.words for mark in "\"'")
    if instruction.keyword in ("COPY", "ADD") and cut and not instruction.exec_form and not error.hint:
        error.hint = f'names with spaces need the other form: {instruction.keyword} ["a name", "/to/"]'
    return error


def _undefined(state: WatchedState, instruction: Instruction) -> Iterator[BuildCheck]:
    for scope in state.watched:
        for name in scope.missing if isinstance(scope, WatchedScope) else ():
            if name not in state.arguments:
                also = f" (did you mean ${near}?)" if (near := nearest(name, scope.values)) else ""
                yield BuildCheck("UndefinedVar", f"Usage of undefined variable '${name}'{also}", lines_of(instruction))


def _argument(plan: Plan, state: WatchedState, instruction: Instruction) -> Iterator[BuildCheck]:
    for word in instruction.words:
        name, value = plan.argument(word, state.expand().word)
        yield from _undefined(state, instruction)
        state.watched.clear()
        state.arguments[name] = value
        if value is not None:
            state.define(name, value)


def _move_to_end(state: WatchedState, instruction: Instruction) -> None:
    """The variables that an ENV sets will be the last."""
    if instruction.keyword == "ENV":
        for key, _ in instruction.pairs:
            if key in state.scope:
                state.define(key, state.scope[key])


def _mount(text: str, state: WatchedState) -> None:
    fields = mount_fields(text, state.expand().word)
    target = fields.get("target") or fields.get("dst") or fields.get("destination") or ""
    if fields["type"] not in ("secret", "ssh") and not target.strip("/"):
        raise BuildError(f'invalid mount target "{target or "/"}"', hint="write target=/a/path")


def _not_yet(plan: Plan, stage: Stage, instruction: Instruction) -> None:
    """A build may take from a later stage; only --check objects."""
    for name in froms(instruction):
        source = plan.source_stage(stage, name)
        if source is not None and source.index > stage.index:
            raise BuildError(
                f'cannot copy from stage "{name}", it needs to be defined before current stage "{stage.shown_name}"', line=instruction.first
            )
