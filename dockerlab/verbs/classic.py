"""What the classic builder prints, to standard output as docker does: `Step 2/3 : RUN make`, the temporary container, the image of each step."""

from __future__ import annotations

from dockerlab.build import BuildEvent, CheckWarning, Notice, StepDone, StepOutput, StepStarted
from dockerlab.build.events import Built, ContainerMade, ContextSent
from dockerlab.errors import DockerlabError, UsageError
from dockerlab.oci import short_id
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.units import human_size

_DEPRECATED = """DEPRECATED: The legacy builder is deprecated and will be removed in a future release.
            BuildKit is currently disabled; enable it by removing the DOCKER_BUILDKIT=0
            environment-variable.
"""
_OTHERS = ("allow", "annotation", "attest", "build-context", "call", "check", "metadata-file", "no-cache-filter", "output", "secret", "ssh")


def asked_for(parsed: Parsed, terminal: Terminal) -> bool:
    """Whether `--builder classic` or DOCKER_BUILDKIT=0 asks for it. UsageError for another builder, and for flags that it never had."""
    name = parsed.text("builder", "default")
    if name not in ("default", "classic"):
        raise UsageError(
            f'ERROR: failed to build: no builder "{name}" found', hint="default is BuildKit's way, classic the one before it", exit_code=1
        )
    if name != "classic" and terminal.environment.get("DOCKER_BUILDKIT", "1").lower() not in ("0", "false", "f"):
        return False
    for flag in _OTHERS:
        if flag in parsed.flags:
            raise UsageError(
                f"unknown flag: --{flag}\n\nUsage:  docker build [OPTIONS] PATH | URL | -\n\nRun 'docker build --help' for more information",
                hint="the classic builder has not this flag: build without DOCKER_BUILDKIT=0 and --builder classic",
            )
    return True


class ClassicProgress:
    """Shows a build of the classic builder."""

    def __init__(self, terminal: Terminal, *, quiet: bool = False, named: bool = False) -> None:
        """`named`: it was asked for by --builder, so that docker's advice about DOCKER_BUILDKIT would help nobody."""
        self._write, self._quiet = terminal.write, quiet
        self._containers: dict[int, str] = {}
        if not named:
            terminal.complain(_DEPRECATED)

    def _line(self, text: str) -> None:
        if not self._quiet:
            self._write((text + "\n").encode("utf-8", "surrogateescape"))

    def show(self, event: BuildEvent) -> None:
        """One event."""
        if isinstance(event, ContextSent):
            self._line(f"Sending build context to Docker daemon  {human_size(event.size, 4)}")
        elif isinstance(event, StepStarted):
            self._line(event.name)
        elif isinstance(event, ContainerMade):
            self._containers[event.number] = event.name[:12]
            self._line(f" ---> Running in {event.name[:12]}")
        elif isinstance(event, StepOutput):
            if not self._quiet:
                self._write(event.data)
        elif isinstance(event, StepDone):
            self._done(event)
        elif isinstance(event, Notice):
            self._line(event.text)
        elif isinstance(event, Built):
            self._line(f"Successfully built {short_id(event.image.id)}")

    def _done(self, event: StepDone) -> None:
        if event.cached:
            self._line(" ---> Using cache")
        elif container := self._containers.pop(event.number, ""):
            self._line(f" ---> Removed intermediate container {container}")
        if event.image or event.reason.kind == "base":
            self._line(f" ---> {short_id(event.image)}")

    def tagged(self, names: list[str]) -> None:
        """The names that the image got."""
        for name in names:
            self._line(f"Successfully tagged {name}")

    def failed(self, error: DockerlabError) -> None:
        """The error itself is told by whoever shows it."""

    def warnings(self, found: tuple[CheckWarning, ...]) -> None:
        """It knows no build checks."""
