"""The builder: stage after stage, step after step, each taken from the cache or done, each told."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from dockerlab.build import surprises
from dockerlab.build.cachekeys import CacheKey
from dockerlab.build.context import BuildContext
from dockerlab.build.digests import FileDigests
from dockerlab.build.events import (
    BuildEvent,
    Built,
    CheckWarning,
    Configured,
    LayerCommitted,
    Reason,
    StepDone,
    StepOutput,
    StepStarted,
    Surprise,
)
from dockerlab.build.metadata import KEYWORDS, apply, workdir
from dockerlab.build.running import Runner, script_summary
from dockerlab.build.stages import LAYERED, PROXIES, Plan, Planned, base_image
from dockerlab.build.state import StageState
from dockerlab.build.states import StepState, name_of, remember
from dockerlab.dockerfile import Dockerfile, Instruction, Stage, excerpt
from dockerlab.errors import BuildError, NotFoundError, RuntimeUnavailableError
from dockerlab.layers import Change, changes
from dockerlab.oci import Reference
from dockerlab.store import Image, Layer, Store

_TAIL = 20  # lines of a failed step's output that its error shows
_KEPT = 200  # pieces of output that are kept for them, of 64 kB at most


@dataclass(frozen=True)
class BuildRequest:
    """What is to be built. `environment` is the client's: where `--build-arg NAME` takes its value, and the proxies theirs."""

    dockerfile: Dockerfile
    context: BuildContext
    build_args: Mapping[str, str | None] = field(default_factory=dict)
    target: str = ""
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    network: str = "default"
    platform: str = ""
    secrets: Mapping[str, bytes] = field(default_factory=dict)
    add_hosts: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, BuildContext | str] = field(default_factory=dict)
    """Folders and images that --from and FROM find under these names (lower case)."""
    trace: bool = False
    """Tell also what each step changed, and what changed only the configuration."""

    def plan(self) -> Plan:
        """Which stages it needs. BuildError, ValueError for what makes no sense."""
        names = {name: other if isinstance(other, str) else "" for name, other in self.contexts.items()}
        return Plan(self.dockerfile, self.target, self.argument, self.platform, names)

    def argument(self, name: str) -> str | None:
        """What --build-arg gave for a name; without a value it is the client's variable. The client passes SOURCE_DATE_EPOCH on by itself."""
        if name not in self.build_args:
            return self.environment.get(name) if name == "SOURCE_DATE_EPOCH" else None
        value = self.build_args[name]
        return self.environment.get(name) if value is None else value


def epoch_of(request: BuildRequest) -> int | None:
    """SOURCE_DATE_EPOCH as a number. BuildError in BuildKit's words for anything else."""
    text = request.argument("SOURCE_DATE_EPOCH") or ""
    if not text:
        return None
    if not text.lstrip("-").isdigit():
        raise BuildError(
            f'invalid SOURCE_DATE_EPOCH: {text}: strconv.ParseInt: parsing "{text}": invalid syntax',
            hint="seconds since 1970, such as $(date +%s)",
        )
    return int(text)


@dataclass
class Step:
    """What a layered instruction needs: its key, and how to do it."""

    key: CacheKey
    history: str
    work: Callable[[], Iterator[BuildEvent | Layer]]


class Builder:
    """Builds on a store. `runner` starts processes (None where this machine can't), `resolve` finds the image that FROM names."""

    def __init__(self, store: Store, runner: Callable[[], Runner], resolve: Callable[[Reference], Image]) -> None:
        self.store, self.runner, self.resolve = store, runner, resolve
        self.digests = FileDigests()

    def build(self, request: BuildRequest) -> Iterator[BuildEvent]:
        """Build; events as they happen, `Built` last. BuildError with the place in the Dockerfile if a step fails; what was done before it stays cached."""
        with self.store.using(), self.digests.opened(self.store, request.context.root):
            yield from _Run(self, request).events()


class _Run:
    """One build under way."""

    def __init__(self, builder: Builder, request: BuildRequest) -> None:
        self.builder, self.request, self.store = builder, request, builder.store
        self.states: dict[int, StageState] = {}
        self.number = 0
        self.ran: set[int] = set()
        self.failed_in = ""
        """The key of the state whose next step is under way."""
        self.tail: deque[bytes] = deque(maxlen=_KEPT)
        self.epoch = epoch_of(request)
        self.steps: list[StepState] = []
        self.told: set[str] = set()
        """The kinds of surprises that were told."""

    def now(self) -> str:
        """The time that history and image get."""
        seconds = self.epoch if self.epoch is not None else None
        ns = time.time_ns() if seconds is None else seconds * 1_000_000_000
        whole, rest = divmod(ns, 1_000_000_000)
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + (f".{rest:09d}Z" if rest else "Z")

    def events(self) -> Iterator[BuildEvent]:
        request = self.request
        try:
            plan = request.plan()
            warnings = tuple(self._checks())
            yield from warnings
            yield from self._once(surprises.secrets(warnings))
            for planned in plan.order:
                yield from self._stage(plan, planned)
        except BuildError as error:
            raise self._with_place(error) from None
        state = self.states[plan.target.index]
        image = self.store.images.add(state.image_config(dict(request.labels), self.now()))
        remember(self.store, image.id, self.steps)
        yield Built(image, warnings)

    def _checks(self) -> Iterator[CheckWarning]:
        """What the dry run finds; the error at which it stopped, before anything was done."""
        from dockerlab.build.dry import examine
        from dockerlab.dockerfile.checks import skipped

        found = examine(self.request, self.builder.resolve)
        for one in found.warnings:
            yield CheckWarning(one.rule, one.detail, one.lines[0] if one.lines else 0, one.url)
        if found.error is not None:
            raise found.error
        if found.warnings and skipped(self.request.dockerfile)[1]:
            names = ", ".join(dict.fromkeys(one.rule for one in found.warnings))
            raise BuildError(
                f"lint violation found for rules: {names}",
                hint="`# check=error=true` makes warnings errors",
                line=found.warnings[0].lines[0],
            )

    def _with_place(self, error: BuildError) -> BuildError:
        dockerfile = self.request.dockerfile
        if error.excerpt or not error.line:
            return error
        instruction = next((one for one in dockerfile.instructions if one.first == error.line), None)
        last = instruction.last if instruction is not None else error.line
        shown = excerpt(dockerfile.name, dockerfile.text, error.line, last)
        if self.tail and error.exit_code_of_step is not None:
            lines = b"".join(self.tail).decode("utf-8", "replace").splitlines()[-_TAIL:]
            shown = "\n".join(["------", f" > {error.step}:", *lines, "------", shown])
        error.excerpt = shown
        if error.exit_code_of_step is not None and self.steps:
            name = name_of(self.failed_in)
            remember(self.store, name, self.steps)
            error.state_before = str(self.steps[-1].number), name
        return error

    def _once(self, found: Iterable[Surprise]) -> Iterator[Surprise]:
        for one in found:
            if one.kind not in self.told:
                self.told.add(one.kind)
                yield one

    def _note(self, state: StageState, number: int, name: str) -> None:
        """Remember what a step left behind."""
        self.steps.append(
            StepState(
                state.name,
                number,
                name,
                dict(state.config),
                [layer.diff_id for layer in state.layers],
                [entry.to_json() for entry in state.history],
            )
        )

    # --- stages

    def _stage(self, plan: Plan, planned: Planned) -> Iterator[BuildEvent]:
        stage = planned.stage
        count = 0
        line = stage.source.first if stage.source else 0
        if planned.parent is not None:
            parent = self.states[planned.parent.index]
            state = parent.child(stage.shown_name)
            if planned.parent.index in self.ran:
                self.ran.add(stage.index)
        elif planned.base == "scratch":
            state = StageState.scratch(stage.shown_name)
        else:
            count = 1
            name = f"{planned.label(1, plan.alone)} FROM {Reference.parse(planned.base)}"
            started = self._begin(name, line)
            yield started
            try:
                image = base_image(self.builder.resolve, planned.base)
            except BuildError as error:
                raise error.at(line, name) from None
            state = StageState.of_image(stage.shown_name, image, self.store)
            yield StepDone(started.number, name, False, Reason("base"), 0.0)
            self._note(state, 1, name)
        state.escape = self.request.dockerfile.escape
        self.states[stage.index] = state
        body = self._with_triggers(state, planned, stage)
        for instruction in body:
            if instruction.keyword in LAYERED:
                count += 1
            label = planned.label(count, plan.alone)
            try:
                yield from self._instruction(plan, stage, state, instruction, label)
                if self.request.trace and instruction.keyword not in LAYERED:
                    yield Configured(instruction.shown, instruction.first)
                if instruction.keyword in LAYERED:
                    self._note(state, count, f"{label} {instruction.shown}")
                elif self.steps and self.steps[-1].stage == state.name:
                    self.steps[-1].config = dict(state.config)  # what changes only the configuration belongs to the step before
            except (BuildError, NotFoundError, RuntimeUnavailableError, ValueError) as error:
                raise BuildError.of(error).at(instruction.first or line, f"{label} {instruction.shown}") from None
            except OSError as error:
                if (unreadable := self._unreadable(error)) is None:
                    raise
                raise unreadable.at(instruction.first or line, f"{label} {instruction.shown}") from error

    def _unreadable(self, error: OSError) -> BuildError | None:
        """The error of a file of the context that we may not read; None for any other."""
        root = self.request.context.root
        if not isinstance(error.filename, str) or not error.filename.startswith(root + "/"):
            return None
        said = f"failed to read {error.filename[len(root) + 1 :]}: {(error.strerror or '').lower()}"
        return BuildError(said, hint="it lies in the build context: let yourself read it, or name it in .dockerignore")

    def _with_triggers(self, state: StageState, planned: Planned, stage: Stage) -> list[Instruction]:
        from dockerlab.dockerfile.parser import parse_trigger

        triggers = [parse_trigger(text) for text in state.config.pop("OnBuild", None) or []]
        return [*triggers, *stage.instructions]

    def _begin(self, name: str, line: int) -> StepStarted:
        self.number += 1
        self.tail.clear()
        return StepStarted(self.number, name, line)

    def _instruction(self, plan: Plan, stage: Stage, state: StageState, instruction: Instruction, label: str) -> Iterator[BuildEvent]:
        if instruction.keyword == "ARG":
            self._argument(plan, state, instruction)
        elif instruction.keyword in KEYWORDS:
            before = dict(state.config)
            if text := apply(instruction, state):
                state.record(text)
            if instruction.keyword == "ENTRYPOINT":
                yield from self._once(surprises.dropped_command(instruction.first, before, state.config))
        elif instruction.keyword == "WORKDIR" and workdir(instruction, state) == "/":
            state.config["WorkingDir"] = "/"
            state.record("WORKDIR /")
        else:
            yield from self._layered(plan, stage, state, instruction, label)

    def _argument(self, plan: Plan, state: StageState, instruction: Instruction) -> None:
        shown = []
        for word in instruction.words:
            name, value = plan.argument(word, state.expand().word)
            state.arguments.pop(name, None)
            state.arguments[name] = value
            if value is not None:
                state.scope[name] = value
            shown.append(name if value is None else f"{name}={value}")
        state.record("ARG " + " ".join(shown))

    # --- steps

    def _layered(self, plan: Plan, stage: Stage, state: StageState, instruction: Instruction, label: str) -> Iterator[BuildEvent]:
        from dockerlab.build import steps

        self.failed_in = state.key
        shown = state.expand().raw(instruction.shown) + script_summary(instruction)
        started = self._begin(f"{label} {shown}", instruction.first)
        clock = time.monotonic()
        with self.store.tmp() as scratch:
            step = steps.prepare(self, plan, stage, state, instruction, scratch)
            fresh = self.request.no_cache or stage.name in self.request.no_cache_filter or stage.shown_name in self.request.no_cache_filter
            known = None if fresh else self.store.cache.get(step.key.text)
            yield started
            cached = known is not None and self.store.layers.has(str(known["layer"]))
            if known is not None and cached:
                layer, created = self.store.layers.get(str(known["layer"])), str(known["created"])
                reason = Reason("same")
            else:
                reason = Reason("asked") if fresh else step.key.reason(self.store, stage.index in self.ran)
                self.ran.add(stage.index)
                layer = yield from self._work(step)
                created = self.now()
                self.store.cache.put(step.key.text, {"layer": layer.diff_id, "created": created})
                step.key.remember(self.store)
        state.key = step.key.text
        found: list[Change] = []
        if self.request.trace or (not cached and surprises.suspicious(instruction)):
            found = list(changes(layer.tree, state.view))
        if self.request.trace:
            yield LayerCommitted(started.number, layer, tuple(found))
        below = state.view
        state.record(step.history, created=created, layer=layer)
        yield StepDone(started.number, started.name, cached, reason, time.monotonic() - clock, layer.diff_id, layer.size)
        if not cached:
            yield from self._once(surprises.of_layer(instruction.first, found, below))

    def _work(self, step: Step) -> Generator[BuildEvent, None, Layer]:
        """Do the step: its output is yielded, and kept for the message if it fails; its layer returned."""
        layer: Layer | None = None
        for item in step.work():
            if isinstance(item, Layer):
                layer = item
                continue
            if isinstance(item, StepOutput):
                self.tail.append(item.data)
            yield item
        assert layer is not None
        return layer

    def proxies(self) -> dict[str, str]:
        """Proxy variables of the client, for RUN; never recorded."""
        out = {name: self.request.environment[name] for name in PROXIES if self.request.environment.get(name)}
        for name in PROXIES:
            if (value := self.request.argument(name)) is not None:
                out[name] = out[name.swapcase()] = value  # programs look at one or the other
        return out
