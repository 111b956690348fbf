"""Where a build failed: the lines of the Dockerfile, and the last that the failed step printed."""

from __future__ import annotations

from dockerlab.build.context import BuildContext
from dockerlab.dockerfile import Dockerfile, excerpt
from dockerlab.errors import BuildError

_TAIL = 20  # lines of a failed step's output that its error shows
_LONGEST = 64 << 10  # bytes of them: a line may be of any length


def placed(error: BuildError, dockerfile: Dockerfile, output: bytes = b"") -> BuildError:
    """The error with its excerpt; one that has it already stays as it is."""
    if error.excerpt or not error.line:
        return error
    instruction = next((one for one in dockerfile.instructions if one.first == error.line), None)
    last = instruction.last if instruction is not None else error.line
    error.excerpt = excerpt(dockerfile.name, dockerfile.text, error.line, last)
    if output and error.exit_code_of_step is not None:
        lines = output[-_LONGEST:].decode("utf-8", "replace").splitlines()[-_TAIL:]
        error.excerpt = "\n".join(["------", f" > {error.step}:", *lines, "------", error.excerpt])
    return error


def unreadable(error: OSError, context: BuildContext) -> BuildError | None:
    """The error of a file of the context that we may not read; None for any other."""
    root = context.root
    if not isinstance(error.filename, str) or not error.filename.startswith(root + "/"):
        return None
    said = f"failed to read {error.filename[len(root) + 1 :]}: {(error.strerror or '').lower()}"
    return BuildError(said, hint="it lies in the build context: let yourself read it, or name it in .dockerignore")
