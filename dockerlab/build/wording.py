"""BuildKit's way of writing things in messages and in history."""

from __future__ import annotations

from collections.abc import Iterable


def quoted(text: str) -> str:
    """A text as Go's %q writes it: `"a\\n\\"b\\""`."""
    for letter, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")):
        text = text.replace(letter, written)
    return f'"{text}"'


def quoted_list(words: Iterable[str]) -> str:
    """Words as Go's %q writes a list: `["sh" "-c" "x"]`."""
    return f"[{' '.join(quoted(word) for word in words)}]"


def not_found(path: str) -> str:
    """What BuildKit says of a source that is not there."""
    return f"failed to compute cache key: failed to calculate checksum of ref: {quoted(path)}: not found"


OUTSIDE = "a build takes files from its context alone: make PATH the folder above, and name the Dockerfile with -f"
"""What to do for a file that lies above the context."""
