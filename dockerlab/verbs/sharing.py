"""Which layers images and containers have in common, and how many bytes that saves: `dockerlab layers --shared`, and the first part of `compare`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dockerlab.data import dataclass, field
from dockerlab.errors import NotFoundError
from dockerlab.language import say
from dockerlab.oci import short_id
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.listing import align
from dockerlab.verbs.units import human_size

if TYPE_CHECKING:
    from dockerlab.engine import Engine

Json = dict[str, Any]


@dataclass(frozen=True)
class User:
    """An image, or a container, and the layers it stands on: (diff ID, bytes), the lowest first. `own`: bytes of a container's writable layer."""

    name: str
    image: str
    layers: tuple[tuple[str, int], ...]
    container: bool = False
    own: int = 0


@dataclass
class Shared:
    """A layer, its bytes, and the names of who stands on it."""

    diff_id: str
    size: int
    users: list[str] = field(default_factory=list)

    @property
    def saved(self) -> int:
        """The bytes that would be there more often if each had a copy of its own."""
        return self.size * (len(self.users) - 1)


def user_of(engine: Engine, name: str) -> User:
    """The image of this name, else the container. NotFoundError, about the image, if there is neither."""
    try:
        found = engine.image_inspect(name)
    except NotFoundError as error:
        try:
            container = engine.container_inspect(name)
        except NotFoundError:
            raise error from None
        return _container(engine, container)
    return User(name, found["Id"], _layers(engine, found))


def _container(engine: Engine, container: Json) -> User:
    own = sum(change.get("Size") or 0 for change in engine.changes(container["Id"]) if change["Kind"] != "D" and not change.get("Folder"))
    image = engine.image_inspect(container["Image"])
    return User(container["Name"].lstrip("/"), image["Id"], _layers(engine, image), True, own)


def _layers(engine: Engine, image: Json) -> tuple[tuple[str, int], ...]:
    sizes = [line["Size"] for line in reversed(engine.history(image["Id"])) if not line["EmptyLayer"]]
    diff_ids = image["RootFS"].get("Layers") or []
    return tuple(zip(diff_ids, [*sizes, *[0] * (len(diff_ids) - len(sizes))], strict=False))


def everybody(engine: Engine) -> list[User]:
    """All images, and all containers."""
    images = [user_of(engine, (item["RepoTags"] or [item["Id"]])[0]) for item in engine.images(all=True)]
    return [*images, *(_container(engine, container) for container in engine.containers(all=True))]


def shared_layers(users: list[User]) -> list[Shared]:
    """Every layer that several stand on, what saves most first."""
    found: dict[str, Shared] = {}
    for user in users:
        for diff_id, size in dict(user.layers).items():
            found.setdefault(diff_id, Shared(diff_id, size)).users.append(user.name)
    return sorted((one for one in found.values() if len(one.users) > 1), key=lambda one: (-one.saved, one.diff_id))


def show_shared(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`dockerlab layers --shared [IMAGE|CONTAINER…]`."""
    users = [user_of(engine, name) for name in parsed.words] or everybody(engine)
    shared = shared_layers(users)
    saved = sum(one.saved for one in shared)
    terminal.results.append(shared)
    if parsed.text("format") == "json":
        rows = [
            {"diff_id": one.diff_id, "size": one.size, "users": [shown(user) for user in one.users], "saved": one.saved} for one in shared
        ]
        terminal.line(json.dumps({"layers": rows, "saved": saved}, ensure_ascii=False))
        return 0
    if shared:
        cells = [[short_id(one.diff_id), human_size(one.size), human_size(one.saved), ", ".join(map(shown, one.users))] for one in shared]
        terminal.say(align([["LAYER", "SIZE", "SAVED", "USED BY"], *cells]) + "\n")
    apart = sum(size for user in users for _, size in user.layers)
    size, whole = human_size(saved, 4), human_size(apart, 4)
    terminal.line(
        say(
            f"Each layer is stored once: that saves {size} of the {whole} that copies would take.",
            f"레이어는 한 번만 저장됩니다: 따로따로 복사했다면 {whole}가 필요했을 것이고, 그중 {size}를 아낍니다.",
        )
    )
    return 0


def shown(name: str) -> str:
    """A name, or an ID in short."""
    return short_id(name) if name.startswith("sha256:") else name
