"""Every verb and every flag of Docker 28.5, as recorded from its own help: it is there, or refused with a reason; nothing is unknown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dockerlab.errors import UsageError
from dockerlab.verbs.dispatch import VERBS, find_verb, function_of, help_text
from dockerlab.verbs.flags import OWN_VERBS, parse, table
from tests.conftest import Docker

FLAGS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "facts/docker-flags.json").read_text())
GROUPS = sorted(name for name, spec in FLAGS.items() if name and spec.get("verbs"))
LEAVES = sorted(name for name, spec in FLAGS.items() if name and not spec.get("verbs"))
VALUES = {
    "bool": "true", "bytes": "64m", "count": "1", "decimal": "0.5", "duration": "1s", "filter": "label=a", "float": "1", "int": "1", "ipNetSlice": "10.0.0.0/8",
    "list": "a=b", "map": "a=b", "mount": "src=data,dst=/d", "network": "none", "node-addr": "a", "stringToString": "a=b", "uint": "1", "uint16": "1",
    "uint32": "1", "uint64": "1", "ulimit": "nofile=10", "ip": "10.0.0.2", "gpu-request": "all",
}  # fmt: skip


def words_of(flag: str, spec: dict[str, Any]) -> list[str]:
    return [f"--{flag}={VALUES.get(spec['type'], 'a')}"]


@pytest.mark.parametrize("name", LEAVES)
def test_a_verb_is_there_with_all_its_flags_or_refused_with_a_reason(name: str) -> None:
    try:
        verb, rest = find_verb(name.split())
    except UsageError as error:
        assert error.exit_code == 1 and error.message.startswith(f"dockerlab has no `docker {name.split()[0]}") and ": " in error.message
        assert error.hint and "unknown" not in str(error)
        return
    assert rest == [] and callable(function_of(verb))
    known = table()[verb].get("flags") or {}
    for flag, spec in (FLAGS[name].get("flags") or {}).items():
        assert known[flag]["type"] == spec["type"] and known[flag].get("short") == spec.get("short"), flag
        assert flag in parse(verb, words_of(flag, spec)).flags, flag


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_offers_what_works_or_says_why_it_is_not_here(name: str) -> None:
    try:
        verb, _ = find_verb(name.split())
    except UsageError as error:
        assert error.message.startswith("dockerlab has no `docker ") and error.hint
        return
    assert verb == "help" and help_text(name).startswith("Usage:  docker ")
    for one in help_text(name).partition("Commands:\n")[2].partition("Options:")[0].split():
        assert find_verb([*name.split(), one])[0] in VERBS


@pytest.mark.parametrize("name", sorted({name.split()[0] for name in FLAGS if name}))
def test_a_verb_that_nobody_knows_is_not_explained_as_dockers(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_verb([name + "xyz"])
    assert "unknown command" in caught.value.message


def test_every_flag_of_create_is_done_or_told(docker: Docker) -> None:
    for flag, spec in sorted(FLAGS["create"]["flags"].items()):
        answer = docker("create", *words_of(flag, spec), "busybox")
        assert answer.code in (0, 1, 125, 127) and "unknown flag" not in answer.err, (flag, answer)
        made = docker("ps", "-aq").out.split()
        assert len(made) == (answer.code == 0 and flag != "help"), (flag, answer)
        assert answer.err if answer.code else True, flag
        docker("rm", *made)


def test_help_of_every_verb_lists_its_flags(docker: Docker) -> None:
    for verb in sorted(verb for verb in VERBS if verb not in OWN_VERBS):
        answer = docker(*verb.split(), "--help")
        assert answer.code == 0 and answer.out.startswith("Usage:  docker "), verb
        assert [flag for flag in table()[verb].get("flags") or {} if f"--{flag}" not in answer.out] == [], verb


def test_what_is_ignored_is_told(docker: Docker) -> None:
    answer = docker("create", "--oom-score-adj", "5", "--blkio-weight", "10", "busybox")
    assert answer.code == 0
    for flag in ("oom-score-adj", "blkio-weight"):
        assert f"--{flag} has no effect here" in answer.err
