"""The classic builder's walk: all stages up to the target, every instruction a step, every step an image on the image before it."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dockerlab.build.classic.state import Arguments, ClassicState
from dockerlab.build.classic.steps import ClassicStep, container_name, prepare
from dockerlab.build.context import BuildContext
from dockerlab.build.events import BuildEvent, Built, ContainerMade, ContextSent, Notice, Reason, StepDone, StepOutput, StepStarted
from dockerlab.build.failures import placed, unreadable
from dockerlab.build.metadata import triggers
from dockerlab.build.plan import global_arguments
from dockerlab.build.request import BuildRequest
from dockerlab.build.wording import quoted
from dockerlab.dockerfile import Instruction, Scope, Stage
from dockerlab.errors import BuildError, DockerlabError, NotFoundError, RuntimeUnavailableError
from dockerlab.layers import TreeView
from dockerlab.oci import Reference, short_id
from dockerlab.oci.digest import digest_of
from dockerlab.oci.timestamps import rfc3339
from dockerlab.runtime.spec import Waiting
from dockerlab.store import Image, Layer
from dockerlab.store.depth import HINT, MOST_LAYERS
from dockerlab.store.origins import Origin, of_base

if TYPE_CHECKING:
    from dockerlab.build.builder import Builder


_KEPT = 64 << 10  # bytes of output that are kept for a failed step's message
_BLOCK = 512  # of a tar


class ClassicRun:
    """One build under way."""

    def __init__(self, builder: Builder, request: BuildRequest) -> None:
        self.builder, self.request, self.store = builder, request, builder.store
        self.arguments = Arguments({name: value for name in request.build_args if (value := request.argument(name)) is not None})
        self.number = 0
        """That of the step under way."""
        self.total = 0
        self.stages: list[tuple[str, ClassicState]] = []
        """The stages that are done, and the one under way, with their names."""
        self._busted = False
        """A step of this stage was not cached: no later one is looked up."""
        self._tail = b""

    def events(self) -> Iterator[BuildEvent]:
        """The whole build, `Built` last. BuildError with its place; what was made before it stays, as docker leaves it."""
        dockerfile = self.request.dockerfile
        yield ContextSent(_sent(self.request.context))
        stages = self._stages()
        yield from self._doubts()
        labels = [Instruction("LABEL", f"LABEL {name}={value}", (name, value, "=")) for name, value in self.request.labels.items()]
        self.total = len(dockerfile.arguments) + sum(1 + len(stage.instructions) for stage in stages) + len(labels)
        try:
            _, self.arguments.globals = global_arguments(dockerfile, self.arguments.given.get, {})
            for instruction in dockerfile.arguments:
                yield self._begin(instruction)
                self.arguments.asked.update(word.partition("=")[0] for word in instruction.words)
            for stage in stages:
                yield from self._stage(stage)
            for label in labels:
                yield from self._instruction(self.stages[-1][1], label)
        except BuildError as error:
            raise self._explained(error) from None
        if unused := self.arguments.unused():
            yield Notice(f"[Warning] One or more build-args [{' '.join(unused)}] were not consumed")
        image = self.stages[-1][1].image
        if image is None:
            raise BuildError("No image was generated. Is your Dockerfile empty?", hint="FROM scratch needs at least one more instruction")
        yield Built(image)

    def _doubts(self) -> Iterator[Notice]:
        """What it warns of: empty lines inside of an instruction."""
        dockerfile, found = self.request.dockerfile, False
        for line in dockerfile.empty_continuations:
            for one in (one for one in dockerfile.instructions if one.first <= line <= one.last):
                yield Notice(f"[WARNING]: Empty continuation line found in: {one.original.strip()}")
                found = True
        if found:
            yield Notice("[WARNING]: Empty continuation lines will become errors in a future release.")

    def _stages(self) -> list[Stage]:
        """Those up to the target. BuildError for a target that is none."""
        stages, target = self.request.dockerfile.stages, self.request.target
        if not target:
            return list(stages)
        found = next((stage for stage in stages if stage.name == target.lower()), None)
        if found is None:
            raise BuildError(
                f'target stage "{target}" could not be found', hint="stages: " + ", ".join(stage.name for stage in stages if stage.name)
            )
        return list(stages[: found.index + 1])

    def _begin(self, instruction: Instruction) -> StepStarted:
        self.number += 1
        self._tail = b""
        return StepStarted(self.number, f"Step {self.number}/{self.total} : {instruction.original.strip()}", instruction.first)

    # --- stages

    def _stage(self, stage: Stage) -> Iterator[BuildEvent]:
        assert stage.source is not None
        if stage.name and any(name == stage.name for name, _ in self.stages):
            raise BuildError(f"{stage.name} stage name already used", line=stage.source.first, hint="give each stage a name of its own")
        started = self._begin(stage.source)
        yield started
        self._busted = False
        try:
            image, named = self._base(stage)
        except (BuildError, DockerlabError, ValueError) as error:
            raise BuildError.of(error).at(stage.source.first, started.name) from None
        state = ClassicState.begin(self.arguments, image, self.store)
        state.escape = self.request.dockerfile.escape
        if image is not None:
            known = self.store.images.origins(image)
            state.origins = of_base(known, named) if named else known
        self.stages.append((stage.name, state))
        left = triggers(state.config, stage.source.first)
        if not left:
            yield StepDone(started.number, started.name, False, Reason("base"), 0.0, image=image.id if image else "")
        else:
            yield Notice(f"# Executing {len(left)} build trigger{'s' if len(left) > 1 else ''}")
            for trigger in left:
                yield from self._one(state, trigger, started, last=trigger is left[-1])
        for instruction in stage.instructions:
            yield from self._instruction(state, instruction)

    def _base(self, stage: Stage) -> tuple[Image | None, str]:
        """(the image to begin with, the name of it if it is none of an earlier stage)."""
        known = {name: value for name, value in self.arguments.globals.items() if value is not None}
        scope = Scope(known, self.request.dockerfile.escape)
        name = scope.word(stage.base)
        if stage.platform and not scope.word(stage.platform):
            raise BuildError(
                'failed to parse platform : "" is an invalid OS component of ""',
                hint=f"{stage.platform} has no value in this builder: ARG NAME=value before the first FROM gives it one",
            )
        if not name:
            raise BuildError(f"base name ({stage.base}) should not be blank", hint="ARG NAME=value before the first FROM gives it a value")
        for other, state in reversed(self.stages):
            if other and other == name.lower():
                return state.image, ""
        if name == "scratch":
            return None, ""
        reference = Reference.parse(name)
        return self.builder.resolve(reference), reference.familiar

    def stage_or_image(self, name: str) -> TreeView:
        """The file system that --from names: an earlier stage by name or number, else an image. BuildError in docker's words."""
        done = self.stages[:-1]
        if name.lstrip("-").isdigit():
            index = int(name)
            if index == len(done):
                raise BuildError(f"invalid from flag value {name}: refers to current build stage", hint="stages are numbered from 0")
            if not 0 <= index < len(done):
                raise BuildError(f"invalid from flag value {name}: index out of bounds", hint="stages are numbered from 0")
            return done[index][1].view
        for other, state in reversed(done):
            if other and other == name.lower():
                return state.view
        try:
            image = self.builder.resolve(Reference.parse(name))
        except DockerlabError as error:
            raise BuildError(
                f"invalid from flag value {name}: {error.message}", hint="an earlier stage's name or number, or an image's name"
            ) from None
        return TreeView([layer.tree for layer in self.store.layers_of(image.config)])

    # --- steps

    def _instruction(self, state: ClassicState, instruction: Instruction) -> Iterator[BuildEvent]:
        started = self._begin(instruction)
        yield started
        yield from self._one(state, instruction, started)

    def _one(self, state: ClassicState, instruction: Instruction, started: StepStarted, *, last: bool = True) -> Iterator[BuildEvent]:
        """One step: from the cache, or done. Of several triggers only the `last` tells its image."""
        stage = self.stages[-1][0] or f"stage-{len(self.stages) - 1}"
        state.origin = Origin(self.request.dockerfile.name, instruction.first, instruction.last, stage, instruction.shown)
        try:
            before = (state.config.get("Healthcheck") or {}).get("Test")
            if instruction.keyword == "HEALTHCHECK" and before:
                yield Notice(f"Note: overriding previous HEALTHCHECK: [{' '.join(before)}]")
            with self.store.tmp() as scratch:
                step = prepare(self, state, instruction, scratch)
                state.merge()
                yield from self._made(state, step, started, scratch, last)
        except (BuildError, NotFoundError, RuntimeUnavailableError, ValueError) as error:
            raise BuildError.of(error).at(instruction.first, started.name) from None
        except OSError as error:
            if (said := unreadable(error, self.request.context)) is None:
                raise
            raise said.at(instruction.first, started.name) from error

    def _made(self, state: ClassicState, step: ClassicStep, started: StepStarted, scratch: Path, last: bool) -> Iterator[BuildEvent]:
        clock = time.monotonic()
        key = "classic:" + digest_of(f"{state.image.id if state.image else ''}\0{step.created_by}".encode("utf-8", "surrogateescape"))
        image = None if self._busted or self.request.no_cache else self._known(key)
        layer: Layer | None = None
        if image is not None:
            state.become(image, None)
            self.store.images.set_origins(image.id, state.origins)
            state.layers = self.store.layers_of(image.config)
            yield self._done(started, image, True, Reason("same"), clock, last)
            return
        self.builder.warm_up(self.request)
        reason = Reason("asked" if self.request.no_cache else "parent" if self._busted else "new")
        self._busted = True
        name = ""
        for item in step.work(scratch):
            if isinstance(item, Layer) or item is None:
                layer = item
            elif isinstance(item, Waiting):
                item.wait()
            else:
                name = item.name if isinstance(item, ContainerMade) else name
                self._tail = (self._tail + item.data)[-_KEPT:] if isinstance(item, StepOutput) else self._tail
                yield item
        if layer is not None and len(state.layers) >= MOST_LAYERS:
            raise BuildError("max depth exceeded", hint=HINT)
        if step.container and not name:
            yield ContainerMade(started.number, container_name())
        image = self.store.images.add(state.child(rfc3339(), step.created_by, layer), parent=state.image.id if state.image else "")
        self.store.cache.put(key, {"image": image.id})
        state.become(image, layer)
        self.store.images.set_origins(image.id, state.origins)
        yield self._done(started, image, False, reason, clock, last, layer)

    def _done(
        self, started: StepStarted, image: Image, cached: bool, reason: Reason, clock: float, last: bool, layer: Layer | None = None
    ) -> StepDone:
        size, diff_id = (layer.size, layer.diff_id) if layer is not None else (0, "")
        seconds = time.monotonic() - clock
        return StepDone(started.number, started.name, cached, reason, seconds, diff_id, size, image=image.id if last else "")

    def _known(self, key: str) -> Image | None:
        """The image that the cache has for a step, if it is still there, and whole."""
        record = self.store.cache.get(key)
        if record is None:
            return None
        try:
            image = self.store.images.get(str(record["image"]))
        except DockerlabError:
            return None
        return image if all(self.store.layers.has(diff_id) for diff_id in image.config.diff_ids) else None

    def _explained(self, error: BuildError) -> BuildError:
        placed(error, self.request.dockerfile, self._tail)
        image = self.stages[-1][1].image if self.stages else None
        if error.exit_code_of_step is not None:
            error.exit_code = error.exit_code_of_step
            if image is not None:
                error.state_before = "", short_id(image.id)
        return error


def _sent(context: BuildContext) -> int:
    """The bytes of the context as a tar. BuildError for what we may not read: this builder gets everything, needed or not."""
    size = 2 * _BLOCK
    try:
        for node in context.walk():
            if node.is_file and not os.access(node.real, os.R_OK):
                raise PermissionError(errno.EACCES, "", node.real)
            size += (_BLOCK if node.path != "/" else 0) + (-(-node.st.st_size // _BLOCK) * _BLOCK if node.is_file else 0)
    except PermissionError as error:
        hint = "this builder sends all of the context: let yourself read it, or name it in .dockerignore"
        raise BuildError(f"error checking context: no permission to read from {quoted(str(error.filename))}", hint=hint) from None
    return size
