"""The dry run: everything that BuildKit finds before the first step — values that can't be, variables that nobody defined — with nothing built.

It goes through the stages as the builder does, but only the configuration moves. `--check` shows what it finds; every build shows its warnings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dockerlab.build.copying import chmod_of
from dockerlab.build.metadata import KEYWORDS, apply, workdir
from dockerlab.build.plan import Plan, Planned, base_image, froms, platform_arguments
from dockerlab.build.sources import check_sources
from dockerlab.build.state import StageState
from dockerlab.dockerfile import Dockerfile, Instruction, Scope, Stage
from dockerlab.dockerfile.checks import BuildCheck, kept, lines_of, skipped, warnings
from dockerlab.dockerfile.mounts import mount_fields
from dockerlab.errors import BuildError, DockerlabError, InvalidReferenceError
from dockerlab.oci import Reference, environment_of
from dockerlab.store import Image

if TYPE_CHECKING:
    from dockerlab.build.request import BuildRequest


class RecordingScope(Scope):
    """A scope that notes which names were asked for in vain."""

    def __init__(self, values: dict[str, str], escape: str) -> None:
        super().__init__(values, escape)
        self.missing: set[str] = set()
        self.values = _Recording(values, self.missing)


class _Recording(dict[str, str]):
    def __init__(self, values: dict[str, str], missing: set[str]) -> None:
        super().__init__(values)
        self._missing = missing

    def __contains__(self, name: object) -> bool:
        found = super().__contains__(name)
        if not found:
            self._missing.add(str(name))
        return found

    def get(self, name: str, default: object = None) -> str | None:  # type: ignore[override]
        if not super().__contains__(name):
            self._missing.add(name)
        return super().get(name)


@dataclass
class WatchedState(StageState):
    """A stage's state whose expansions are watched, one word at a time."""

    watched: list[_WatchedScope] = field(default_factory=list)
    """The scopes that were handed out."""
    workdir_set: bool = False

    def expand(self) -> Scope:
        """As of any state, and remembered."""
        watched = _WatchedScope(self.scope, self.escape)
        self.watched.append(watched)
        return watched


class _WatchedScope(Scope):
    def __init__(self, values: dict[str, str], escape: str) -> None:
        super().__init__(values, escape)
        self.found: list[str] = []

    def _watch(self, text: str, how: str) -> object:
        scope = RecordingScope(self.values, self._escape)
        try:
            return getattr(scope, how)(text)
        finally:
            self.found += sorted(scope.missing)

    def word(self, text: str) -> str:
        return str(self._watch(text, "word"))

    def words(self, text: str) -> list[str]:
        out = self._watch(text, "words")
        return list(out) if isinstance(out, list) else []


@dataclass
class Findings:
    """What a dry run found: warnings, and the error at which it stopped."""

    warnings: list[BuildCheck] = field(default_factory=list)
    error: DockerlabError | None = None


def examine(request: BuildRequest, resolve: Callable[[Reference], Image], *, only_check: bool = False) -> Findings:
    """Look at a whole request. Never raises for what is wrong in the Dockerfile. `only_check`: also what BuildKit builds, but its --check objects to."""
    dockerfile, out = request.dockerfile, Findings()
    try:
        from dockerlab.build.request import epoch_of

        epoch_of(request)
        skipped(dockerfile)
        out.warnings += list(warnings(dockerfile))
        out.warnings += list(_from_arguments(dockerfile))
        plan = request.plan()
        states: dict[int, WatchedState] = {}
        for planned in plan.order:
            _stage(request, plan, planned, states, resolve, out.warnings)
        if only_check:
            _forward(plan)
    except ValueError as error:
        out.error = BuildError(str(error))
    except DockerlabError as error:
        out.error = error
    try:
        out.warnings = kept(out.warnings, dockerfile)
    except ValueError:
        pass
    return out


def _forward(plan: Plan) -> None:
    """A stage may take from a later one; only --check objects."""
    for stage in plan.dockerfile.stages:
        for instruction in stage.instructions:
            for name in froms(instruction):
                source = plan.source_stage(stage, name)
                if source is not None and source.index > stage.index:
                    raise BuildError(
                        f'cannot copy from stage "{name}", it needs to be defined before current stage "{stage.shown_name}"',
                        line=instruction.first,
                    )


def _from_arguments(dockerfile: Dockerfile) -> Iterator[BuildCheck]:
    """InvalidDefaultArgInFrom and UndefinedArgInFrom: FROM with nothing but the defaults."""
    values = dict(platform_arguments())
    declared = set(values)
    for instruction in dockerfile.arguments:
        for word in instruction.words:
            name, equals, default = word.partition("=")
            declared.add(name)
            if equals:
                values[name] = Scope(values, dockerfile.escape).word(default)
    names: set[str] = set()
    for stage in dockerfile.stages:
        scope = RecordingScope(values, dockerfile.escape)
        try:
            base = scope.word(stage.base)
        except ValueError:
            continue
        if not (base and base.lower() in names) and base != "scratch" and not _valid(base):
            yield BuildCheck(
                "InvalidDefaultArgInFrom",
                f"Default value for ARG {stage.base} results in empty or invalid base image name",
                lines_of(stage.source),
            )
        for missing in sorted(scope.missing - declared):
            yield BuildCheck("UndefinedArgInFrom", f"FROM argument '{missing}' is not declared", lines_of(stage.source))
        names.add(stage.name)


def _valid(name: str) -> bool:
    try:
        Reference.parse(name)
    except InvalidReferenceError:
        return False
    return bool(name)


def _stage(
    request: BuildRequest,
    plan: Plan,
    planned: Planned,
    states: dict[int, WatchedState],
    resolve: Callable[[Reference], Image],
    found: list[BuildCheck],
) -> None:
    stage = planned.stage
    state = _start(planned, states, resolve)
    state.escape = request.dockerfile.escape
    states[stage.index] = state
    if planned.parent is not None and planned.parent.index in states:
        state.workdir_set = states[planned.parent.index].workdir_set
    for instruction in stage.instructions:
        state.watched.clear()
        try:
            _one(plan, stage, state, instruction, found)
        except (BuildError, ValueError) as error:
            if not isinstance(error, BuildError):
                _undefined(state, instruction, found)
            raise BuildError.of(error).at(instruction.first) from None
        _undefined(state, instruction, found)


def _undefined(state: WatchedState, instruction: Instruction, found: list[BuildCheck]) -> None:
    from difflib import get_close_matches

    for scope in state.watched:
        for name in scope.found:
            close = get_close_matches(name, list(state.scope), 1, 0.5)
            also = f" (did you mean ${close[0]}?)" if close else ""
            found.append(BuildCheck("UndefinedVar", f"Usage of undefined variable '${name}'{also}", lines_of(instruction)))


def _start(planned: Planned, states: dict[int, WatchedState], resolve: Callable[[Reference], Image]) -> WatchedState:
    name = planned.stage.shown_name
    if planned.parent is not None:
        base = states[planned.parent.index]
        plain = base.child(name)
    elif planned.base == "scratch":
        plain = StageState.scratch(name)
    else:
        line = planned.stage.source.first if planned.stage.source else 0
        try:
            image = base_image(resolve, planned.base)
        except BuildError as error:
            raise error.at(line) from None
        config = {key: value for key, value in image.config.config.items() if value is not None}
        scope = environment_of(config)
        plain = StageState(name, config, [], [], "", scope=scope)
    state = WatchedState(name, plain.config, [], [], "")
    state.scope, state.arguments = plain.scope, plain.arguments
    return state


def _one(plan: Plan, stage: Stage, state: WatchedState, instruction: Instruction, found: list[BuildCheck]) -> None:
    keyword = instruction.keyword
    if keyword == "ARG":
        _argument(plan, state, instruction)
    elif keyword in KEYWORDS:
        apply(instruction, state)
    elif keyword == "WORKDIR":
        if not instruction.words[0].startswith(("/", "$")) and not state.workdir_set:
            detail = f'Relative workdir "{instruction.words[0]}" can have unexpected results if the base image changes'
            found.append(BuildCheck("WorkdirRelativePath", detail, lines_of(instruction)))
        state.workdir_set = True
        state.config["WorkingDir"] = workdir(instruction, state)
    elif keyword == "RUN":
        for text in instruction.flag_values("mount"):
            _mount(text, state)
    else:
        _copy(plan, stage, state, instruction)


def _mount(text: str, state: WatchedState) -> None:
    fields = mount_fields(text, state.expand().word)
    target = fields.get("target") or fields.get("dst") or fields.get("destination") or ""
    if fields["type"] not in ("secret", "ssh") and not target.strip("/"):
        raise BuildError(f'invalid mount target "{target or "/"}"', hint="write target=/a/path")


def _argument(plan: Plan, state: WatchedState, instruction: Instruction) -> None:
    for word in instruction.words:
        name, value = plan.argument(word, Scope(state.scope, state.escape).word)
        state.scope.setdefault(name, "")
        if value is not None:
            state.scope[name] = value


def _copy(plan: Plan, stage: Stage, state: WatchedState, instruction: Instruction) -> None:
    scope = state.expand()
    words = [word if word.startswith("<<") and instruction.heredocs else scope.word(word) for word in instruction.words]
    chmod_of(scope.word(instruction.flag("chmod")))
    scope.word(instruction.flag("chown"))
    check_sources(instruction, words[:-1], scope.word(instruction.flag("checksum")))
    if name := instruction.flag("from"):
        plan.source_stage(stage, name)
