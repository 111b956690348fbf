"""Build checks that the text alone decides: what is allowed, but probably not meant — under BuildKit's names, with its words and lines.

Those that need variables and base images (UndefinedVar, InvalidDefaultArgInFrom) are found by the builder's dry run, which uses the same `BuildCheck`.
(docs.docker.com/reference/build-checks; BuildKit's frontend/dockerfile/linter)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dockerlab.dockerfile.model import Dockerfile, Instruction, Stage

_SECRET = re.compile(r"(?i)(?:_|^)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)")
_PUBLIC = re.compile(r"(?i)(?:_|^)public(?:_|$)")
_ONCE = ("CMD", "ENTRYPOINT", "HEALTHCHECK")
_PAGE = "https://docs.docker.com/go/dockerfile/rule/"
DESCRIPTIONS = {
    "StageNameCasing": "Stage names should be lowercase",
    "FromAsCasing": "The 'as' keyword should match the case of the 'from' keyword",
    "NoEmptyContinuation": "Empty continuation lines will become errors in a future release",
    "ConsistentInstructionCasing": "All commands within the Dockerfile should use the same casing (either upper or lower)",
    "DuplicateStageName": "Stage names should be unique",
    "ReservedStageName": "Reserved words should not be used as stage names",
    "JSONArgsRecommended": "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
    "MaintainerDeprecated": "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
    "UndefinedArgInFrom": "FROM command must use declared ARGs",
    "WorkdirRelativePath": "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes",
    "UndefinedVar": "Variables should be defined before their use",
    "MultipleInstructionsDisallowed": "Multiple instructions of the same type should not be used in the same stage",
    "LegacyKeyValueFormat": "Legacy key/value format with whitespace separator should not be used",
    "RedundantTargetPlatform": "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
    "SecretsUsedInArgOrEnv": "Sensitive data should not be used in the ARG or ENV commands",
    "InvalidDefaultArgInFrom": "Default value for global ARG results in an empty or invalid base image name",
    "FromPlatformFlagConstDisallowed": "FROM --platform flag should not use a constant value",
    "CopyIgnoredFile": "Attempting to Copy file that is excluded by .dockerignore",
    "ExposeProtoCasing": "Protocol in EXPOSE instruction should be lowercase",
    "ExposeInvalidFormat": "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release",
}
"""Each rule with BuildKit's description."""


@dataclass(frozen=True)
class BuildCheck:
    """One warning; `lines` are those of the instruction."""

    rule: str
    detail: str
    lines: tuple[int, ...] = ()

    @property
    def description(self) -> str:
        """What the rule is about."""
        return DESCRIPTIONS[self.rule]

    @property
    def url(self) -> str:
        """Docker's page about the rule."""
        return _PAGE + re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", self.rule).lower() + "/"


def lines_of(instruction: Instruction | None) -> tuple[int, ...]:
    """The lines of an instruction."""
    return tuple(range(instruction.first, instruction.last + 1)) if instruction is not None else ()


def skipped(dockerfile: Dockerfile) -> tuple[set[str], bool]:
    """(rules that `# check=skip=…` turns off, whether a warning is an error). ValueError in BuildKit's words for other options."""
    rules: set[str] = set()
    strict = False
    for part in dockerfile.directives.get("check", "").split(";"):
        key, _, value = part.strip().partition("=")
        if key == "skip":
            rules = {name.strip() for name in value.split(",")}
        elif key == "error":
            strict = value.strip() == "true"
        elif key and key != "experimental":
            raise ValueError(f'failed to parse check options: invalid check option "{key}"')
    return rules, strict


def kept(found: Iterable[BuildCheck], dockerfile: Dockerfile) -> list[BuildCheck]:
    """The warnings that the file does not turn off."""
    rules, _ = skipped(dockerfile)
    return [] if "all" in rules else [one for one in found if one.rule not in rules]


def warnings(dockerfile: Dockerfile) -> Iterator[BuildCheck]:
    """Every warning that the text alone decides."""
    yield from _casing(dockerfile)
    names: set[str] = set()
    for stage in dockerfile.stages:
        yield from _from(stage, names)
        yield from _body(stage)
    for line in dockerfile.empty_continuations:
        yield BuildCheck("NoEmptyContinuation", "Empty continuation line", (line,))
    for instruction in dockerfile.arguments:
        yield from _secrets(instruction)


def warnings_before(text: str, line: int) -> Iterator[BuildCheck]:
    """What BuildKit has found by the time an instruction can't be parsed: it looks at names of stages and old forms while it reads."""
    from dockerlab.dockerfile.parser import readable

    for one in readable(text, line):
        if one.keyword == "FROM" and len(one.words) == 3:
            yield from _stage_name(one)
        elif one.first < line:
            yield from _old_forms(one)


def _casing(dockerfile: Dockerfile) -> Iterator[BuildCheck]:
    lower = sum(one.written == one.written.lower() for one in dockerfile.instructions)
    upper = sum(one.written == one.written.upper() for one in dockerfile.instructions)
    majority = "lowercase" if lower > upper else "uppercase"
    for one in dockerfile.instructions:
        wanted = one.written.lower() if lower > upper else one.written.upper()
        if one.written != wanted:
            yield BuildCheck(
                "ConsistentInstructionCasing",
                f"Command '{one.written}' should match the case of the command majority ({majority})",
                lines_of(one),
            )


def _from(stage: Stage, names: set[str]) -> Iterator[BuildCheck]:
    source = stage.source
    if source is None:
        return
    lines = lines_of(source)
    if stage.platform and "$" not in stage.platform:
        yield BuildCheck("FromPlatformFlagConstDisallowed", f'FROM --platform flag should not use constant value "{stage.platform}"', lines)
    if stage.platform in ("$TARGETPLATFORM", "${TARGETPLATFORM}"):
        yield BuildCheck(
            "RedundantTargetPlatform",
            f"Setting platform to predefined {stage.platform} in FROM is redundant as this is the default behavior",
            lines,
        )
    if len(source.words) != 3:
        return
    yield from _stage_name(source)
    name = source.words[2]
    if stage.name in ("scratch", "context"):
        yield BuildCheck("ReservedStageName", f'Stage name should not use the same name as reserved stage "{stage.name}"', lines)
    if stage.name in names:
        yield BuildCheck("DuplicateStageName", f'Duplicate stage name "{name}", stage names should be unique', lines)
    names.add(stage.name)


def _stage_name(source: Instruction) -> Iterator[BuildCheck]:
    keyword, name = source.words[1], source.words[2]
    if name != name.lower():
        yield BuildCheck("StageNameCasing", f"Stage name '{name}' should be lowercase", lines_of(source))
    if (keyword == keyword.upper()) != (source.written == source.written.upper()):
        yield BuildCheck("FromAsCasing", f"'{keyword}' and '{source.written}' keywords' casing do not match", lines_of(source))


def _old_forms(one: Instruction) -> Iterator[BuildCheck]:
    if one.keyword == "MAINTAINER":
        yield BuildCheck("MaintainerDeprecated", "Maintainer instruction is deprecated in favor of using label", lines_of(one))
    if one.keyword in ("ENV", "LABEL") and len(one.words) == 3 and one.words[2] == "":
        detail = f'"{one.keyword} key=value" should be used instead of legacy "{one.keyword} key value" format'
        yield BuildCheck("LegacyKeyValueFormat", detail, lines_of(one))


def _body(stage: Stage) -> Iterator[BuildCheck]:
    last: dict[str, Instruction] = {}
    own_shell = False
    for one in stage.instructions:
        keyword = one.keyword
        if keyword == "SHELL":
            own_shell = True
        yield from _old_forms(one)
        if keyword in ("CMD", "ENTRYPOINT") and not one.exec_form and not own_shell:
            yield BuildCheck(
                "JSONArgsRecommended",
                f"JSON arguments recommended for {keyword} to prevent unintended behavior related to OS signals",
                lines_of(one),
            )
        if keyword in _ONCE:
            if keyword in last:
                detail = f"Multiple {keyword} instructions should not be used in the same stage because only the last one will be used"
                yield BuildCheck("MultipleInstructionsDisallowed", detail, lines_of(last[keyword]))
            last[keyword] = one
        if keyword == "EXPOSE":
            yield from _ports(one)
        yield from _secrets(one)


def _ports(one: Instruction) -> Iterator[BuildCheck]:
    for word in one.words:
        body, _, protocol = word.partition("/")
        if protocol != protocol.lower():
            yield BuildCheck("ExposeProtoCasing", f"Defined protocol '{word}' in EXPOSE instruction should be lowercase", lines_of(one))
        if ":" in body and "$" not in body:
            yield BuildCheck(
                "ExposeInvalidFormat",
                f"EXPOSE instruction should not define an IP address or host-port mapping, found '{word}'",
                lines_of(one),
            )


def _secrets(one: Instruction) -> Iterator[BuildCheck]:
    if one.keyword == "ENV":
        names = [key for key, _ in one.pairs]
    elif one.keyword == "ARG":
        names = [word.partition("=")[0] for word in one.words]
    else:
        return
    for name in names:
        if _SECRET.search(name) and not _PUBLIC.search(name):
            yield BuildCheck(
                "SecretsUsedInArgOrEnv", f'Do not use ARG or ENV instructions for sensitive data ({one.keyword} "{name}")', lines_of(one)
            )
