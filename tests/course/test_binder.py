"""binder/: repo2docker's steps by hand, as an ordinary user with a home of their own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockerlab.layers import remove_tree
from tests.conftest import ROOT, missing

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
def as_user() -> Iterator[Run]:
    """Run a command in the ordinary user's home, with `dockerlab` on the path."""
    home = Path(tempfile.mkdtemp(prefix="binder-", dir="/var/tmp"))
    (home / "bin").mkdir()
    (home / "bin/dockerlab").write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m dockerlab "$@"\n')
    (home / "bin/dockerlab").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCKERLAB_") and not name.startswith("XDG_")}
    environment = {**kept, "HOME": str(home), "PATH": f"{home}/bin:{os.environ['PATH']}"}
    prefix: list[str] = []
    if os.geteuid() == 0:
        user = os.environ.get("DOCKERLAB_TEST_USER", "nobody")
        found = pwd.getpwnam(user)
        os.chown(home, found.pw_uid, found.pw_gid)
        prefix = ["setpriv", "--reuid", user, "--regid", str(found.pw_gid), "--clear-groups"]
        if subprocess.run([*prefix, sys.executable, "-c", f"open({str(ROOT / 'README.md')!r})"], capture_output=True).returncode:
            missing(f"a clone and a Python that {user} can read", "work where everybody may look")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*prefix, *words], cwd=home, env=environment, capture_output=True, text=True, timeout=400)

    yield run
    remove_tree(home)
    shutil.rmtree(home, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.network
def test_an_ordinary_user_gets_labs_and_bases_and_a_server_could_start(as_user: Run, containers_run_here: None) -> None:
    if not shutil.which("apt-get"):
        missing("apt-get", "the catalogue needs Debian's package tools")
    built = as_user(str(BINDER / "postBuild"))
    assert built.returncode == 0, built.stdout + built.stderr
    assert "nginx:latest" in built.stdout
    listed = as_user(str(BINDER / "start"), "find", ".", "-name", "*.ipynb")
    assert sorted(listed.stdout.split()) == ["./dockerlab-labs-ko/layers.ipynb", "./dockerlab-labs/layers.ipynb"]
    ran = as_user(str(BINDER / "start"), "dockerlab", "run", "--rm", "nginx", "nginx", "-t")
    assert ran.returncode == 0, ran.stderr
    again = as_user(str(BINDER / "postBuild"))
    assert again.returncode == 0 and "is there already" in again.stdout
