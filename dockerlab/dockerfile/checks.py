"""Build checks that the text decides: what is allowed, but probably not meant — under BuildKit's names, with its words and lines.

Which of them are found, and those that need variables and base images (UndefinedVar, InvalidDefaultArgInFrom), is the builder's dry run's to say: it goes
through the file in BuildKit's order and stops where BuildKit stops.
(docs.docker.com/reference/build-checks; BuildKit's frontend/dockerfile/linter)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from dockerlab.data import dataclass
from dockerlab.dockerfile.model import Dockerfile, Instruction
from dockerlab.truth import FALSE, TRUE

_SECRET = re.compile(r"(?i)(?:_|^)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)")
_PUBLIC = re.compile(r"(?i)(?:_|^)public(?:_|$)")
_DIRECTIVE = re.compile(r"#\s*(\w+)\s*=")
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
    "InvalidDefinitionDescription": "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not "
    "intended to be a description comment, add an empty line or comment between the instruction and the comment.",
    "InvalidBaseImagePlatform": "Base image platform does not match expected target platform",
    "CopyIgnoredFile": "Attempting to Copy file that is excluded by .dockerignore",
    "ExposeProtoCasing": "Protocol in EXPOSE instruction should be lowercase",
    "ExposeInvalidFormat": "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release",
}
"""Each rule with BuildKit's description."""
EXPERIMENTAL = ("CopyIgnoredFile", "InvalidDefinitionDescription")
"""Rules that speak only where they are asked to."""


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


@dataclass(frozen=True)
class CheckOptions:
    """What `# check=skip=RULE,…;error=true;experimental=RULE,…` asks for, or the build argument BUILDKIT_DOCKERFILE_CHECK in its place; "all" means each."""

    skip: frozenset[str] = frozenset()
    experimental: frozenset[str] = frozenset()
    strict: bool = False

    @classmethod
    def of(cls, directives: Mapping[str, str], argument: str | None = None) -> CheckOptions:
        """Read them from a file's directives. ValueError in BuildKit's words for what is no option."""
        text = (directives.get("check", "") if argument is None else argument).strip()
        rules: dict[str, frozenset[str]] = {}
        strict = False
        for part in text.split(";", 2) if text else ():
            key, equals, value = (one.strip() for one in part.partition("="))
            if not equals:
                raise ValueError(f'failed to parse check options: invalid check option "{part}"')
            if key in ("skip", "experimental"):
                rules[key] = frozenset(name.strip() for name in value.split(","))
            elif key == "error" and value in TRUE | FALSE:
                strict = value in TRUE
            elif key == "error":
                raise ValueError(f'failed to parse check options: failed to parse check option "{part}": invalid syntax')
            else:
                raise ValueError(f'failed to parse check options: invalid check option "{key}"')
        return cls(rules.get("skip", frozenset()), rules.get("experimental", frozenset()), strict)

    def kept(self, found: Iterable[BuildCheck]) -> list[BuildCheck]:
        """The warnings that are not turned off; experimental ones only where they are asked for."""
        return [one for one in found if self._wanted(one.rule)]

    def _wanted(self, rule: str) -> bool:
        if rule in EXPERIMENTAL and not self.experimental & {rule, "all"}:
            return False
        return not self.skip & {rule, "all"}


def while_reading(dockerfile: Dockerfile) -> Iterator[BuildCheck]:
    """What is found while the text is read, before anything is known of stages and variables."""
    for line in dockerfile.empty_continuations:
        yield _empty_line(line)
    for one in dockerfile.instructions:
        yield from _while_reading(one)
        yield from _description(dockerfile, one)


def _empty_line(number: int) -> BuildCheck:
    return BuildCheck("NoEmptyContinuation", "Empty continuation line", (number,))


def warnings_before(text: str, line: int) -> Iterator[BuildCheck]:
    """What BuildKit has found by the time an instruction can't be parsed."""
    from dockerlab.dockerfile.parser import readable

    instructions, empty = readable(text, line)
    yield from (_empty_line(number) for number in empty)
    for one in instructions:
        if one.first < line or one.keyword == "FROM":
            yield from _while_reading(one)


def _while_reading(one: Instruction) -> Iterator[BuildCheck]:
    if one.keyword == "FROM" and len(one.words) == 3:
        yield from _stage_name(one)
    elif one.keyword == "MAINTAINER":
        yield BuildCheck("MaintainerDeprecated", "Maintainer instruction is deprecated in favor of using label", lines_of(one))


def comments_above(dockerfile: Dockerfile, instruction: Instruction) -> list[str]:
    """The comments since the instruction before, the first first; an empty one begins anew."""
    lines, out = dockerfile.text.split("\n"), list[str]()
    before = max((one.last for one in dockerfile.instructions if one.last < instruction.first), default=0)
    while before < len(lines) and (found := _DIRECTIVE.match(lines[before])) and found[1].lower() in dockerfile.directives:
        before += 1  # parser directives, at the beginning of the file, are no comments
    for line in lines[before : instruction.first - 1]:
        if (text := line.strip()).startswith("#"):
            comment = text[1:].strip()
            out = [*out, comment] if comment else []
    return out


def _description(dockerfile: Dockerfile, one: Instruction) -> Iterator[BuildCheck]:
    if one.keyword == "ARG":
        names = [word.partition("=")[0] for word in one.words]
    elif one.keyword == "FROM" and len(one.words) == 3:
        names = [one.words[2]]
    else:
        return
    comments = comments_above(dockerfile, one)
    if comments and comments[-1].split(" ")[0] not in names:
        name = names[0] if len(names) == 1 else "<arg_key>"
        detail = f"Comment for {one.keyword} should follow the format: `# {name} <description>`"
        yield BuildCheck("InvalidDefinitionDescription", detail, lines_of(one))


def of_the_whole(dockerfile: Dockerfile) -> Iterator[BuildCheck]:
    """Names of stages, and how instructions are written."""
    names: set[str] = set()
    for stage in dockerfile.stages:
        lines = lines_of(stage.source)
        if stage.name in ("scratch", "context"):
            yield BuildCheck("ReservedStageName", f'Stage name should not use the same name as reserved stage "{stage.name}"', lines)
        if stage.name and stage.name in names:
            yield BuildCheck("DuplicateStageName", f'Duplicate stage name "{stage.name}", stage names should be unique', lines)
        names.add(stage.name)
    yield from _casing([one for stage in dockerfile.stages for one in (stage.source, *stage.instructions) if one is not None])


def _casing(instructions: list[Instruction]) -> Iterator[BuildCheck]:
    lower = sum(one.written == one.written.lower() for one in instructions)
    upper = sum(one.written == one.written.upper() for one in instructions)
    majority = "lowercase" if lower > upper else "uppercase"
    for one in instructions:
        wanted = one.written.lower() if lower > upper else one.written.upper()
        if one.written != wanted:
            yield BuildCheck(
                "ConsistentInstructionCasing",
                f"Command '{one.written}' should match the case of the command majority ({majority})",
                lines_of(one),
            )


def _stage_name(source: Instruction) -> Iterator[BuildCheck]:
    keyword, name = source.words[1], source.words[2]
    if name != name.lower():
        yield BuildCheck("StageNameCasing", f"Stage name '{name}' should be lowercase", lines_of(source))
    wanted = {source.written.lower(): keyword.lower(), source.written.upper(): keyword.upper()}.get(source.written, keyword)
    if keyword != wanted:  # of a FROM in mixed case another rule speaks
        yield BuildCheck("FromAsCasing", f"'{keyword}' and '{source.written}' keywords' casing do not match", lines_of(source))


def of_one(one: Instruction, earlier: Instruction | None, own_shell: bool) -> Iterator[BuildCheck]:
    """What an instruction says of itself when its turn comes. `earlier`: the last of its kind in the stage; `own_shell`: SHELL was set."""
    keyword, lines = one.keyword, lines_of(one)
    if keyword in ("ENV", "LABEL") and len(one.words) == 3 and one.words[2] == "":
        detail = f'"{one.written} key=value" should be used instead of legacy "{one.written} key value" format'
        yield BuildCheck("LegacyKeyValueFormat", detail, lines)
    if keyword in _ONCE and earlier is not None:
        detail = f"Multiple {one.written} instructions should not be used in the same stage because only the last one will be used"
        yield BuildCheck("MultipleInstructionsDisallowed", detail, lines_of(earlier))
    if keyword in ("CMD", "ENTRYPOINT") and not one.exec_form and not own_shell:
        detail = f"JSON arguments recommended for {one.written} to prevent unintended behavior related to OS signals"
        yield BuildCheck("JSONArgsRecommended", detail, lines)
    if keyword in ("ENV", "ARG"):
        yield from _secrets(one)


def of_port(one: Instruction, word: str) -> Iterator[BuildCheck]:
    """What a word of EXPOSE should not say, with its variables expanded."""
    body, _, protocol = word.partition("/")
    if protocol != protocol.lower():
        yield BuildCheck("ExposeProtoCasing", f"Defined protocol '{word}' in EXPOSE instruction should be lowercase", lines_of(one))
    if ":" in body:
        detail = f"EXPOSE instruction should not define an IP address or host-port mapping, found '{word}'"
        yield BuildCheck("ExposeInvalidFormat", detail, lines_of(one))


def _secrets(one: Instruction) -> Iterator[BuildCheck]:
    names = [key for key, _ in one.pairs] if one.keyword == "ENV" else [word.partition("=")[0] for word in one.words]
    for name in names:
        if _SECRET.search(name) and not _PUBLIC.search(name):
            detail = f'Do not use ARG or ENV instructions for sensitive data ({one.keyword} "{name}")'
            yield BuildCheck("SecretsUsedInArgOrEnv", detail, lines_of(one))
