"""Build checks: what is allowed, but probably not meant."""

from __future__ import annotations

import pytest

from dockerlab.dockerfile import parse
from dockerlab.dockerfile.checks import DESCRIPTIONS, BuildCheck, kept, skipped, warnings


def found(text: str) -> list[tuple[str, int]]:
    dockerfile = parse(text)
    return [(one.rule, one.lines[0]) for one in kept(warnings(dockerfile), dockerfile)]


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
        ("ARG PASSWORD\nFROM busybox", "SecretsUsedInArgOrEnv", 1),
        ("FROM busybox\nEXPOSE 80/TCP", "ExposeProtoCasing", 2),
        ("FROM busybox\nEXPOSE 8080:80", "ExposeInvalidFormat", 2),
    ],
)
def test_each_rule_finds_its_line(text: str, rule: str, line: int) -> None:
    assert found(text) == [(rule, line)]


def test_a_good_file_has_no_warning() -> None:
    assert found('FROM busybox AS a\nENV PUBLIC_KEY=x\nSHELL ["/bin/sh"]\nCMD x\n') == []


@pytest.mark.parametrize(("option", "left"), [("skip=MaintainerDeprecated", 1), ("skip=all", 0), ("error=true", 2)])
def test_a_check_directive_turns_rules_off(option: str, left: int) -> None:
    text = f"# check={option}\nFROM busybox\nMAINTAINER me\nCMD x\n"
    assert len(found(text)) == left
    assert skipped(parse(text))[1] == (option == "error=true")


def test_an_unknown_check_option_is_an_error_in_buildkits_words() -> None:
    with pytest.raises(ValueError, match='invalid check option "skp"'):
        skipped(parse("# check=skp=all\nFROM busybox\n"))


def test_every_rule_has_dockers_page() -> None:
    assert BuildCheck("JSONArgsRecommended", "").url == "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/"
    assert all(BuildCheck(rule, "").url.count("--") == 0 and BuildCheck(rule, "").description for rule in DESCRIPTIONS)
