"""The builder before BuildKit, and Podman's: what it prints while it builds, read back into events.

    Step 2/3 : RUN make      STEP 2/3: RUN make
     ---> Running in 3f2a…
    …
     ---> Using cache        --> Using cache 9c1d…
     ---> 9c1d…              --> 9c1d…
    Successfully built 9c1d…

(moby: builder/dockerfile/dispatchers.go, internals.go; buildah: imagebuildah/stage_executor.go)
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Generator, Iterator
from typing import IO, TYPE_CHECKING, cast

from dockerlab.build.events import BuildEvent, ContainerMade, ContextSent, Reason, StepDone, StepOutput, StepStarted
from dockerlab.build.failures import placed
from dockerlab.engine.daemon.building import Order
from dockerlab.engine.daemon.calls import Calls, objects
from dockerlab.engine.daemon.solving import DOCKERFILE, parameters, write_context
from dockerlab.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable

_STEP = re.compile(r"(?:Step|STEP) (\d+)/(\d+) ?: (.*)\Z", re.DOTALL)
_RUNNING = re.compile(r" ---> Running in ([0-9a-f]+)\Z")
_CACHE = re.compile(r" ---> Using cache\Z|--> Using cache ([0-9a-f]{12,})\Z")
_IMAGE = re.compile(r"(?: ---> |--> )([0-9a-f]{6,})\Z")
_WHOLE = re.compile(r"[0-9a-f]{64}\Z")
_REMOVED = re.compile(r" ---> Removed intermediate container [0-9a-f]+\Z|COMMIT ")
_BUILT = re.compile(r"Successfully built ([0-9a-f]+)\Z")
_CODE = re.compile(r"returned a non-zero code: (\d+)\Z|exit status (\d+)\Z")
_IN_MEMORY = 32 << 20


def build(calls: Calls, order: Order, *, podman: bool) -> Generator[BuildEvent, None, str]:
    """The events of a build; at its end the image's ID. BuildError with its place."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(order.scratch)) as file:
        size = write_context(
            order.context, cast(IO[bytes], file), {DOCKERFILE: order.text, ".dockerignore": f"{DOCKERFILE}\n.dockerignore\n"}
        )
        file.seek(0)
        if not podman:
            yield ContextSent(size)
        answer = calls.post("/build", as_stream=True, body=cast(IO[bytes], file), **parameters(order, DOCKERFILE, version="1"))
    read = Spoken([one.first for one in order.request.dockerfile.instructions], podman=podman)
    try:
        for item in objects(answer):
            if "error" in item:
                raise placed(read.explained(str(item["error"]).strip()), order.request.dockerfile)
            if isinstance(item.get("aux"), dict):
                read.image = str(item["aux"].get("ID", read.image))
            yield from read.events(str(item.get("stream", "")))
        yield from read.end()
    finally:
        answer.close()
    return read.image


class Spoken:
    """Reads the lines of a build, and remembers the step under way."""

    def __init__(self, lines: Iterable[int], *, podman: bool = False) -> None:
        """`lines`: where the instructions stand in the Dockerfile, in order."""
        self._lines, self._podman = list(lines), podman
        self._step: StepStarted | None = None
        self._began = 0.0
        self._cached = False
        self._made = ""
        self._rest = ""
        self.image = ""
        """The last image that was named: at the end the one that was built."""

    def events(self, text: str) -> Iterator[BuildEvent]:
        """What a piece of the stream tells; a line that is not whole yet waits for its end."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            yield from self._line(line)

    def _line(self, line: str) -> Iterator[BuildEvent]:
        if found := _STEP.match(line):
            yield from self.end()
            number = int(found[1])
            self._step = StepStarted(
                number, f"Step {found[1]}/{found[2]} : {found[3]}", self._lines[number - 1] if number <= len(self._lines) else 0
            )
            self._began, self._cached, self._made = time.monotonic(), False, ""
            yield self._step
        elif found := _RUNNING.match(line):
            if self._step is not None:
                yield ContainerMade(self._step.number, found[1])
        elif found := _CACHE.match(line):
            self._cached, self._made = True, found[1] or self._made
        elif found := _IMAGE.match(line):
            self._made = found[1]
        elif found := _BUILT.match(line):
            yield from self.end()
            self.image = self.image or found[1]
        elif self._podman and _WHOLE.match(line):
            self.image = line  # the last line that it prints
        elif line.startswith("Successfully tagged ") or _REMOVED.match(line):
            pass
        elif self._step is not None:
            yield StepOutput(self._step.number, "stdout", line.encode() + b"\n")

    def end(self) -> Iterator[BuildEvent]:
        """The step under way has ended."""
        step, self._step = self._step, None
        if step is not None:
            base = " : FROM " in step.name
            why = Reason("base") if base else Reason("same") if self._cached else Reason("untold")
            yield StepDone(
                step.number,
                step.name,
                self._cached,
                why,
                time.monotonic() - self._began,
                image=f"sha256:{self._made}" if self._made else "",
            )

    def explained(self, message: str) -> BuildError:
        """The error of the step under way."""
        found = _CODE.search(message)
        code = int(found[1] or found[2]) if found else None
        error = BuildError(
            message, step=self._step.name if self._step else "", line=self._step.line if self._step else 0, exit_code_of_step=code
        )
        error.number = self._step.number if self._step else 0
        if code is not None:
            error.exit_code = code
        return error
