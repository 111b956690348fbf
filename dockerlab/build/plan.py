"""Which stages a build needs, in which order; what their steps are called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from dockerlab.build.state import MACHINE
from dockerlab.data import dataclass
from dockerlab.dockerfile import Dockerfile, Instruction, Scope, Stage
from dockerlab.errors import BuildError, DockerlabError, InvalidReferenceError
from dockerlab.oci import Reference
from dockerlab.oci.platform import parse_platform
from dockerlab.store import Image

LAYERED = ("ADD", "COPY", "RUN", "WORKDIR")
"""The instructions that are steps of a build; all others only change the configuration."""
PROXIES = (
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
)


def platform_arguments(target: str = "") -> dict[str, str]:
    """The build arguments that every build has, if a stage declares them."""
    parts = (target or f"linux/{MACHINE}").split("/")
    variant = parts[2] if len(parts) > 2 else ""
    host = f"linux/{MACHINE}"
    return {
        "TARGETPLATFORM": "/".join(parts),
        "TARGETOS": parts[0],
        "TARGETARCH": parts[1] if len(parts) > 1 else "",
        "TARGETVARIANT": variant,
        "BUILDPLATFORM": host,
        "BUILDOS": "linux",
        "BUILDARCH": MACHINE,
        "BUILDVARIANT": "",
    }


@dataclass(frozen=True)
class Planned:
    """A stage that will be built: `base` is its image's name with variables expanded, or the stage or the folder that it is built on."""

    stage: Stage
    base: str
    parent: Stage | None
    total: int
    folder: bool = False
    """The base is a folder that --build-context names."""

    def label(self, number: int, alone: bool) -> str:
        """`[2/3]`, or `[build 2/3]` where there are several stages."""
        return f"[{number}/{self.total}]" if alone else f"[{self.stage.shown_name} {number}/{self.total}]"


class Plan:
    """Everything that is known of a build before its first step."""

    def __init__(
        self,
        dockerfile: Dockerfile,
        target: str,
        values: Callable[[str], str | None],
        platform: str = "",
        contexts: Mapping[str, str] = {},
    ) -> None:
        """`values` tells what --build-arg gave for a name, `contexts` what --build-context did: an image's name, "" for a folder; they come before
        stages and images of these names. BuildError for a FROM or target that makes no sense."""
        self.dockerfile = dockerfile
        self.contexts = contexts
        self._values = values
        self._platform = platform_arguments(platform)
        self.global_scope, self.declared = global_arguments(dockerfile, values, self._platform)
        self.platforms: dict[int, str] = {}
        """What FROM --platform says, by the stage's index; where it says nothing there is no entry."""
        self.folders = set[int]()
        """The indices of the stages that begin with a folder of --build-context."""
        self.bases = {stage.index: self._base(stage) for stage in dockerfile.stages}
        self.target = self._target(target)
        self._check_froms()
        self.order = self._ordered()
        for stage in dockerfile.stages:
            self._check_reference(stage)
        # a mount or a foreign --from is one more input, and BuildKit then names even the only stage
        self.alone = len(dockerfile.stages) == 1 and not any(_mounts_or_takes(one) for one in dockerfile.instructions)

    def _base(self, stage: Stage) -> str:
        name = self._word(stage, stage.base)
        if not name:
            raise BuildError(
                f"base name ({stage.base}) should not be blank",
                line=_line(stage),
                hint="the variable has no value: declare it before the first FROM with ARG NAME=value",
            )
        if stage.platform:
            self.platforms[stage.index] = self._platform_of(stage)
        if (other := self.contexts.get(name.lower())) is not None:
            if not other:
                self.folders.add(stage.index)
            return other or name.lower()
        return name

    def _word(self, stage: Stage, text: str) -> str:
        try:
            return Scope(self.global_scope, self.dockerfile.escape).word(text)
        except ValueError as error:
            raise BuildError(str(error), line=_line(stage)) from None

    def _platform_of(self, stage: Stage) -> str:
        text = self._word(stage, stage.platform)
        if not text:
            raise BuildError(
                f"empty platform value from expression {stage.platform}",
                line=_line(stage),
                hint="declare the variable before the first FROM with ARG NAME=linux/amd64, or use $BUILDPLATFORM or $TARGETPLATFORM",
            )
        try:
            return parse_platform(text, MACHINE)
        except ValueError as error:
            raise BuildError(
                f"failed to parse platform {stage.platform}: {error}", line=_line(stage), hint="a platform is written linux/amd64"
            ) from None

    def _check_reference(self, stage: Stage) -> None:
        name = self.bases[stage.index]
        if self.parent_of(stage, name) is None and name != "scratch" and stage.index not in self.folders:
            try:
                Reference.parse(name)
            except InvalidReferenceError as error:
                hint = f"the stage is called {name.lower()}" if self.parent_of(stage, name.lower()) else error.hint
                raise BuildError(f'failed to parse stage name "{name}": {error.message}', line=_line(stage), hint=hint) from None

    def parent_of(self, stage: Stage, name: str) -> Stage | None:
        """The earlier stage that FROM names, or None. Stages' names are lower case, however they are written; FROM has to say them so, --from has not."""
        if stage.base.lower() in self.contexts or stage.index in self.folders:
            return None
        return next((other for other in reversed(self.dockerfile.stages[: stage.index]) if other.name and other.name == name), None)

    def _target(self, name: str) -> Stage:
        if not name:
            return self.dockerfile.stages[-1]
        if (found := self.dockerfile.stage(name)) is not None:
            return found
        from difflib import get_close_matches

        names = [stage.name for stage in self.dockerfile.stages if stage.name]
        close = get_close_matches(name.lower(), names, 1, 0.3)
        raise BuildError(
            f'target stage "{name}" could not be found' + (f" (did you mean {close[0]}?)" if close else ""),
            hint="stages: " + ", ".join(names) if names else "no stage has a name",
        )

    def source_stage(self, stage: Stage, name: str) -> Stage | None:
        """The stage that --from names, or None where it is an image or another context. BuildError for an index that is none."""
        if name.lower() in self.contexts:
            return None
        if name.lstrip("-").isdigit():
            index = int(name)
            if not 0 <= index < len(self.dockerfile.stages):
                raise BuildError(f"invalid stage index {index}", hint=f"stages are numbered from 0 to {len(self.dockerfile.stages) - 1}")
            if index == stage.index:
                raise BuildError(f"circular dependency detected on stage: {stage.shown_name}")
            return self.dockerfile.stages[index]
        found = self.dockerfile.stage(name)
        if found is not None and found.index == stage.index:
            raise BuildError(f"circular dependency detected on stage: {stage.shown_name}")
        return found

    def _check_froms(self) -> None:
        """--from in all stages, whether they are needed or not."""
        for stage in self.dockerfile.stages:
            for instruction in stage.instructions:
                for name in froms(instruction):
                    try:
                        if "$" in name and instruction.keyword == "COPY":
                            raise BuildError(
                                "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround",
                                hint="ARG before the first FROM, then FROM ${NAME} AS x, then COPY --from=x",
                            )
                        self.source_stage(stage, name)
                    except BuildError as error:
                        raise error.somewhere_at(instruction.first) from None

    def _needs(self, stage: Stage) -> Iterator[Stage]:
        if (parent := self.parent_of(stage, self.bases[stage.index])) is not None:
            yield parent
        for instruction in stage.instructions:
            for name in froms(instruction):
                if (source := self.source_stage(stage, name)) is not None:
                    yield source

    def _ordered(self) -> list[Planned]:
        done: list[Stage] = []
        under_way: list[Stage] = []

        def visit(stage: Stage) -> None:
            if stage in done:
                return
            if stage in under_way:
                raise BuildError(f"circular dependency detected on stage: {stage.shown_name}", line=_line(stage))
            under_way.append(stage)
            for other in self._needs(stage):
                visit(other)
            under_way.pop()
            done.append(stage)

        for stage in self.dockerfile.stages:  # a circle is an error wherever it is
            visit(stage)
        done.clear()
        visit(self.target)
        return [self.planned(stage) for stage in done]

    def planned(self, stage: Stage) -> Planned:
        """A stage as it would be built."""
        base = self.bases[stage.index]
        parent = self.parent_of(stage, base)
        total = sum(instruction.keyword in LAYERED for instruction in stage.instructions)
        return Planned(stage, base, parent, total + (parent is None and base != "scratch"), stage.index in self.folders)

    def context_words(self) -> Iterator[str]:
        """What the steps of this build take from the context, as written."""
        for planned in self.order:
            for one in planned.stage.instructions:
                if one.keyword == "ADD" or (one.keyword == "COPY" and not one.flag("from")):
                    yield from (word for word in one.words[:-1] if not (word.startswith("<<") and one.heredocs))

    def argument(self, word: str, expand: Callable[[str], str]) -> tuple[str, str | None]:
        """One word of an ARG in a stage, `NAME` or `NAME=default`: (name, value); a value that nobody gave is None.

        --build-arg comes first, then the default, then an ARG before the first FROM, then what every build has.
        """
        name, equals, default = word.partition("=")
        value = self._values(name)
        if value is None and equals:
            value = expand(default)
        if value is None:
            value = self.declared.get(name)
        if value is None:
            value = {**self._platform, "TARGETSTAGE": self.target.name or "default"}.get(name)
        return name, value


def global_arguments(
    dockerfile: Dockerfile, values: Callable[[str], str | None], platform: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str | None]]:
    """(what FROM can see, every ARG before the first FROM with its value). BuildError for a default that can't be expanded."""
    scope, declared = dict(platform), dict[str, str | None]()
    for instruction in dockerfile.arguments:
        for word in instruction.words:
            name, equals, default = word.partition("=")
            value = values(name)
            if value is None and equals:
                try:
                    value = Scope(scope, dockerfile.escape).word(default)
                except ValueError as error:
                    raise BuildError(str(error), line=instruction.first) from None
            elif value is None:
                value = scope.get(name)
            declared[name] = value
            if value is not None:
                scope[name] = value
    return scope, declared


def base_image(resolve: Callable[[Reference], Image], name: str, alike: Sequence[str] = ()) -> Image:
    """The image that FROM or --from names. BuildError in BuildKit's words if there is none; `alike`: stages that may have been meant."""
    try:
        reference = Reference.parse(name)
    except InvalidReferenceError as error:
        raise BuildError(f'failed to parse "{name}": {error.message}', hint=error.hint) from None
    try:
        return resolve(reference)
    except DockerlabError as error:
        raise unresolved(name, error, alike) from None


def unresolved(name: str, error: DockerlabError, alike: Sequence[str]) -> BuildError:
    """An image that FROM or --from names can't be had, in BuildKit's words; `alike`: stages that may have been meant."""
    from difflib import get_close_matches

    close = get_close_matches(name.lower(), alike, 1)
    return BuildError(
        f"{name}: failed to resolve source metadata for {Reference.parse(name)}: {error.message}",
        hint=f"did you mean the stage {close[0]}?" if close else error.hint,
    )


def froms(instruction: Instruction) -> list[str]:
    """The names that --from and --mount=from= use."""
    if instruction.keyword == "RUN":
        out = []
        for text in instruction.flag_values("mount"):
            fields = dict(part.partition("=")[::2] for part in text.split(","))
            if fields.get("from"):
                out.append(fields["from"])
        return out
    name = instruction.flag("from")
    return [name] if name and instruction.keyword == "COPY" else []


def _mounts_or_takes(instruction: Instruction) -> bool:
    return bool(instruction.flag_values("mount")) or (instruction.keyword == "COPY" and bool(instruction.flag("from")))


def _line(stage: Stage) -> int:
    return stage.source.first if stage.source else 0
