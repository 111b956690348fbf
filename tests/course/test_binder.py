"""binder/: repo2docker's steps by hand, as uid 1000 with a home of their own, and a learner's session in a place as tight as Binder's may be.

Tight is: no namespaces, no mounts, no set-ID programs, no network but loopback, little memory, a home on overlay, a machine that never saw these layers.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dockerlab.course.labs import all_images
from dockerlab.course.material import names
from dockerlab.data import asdict
from dockerlab.layers import remove_tree
from dockerlab.oci import Reference
from dockerlab.runtime.helper.limits import Groups
from dockerlab.runtime.spec import Limits
from tests.isolations.places import OVERLAY, POD, PYTHON
from tests.ordinary import OrdinaryUser
from tests.parts import ROOT, missing, package_tools, whole
from tests.tight import USER

FIRST_IMAGE = 120
"""Seconds from binder/start to the first image, on a machine that does other things as well. The goal is 30: the test prints what it took."""
BINDER = ROOT / "binder"


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


@dataclass
class Binder:
    """An image of Binder's: `somebody` with a home in which postBuild was run, behind what refuses namespaces; what that said and how long it took."""

    somebody: OrdinaryUser
    said: str = ""
    seconds: float = 0.0

    def __call__(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command in the home, with `dockerlab` on the path and no setting of this run's own."""
        return self.somebody(*words, timeout=400, **settings(self.somebody.home))

    def session(self, megabytes: int) -> tuple[list[dict[str, object]], int, bool]:
        """A learner's steps in so much memory; the most that processes held at a time (MB, files that the kernel keeps apart); whether one was killed for it."""
        home = self.somebody.home
        for name in ("upper", "work"):  # each pod starts from the image
            remove_tree(home.parent / name)
            (home.parent / name).mkdir()
            os.chown(home.parent / name, USER, USER)
        for record in home.glob("dockerlab/layers/*/layer.json"):  # another machine made the image
            record.write_text(json.dumps({**json.loads(record.read_text()), "boot": "another"}))
        with groups(megabytes) as tight, watched(tight) as peak:
            user = OrdinaryUser(home, (*PYTHON, "-m", "tests.tight", *tight.folders, "--"))
            words = (BINDER / "start", sys.executable, "-m", "tests.course.session", str(time.time()))
            done = user(*words, first=OVERLAY, timeout=500, **settings(home))
            killed = tight.out_of_memory()
        assert done.stdout, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()], peak[0] >> 20, killed


@contextmanager
def groups(megabytes: int) -> Iterator[Groups]:
    """Control groups with so much memory and no swap."""
    size = megabytes << 20
    made = Groups("tight", {name: int(value) for name, value in asdict(Limits(memory=size, swap=size)).items()})
    try:
        if not made.kept:
            pytest.skip("no control group for memory may be made here")
        yield made
    finally:
        made.remove()


@contextmanager
def watched(tight: Groups) -> Iterator[list[int]]:
    """The most anonymous memory of the group, looked at twenty times a second, as the only element of a list."""
    peak, over = [0], threading.Event()
    ((folder, version),) = tight.kept.values()
    key = "anon" if version == 2 else "total_rss"

    def look() -> None:
        while not over.wait(0.05):
            rows = dict(line.split() for line in Path(folder, "memory.stat").read_text().splitlines())
            peak[0] = max(peak[0], int(rows[key]))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def settings(home: Path) -> dict[str, str]:
    """The environment in which everything is the user's own: no setting of this run's, `dockerlab` on the path."""
    # an empty value is as good as none for each of them
    ours = {name: "" for name in os.environ if name.startswith("DOCKERLAB_")}
    return {**ours, "PATH": f"{home}/bin:{os.environ['PATH']}", "USER": "jovyan", "LOGNAME": "jovyan", "JUPYTER_PREFER_ENV_PATH": "1"}


@pytest.fixture(scope="module")
def binder() -> Iterator[Binder]:
    package_tools()
    top = Path(f"/var/tmp/binder-{os.getpid()}")
    home = top / "home of jovyan"
    for folder in (home / "bin", top / "kept"):
        folder.mkdir(parents=True)
    shim = home / "bin/dockerlab"
    shim.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m dockerlab "$@"\n')
    shim.chmod(0o755)
    made = Binder(OrdinaryUser(home))
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", f"{USER}:{USER}", home], check=True)
        made.somebody = OrdinaryUser(home, ("setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups"))
    try:
        begun = time.monotonic()
        built = made(*POD, BINDER / "postBuild")
        assert built.returncode == 0, built.stdout + built.stderr
        made.said, made.seconds = built.stdout, time.monotonic() - begun
        yield made
    finally:
        remove_tree(top)


@pytest.mark.slow
@pytest.mark.network
def test_post_build_needs_no_namespaces_and_keeps_the_size_that_it_states(binder: Binder, capsys: pytest.CaptureFixture[str]) -> None:
    used = int(subprocess.run(["du", "-sm", binder.somebody.home], capture_output=True, text=True, check=True).stdout.split()[0])
    limit = int((BINDER / "postBuild").read_text().split("\nlimit=")[1].split()[0])
    with capsys.disabled():
        print(f"\npostBuild: {binder.seconds:.0f} s, {used} MB of {limit}")
    assert 300 < used <= limit and f"of {limit} that it may have" in binder.said
    for name in all_images():
        assert f"[{Reference.parse(name).familiar}]" in binder.said


@pytest.mark.slow
@pytest.mark.network
def test_an_ordinary_user_gets_labs_and_bases_and_a_server_could_start(binder: Binder, containers_run_here: None) -> None:
    listed = binder(BINDER / "start", "find", ".", "-name", "*.ipynb")
    labs = [f"./{folder}/{name}.ipynb" for folder in ("dockerlab-labs-ko", "dockerlab-labs") for name in ("index", *names("en"))]
    assert sorted(listed.stdout.split()) == sorted(labs)
    ran = binder(BINDER / "start", "dockerlab", "run", "--rm", "nginx", "nginx", "-t")
    assert ran.returncode == 0, ran.stderr
    again = binder(BINDER / "postBuild")
    assert again.returncode == 0 and "is there already" in again.stdout


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who can make a place that tight")
@pytest.mark.parametrize("megabytes", [1024, 450] if whole() else [450])
def test_a_learner_builds_and_runs_in_so_much_memory(binder: Binder, megabytes: int, capsys: pytest.CaptureFixture[str]) -> None:
    if not shutil.which("proot"):
        missing("proot", "apt install proot")
    steps, peak, killed = binder.session(megabytes)
    with capsys.disabled():
        print(f"\n{megabytes} MB: at most {peak} MB in use; " + ", ".join(f"{step['step']} {step['seconds']} s" for step in steps))
    assert not killed and "error" not in steps[-1], steps[-1]
    said = {str(step["step"]): str(step.get("said", "")) for step in steps}
    assert "by proot" in said["first image"] and "changed" in said["the image runs"]
    assert "42" in said["python"] and "greetings" in said["java runs"]
    assert next(float(str(step["seconds"])) for step in steps if step["step"] == "first image") < FIRST_IMAGE
