"""binder/: repo2docker's steps by hand, as an ordinary user with a home of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from dockerlab.course.material import names
from tests.ordinary import OrdinaryUser
from tests.parts import ROOT, package_tools

BINDER = ROOT / "binder"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_the_scripts_can_be_run(name: str) -> None:
    assert os.access(BINDER / name, os.X_OK) and (BINDER / name).read_text().startswith("#!/bin/bash\n")


def test_start_hands_over_to_the_command_it_was_given() -> None:
    said = subprocess.run([str(BINDER / "start"), "printenv", "DOCKERLAB_BASES"], capture_output=True, text=True, check=True)
    assert said.stdout == "catalogue\n"


def test_the_environment_installs_this_repository_with_jupyterlab_and_a_python_that_it_supports() -> None:
    assert (BINDER / "requirements.txt").read_text().split() == [".[lab]"]
    version = (BINDER / "runtime.txt").read_text().strip().removeprefix("python-").split(".")
    assert (3, 11) <= (int(version[0]), int(version[1])) <= (3, 14)
    assert not (ROOT / ".binder").exists()


@pytest.fixture
def as_user(ordinary_user: OrdinaryUser) -> Run:
    """Run a command in the ordinary user's home, with `dockerlab` on the path and nothing of the session's own settings."""
    (ordinary_user.home / "bin").mkdir()
    shim = ordinary_user.home / "bin/dockerlab"
    shim.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m dockerlab "$@"\n')
    shim.chmod(0o755)
    settings = [f"--unset={name}" for name in os.environ if name.startswith(("DOCKERLAB_", "XDG_"))]

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return ordinary_user("env", *settings, *words, timeout=400, PATH=f"{shim.parent}:{os.environ['PATH']}")

    return run


@pytest.mark.slow
@pytest.mark.network
def test_an_ordinary_user_gets_labs_and_bases_and_a_server_could_start(as_user: Run, containers_run_here: None) -> None:
    package_tools()
    built = as_user(str(BINDER / "postBuild"))
    assert built.returncode == 0, built.stdout + built.stderr
    assert "nginx:latest" in built.stdout
    listed = as_user(str(BINDER / "start"), "find", ".", "-name", "*.ipynb")
    labs = [f"./{folder}/{name}.ipynb" for folder in ("dockerlab-labs-ko", "dockerlab-labs") for name in names("en")]
    assert sorted(listed.stdout.split()) == sorted(labs)
    ran = as_user(str(BINDER / "start"), "dockerlab", "run", "--rm", "nginx", "nginx", "-t")
    assert ran.returncode == 0, ran.stderr
    again = as_user(str(BINDER / "postBuild"))
    assert again.returncode == 0 and "is there already" in again.stdout
