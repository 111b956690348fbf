"""What a stage is after each of its steps, as the classic builder sees it: an image, and the arguments that were declared since FROM."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dockerlab.build.metadata import apply, shell_of
from dockerlab.build.plan import PROXIES
from dockerlab.build.state import MACHINE, StageState
from dockerlab.build.wording import quoted_list
from dockerlab.data import dataclass, field, replace
from dockerlab.dockerfile import Instruction, Scope
from dockerlab.layers import TreeView
from dockerlab.oci import DEFAULT_PATH, HistoryEntry, ImageConfig, environment_of
from dockerlab.oci.ports import container_ports
from dockerlab.store import Image, Layer, Store
from dockerlab.store.origins import Origin

Json = dict[str, Any]


@dataclass
class Arguments:
    """Build arguments: what the client gave (`given`), what stands before the first FROM (`globals`), what a stage declared."""

    given: Mapping[str, str | None]
    globals: dict[str, str | None] = field(default_factory=dict)
    declared: dict[str, str | None] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    """Every name that some ARG declared."""

    def value(self, name: str) -> str | None:
        """The client's value, else the default, else that of before the first FROM."""
        if name in self.given:
            return self.given[name]
        default = self.declared.get(name)
        return default if default is not None else self.globals.get(name)

    def visible(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Those that a stage sees: declared ones and the client's proxies, unless an ENV has the name."""
        names = dict.fromkeys([*self.declared, *(name for name in PROXIES if name in self.given)])
        values = {name: self.value(name) for name in names}
        return {name: value for name, value in values.items() if value is not None and name not in environment}

    def unused(self) -> list[str]:
        """What the client gave and no ARG asked for."""
        return sorted(name for name in self.given if name not in self.asked and name not in PROXIES)


@dataclass
class ClassicState:
    """A stage so far: `image` is what the last step made (None: nothing yet, FROM scratch), `config` the configuration that the next one will get."""

    arguments: Arguments
    image: Image | None = None
    config: Json = field(default_factory=dict)
    layers: list[Layer] = field(default_factory=list)
    author: str = ""
    escape: str = "\\"
    cmd_set: bool = False
    origins: list[Origin | None] = field(default_factory=list)
    """Where each line of the image's history was written."""
    origin: Origin | None = None
    """Where the instruction under way stands."""

    @classmethod
    def begin(cls, arguments: Arguments, image: Image | None, store: Store) -> ClassicState:
        """FROM."""
        arguments.declared = {}
        state = cls(arguments, image)
        if image is not None:
            state.config = {key: value for key, value in image.config.config.items() if value is not None}
            state.layers, state.author = store.layers_of(image.config), image.config.author
        if not any(pair.startswith("PATH=") for pair in state.config.get("Env") or ()):
            state.config["Env"] = [*(state.config.get("Env") or []), f"PATH={DEFAULT_PATH}"]
        return state

    @property
    def view(self) -> TreeView:
        """Its file system."""
        return TreeView([layer.tree for layer in self.layers])

    @property
    def environment(self) -> dict[str, str]:
        """Its ENVs."""
        return environment_of(self.config)

    def expand(self) -> Scope:
        """Variables as they are now: an ENV wins over an ARG."""
        environment = self.environment
        return Scope({**self.arguments.visible(environment), **environment}, self.escape)

    def nop(self, text: str, *, apart: bool = True) -> str:
        """The history's text of a step that runs nothing; `apart` has the second space that most of them have."""
        return f"{' '.join(shell_of(self.config))} #(nop) {' ' if apart else ''}{text}"

    def applied(self, instruction: Instruction) -> str:
        """Change the configuration as an instruction says; its text. ValueError in docker's words for an impossible value."""
        as_stage = StageState("", self.config, [], [], "", scope=dict(self.expand().values), escape=self.escape, author=self.author)
        as_stage.cmd_set = self.cmd_set
        try:
            text = apply(instruction, as_stage)
        except ValueError as error:
            raise ValueError(re.sub(r"^invalid containerPort", "Invalid containerPort", str(error))) from None
        self.config.pop("ArgsEscaped", None)
        self.author, self.cmd_set = as_stage.author, as_stage.cmd_set
        return _TEXTS.get(instruction.keyword, lambda one, state, text: text)(instruction, self, text)

    def child(self, created: str, created_by: str, layer: Layer | None) -> ImageConfig:
        """The image that a step makes: one line of history, and a layer if something changed."""
        base = self.image.config if self.image is not None else ImageConfig(architecture=MACHINE, os="linux")
        entry = HistoryEntry(created=created, created_by=created_by, author=self.author, empty_layer=layer is None)
        config = {key: value for key, value in sorted(self.config.items()) if value not in (None, {}, "")}
        whole = replace(base, config=config, author=self.author, extra={})
        return whole.with_history(entry, layer.diff_id if layer is not None else None)

    def become(self, image: Image, layer: Layer | None) -> None:
        """Go on from the image that a step made."""
        self.image = image
        self.origins.append(self.origin)
        if layer is not None:
            self.layers = [*self.layers, layer]

    def merge(self) -> None:
        """Parts of a health check that are not said come from the image before it."""
        before = self.image.config.config if self.image is not None else {}
        if (health := self.config.get("Healthcheck")) and (old := before.get("Healthcheck")):
            self.config["Healthcheck"] = {**old, **health}


def _expose(instruction: Instruction, state: ClassicState, _: str) -> str:
    words = [part for word in sorted(instruction.words) for part in filter(None, state.expand().words(word))]
    for word in words:
        container_ports(word)
    return "EXPOSE " + " ".join(words)


def _healthcheck(instruction: Instruction, state: ClassicState, text: str) -> str:
    return re.sub(r"'\\x([0-9a-f]+)'", lambda found: str(int(found[1], 16)), text).replace('"', "")


def _command(instruction: Instruction, state: ClassicState, text: str) -> str:
    key = {"CMD": "Cmd", "ENTRYPOINT": "Entrypoint"}[instruction.keyword]
    if not instruction.exec_form and not state.config[key][-1]:  # nothing behind the keyword: nothing behind the shell
        state.config[key] = state.config[key][:-1]
    return f"{instruction.keyword} {quoted_list(state.config[key])}"


def _onbuild(instruction: Instruction, state: ClassicState, _: str) -> str:
    return f"ONBUILD {instruction.words[0]}"


_TEXTS = {"CMD": _command, "ENTRYPOINT": _command, "EXPOSE": _expose, "HEALTHCHECK": _healthcheck, "ONBUILD": _onbuild}
