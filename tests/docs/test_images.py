"""The commands that docs/images.md shows work on the image that it shows, and their JSON has the keys that it lists."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest

from tests.conftest import Docker, build
from tests.parts import ROOT

PAGE = (ROOT / "docs/images.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ dockerlab (.*)$", PAGE, re.M)
SAMPLES = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", PAGE, re.S | re.M)]
_OFTEN = {"ci", "hides", "link", "whole"}
"""Keys that only some objects have."""


@pytest.fixture
def site(docker: Docker) -> Docker:
    build(docker, PAGE.split("```dockerfile\n")[1].split("```")[0], tag="site:1", notes__txt="a note\n\n")
    return docker


@pytest.mark.usefixtures("containers_run_here")
def test_every_command_of_the_page_does_what_it_says(site: Docker) -> None:
    said = {command: site(*shlex.split(command)) for command in COMMANDS}
    assert len(COMMANDS) >= 9 and all(answer.code == 0 for answer in said.values()), said
    assert said["cat --layer 3 site:1 /srv/tmp/key"].out == said["cat site:1:3 /srv/tmp/key"].out == "s3cret\n"
    assert "Dockerfile:3" in said["blame site:1 /srv/notes.txt"].out.splitlines()[1]
    assert "/srv/tmp" in said["layers site:1"].out.split("IN LAYER")[1]


def keys_of(value: Any, where: str = "") -> set[str]:
    """Every way of keys that an answer has; what is counted by number, or named by a path, has no keys of its own."""
    if isinstance(value, list):
        return set().union(*(keys_of(one, f"{where}[]") for one in value)) if value else set()
    if not isinstance(value, dict) or re.search(r"\.(hides|layers)$", where):
        return set()
    return set().union(*({f"{where}.{key}"} | keys_of(one, f"{where}.{key}") for key, one in value.items()))


@pytest.mark.usefixtures("containers_run_here")
@pytest.mark.parametrize("number", range(3))
def test_the_json_has_the_keys_of_the_page(site: Docker, number: int) -> None:
    words = (("layers", "--ci", "--lowestEfficiency=0"), ("compare", "busybox"), ("blame",))[number]
    answer = json.loads(site(*words, "--json", "site:1", *(["/srv/notes.txt"] if number == 2 else [])).out)
    ours, theirs = keys_of(answer), keys_of(SAMPLES[number])
    extra = {way for way in ours - theirs if way.rpartition(".")[2] not in _OFTEN and ".dockerfile." not in way}
    assert not extra and not {way for way in theirs - ours if ".config[]" not in way}
