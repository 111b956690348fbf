"""What somebody may try for points that they have not earned, or against those who are graded beside them: none gains one, none harms the next.

Attacks on the grader's files and its base images, and notebooks that are none, are in test_attacks.py; cells that hang, die or want too much in
test_misbehaviour.py; tests that are to be read or tampered with in test_own_courses.py.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dockerlab.course.bases import BaseImages
from dockerlab.course.classes import Graded, grade_class
from dockerlab.course.exercises import APART, Exercise
from dockerlab.course.judging import Task
from dockerlab.course.material import grader, labs_folder, read, source
from dockerlab.course.release import released
from dockerlab.course.room.allowance import Allowance
from dockerlab.course.room.cells import Kernel
from dockerlab.course.room.room import Room
from dockerlab.course.room.walls import Plan
from dockerlab.course.surroundings import needed, of_kernel
from dockerlab.course.workers import one
from dockerlab.store import Store
from tests.parts import ROOT

Json = dict[str, Any]
Change = Callable[[Json], None]
WRONG_LAYERS = (
    "from pathlib import Path\nimport os\nPath('D').write_text('FROM nginx\\nRUN echo 1 > /1\\nRUN echo 2 > /2\\n')\n%docker build -q -t site:1 -f D .\n"
    "home = Path(os.environ['DOCKERLAB_HOME'])\n"
)


def answered(**answers: str) -> Change:
    """With these answers: layers_1="…" is that of layers-1."""

    def change(notebook: Json) -> None:
        for cell in notebook["cells"]:
            name = grader(cell).get("grade_id", "").removesuffix("-answer").replace("-", "_")
            if grader(cell).get("solution") and name in answers:
                cell["source"] = answers[name]

    return change


def edited_checks(notebook: Json) -> None:
    for cell in notebook["cells"]:
        if grader(cell).get("grade"):
            cell["source"] = "print('layers-1: passed (2/2 points)')\n2.0"
            cell["metadata"]["nbgrader"].update(points=0, solution=True)


def deleted_checks(notebook: Json) -> None:
    notebook["cells"] = [cell for cell in notebook["cells"] if not grader(cell).get("grade")]


def richer_checks(notebook: Json) -> None:
    """More points for what is easy, and another lab's exercise instead of one's own."""
    for cell in notebook["cells"]:
        if grader(cell).get("grade"):
            cell["metadata"]["nbgrader"].update(points=100)
            cell["source"] = "%check tour-1"


IN_MEMORY = (
    "import gc, sys\nfrom dockerlab.course import checks, judging, verdict\n"
    "Verdict = verdict.Verdict\nVerdict.points = property(lambda self: self.max_points)\nVerdict.passed = True\n"
    "checks.verdict = checks.check = judging.judge = lambda *a, **k: None\n"
    "for one in gc.get_objects():\n    if isinstance(one, dict) and 'verdicts' in one:\n        one['verdicts'] = {}\n"
    "print('layers-1: passed (2/2 points)', file=sys.stderr)\nget_ipython().register_magic_function(lambda line: None, 'line', 'check')"
)
SOLUTIONS = (
    "import glob, json, os\nfor top in {tops!r}:\n    for path in glob.glob(top + '/**/layers.ipynb', recursive=True):\n"
    "        for cell in json.load(open(path))['cells']:\n            if 'BEGIN SOLUTION' in ''.join(cell['source']):\n"
    "                get_ipython().run_cell(''.join(cell['source']))\n"
)
NEIGHBOUR = (
    "import os, pathlib, shutil, signal\nfor top in {tops!r}:\n    for path in pathlib.Path(top).rglob('*.ipynb'):\n        try:\n            path.write_text('forged')\n"
    "        except OSError:\n            pass\n    shutil.rmtree(top, ignore_errors=True)\n"
    "for number in filter(str.isdigit, os.listdir('/proc')):\n    if int(number) != os.getpid():\n        try:\n            os.kill(int(number), signal.SIGKILL)\n"
    "        except OSError:\n            pass\n"
)


@pytest.fixture
def handed_in(composed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A student's copy of the layers lab, changed; the instructor's solution without a change."""
    monkeypatch.setenv("DOCKERLAB_HOME", str(composed))
    solved = read(source("layers", "en"))

    def hand_in(student: str, change: Change | None = None) -> Path:
        notebook = copy.deepcopy(released(solved) if change else solved)
        if change:
            change(notebook)
        path = tmp_path / "submitted" / student / "layers/layers.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(notebook))
        return path

    return hand_in


def points(graded: Graded) -> dict[str, float]:
    assert graded.report is not None, graded.error
    return {verdict.exercise: verdict.points for verdict in graded.report.verdicts}


@pytest.mark.slow
@pytest.mark.network
def test_none_gains_a_point_and_none_harms_the_next_one(
    handed_in: Callable[..., Path], tmp_path: Path, composed: Path, containers_run_here: None
) -> None:
    others = [str(tmp_path / "submitted"), str(composed)]
    attacks: dict[str, Change] = {
        "checker in memory": answered(layers_1=IN_MEMORY, layers_2=IN_MEMORY),
        "edited checks": edited_checks,
        "deleted checks": deleted_checks,
        "richer checks": richer_checks,
        "solutions": answered(layers_1=SOLUTIONS.format(tops=[str(labs_folder()), str(ROOT)])),
        "neighbour": answered(layers_1=NEIGHBOUR.format(tops=others)),
    }
    paths = [handed_in("a before"), *(handed_in(name, change) for name, change in attacks.items()), handed_in("z after")]
    first, *attackers, last = grade_class(paths, jobs=2)
    for graded in attackers:
        assert graded.report is not None and graded.report.points == 0 and graded.report.max_points == 11, graded
    for graded in (first, last):
        assert graded.report is not None and graded.report.points == 11 and not graded.report.errors, graded
    assert all(json.loads(path.read_text())["cells"] for path in paths)


@pytest.mark.slow
@pytest.mark.network
def test_what_was_written_into_the_store_by_hand_is_worth_nothing(handed_in: Callable[..., Path], containers_run_here: None) -> None:
    change_layers = (
        "trees = [path.parent for path in home.glob('layers/*/tree') if (path / '1').exists() or (path / '2').exists()]\n"
        "for layer, name, text in zip(sorted(trees, key=lambda one: (one / 'tree/2').exists()), ('etc/nginx/conf.d/default.conf', 'usr/share/nginx/html/index.html'), ('x', '<h1>mine</h1>')):\n"
        "    (layer / 'tree' / name).parent.mkdir(parents=True, exist_ok=True)\n    (layer / 'tree' / name).write_text(text)\n"
    )
    other_name = (
        "(home / 'names/docker.io%2Flibrary%2Fsite%3A1').write_text((home / 'names').joinpath(os.listdir(home / 'names')[0]).read_text())\n"
    )
    other_config = "for path in (home / 'blobs/sha256').iterdir():\n    path.write_bytes(path.read_bytes().replace(b'RUN', b'COPY'))\n"
    honest, layers, name, config = grade_class(
        [
            handed_in("honest", answered(layers_1=WRONG_LAYERS)),
            handed_in("layers", answered(layers_1=WRONG_LAYERS + change_layers)),
            handed_in("name", answered(layers_1=WRONG_LAYERS + other_name)),
            handed_in("config", answered(layers_1=WRONG_LAYERS + other_config)),
        ],
        jobs=2,
    )
    assert points(honest)["layers-1"] == 1.0  # what an image with two wrong layers is worth
    assert points(layers)["layers-1"] == 0 and "not what its digest says" in str(layers.report)
    assert points(name)["layers-1"] <= 1.0 and points(config)["layers-1"] == 0


LOCK = (
    "import fcntl, os, time\nopen('left.txt', 'w').close()\nif os.fork() == 0:\n    os.setsid()\n"
    "    fcntl.flock(os.open(os.environ['DOCKERLAB_HOME'] + '/lock', os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)\n    open('taken', 'w').close()\n    time.sleep(3600)\n"
    "while not os.path.exists('taken'):\n    time.sleep(0.01)"
)


def judged_behind_a_lock(folder: Path) -> Json:
    """What is found where a process that stands still holds the store's lock."""
    for name in ("work", "home", "tmp"):
        (folder / name).mkdir()
    Store.open(folder / "store", bases="")
    bases = Store.open(folder / "bases", bases="")
    asked = Exercise("there", 1, APART, source="from dockerlab.course.vocabulary import text\nassert text('left.txt').exists")
    with Room(Plan(folder, needed(folder), given={"bases": bases.home}), Allowance()) as room:
        kernel = Kernel(room, "work", of_kernel({}, room.inside, "en", None, room.given("bases")))
        assert kernel.start() and kernel.run(LOCK, 20).status == "ok"
        kernel.close()
        assert room.settle()
        task = Task((asked,), room.inside / "store", room.inside / "work", "en", BaseImages(room.given("bases"), (), ""))
        found: Json = room.judge(task, hold=1)
    return found


def test_a_lock_that_a_cell_keeps_does_not_keep_the_judge(tmp_path: Path) -> None:
    found = one(judged_behind_a_lock, tmp_path)
    assert found["errors"] == [] and found["verdicts"]["there"]["given"] == 1
