"""What a Dockerfile offers to whoever builds it: its targets, and the arguments, secrets and agents of one of them (`build --call targets|outline`).

A comment above an ARG or FROM that begins with the name describes it: `# VERSION of the program` above `ARG VERSION`.
(BuildKit, frontend/subrequests/outline and targets)
"""

from __future__ import annotations

from dockerlab.build.plan import Plan, platform_arguments
from dockerlab.data import dataclass, replace
from dockerlab.dockerfile import Dockerfile, Instruction, Scope
from dockerlab.dockerfile.checks import comments_above, lines_of
from dockerlab.dockerfile.mounts import mount_fields


@dataclass(frozen=True)
class Offer:
    """One target, argument, secret or agent. `value` is an argument's, None without one; `base` what a target is built on; `lines` where it stands."""

    name: str
    description: str = ""
    value: str | None = None
    required: bool = False
    base: str = ""
    default: bool = False
    lines: tuple[int, ...] = ()


@dataclass(frozen=True)
class Outline:
    """A target with all that its stages take, each in the order of the lines where it was last declared."""

    name: str
    description: str
    arguments: tuple[Offer, ...]
    secrets: tuple[Offer, ...]
    agents: tuple[Offer, ...]


def targets(dockerfile: Dockerfile) -> list[Offer]:
    """Every stage; the last is what is built by default."""
    last = dockerfile.stages[-1].index
    return [
        Offer(
            stage.name,
            _described(dockerfile, stage.source, stage.name),
            base=stage.base,
            default=stage.index == last,
            lines=lines_of(stage.source),
        )
        for stage in dockerfile.stages
    ]


def outline(plan: Plan, platform: str = "") -> Outline:
    """What the plan's target takes."""
    dockerfile = plan.dockerfile
    reader = _Reader(plan, platform)
    for planned in plan.order:
        reader.stage(planned.stage.index)
    name = plan.target.name
    return Outline(
        name,
        _described(dockerfile, plan.target.source, name),
        *(tuple(sorted(found.values(), key=lambda offer: offer.lines)) for found in (reader.arguments, reader.secrets, reader.agents)),
    )


class _Reader:
    """Goes through the stages that are needed and collects what they take."""

    def __init__(self, plan: Plan, platform: str) -> None:
        self._plan, self._dockerfile = plan, plan.dockerfile
        self._predefined = platform_arguments(platform)
        self._global = {
            word.partition("=")[0]: replace(self._offer(one, word.partition("=")[0]), value=plan.declared.get(word.partition("=")[0]))
            for one in self._dockerfile.arguments
            for word in one.words
        }
        self._scopes: dict[int, dict[str, str]] = {}
        self.arguments: dict[str, Offer] = {}
        self.secrets: dict[str, Offer] = {}
        self.agents: dict[str, Offer] = {}

    def _offer(self, instruction: Instruction, name: str) -> Offer:
        return Offer(name, _described(self._dockerfile, instruction, name), lines=lines_of(instruction))

    def stage(self, index: int) -> None:
        stage = self._dockerfile.stages[index]
        parent = self._plan.parent_of(stage, self._plan.bases[index])
        scope = self._scopes[index] = dict(self._scopes.get(parent.index, {}) if parent is not None else {})
        for name, offer in self._global.items():
            if _uses(stage.base, name) or _uses(stage.platform, name):
                self.arguments[name] = offer
        for instruction in stage.instructions:
            if instruction.keyword == "ARG":
                self._argument(instruction, scope)
            elif instruction.keyword == "ENV":
                for key, value in instruction.pairs:
                    scope[key] = Scope(scope, self._dockerfile.escape).word(value)
            elif instruction.keyword == "RUN":
                self._mounts(instruction, scope)

    def _argument(self, instruction: Instruction, scope: dict[str, str]) -> None:
        for word in instruction.words:
            name, value = self._plan.argument(word, Scope(scope, self._dockerfile.escape).word)
            if value is not None:
                scope[name] = value
            if name in self._predefined or name == "TARGETSTAGE":
                continue
            declared = self._global.get(name) if "=" not in word else None
            self.arguments[name] = replace(declared or self._offer(instruction, name), value=value)

    def _mounts(self, instruction: Instruction, scope: dict[str, str]) -> None:
        for text in instruction.flag_values("mount"):
            fields = mount_fields(text, Scope(scope, self._dockerfile.escape).word)
            target = fields.get("target") or fields.get("dst") or fields.get("destination") or ""
            required = fields.get("required", "false") in ("", "true", "1")
            if fields["type"] == "secret":
                name = fields.get("source") or fields.get("src") or fields.get("id") or target.rpartition("/")[2]
                self.secrets[name] = replace(self._offer(instruction, name), description="", required=required)
            elif fields["type"] == "ssh":
                name = fields.get("id") or "default"
                self.agents[name] = replace(self._offer(instruction, name), description="", required=required)


def _uses(text: str, name: str) -> bool:
    import re

    return bool(re.search(rf"\$(?:{re.escape(name)}\b|\{{{re.escape(name)}[}}:#%/])", text))


def _described(dockerfile: Dockerfile, instruction: Instruction | None, name: str) -> str:
    """What the comments since the instruction before say of a name."""
    if instruction is None or not name:
        return ""
    found = (comment for comment in comments_above(dockerfile, instruction) if comment.startswith(f"{name} "))
    return next(found, "")[len(name) :].strip()
