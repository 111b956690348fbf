"""Every error a user can meet. Each says what happened, where, and what to do next; a notebook shows the message, never a traceback.

The message of an error is written where the facts are; the classes here only name the kinds of cause and the exit code docker gives each.
"""

from __future__ import annotations


class DockerlabError(Exception):
    """What a user did, or met, that could not work.

    `message` is one line (what, where, why); `hint` says what to do next; `excerpt` shows the place (lines of a Dockerfile with a caret);
    `exit_code` is the one that docker's client ends with.
    """

    exit_code = 1
    hint_label = "hint"
    """What stands before the hint; a notebook says it in the learner's language."""

    def __init__(self, message: str, *, hint: str = "", excerpt: str = "", exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message, self.hint, self.excerpt = message, hint, excerpt
        if exit_code is not None:
            self.exit_code = exit_code

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback: the message."""
        return str(self).split("\n")

    def __str__(self) -> str:
        return "\n".join(
            part for part in (self.excerpt.rstrip("\n"), self.message, self.hint and f"{self.hint_label}: {self.hint}") if part
        )


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or the stop button, in a magic: what was stopped and what is left of it, in one message and no traceback."""

    def _render_traceback_(self) -> list[str]:
        return str(self).split("\n")


class UsageError(DockerlabError):
    """A flag or a word on the command line that docker has not, or one too few."""

    exit_code = 125


class NotFoundError(DockerlabError):
    """No image, container or path of that name."""


class ConflictError(DockerlabError):
    """A name in use, a container that runs, an image that a container needs."""


class InvalidReferenceError(DockerlabError):
    """A text that is no image reference."""


class DockerfileError(DockerlabError):
    """The Dockerfile can't be understood; `line` is where (1 is the first)."""

    def __init__(self, message: str, *, line: int = 0, hint: str = "", excerpt: str = "") -> None:
        super().__init__(message, hint=hint, excerpt=excerpt)
        self.line = line


class BuildError(DockerlabError):
    """A step of a build failed; `step` is its name as BuildKit writes it, `exit_code_of_step` the code of a RUN, `line` where it stands, `number` that of the step.

    `unplaced`: BuildKit does not tell where; `line` is our kindness. `state_before` is what `docker run --step` takes to enter the state in which a RUN failed: the step's number and the build's name, or ("", "").
    """

    def __init__(
        self, message: str, *, step: str = "", line: int = 0, exit_code_of_step: int | None = None, hint: str = "", excerpt: str = ""
    ) -> None:
        super().__init__(message, hint=hint, excerpt=excerpt)
        self.step, self.line, self.exit_code_of_step = step, line, exit_code_of_step
        self.state_before = ("", "")
        self.number = 0
        self.unplaced = False

    @classmethod
    def of(cls, error: Exception) -> BuildError:
        """The same message as an error of a build."""
        return error if isinstance(error, cls) else cls(getattr(error, "message", str(error)), hint=getattr(error, "hint", ""))

    def somewhere_at(self, line: int) -> BuildError:
        """Itself, with a place that BuildKit does not tell."""
        self.unplaced = not self.line
        return self.at(line)

    def at(self, line: int, step: str = "") -> BuildError:
        """Itself, with the place where it happened; one that is known already stays."""
        self.line, self.step = self.line or line, self.step or step
        return self


class RuntimeUnavailableError(DockerlabError):
    """This machine does not let us start a process in a container; says which capability is missing."""

    exit_code = 125


class ContainerStartError(DockerlabError):
    """The process of a container could not start: 126 found but not executable, 127 not found, 125 otherwise."""

    exit_code = 125


class Detached(DockerlabError):
    """Somebody typed the keys that let go of a container's terminal (Ctrl-P Ctrl-Q unless others were named). What runs there goes on."""

    exit_code = 1

    def __init__(self) -> None:
        super().__init__("read escape sequence")


class StoreError(DockerlabError):
    """The store can't be written or holds something damaged."""


class CatalogueError(DockerlabError):
    """A base image could not be composed here."""


class RegistryError(DockerlabError):
    """A registry refuses, or what it sent is not what it should be."""


class UnreachableRegistryError(RegistryError):
    """Nobody answers where the registry should be."""


class NotInRegistryError(RegistryError):
    """The registry has no such image, or not for who asks."""


class RateLimitError(RegistryError):
    """The registry answers no more for a while: too much was asked of it."""
