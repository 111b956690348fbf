"""A build by the daemon, told as every build is: BuildKit's trace becomes our events.

    the client docker is there     docker build --progress rawjson: everything that BuildKit can
    only the daemon's socket       POST /build with the context as a tar: what needs a session (secrets, other contexts) is refused
    --builder classic, Podman      POST /build, the builder before BuildKit; what it prints is read (`spoken`)

The Dockerfile is read by our own parser first, so that what is wrong with it is said as everywhere here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dockerlab.build.events import BuildEvent, Built, CheckWarning, Notice, Reason, StepDone, StepOutput, StepStarted
from dockerlab.build.failures import placed
from dockerlab.build.plan import LAYERED, Plan
from dockerlab.build.sources import context_missing
from dockerlab.data import dataclass
from dockerlab.engine.daemon.rewriting import renamed
from dockerlab.engine.daemon.trace import Log, Status, Vertex, Warned
from dockerlab.engine.daemon.written import base_of, written
from dockerlab.errors import BuildError

if TYPE_CHECKING:
    from dockerlab.build import BuildRequest
    from dockerlab.build.context import BuildContext
    from dockerlab.engine.daemon.calls import Calls
    from dockerlab.engine.daemon.connection import Address
    from dockerlab.engine.daemon.images import DaemonImages
    from dockerlab.engine.daemon.names import Names
    from dockerlab.engine.daemon.shadow import Shadow
    from dockerlab.engine.specs import BuildOptions
    from dockerlab.store import Image

Json = dict[str, Any]
_STEP = re.compile(r"\[(?:[^\]]*?(\S+) )?(\d+)/(\d+)\] ")
_CODE = re.compile(r"exit code: (\d+)\Z")
_NOT_FOUND = re.compile(r'"(/[^"]*)": not found\Z')
_TAIL = 64 << 10  # bytes of a step's output that its error may show


@dataclass(frozen=True)
class Order:
    """A build as the daemon is to do it. `text`: the Dockerfile, its images under the daemon's names."""

    options: BuildOptions
    request: BuildRequest
    plan: Plan
    text: str
    scratch: Path

    @property
    def context(self) -> BuildContext:
        """What is sent."""
        return self.request.context


class Building:
    """What a build needs to know of its daemon."""

    def __init__(self, calls: Calls, where: Address, names: Names, images: DaemonImages, shadow: Shadow, *, podman: bool) -> None:
        self._calls, self._where, self._names, self._images, self._shadow, self._podman = calls, where, names, images, shadow, podman

    def build(self, options: BuildOptions, request: BuildRequest, scratch: Path) -> Iterator[BuildEvent]:
        """Events as they happen, `Built` last. BuildError with its place."""
        try:
            plan = request.plan()
        except BuildError as error:
            raise placed(error, request.dockerfile) from None
        order = Order(options, request, plan, self._renamed(request, plan), scratch)
        if options.trace:
            yield Notice("a daemon does not tell what a step changed: DOCKERLAB_ENGINE=embedded does (docker build --trace)")
        if options.classic or self._podman:
            from dockerlab.engine.daemon.spoken import build

            built = yield from build(self._calls, order, podman=self._podman)
            yield Built(self._noted(order, built))
            return
        yield from self._by_buildkit(order)

    def _renamed(self, request: BuildRequest, plan: Plan) -> str:
        try:
            return renamed(request.dockerfile, plan, self._names.given)
        except BuildError as error:
            raise placed(error, request.dockerfile) from None

    def _by_buildkit(self, order: Order) -> Iterator[BuildEvent]:
        from dockerlab.engine.daemon.solving import solve

        told = Told(lines_of(order.plan))
        image = ""
        trace = solve(self._calls, self._where, order)
        try:
            for item in trace:
                if isinstance(item, str):
                    image = item
                else:
                    yield from told.events(item)
            yield from told.rest()
        except BuildError as error:
            yield from told.rest()
            error = told.explained(error)
            error.hint = error.hint or _what_is_there(error, order)
            raise placed(error, order.request.dockerfile, told.output()) from None
        finally:
            trace.close()
        yield Built(self._noted(order, image), tuple(told.warnings))

    def _noted(self, order: Order, identifier: str) -> Image:
        """The image, of which it is noted now where its history was written."""
        image = self._images.image(identifier)
        base = base_of(order.plan)
        below = self._shadow.noted(self._images.image(base)) if base else []
        self._shadow.note(image.id, written(order.plan, len(image.config.history), below, classic=order.options.classic or self._podman))
        return image


def _what_is_there(error: BuildError, order: Order) -> str:
    """The hint for a file that COPY or ADD does not find in the context, which lies here: BuildKit says no more than that."""
    found = _NOT_FOUND.search(error.message)
    one = next((one for one in order.request.dockerfile.instructions if one.first == error.line), None)
    if found is None or one is None or one.keyword not in ("COPY", "ADD") or one.flag("from"):
        return ""
    return context_missing(order.context, one.keyword)(found[1]).hint


def lines_of(plan: Plan) -> Mapping[str, list[int]]:
    """A stage's name as BuildKit shows it → the lines of its steps, FROM first where it is one."""
    found = {}
    for planned in plan.order:
        own = [one.first for one in planned.stage.instructions if one.keyword in LAYERED]
        first = [planned.stage.source.first] if planned.parent is None and planned.base != "scratch" and planned.stage.source else []
        found[planned.stage.shown_name] = first + own
    return found


class Told:
    """BuildKit's steps as ours: what is internal to it (loading the Dockerfile, exporting the image) is no step of the Dockerfile's."""

    def __init__(self, lines: Mapping[str, list[int]]) -> None:
        self._lines = lines
        self._numbers: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._ended: dict[str, Vertex] = {}
        """Those that have ended, and may yet be said to have been cached: BuildKit tells of some twice."""
        self._done: set[str] = set()
        self._printed: dict[str, bytes] = {}
        self._failed: Vertex | None = None
        self.warnings: list[CheckWarning] = []

    def events(self, status: Status) -> Iterator[BuildEvent]:
        """What a message of the trace tells."""
        mentioned = {one.digest for one in status.vertexes}
        yield from self._end([digest for digest in self._ended if digest not in mentioned])
        for vertex in status.vertexes:
            if _STEP.match(vertex.name):
                yield from self._step(vertex)
        for log in status.logs:
            yield from self._log(log)
        for warned in status.warnings:
            self._warned(warned)

    def _step(self, vertex: Vertex) -> Iterator[BuildEvent]:
        if vertex.error and not vertex.error.endswith("context canceled"):
            self._failed = vertex
        if vertex.digest not in self._numbers and (vertex.started or vertex.completed):
            number = self._numbers[vertex.digest] = len(self._numbers) + 1
            self._names[vertex.digest] = vertex.name
            inputs = tuple(self._numbers[one] for one in vertex.inputs if one in self._numbers and not self._lent(one, vertex.name))
            yield StepStarted(number, vertex.name, self.line(vertex.name), inputs)
        if vertex.completed and not vertex.error and vertex.digest not in self._done:
            self._ended[vertex.digest] = vertex

    def _lent(self, digest: str, name: str) -> bool:
        """Whether a step is the base image that another stage begins with, too: BuildKit has it once, under the name of one of them."""
        other = self._names[digest]
        return _is_base(other) and _stage(other) != _stage(name)

    def _log(self, log: Log) -> Iterator[BuildEvent]:
        if log.vertex in self._numbers:
            self._printed[log.vertex] = (self._printed.get(log.vertex, b"") + log.data)[-_TAIL:]
            yield StepOutput(self._numbers[log.vertex], "stderr" if log.stream == 2 else "stdout", log.data)

    def _warned(self, warned: Warned) -> None:
        rule, _, detail = warned.short.partition(": ")
        found = CheckWarning(rule, re.sub(r" \(line \d+\)\Z", "", detail), warned.line, warned.url)
        if found not in self.warnings:
            self.warnings.append(found)

    def _end(self, digests: list[str]) -> Iterator[BuildEvent]:
        for digest in digests:
            vertex = self._ended.pop(digest)
            self._done.add(digest)
            base = _is_base(vertex.name)
            cached = vertex.cached and not base
            why = Reason("base") if base else Reason("same") if cached else Reason("untold")
            yield StepDone(
                self._numbers[digest], vertex.name, cached, why, max(0.0, vertex.completed - vertex.started) if vertex.started else 0.0
            )

    def rest(self) -> Iterator[BuildEvent]:
        """What has ended and was not told yet."""
        yield from self._end(list(self._ended))

    def line(self, name: str) -> int:
        """The line of a step of this name, counted from the end of its stage: what a base image left for its children stands before."""
        found = _STEP.match(name)
        if found is None:
            return 0
        lines = self._lines.get(found[1] or "") or next(reversed(list(self._lines.values())), [])
        behind = int(found[3]) - int(found[2])
        return lines[-1 - behind] if behind < len(lines) else (lines[0] if lines else 0)

    def explained(self, error: BuildError) -> BuildError:
        """The error with the step that failed, its number, its line and its exit code."""
        vertex = self._failed
        if vertex is None:
            return error
        code = _CODE.search(vertex.error)
        known = BuildError(
            vertex.error, step=vertex.name, line=self.line(vertex.name), exit_code_of_step=int(code[1]) if code else None, hint=error.hint
        )
        known.number = self._numbers.get(vertex.digest, 0)
        return known

    def output(self) -> bytes:
        """What the failed step printed last."""
        return self._printed.get(self._failed.digest, b"") if self._failed is not None else b""


def _is_base(name: str) -> bool:
    return name.partition("] ")[2].startswith("FROM ")


def _stage(name: str) -> str:
    found = _STEP.match(name)
    return found[1] or "" if found else ""


def build_arguments(order: Order) -> dict[str, str | None]:
    """--build-arg as the daemon wants it: what has no value takes the client's; the client's proxies come by themselves."""
    request = order.request
    given: dict[str, str | None] = {}
    for name in request.build_args:
        given[name] = request.argument(name)
    for name, value in request.proxies().items():
        given.setdefault(name, value)
    if (epoch := request.argument("SOURCE_DATE_EPOCH")) is not None:
        given["SOURCE_DATE_EPOCH"] = epoch
    return {name: value for name, value in given.items() if value is not None}


def as_json(value: object) -> str:
    """A parameter of the API that is JSON."""
    return json.dumps(value, separators=(",", ":"))
