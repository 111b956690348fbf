"""The words in which checks are written: an image or a container, and what is expected of it.

    look = Look(engine, "en")
    image = look.image("site:1")
    look.expect("…", image.above(nginx) == ["sha256:…"], seen=…, expected=…, look=…)

Everything is read from the store; nothing is run unless `runs` is asked for.
"""

from __future__ import annotations

from typing import Any

from dockerlab.course.verdict import Finding
from dockerlab.data import dataclass
from dockerlab.engine import Engine
from dockerlab.errors import DockerlabError
from dockerlab.layers import TreeView

Json = dict[str, Any]


@dataclass(frozen=True)
class FileSubject:
    """A file of an image, or the lack of it."""

    path: str
    data: bytes | None

    @property
    def exists(self) -> bool:
        """Whether it is there."""
        return self.data is not None

    def contains(self, text: str) -> bool:
        """Whether its text has this part."""
        return self.data is not None and text.encode() in self.data


class ImageSubject:
    """An image as checks see it."""

    def __init__(self, engine: Engine, name: str) -> None:
        """NotFoundError if there is none of this name."""
        self._engine, self.name = engine, name
        self.json = engine.image_inspect(name)
        self.history = engine.history(name)

    @property
    def config(self) -> Json:
        """Docker's Config."""
        return dict(self.json["Config"])

    @property
    def size(self) -> int:
        """The bytes of all its layers."""
        return int(self.json["Size"])

    @property
    def layers(self) -> list[str]:
        """Its layers, the lowest first."""
        return list(self.json["RootFS"].get("Layers") or [])

    def above(self, base: ImageSubject) -> list[str] | None:
        """The layers above those of another image; None if it is not built on that."""
        return self.layers[len(base.layers) :] if self.layers[: len(base.layers)] == base.layers and base.layers else None

    @property
    def view(self) -> TreeView:
        """Its file system."""
        data = self.json["GraphDriver"]["Data"]
        trees = [*reversed(str(data.get("LowerDir", "")).split(":")), str(data.get("UpperDir", ""))]
        return TreeView([tree for tree in trees if tree])

    def file(self, path: str) -> FileSubject:
        """A file, links followed."""
        node = self.view.lookup(path)
        return FileSubject(path, node.read() if node is not None and not node.is_dir else None)

    def layer_of(self, path: str) -> int | None:
        """The number (1 is the lowest) of the layer whose version of the path is the one that shows."""
        node = self.view.lookup(path)
        return node.layer + 1 if node is not None else None


class ContainerSubject:
    """A container as checks see it."""

    def __init__(self, engine: Engine, name: str) -> None:
        """NotFoundError if there is none of this name."""
        self.name = name
        self.json = engine.container_inspect(name)
        self.changes = {change["Path"]: change["Kind"] for change in engine.diff(name)}

    @property
    def image(self) -> str:
        """The ID of its image."""
        return str(self.json["Image"])


class Look:
    """One run of a check: collects findings in one language; what is missing becomes a finding, never an error."""

    def __init__(self, engine: Engine, language: str) -> None:
        self.engine, self.language = engine, language
        self.findings: list[Finding] = []

    def image(self, name: str) -> ImageSubject | None:
        """The image, or None."""
        try:
            return ImageSubject(self.engine, name)
        except DockerlabError:
            return None

    def container(self, name: str) -> ContainerSubject | None:
        """The container, or None."""
        try:
            return ContainerSubject(self.engine, name)
        except DockerlabError:
            return None

    def stands_in(self, capability: str) -> str:
        """What is emulated here for lack of one of doctor's capabilities ("real_owners", "own_network", "mounts" …); "" where nothing is.

        A check of what can't be enforced asks before it counts: `if not look.stands_in("own_network"): look.expect(…)`.
        """
        return str(self.engine.info().get("Emulated", {}).get(capability, ""))

    def expect(
        self, text: dict[str, str], holds: bool, *, seen: Any = "", expected: Any = "", look: dict[str, str] | str = "", weight: float = 1.0
    ) -> bool:
        """Note one part: its text in both languages, whether it holds, what was seen and expected, where to look."""
        where = look if isinstance(look, str) else look[self.language]
        wanted = expected[self.language] if isinstance(expected, dict) else expected
        found = seen[self.language] if isinstance(seen, dict) else seen
        self.findings.append(Finding(text[self.language], bool(holds), str(found), str(wanted), where, weight))
        return bool(holds)
