"""One stage under way: its base, then instruction after instruction, each taken from the cache, done, or only written into the configuration.

StageBuild.events() → StepStarted, StepOutput …, StepDone for each step; Waiting and Until where the other stages may go on
    FROM parent, COPY --from=other, RUN --mount=from=other: until that stage has ended
    a step that another stage is doing just now: until it is done, and then from the cache
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

from dockerlab.build import surprises
from dockerlab.build.abreast import Task, Until
from dockerlab.build.clipping import Clip
from dockerlab.build.context import BuildContext
from dockerlab.build.events import BuildEvent, Configured, LayerCommitted, Reason, StepDone, StepOutput, StepStarted
from dockerlab.build.failures import placed, unreadable
from dockerlab.build.metadata import KEYWORDS, apply, declare, triggers, workdir
from dockerlab.build.plan import LAYERED, Plan, Planned, base_image, froms
from dockerlab.build.running import script_summary
from dockerlab.build.state import StageState
from dockerlab.build.states import StepState, name_of, remember
from dockerlab.data import dataclass
from dockerlab.dockerfile import Instruction
from dockerlab.errors import BuildError, NotFoundError, RuntimeUnavailableError
from dockerlab.layers import Change, changes
from dockerlab.oci import Reference
from dockerlab.runtime.spec import Waiting
from dockerlab.store import Layer
from dockerlab.store.depth import HINT, MOST_BELOW_A_STEP
from dockerlab.store.origins import Origin

if TYPE_CHECKING:
    from dockerlab.build.builder import BuildRun
    from dockerlab.build.steps import Step

_KEPT = 200  # pieces of output that are kept for a failed step's message, of 64 kB at most


@dataclass(frozen=True)
class _Done:
    """How a step went."""

    layer: Layer
    created: str
    cached: bool
    reason: Reason
    seconds: float

    def told(self, started: StepStarted) -> StepDone:
        """Its last event."""
        return StepDone(started.number, started.name, self.cached, self.reason, self.seconds, self.layer.diff_id, self.layer.size)


class StageBuild:
    """One stage of a build. `state` is what it is so far; `steps` what it was after each of them."""

    state: StageState

    def __init__(self, run: BuildRun, plan: Plan, planned: Planned) -> None:
        self.run, self.plan, self.planned, self.stage = run, plan, planned, planned.stage
        self.done = False
        self.steps: list[StepState] = []
        self.number = 0
        """That of the step under way, or of the last one."""
        self._line = self.stage.source.first if self.stage.source else 0
        self._tail: deque[bytes] = deque(maxlen=_KEPT)
        self._failed_in = ""
        """The key of the state whose next step is under way."""

    def events(self) -> Task:
        """The whole stage. BuildError, with its place, if a step fails."""
        try:
            count = yield from self._base()
            self.state.escape = self.run.request.dockerfile.escape
            for instruction in self._body():
                count += instruction.keyword in LAYERED
                yield from self._one(instruction, count)
        except BuildError as error:
            error.number = self.number if self.number in self.run.under_way else 0
            raise self._explained(error) from None
        self.done = True

    def _base(self) -> Generator[BuildEvent | Waiting | Until, None, int]:
        """FROM: the state to begin with; the number of steps that took (0 or 1)."""
        run, name = self.run, self.stage.shown_name
        if self.planned.parent is not None:
            parent = run.stages[self.planned.parent.index]
            yield from self._until(parent)
            self.state, self.number = parent.state.child(name), parent.number
            if parent.stage.index in run.ran:
                run.ran.add(self.stage.index)
            return 0
        if self.planned.base == "scratch" or self.planned.folder:
            self.state = StageState.scratch(name)
            if self.planned.folder:
                yield from self._loaded(self.planned.base)
            return 0
        label = f"{self.planned.label(1, self.plan.alone)} FROM {Reference.parse(self.planned.base)}"
        started = self._begin(label, self._line)
        yield started
        try:
            image = base_image(run.builder.resolve, self.planned.base)
        except BuildError as error:
            raise error.at(self._line, label) from None
        self.state = StageState.of_image(name, image, run.store, Reference.parse(self.planned.base).familiar)
        self._note(1, label)
        yield StepDone(started.number, label, False, Reason("base"), 0.0)
        return 1

    def _until(self, other: StageBuild) -> Iterator[Until]:
        if not other.done:
            yield Until(lambda: other.done)

    def _body(self) -> list[Instruction]:
        """The instructions, those that the base left for its children first."""
        return [*triggers(self.state.config, self._line), *self.stage.instructions]

    def _begin(self, name: str, line: int, *inputs: int) -> StepStarted:
        before, self.number = self.number, self.run.next_number()
        self._tail.clear()
        return StepStarted(self.number, name, line, tuple(number for number in (before, *inputs) if number))

    def _one(self, instruction: Instruction, count: int) -> Task:
        """One instruction, and what is remembered of it. BuildError for whatever is wrong with it."""
        label, state = self.planned.label(count, self.plan.alone), self.state
        named = f"{label} {instruction.shown}"
        state.origin = Origin(self.run.request.dockerfile.name, instruction.first, instruction.last, state.name, instruction.shown)
        try:
            yield from self._instruction(instruction, label)
        except (BuildError, NotFoundError, RuntimeUnavailableError, ValueError) as error:
            raise BuildError.of(error).at(instruction.first, named) from None
        except OSError as error:
            if (said := unreadable(error, self.run.request.context)) is None:
                raise
            raise said.at(instruction.first, named) from error
        if instruction.keyword in LAYERED:
            self._note(count, named)
            return
        if self.steps:
            self.steps[-1].config = dict(state.config)  # what changes only the configuration belongs to the step before
        if self.run.request.trace:
            yield Configured(instruction.shown, instruction.first)

    def _instruction(self, instruction: Instruction, label: str) -> Task:
        state = self.state
        if instruction.keyword == "ARG":
            state.record(declare(instruction, state, self.plan.argument))
        elif instruction.keyword in KEYWORDS:
            before = dict(state.config)
            if text := apply(instruction, state):
                state.record(text)
            if instruction.keyword == "ENTRYPOINT":
                yield from self.run.once(surprises.dropped_command(instruction.first, before, state.config))
        elif instruction.keyword == "WORKDIR" and workdir(instruction, state) == "/":
            state.config["WorkingDir"] = "/"
            state.record("WORKDIR /")
        else:
            yield from self._layered(instruction, label)

    def _layered(self, instruction: Instruction, label: str) -> Task:
        from dockerlab.build import steps

        run, state, stage = self.run, self.state, self.stage
        self._failed_in = state.key
        sources = [run.stages[one.index] for name in froms(instruction) if (one := self.plan.source_stage(stage, name)) is not None]
        for source in sources:
            yield from self._until(source)
        shown = state.expand().raw(instruction.shown) + script_summary(instruction)
        started = self._begin(f"{label} {shown}", instruction.first, *(source.number for source in sources))
        clock = time.monotonic()
        if len(state.layers) > MOST_BELOW_A_STEP:
            yield started
            raise BuildError(f"failed to prepare {_identity()} as {_identity()}: max depth exceeded", hint=HINT)
        with run.store.scratch() as scratch:
            step = steps.prepare(self, instruction, scratch)
            done = yield from self._step(step, started, clock)
        found: list[Change] = []
        if run.request.trace or (not done.cached and surprises.suspicious(instruction)):
            found = list(changes(done.layer.tree, state.view))
        if run.request.trace:
            yield LayerCommitted(started.number, done.layer, tuple(found))
        below = state.view
        state.record(step.history, created=done.created, layer=done.layer)
        state.made_by = started.name
        yield done.told(started)
        if not done.cached:
            yield from run.once(surprises.of_layer(instruction.first, found, below))

    def _loaded(self, folder: str) -> Task:
        """FROM a folder of --build-context: all that is in it, as one layer."""
        from dockerlab.build import steps

        context = self.run.request.contexts[folder]
        assert isinstance(context, BuildContext)
        started, clock = self._begin(f"[context {folder}] load from client", self._line), time.monotonic()
        with self.run.store.scratch() as scratch:
            done = yield from self._step(steps.load(self, context, scratch), started, clock)
        self.state.layers.append(done.layer)
        self.state.created, self.state.made_by = done.created, f"local source for {folder}"
        yield done.told(started)

    def _step(self, step: Step, started: StepStarted, clock: float) -> Generator[BuildEvent | Waiting | Until, None, _Done]:
        """A step that was begun at `clock`, taken from the cache or done; the stage's key is then its."""
        run, stage = self.run, self.stage
        yield started
        key = step.key.text
        if key in run.making:
            yield Until(lambda: key not in run.making)
        fresh = key not in run.made and self.wants_no_cache
        known = None if fresh else run.store.cache.get(key)
        cached = known is not None and run.store.layers.has(str(known["layer"]))
        if known is not None and cached:
            layer, created = run.store.layers.get(str(known["layer"])), str(known["created"])
            reason = Reason("same")
        else:
            reason = Reason("asked") if fresh else step.key.reason(run.store, stage.index in run.ran)
            if not run.ran:
                run.builder.warm_up(run.request)
            run.ran.add(stage.index)
            layer = yield from self._work(step)
            created = run.now()
            run.store.cache.put(key, {"layer": layer.diff_id, "created": created})
            step.key.remember(run.store)
            run.made.add(key)
        self.state.key = key
        return _Done(layer, created, cached, reason, time.monotonic() - clock)

    @property
    def runs_anyway(self) -> bool:
        """Whether the next step is sure not to be in the cache."""
        return self.wants_no_cache or self.stage.index in self.run.ran

    @property
    def wants_no_cache(self) -> bool:
        """Whether the flags ask for new steps."""
        request = self.run.request
        return request.no_cache or self.stage.name.lower() in (name.lower() for name in request.no_cache_filter if name)

    def _work(self, step: Step) -> Generator[BuildEvent | Waiting, None, Layer]:
        """Do the step: its output is yielded, and kept for the message if it fails; its layer returned."""
        layer: Layer | None = None
        clip = Clip()
        self.run.making.add(step.key.text)
        try:
            for item in step.work():
                if isinstance(item, Layer):
                    layer = item
                    continue
                if isinstance(item, StepOutput):
                    self._tail.append(item.data)
                    if (shown := clip(item)) is not None:
                        yield shown
                    continue
                yield item
        finally:
            self.run.making.discard(step.key.text)
        assert layer is not None
        return layer

    def _note(self, count: int, name: str) -> None:
        """Remember what a step left behind."""
        state = self.state
        layers, history = [layer.diff_id for layer in state.layers], [entry.to_json() for entry in state.history]
        self.steps.append(StepState(state.name, count, name, dict(state.config), layers, history))

    def _explained(self, error: BuildError) -> BuildError:
        """The error with its place, its step's output, and the name of the state before it."""
        if error.excerpt:
            return error
        placed(error, self.run.request.dockerfile, b"".join(self._tail))
        last = self
        while not last.steps and last.planned.parent is not None:  # the state before is that which another stage ended in
            last = self.run.stages[last.planned.parent.index]
        if error.exit_code_of_step is not None and last.steps:
            name = name_of(self._failed_in)
            others = [step for other in self.run.stages.values() if other is not last for step in other.steps]
            remember(self.run.store, name, [*others, *last.steps])
            error.state_before = str(last.steps[-1].number), name
        return error


def _identity() -> str:
    """A name as BuildKit makes them up for what it mounts."""
    return "".join("0123456789abcdefghijklmnopqrstuvwxyz"[byte % 36] for byte in os.urandom(25))
