"""Build checks: what is allowed, but probably not meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockerlab.build.context import BuildContext
from dockerlab.build.dry import examine
from dockerlab.build.request import BuildRequest
from dockerlab.dockerfile import parse
from dockerlab.dockerfile.checks import DESCRIPTIONS, BuildCheck, CheckOptions
from dockerlab.oci import ImageConfig, Reference, own_architecture
from dockerlab.store import Image

MACHINE = own_architecture()


def examined(text: str, context: Path, ignore: str = "", machine: str = MACHINE, **arguments: str) -> list[BuildCheck]:
    """What --check says of a file; every base is an empty image for this machine."""

    def resolve(name: Reference) -> Image:
        return Image("sha256:" + "0" * 64, ImageConfig(architecture=machine, config={"Env": ["PATH=/bin"]}))

    return examine(BuildRequest(parse(text), BuildContext(context, ignore), build_args=arguments), resolve, only_check=True).warnings


def found(text: str, context: Path, ignore: str = "", **arguments: str) -> list[tuple[str, int]]:
    return [(one.rule, one.lines[0]) for one in examined(text, context, ignore, **arguments)]


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        ('FROM busybox AS Upper\nCMD ["x"]', "StageNameCasing", 1),
        ("FROM busybox as x", "FromAsCasing", 1),
        ("FROM busybox\nRUN echo \\\n\n  x", "NoEmptyContinuation", 4),
        ("FROM busybox\nrun x\nRUN y", "ConsistentInstructionCasing", 2),
        ("FROM busybox AS a\nFROM busybox AS a", "DuplicateStageName", 2),
        ("FROM busybox AS scratch", "ReservedStageName", 1),
        ("FROM busybox\nCMD echo x", "JSONArgsRecommended", 2),
        ("FROM busybox\nMAINTAINER me", "MaintainerDeprecated", 2),
        ('FROM busybox\nCMD ["a"]\nCMD ["b"]', "MultipleInstructionsDisallowed", 2),
        ("FROM busybox\nENV A b", "LegacyKeyValueFormat", 2),
        ("FROM --platform=$TARGETPLATFORM busybox", "RedundantTargetPlatform", 1),
        ("FROM --platform=linux/amd64 busybox", "FromPlatformFlagConstDisallowed", 1),
        ("FROM busybox\nENV API_TOKEN=x", "SecretsUsedInArgOrEnv", 2),
        ("FROM busybox\nARG PASSWORD", "SecretsUsedInArgOrEnv", 2),
        ("ARG BASE\nFROM busybox:$TAG", "UndefinedArgInFrom", 2),
        ("FROM busybox\nWORKDIR a", "WorkdirRelativePath", 2),
        ("FROM busybox\nUSER $NOBODY", "UndefinedVar", 2),
        ("FROM busybox\nARG A=$B", "UndefinedVar", 2),
        ("FROM busybox\nCOPY <<E /x\n$B\nE", "UndefinedVar", 2),
        ("FROM busybox AS a\nONBUILD USER $B\nFROM a", "UndefinedVar", 3),
        ("FROM busybox\nARG P=80/TCP\nEXPOSE $P", "ExposeProtoCasing", 3),
        ("FROM busybox\nEXPOSE 80/TCP", "ExposeProtoCasing", 2),
        ("FROM busybox\nEXPOSE 8080:80", "ExposeInvalidFormat", 2),
    ],
)
def test_each_rule_finds_its_line(text: str, rule: str, line: int, tmp_path: Path) -> None:
    assert (rule, line) in found(text, tmp_path)
    assert len(found(text, tmp_path)) == (2 if rule == "UndefinedArgInFrom" else 1)


@pytest.mark.parametrize(
    "text",
    [
        'FROM busybox AS a\nENV PUBLIC_KEY=x\nSHELL ["/bin/sh"]\nCMD x\n',
        "FROM --platform=linux/amd64 busybox AS build-amd64",
        "ARG TOKEN\nFROM busybox",
        "arg A\narg B\narg C\nFROM busybox\nRUN true",
        "FROM busybox\nARG A\nUSER $A",
        "FROM busybox\nEXPOSE $A",
        "FROM busybox\nRUN echo $A",
        "FROM busybox\nCOPY <<'E' /x\n$B\nE",
    ],
)
def test_a_good_file_has_no_warning(text: str, tmp_path: Path) -> None:
    assert found(text, tmp_path) == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("FROM busybox\nCOPY secret /\n", "CopyIgnoredFile"),
        ("FROM busybox\nADD secret/ /\n", "CopyIgnoredFile"),
        ("# hello\nARG A\nFROM busybox\n", "InvalidDefinitionDescription"),
        ("# A name\nFROM busybox AS a\n", "InvalidDefinitionDescription"),
    ],
)
def test_experimental_rules_speak_only_where_they_are_asked(text: str, rule: str, tmp_path: Path) -> None:
    ignore = "secret\n"
    assert found(text, tmp_path, ignore) == []
    asked = {"BUILDKIT_DOCKERFILE_CHECK": f"experimental={rule}"}
    assert [name for name, _ in found(text, tmp_path, ignore, **asked)] == [rule]
    assert [name for name, _ in found(f"# check=experimental=all\n{text}", tmp_path, ignore)] == [rule]


def test_a_description_names_what_it_describes(tmp_path: Path) -> None:
    text = "# check=experimental=all\n# A is it\nARG A\n# of two B\n#\n\nARG B\n# base is it\nFROM busybox AS base\n"
    assert found(text, tmp_path) == []


def test_the_nearest_name_is_suggested(tmp_path: Path) -> None:
    (one,) = examined("FROM busybox\nENV COLOUR=1\nENV X=$COLOR\n", tmp_path)
    assert one.detail == "Usage of undefined variable '$COLOR' (did you mean $COLOUR?)"


def test_an_image_of_another_machine_is_noticed(tmp_path: Path) -> None:
    (one,) = examined("FROM busybox\n", tmp_path, machine="s390x")
    assert one.rule == "InvalidBaseImagePlatform"
    assert one.detail == f'Base image busybox was pulled with platform "linux/s390x", expected "linux/{MACHINE}" for current build'


@pytest.mark.parametrize(("option", "left"), [("skip=MaintainerDeprecated", 1), ("skip=all", 0), ("error=true", 2)])
def test_a_check_directive_turns_rules_off(option: str, left: int, tmp_path: Path) -> None:
    text = f"# check={option}\nFROM busybox\nMAINTAINER me\nCMD x\n"
    assert len(found(text, tmp_path)) == left
    assert CheckOptions.of(parse(text).directives).strict == (option == "error=true")


def test_an_unknown_check_option_is_an_error_in_buildkits_words() -> None:
    with pytest.raises(ValueError, match='invalid check option "skp"'):
        CheckOptions.of({"check": "skp=all"})


def test_every_rule_has_dockers_page() -> None:
    assert BuildCheck("JSONArgsRecommended", "").url == "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/"
    assert all(BuildCheck(rule, "").url.count("--") == 0 and BuildCheck(rule, "").description for rule in DESCRIPTIONS)
