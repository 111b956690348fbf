"""A lab's solutions played on the engine that the environment names, as a program for tests: `python -m tests.course.on_a_daemon LAB`.

Prints a line of JSON: exercise → [points, points at most, what was seen where they differ], and prediction → what was measured. What the lab made is removed.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from contextlib import redirect_stdout, suppress
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell

from dockerlab.course import check
from dockerlab.course.checks import checks_of
from dockerlab.course.material import read, source
from dockerlab.engine import Engine, open_engine
from dockerlab.errors import DockerlabError
from dockerlab.notebook.predictions import Compared


def play(lab: str, engine: Engine) -> tuple[dict[str, list[object]], dict[str, str]]:
    """What each exercise is worth when all cells have been run in order, and what was measured of each prediction."""
    path = source(lab, "en")
    shell = InteractiveShell.instance()
    found, compared = dict[str, list[object]](), dict[str, str]()
    for cell in read(path)["cells"]:
        if cell["cell_type"] == "code":
            value = shell.run_cell("".join(cell["source"])).result
            if isinstance(value, Compared):
                compared[value.name] = value.happened
    for one in checks_of(lab):
        verdict = check(one.name, engine, "en")
        found[one.name] = [verdict.points, one.points, "" if verdict.points == one.points else repr(verdict)]
    return found, compared


def main(lab: str) -> None:
    """Play it in a folder of its own."""
    os.environ.update(DOCKERLAB_BASES="catalogue", DOCKERLAB_LANG="en", DOCKERLAB_WIDGETS="off")
    engine = open_engine()
    images = {item["Id"] for item in engine.images(all=True)}
    containers = {item["Id"] for item in engine.containers(all=True)}
    with tempfile.TemporaryDirectory() as work:
        for path in source(lab, "en").parent.iterdir():
            if path.suffix != ".ipynb":
                (shutil.copytree if path.is_dir() else shutil.copy)(path, Path(work, path.name))
        os.chdir(work)
        try:
            with redirect_stdout(sys.stderr):
                found, compared = play(lab, engine)
        finally:
            os.chdir("/")
            for item in engine.containers(all=True):
                if item["Id"] not in containers:
                    engine.remove(item["Id"], force=True, volumes=True)
            for item in engine.images(all=True):
                if item["Id"] not in images and not any(name.startswith("dockerlab.local/") for name in item["RepoTags"]):
                    with suppress(DockerlabError):  # a parent, gone with its child, or needed by another
                        engine.image_remove(item["Id"], force=True)
    print(json.dumps({"engine": engine.info()["Engine"], "exercises": found, "predictions": compared}))


if __name__ == "__main__":
    main(sys.argv[1])
