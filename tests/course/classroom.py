"""A learner at a lab, without a browser: cells run in a shell of this process, on a store of their own, and what they left is looked at.

room = Classroom(lab, store, folder)      # the lab's cells up to an exercise are run once
verdict = room.answer("layers-3", cell)    # one answer in that state; then everything is as it was before
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from dockerlab.course.checks import verdict
from dockerlab.course.material import grader, read, source
from dockerlab.course.release import released
from dockerlab.course.verdict import Verdict
from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.errors import DockerlabError
from dockerlab.notebook.predictions import Compared
from dockerlab.store import Store

Json = dict[str, Any]


_FORGETS = Config({"HistoryManager": {"enabled": False}})
"""No database of what was typed: nobody would close it."""
LONGEST_ANSWER = 4
"""Seconds for an answer: one that starts a server in the foreground would wait for ever."""
LONGER = {"multistage-3": 15, "multistage-5": 15, "multistage-7": 15}
"""A whole base image that is copied takes its time, and so does Java."""


@contextlib.contextmanager
def _interrupted_after(seconds: float) -> Iterator[list[float]]:
    """What is at work is interrupted when it has had its time; the list holds that time then."""
    late: list[float] = []

    def interrupt(*_: object) -> None:
        late.append(seconds)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield late
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Played:
    """What came of a cell: what it raised, what it printed, its last value, and whether it did not end by itself."""

    def __init__(self, error: BaseException | None, text: str, value: Any = None, *, endless: bool = False) -> None:
        self.error, self.text, self.value, self.endless = error, text, value, endless


class Classroom:
    """One lab, played cell by cell. Close it: containers may run."""

    def __init__(self, lab: str, base: Path, folder: Path, language: str = "en") -> None:
        self.cells = [cell for cell in read(source(lab, language))["cells"] if cell["cell_type"] == "code"]
        self.lab, self.language, self._base, self._folder = lab, language, base, folder
        self._at = -1
        self._begin()

    # --- the state before an exercise

    def _begin(self) -> None:
        """A fresh store and an empty folder."""
        self.home, self.work = self._folder / "home", self._folder / "work"
        self.work.mkdir()
        os.environ.update(DOCKERLAB_HOME=str(self.home), DOCKERLAB_BASE_STORES=str(self._base))
        self.engine = EmbeddedEngine(Store.open(self.home))
        InteractiveShell.clear_instance()
        self.shell = InteractiveShell.instance(user_ns={}, history_length=0, config=_FORGETS)
        self._at = 0

    def _end(self) -> None:
        for item in self.engine.containers(all=True):
            with contextlib.suppress(DockerlabError):
                self.engine.remove(item["Id"], force=True, volumes=True)
        self.engine.close()
        if "dockerlab" in self.shell.extension_manager.loaded:
            self.shell.extension_manager.unload_extension("dockerlab")
        shutil.rmtree(self.work, ignore_errors=True)
        subprocess.run(["rm", "-rf", str(self.home)], check=True)

    def close(self) -> None:
        """Nothing is left, and this process's shell is none."""
        self._end()
        InteractiveShell.clear_instance()

    def _place(self, exercise: str) -> int:
        """The number of the cell that is the exercise's answer."""
        return next(at for at, cell in enumerate(self.cells) if grader(cell).get("grade_id") == f"{exercise}-answer")

    def _check(self, exercise: str) -> int:
        return next(at for at, cell in enumerate(self.cells) if grader(cell).get("grade_id") == exercise)

    def solution(self, exercise: str) -> str:
        """The instructor's answer."""
        text: str = self.cells[self._place(exercise)]["source"]
        return text.replace("# BEGIN SOLUTION\n", "").replace("\n# END SOLUTION", "")

    def stub(self, exercise: str) -> str:
        """What a learner finds in the answer's cell."""
        cell = self.cells[self._place(exercise)]
        return str(released({"cells": [cell]})["cells"][0]["source"])

    def go_to(self, exercise: str) -> None:
        """Run what stands before an exercise's answer, and note how everything is then."""
        place = self._place(exercise)
        if place < self._at:
            self._end()
            self._begin()
        with self._here():
            for cell in self.cells[self._at : place]:
                played = self.play(cell["source"])
                may_fail = "raises-exception" in cell["metadata"].get("tags", [])
                assert may_fail or played.error is None, f"{cell['source']}\n{played.error!r}\n{played.text}"
        self._at = place
        self._note()

    def run_all(self) -> dict[str, Verdict]:
        """Every cell with the instructor's answers; the verdicts. `failed` has the cells that failed, and may, `compared` what was measured of each prediction."""
        found, self.failed, self.compared = {}, list[str](), dict[str, str]()
        with self._here():
            for cell in self.cells:
                played = self.play(cell["source"])
                may_fail = "raises-exception" in cell["metadata"].get("tags", [])
                assert may_fail or played.error is None, f"{cell['source']}\n{played.error!r}\n{played.text}"
                if played.error is not None:
                    self.failed.append(cell["source"])
                if isinstance(played.value, Compared):
                    self.compared[played.value.name] = played.value.happened
                if grader(cell).get("grade"):
                    name = grader(cell)["grade_id"]
                    found[name] = verdict(name, self.engine, self.language, self.work)
        self._at = len(self.cells)
        return found

    @contextlib.contextmanager
    def _here(self) -> Iterator[None]:
        before = os.getcwd()
        os.chdir(self.work)
        try:
            yield
        finally:
            os.chdir(before)

    def play(self, cell: str, seconds: float = 120) -> Played:
        """Run one cell as a notebook would; it is interrupted when it has had its time."""
        kept = io.StringIO()
        with contextlib.redirect_stdout(kept), contextlib.redirect_stderr(kept), _interrupted_after(seconds) as late:
            done = self.shell.run_cell(cell, store_history=False)
        return Played(done.error_before_exec or done.error_in_exec, kept.getvalue(), done.result, endless=bool(late))

    # --- one answer

    def _images(self) -> dict[str, str]:
        return {tag: item["Id"] for item in self.engine.images() for tag in item["RepoTags"] or []}

    def _containers(self) -> dict[str, str]:
        """ID → its state and what it changed."""
        return {
            item["Id"]: json.dumps([item["Name"], item["State"]["Status"], self.engine.diff(item["Id"])])
            for item in self.engine.containers(all=True)
        }

    def _note(self) -> None:
        self._was_images, self._was_containers = self._images(), self._containers()
        self._was_names = dict(self.shell.user_ns)
        self._kept = self._folder / "kept"
        shutil.rmtree(self._kept, ignore_errors=True)
        shutil.copytree(self.work, self._kept, symlinks=True)

    def _as_before(self, exercise: str) -> None:
        """Take away what an answer left; where it changed a container that was there before, everything is played again."""
        now = self._containers()
        for identifier in now.keys() - self._was_containers.keys():
            self.engine.remove(identifier, force=True, volumes=True)
        if {key: now.get(key) for key in self._was_containers} != self._was_containers:
            self._end()
            self._begin()
            self.go_to(exercise)
            return
        for tag, identifier in self._images().items():
            if tag not in self._was_images:
                self.engine.image_remove(tag, force=True)
            elif self._was_images[tag] != identifier:
                self.engine.tag(self._was_images[tag], tag)
        for tag, identifier in self._was_images.items():
            if tag not in self._images():
                self.engine.tag(identifier, tag)
        self.shell.user_ns.clear()
        self.shell.user_ns.update(self._was_names)
        shutil.rmtree(self.work)
        shutil.copytree(self._kept, self.work, symlinks=True)

    def tried(self, exercise: str, cell: str) -> Verdict:
        """Run an answer and what stands between it and its check, and judge; nothing is taken away again."""
        self.last = self.play(cell, LONGER.get(exercise, LONGEST_ANSWER))
        for between in self.cells[self._at + 1 : self._check(exercise)]:
            self.play(between["source"])
        return verdict(exercise, self.engine, self.language, self.work)

    def answer(self, exercise: str, cell: str, *, look: Any = None) -> Verdict:
        """What an answer is worth, in the state in which a learner gives it. `look` is called before it is taken away again, with this room."""
        if self._at != self._place(exercise):
            self.go_to(exercise)
        with self._here():
            found = self.tried(exercise, cell)
            if look is not None:
                look(self)
        self._as_before(exercise)
        return found

    def _files(self, image: str) -> str:
        """A digest of an image's file system: paths, modes, owners, contents; no times."""
        digest = hashlib.sha256()
        for node in self.engine.image_files(image).walk():
            content = node.read() if node.is_file else os.readlink(node.real).encode() if node.is_link else b""
            digest.update(repr((node.path, node.entry.mode, node.owner, hashlib.sha256(content).digest())).encode())
        return digest.hexdigest()

    def artefacts(self) -> Json:
        """What this state is, apart from times: each image's configuration, number of layers and files, each container's image, state and changes, each file
        but Dockerfiles: two recipes that say it otherwise, and leave the same, are as good."""
        images = {}
        for tag, identifier in self._images().items():
            if self._was_images.get(tag) == identifier:
                continue
            found = self.engine.image_inspect(identifier)
            images[tag] = [found["Config"], len(found["RootFS"].get("Layers") or []), self._files(identifier)]
        containers = {
            item["Name"]: [item["Config"]["Image"], item["Config"]["Cmd"], item["State"]["Status"], self.engine.diff(item["Id"])]
            for item in self.engine.containers(all=True)
        }
        files = {
            str(path.relative_to(self.work)): path.read_bytes()
            for path in sorted(self.work.rglob("*"))
            if path.is_file() and "Dockerfile" not in path.name
        }
        return {"images": images, "containers": containers, "files": files}


@pytest.fixture(scope="module")
def own_process_environment() -> Iterator[None]:
    """What a classroom sets in this process's environment is gone afterwards, and its shell's hooks are the old ones."""
    before, hook = dict(os.environ), sys.excepthook
    os.environ.update(DOCKERLAB_BASES="catalogue", DOCKERLAB_LANG="en", DOCKERLAB_WIDGETS="off")
    yield
    os.environ.clear()
    os.environ.update(before)
    sys.excepthook = hook
