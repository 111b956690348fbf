"""Where the lines of an image's history were written: which Dockerfile, which lines of it.

It lies beside the image (`images/HEX.origins`, a line of JSON), not in its configuration, whose bytes are the ID: an image that comes from elsewhere has
none, and of two builds that make the same image the last one is told.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from dockerlab.data import asdict, dataclass, replace

SUFFIX = ".origins"
_LONGEST = 500  # characters of an instruction


@dataclass(frozen=True)
class Origin:
    """Where one line of history was written: the Dockerfile's name, its lines (the first is 1), the stage, the instruction as it stands there.

    `image`: the base image whose own Dockerfile that was; "" for the image's own.
    """

    file: str
    first: int
    last: int
    stage: str
    instruction: str
    image: str = ""

    @property
    def place(self) -> str:
        """`Dockerfile:3`."""
        return f"{self.file}:{self.first}"


Origins = Sequence[Origin | None]
"""One for each line of history, the oldest first; None where nobody knows."""


def to_text(origins: Origins) -> bytes:
    """As they are kept."""
    kept = [None if one is None else asdict(replace(one, instruction=one.instruction[:_LONGEST])) for one in origins]
    return json.dumps(kept, separators=(",", ":")).encode()


def of_text(data: bytes) -> list[Origin | None]:
    """What was kept; nothing if it can't be read: it is only a help."""
    try:
        return [None if one is None else _origin(one) for one in json.loads(data)]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return []


def _origin(one: dict[str, object]) -> Origin:
    first, last = one["first"], one["last"]
    if not isinstance(first, int) or not isinstance(last, int):
        raise ValueError("lines are numbers")
    return Origin(str(one["file"]), first, last, str(one["stage"]), str(one["instruction"]), str(one["image"]))


def fitted(origins: Origins, count: int) -> list[Origin | None]:
    """As many as there are lines of history."""
    return [*origins[:count], *([None] * (count - len(origins)))]


def of_base(origins: Origins, name: str) -> list[Origin | None]:
    """The same, seen from an image that was built on the one of this name."""
    return [one if one is None or one.image else replace(one, image=name) for one in origins]
