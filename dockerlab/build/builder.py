"""The builder: stages side by side, step after step, each taken from the cache or done, each told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from dockerlab.build import surprises
from dockerlab.build.abreast import abreast
from dockerlab.build.digests import FileDigests
from dockerlab.build.events import BuildEvent, Built, CheckWarning, StepCanceled, StepDone, StepStarted, Surprise
from dockerlab.build.failures import placed
from dockerlab.build.request import BuildRequest, epoch_of
from dockerlab.build.running import Runner
from dockerlab.build.stage import StageBuild
from dockerlab.build.states import remember
from dockerlab.errors import BuildError, RuntimeUnavailableError
from dockerlab.oci import Reference
from dockerlab.oci.timestamps import rfc3339
from dockerlab.store import Image, Store

if TYPE_CHECKING:
    from dockerlab.build.classic.builder import ClassicRun


class Builder:
    """Builds on a store. `runner` starts processes (None where this machine can't), `resolve` finds the image that FROM names."""

    def __init__(self, store: Store, runner: Callable[[], Runner], resolve: Callable[[Reference], Image]) -> None:
        self.store, self.runner, self.resolve = store, runner, resolve
        self.digests = FileDigests()

    def build(self, request: BuildRequest) -> Iterator[BuildEvent]:
        """Build; events as they happen, `Built` last. BuildError with the place in the Dockerfile if a step fails; what was done before it stays cached."""
        with self.store.using(), self.digests.opened(self.store, request.context.root):
            try:
                yield from self._run(request).events()
            finally:
                self.store.snapshots.tidy()

    def warm_up(self, request: BuildRequest) -> None:
        """A step is not cached: if there is a RUN, what it needs begins now, beside the steps before it. What fails here is said by that RUN."""
        if any(instruction.keyword == "RUN" for instruction in request.dockerfile.instructions):
            with suppress(RuntimeUnavailableError, OSError):
                self.runner().warm_up()

    def _run(self, request: BuildRequest) -> BuildRun | ClassicRun:
        if not request.classic:
            return BuildRun(self, request)
        from dockerlab.build.classic.builder import ClassicRun

        return ClassicRun(self, request)


class BuildRun:
    """One build under way: what its stages share."""

    def __init__(self, builder: Builder, request: BuildRequest) -> None:
        self.builder, self.request, self.store = builder, request, builder.store
        self.stages: dict[int, StageBuild] = {}
        """By the stage's index, in the order of the plan."""
        self.ran: set[int] = set()
        """The stages in which a step was not cached."""
        self.making: set[str] = set()
        """The keys of the steps under way."""
        self.made: set[str] = set()
        """The keys of those that this build has done: what two stages have in common is done once."""
        self.renewed: set[str] = set()
        """The cache mounts that were begun afresh, since a step that used them was not to be cached."""
        self.epoch = epoch_of(request)
        self._number = 0
        self.under_way: dict[int, StepStarted] = {}
        """The steps that were begun and have not ended."""
        self._told: set[str] = set()

    def now(self) -> str:
        """The time that history and image get."""
        return rfc3339() if self.epoch is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.epoch))

    def next_number(self) -> int:
        """The number of the step that begins now."""
        self._number += 1
        return self._number

    def events(self) -> Iterator[BuildEvent]:
        """The whole build. BuildError with its place."""
        request = self.request
        try:
            plan = request.plan()
            warnings = tuple(self._checks())
            yield from warnings
            yield from self.once(surprises.secrets(warnings))
            self.stages = {planned.stage.index: StageBuild(self, plan, planned) for planned in plan.order}
            yield from self._steps()
        except BuildError as error:
            raise placed(error, request.dockerfile) from None
        target = self.stages[plan.target.index]
        image = self.store.images.add(target.state.image_config(dict(request.labels), self.now()))
        self.store.images.set_origins(image.id, target.state.origins)
        remember(self.store, image.id, [step for one in self.stages.values() for step in one.steps])
        yield Built(image, warnings)

    def _steps(self) -> Iterator[BuildEvent]:
        """All stages side by side; one after the other where each step's story is told."""
        everything = [one.events() for one in self.stages.values()]
        try:
            for tasks in [[task] for task in everything] if self.request.trace else [everything]:
                for event in abreast(tasks):
                    if isinstance(event, StepStarted):
                        self.under_way[event.number] = event
                    elif isinstance(event, StepDone):
                        del self.under_way[event.number]
                    yield event
        except BuildError as error:
            yield from (StepCanceled(number, step.name) for number, step in self.under_way.items() if number != error.number)
            raise

    def _checks(self) -> Iterator[CheckWarning]:
        """What the dry run finds; the error at which it stopped, before anything was done."""
        from dockerlab.build.dry import examine

        found = examine(self.request, self.builder.resolve)
        for one in found.warnings:
            yield CheckWarning(one.rule, one.detail, one.lines[0] if one.lines else 0, one.url)
        if found.error is not None:
            raise found.error

    def once(self, found: Iterable[Surprise]) -> Iterator[Surprise]:
        """Those of a kind that was not told yet."""
        for one in found:
            if one.kind not in self._told:
                self._told.add(one.kind)
                yield one
