"""kill -9 at any moment: what was promised is there, nothing is damaged, and nothing is left running, mounted or lying about."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockerlab.engine import BuildOptions
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.store import Store
from dockerlab.store.fsck import examine
from tests.parts import ROOT, until, whole

pytestmark = pytest.mark.usefixtures("containers_run_here")

WORK = """
import io, sys
from dockerlab.engine import BuildOptions, ContainerSpec, open_engine
from dockerlab.errors import NotFoundError

engine = open_engine()
engine.warm_up()
first = int(sys.argv[1])
text = "FROM busybox\\nCOPY . /c/\\nRUN echo {n} > /a; mkdir /d; for i in 1 2 3 4 5 6 7 8; do echo $i > /d/$i; done\\nRUN rm -r /d\\n"
archive = io.BytesIO()
engine.save(["busybox"], archive)
print("ready", flush=True)


def promise(name, identifier):
    print(f"{name} {identifier}", flush=True)


def build(n):
    *_, built = engine.build(BuildOptions(context=sys.argv[2], dockerfile_text=text.format(n=n), tags=(f"built:{n}",), no_cache=True))
    promise(f"built:{n}", built.image.id)


def commit(n):
    container = engine.create(ContainerSpec("busybox", ("sh", "-c", f"echo {n} > /made"), name=f"c{n}"))
    engine.start(container)
    engine.wait(container)
    promise(f"committed:{n}", engine.commit(container, f"committed:{n}"))
    engine.remove(container)


def load(n):
    archive.seek(0)
    list(engine.load(archive))


def prune(n):
    engine.prune_containers()
    engine.image_prune()
    engine.prune_build_cache(all=True)


actions = [build, commit, load, prune]
for n in range(first, first + 1000):
    try:
        actions[n % 4](n)
    except NotFoundError:  # as docker does: a container that has ended may be pruned by anybody
        assert actions[n % 4] is commit, n
"""


def worker(home: Path, context: Path, first: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DOCKERLAB_HOME": str(home)}
    words = [sys.executable, "-c", WORK, str(first), str(context)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == "ready\n", process.communicate()[1]
    return process


def promises(said: str) -> Iterator[tuple[str, str]]:
    """The names that a worker has set, with the images that they name; its last line may be cut off."""
    for line in said.splitlines(keepends=True):
        if line.endswith("\n"):
            name, _, identifier = line.strip().partition(" ")
            yield name, identifier


def running_on(home: Path) -> list[str]:
    """The processes that were started for this store, but for those that are dead already."""
    found, mark = [], f"DOCKERLAB_HOME={home}".encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.append(pid)
        except OSError:
            continue
    return found


def test_kill_9_at_random_moments_loses_nothing_that_was_promised(home: Path, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    for n in range(40):
        (context / f"f{n}").write_text("x" * 2000)
    chance, promised = random.Random(11), dict[str, str]()
    for turn in range(200 if whole() else 50):
        process = worker(
            home, context, first=1001 * turn
        )  # no name is given twice: a death between naming and promising would count as a loss
        time.sleep(chance.uniform(0, 0.4))
        process.send_signal(signal.SIGKILL)
        said, _ = process.communicate()
        promised.update(promises(said))
        until(lambda: not running_on(home))
        store = Store.open(home)
        found = examine(store)
        assert found.sound, (turn, [str(problem) for problem in found.problems])
        for name, identifier in promised.items():
            assert store.images.find_id(name) == identifier, (turn, name)
    store.sweep()
    assert examine(store).problems == ()
    assert str(home) not in Path("/proc/self/mountinfo").read_text()
    assert promised, "no worker came far enough to promise anything"
    engine = EmbeddedEngine(store)
    *_, built = engine.build(BuildOptions(context=str(context), dockerfile_text="FROM busybox\nRUN echo whole\n"))
    assert built.image.id  # type: ignore[attr-defined]
    engine.close()


def test_two_kernels_that_build_commit_load_and_prune_at_once_lose_nothing(home: Path, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "f").write_text("x")
    both = [worker(home, context, first) for first in (0, 2001)]
    time.sleep(60 if whole() else 10)
    answers = []
    for one in both:
        assert one.poll() is None, one.communicate()[1]
        one.send_signal(signal.SIGKILL)
        answers.append(one.communicate())
    until(lambda: not running_on(home))
    store = Store.open(home)
    assert examine(store).sound
    for said, complaint in answers:
        promised = dict(promises(said))
        assert "Traceback" not in complaint and len(promised) > 4, (len(promised), complaint)
        assert {name: store.images.find_id(name) for name in promised} == promised
