"""The commands that docs/building.md shows work on the Dockerfile that it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import Docker
from tests.parts import ROOT

PAGE = (ROOT / "docs/building.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ dockerlab (.*)$", PAGE, re.M)


@pytest.fixture
def folder(docker: Docker) -> None:
    """The page's files, where the verbs work."""
    for name, text in {"Dockerfile": PAGE.split("```dockerfile\n")[1].split("```")[0], "src/main.c": "int main;\n", "data/d": ""}.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)


@pytest.mark.usefixtures("containers_run_here", "folder")
def test_every_command_of_the_page_does_what_it_says(docker: Docker) -> None:
    said = {command: docker(*shlex.split(command)) for command in COMMANDS}
    assert len(COMMANDS) >= 10 and all(answer.code == 0 for answer in said.values()), said
    assert "(not built before)" in said["build --explain -t site:1 ."].err
    assert "temporary container" in said["build --trace --no-cache ."].err
    assert said["run --rm --step 2 site:1 ls /bin/program"].out == "/bin/program\n"
    assert said["run --rm --step build:3 site:1 ls /src"].out == "main.c\n"
    assert "COPY src ." in said["context ."].out and "for the compiler" in said["build --call outline --target build ."].out


@pytest.mark.usefixtures("containers_run_here", "folder")
def test_the_reasons_of_the_page_are_the_reasons(docker: Docker) -> None:
    build = ("build", "--explain", "-t", "site:1", ".")
    docker(*build)
    assert "(nothing that it depends on has changed)" in docker(*build).err
    assert "(build argument or variable changed: FLAGS)" in docker(*build, "--build-arg", "FLAGS=-O3").err
    Path("src/main.c").write_text("changed\n")
    again = docker(*build).err
    assert "(changed: src/main.c)" in again and "(an earlier step ran again)" in again
