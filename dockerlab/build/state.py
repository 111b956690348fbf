"""What a stage is after each of its instructions: configuration, layers, variables, history."""

from __future__ import annotations

from typing import Any

from dockerlab.data import dataclass, field
from dockerlab.dockerfile import Scope
from dockerlab.layers import TreeView, User, find_user, may_name_others
from dockerlab.oci import DEFAULT_PATH, HistoryEntry, ImageConfig, chain_ids, environment_of, own_architecture
from dockerlab.store import Image, Layer, Store
from dockerlab.store.origins import Origin, of_base

COMMENT = "buildkit.dockerfile.v0"
EXPORTER = "buildkit.exporter.image.v0"
"""The comment of a layer that no instruction made."""
MACHINE = own_architecture()
_KEYS = frozenset(
    [
        "ArgsEscaped",
        "Cmd",
        "Entrypoint",
        "Env",
        "ExposedPorts",
        "Healthcheck",
        "Labels",
        "OnBuild",
        "Shell",
        "StopSignal",
        "User",
        "Volumes",
        "WorkingDir",
    ]
)
"""What BuildKit keeps of a Config; an image from elsewhere may bring more. (moby/docker-image-spec)"""


@dataclass
class StageState:
    """One stage in the making. `key` names everything that its file system depends on."""

    name: str
    config: dict[str, Any]
    layers: list[Layer]
    history: list[HistoryEntry]
    key: str
    author: str = ""
    base: ImageConfig | None = None
    arguments: dict[str, str | None] = field(default_factory=dict)
    """ARGs in the order of their declaration; None for one without a value."""
    scope: dict[str, str] = field(default_factory=dict)
    """Every variable that an instruction sees: of ENV and ARG the later wins."""
    escape: str = "\\"
    cmd_set: bool = False
    created: str = ""
    made_by: str = ""
    """The name of the step that the topmost layer is from."""
    users: dict[str, User] = field(default_factory=dict)
    """Whom names of users mean, as far as that was looked up and no layer may have changed it since."""
    origins: list[Origin | None] = field(default_factory=list)
    """Where each line of `history` was written."""
    origin: Origin | None = None
    """Where the instruction under way stands."""

    @classmethod
    def scratch(cls, name: str) -> StageState:
        """FROM scratch: nothing but a PATH."""
        return cls(name, {"Env": [f"PATH={DEFAULT_PATH}"], "WorkingDir": "/"}, [], [], "scratch", scope={"PATH": DEFAULT_PATH})

    @classmethod
    def of_image(cls, name: str, image: Image, store: Store, base: str) -> StageState:
        """FROM an image, which is called `base`."""
        config = {key: value for key, value in image.config.config.items() if value is not None}
        chain = chain_ids(image.config.diff_ids)
        state = cls(
            name, config, store.layers_of(image.config), list(image.config.history), chain[-1] if chain else image.id, base=image.config
        )
        state.author = image.config.author
        state.created = image.config.created
        state.scope = environment_of(config)
        state.origins = of_base(store.images.origins(image), base)
        return state

    def child(self, name: str) -> StageState:
        """FROM this stage: everything is inherited, the ARGs too."""
        return StageState(
            name, {key: _copy(value) for key, value in self.config.items()}, list(self.layers), list(self.history), self.key, self.author, self.base,
            dict(self.arguments), dict(self.scope), self.escape, False, self.created, self.made_by, dict(self.users),
            list(self.origins),
        )  # fmt: skip

    @property
    def view(self) -> TreeView:
        """Its file system."""
        return TreeView([layer.tree for layer in self.layers])

    def user(self, name: str) -> User:
        """Whom a USER means. NotFoundError in docker's words for a name that the image does not know."""
        if name not in self.users:
            view = self.view
            found = find_user(view, name)
            if any(view.resolve(path) != path for path in ("/etc/passwd", "/etc/group")):
                return found  # these lie elsewhere, where we don't look for changes
            self.users[name] = found
        return self.users[name]

    def expand(self) -> Scope:
        """The variables as they are now."""
        return Scope(self.scope, self.escape)

    def set_env(self, name: str, value: str) -> None:
        """ENV: replaces a value, or adds a variable at the end."""
        env = list(self.config.get("Env") or [])
        for at, pair in enumerate(env):
            if pair.partition("=")[0] == name:
                env[at] = f"{name}={value}"
                break
        else:
            env.append(f"{name}={value}")
        self.config["Env"] = env
        self.scope[name] = value

    def record(self, created_by: str, *, created: str = "", layer: Layer | None = None) -> None:
        """One line of history, with its layer if it has one."""
        if layer is not None:
            self.layers.append(layer)
            self.created = created
            if self.users and may_name_others(layer.tree):
                self.users.clear()
        self.history.append(
            HistoryEntry(created=created or self.created, created_by=created_by, comment=COMMENT, empty_layer=layer is None)
        )
        self.origins.append(self.origin)

    def image_config(self, labels: dict[str, str], now: str) -> ImageConfig:
        """The configuration of the finished image."""
        config = {key: value for key, value in self.config.items() if key in _KEYS and value not in (None, [], {}, "")}
        if labels:
            config["Labels"] = {**(config.get("Labels") or {}), **labels}
        created = self.created or now
        base, history = self.base, list(self.history)
        told = sum(not entry.empty_layer for entry in history)
        if len(self.layers) > told:  # a folder as a base: BuildKit's exporter fills the history up
            history.append(HistoryEntry(created=created, created_by=self.made_by, comment=EXPORTER))
        return ImageConfig(
            architecture=base.architecture if base else MACHINE,
            os=base.os if base else "linux",
            created=created,
            author=self.author,
            config=dict(sorted(config.items())),
            diff_ids=tuple(layer.diff_id for layer in self.layers),
            history=tuple(history),
        )


def _copy(value: Any) -> Any:
    if isinstance(value, list):
        return list(value)
    return dict(value) if isinstance(value, dict) else value
