"""What a build tells while it works, in the order in which it happens."""

from __future__ import annotations

from collections.abc import Mapping

from dockerlab.data import dataclass, field
from dockerlab.layers import Change
from dockerlab.store import Image, Layer


@dataclass(frozen=True)
class BuildEvent:
    """Anything that a build tells."""


@dataclass(frozen=True)
class Notice(BuildEvent):
    """A sentence for the user: what was left out of the context, which image answered."""

    text: str


@dataclass(frozen=True)
class ContextSent(BuildEvent):
    """The classic builder gets all of the context before it begins: so many bytes, as a tar."""

    size: int


@dataclass(frozen=True)
class CheckWarning(BuildEvent):
    """A build check's warning, under BuildKit's name for the rule."""

    rule: str
    detail: str
    line: int
    url: str = ""


@dataclass(frozen=True)
class StepStarted(BuildEvent):
    """A step begins; `name` is BuildKit's, such as `[build 2/3] RUN make`; `line` is where it stands in the Dockerfile.

    Steps of several stages may be under way at once. `inputs`: the numbers of the steps that it builds on, that of its own stage first.
    """

    number: int
    name: str
    line: int = 0
    inputs: tuple[int, ...] = ()


@dataclass(frozen=True)
class StepOutput(BuildEvent):
    """Bytes that a step's process wrote to "stdout" or "stderr"."""

    number: int
    stream: str
    data: bytes


@dataclass(frozen=True)
class ContainerMade(BuildEvent):
    """A RUN got its temporary container: a writable layer above all layers so far; `name` is that of its folder in the store, while it lasts."""

    number: int
    name: str


@dataclass(frozen=True)
class LayerCommitted(BuildEvent):
    """What a step changed, which is its layer now; told only where the build is traced."""

    number: int
    layer: Layer
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Surprise(BuildEvent):
    """Something that is right, and that people don't expect (see `surprises`): its kind, the line in the Dockerfile, what there is to tell."""

    kind: str
    line: int
    values: Mapping[str, object]


@dataclass(frozen=True)
class Configured(BuildEvent):
    """An instruction that only changed the configuration; told only where the build is traced."""

    name: str
    line: int


@dataclass(frozen=True)
class Reason:
    """Why a step was, or was not, taken from the cache, and what made the difference: paths, names, settings.

    `kind`: "base" (FROM), "same", "asked" (--no-cache), "parent" (an earlier step ran again), "new", "files", "variables", "order" (of variables),
    "settings" (user, working folder …), "gone" (its result was removed).
    """

    kind: str
    what: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepDone(BuildEvent):
    """A step has ended well. `reason` says why it was, or was not, taken from the cache; `layer` is its layer's diff ID ("" for none), `size` its bytes.

    `image`: the ID of the image that the step made, which only the classic builder's do.
    """

    number: int
    name: str
    cached: bool
    reason: Reason
    seconds: float
    layer: str = ""
    size: int = 0
    image: str = ""


@dataclass(frozen=True)
class StepCanceled(BuildEvent):
    """A step was stopped, because one of another stage failed."""

    number: int
    name: str


@dataclass(frozen=True)
class Built(BuildEvent):
    """The image is in the store."""

    image: Image
    warnings: tuple[CheckWarning, ...] = field(default=())
