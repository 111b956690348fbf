"""What a submission may try against the grader, beyond pretending: rewrite it, rename the bases, wreck the store, be no notebook at all."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dockerlab.course.bases import BaseChangedError, BaseImages, marked
from dockerlab.course.classes import grade_class
from dockerlab.course.grading import GradeReport, Submission, grade
from dockerlab.course.guard import Watch, copy_package
from dockerlab.course.material import grader, read, source
from dockerlab.course.release import released
from dockerlab.course.repair import repaired
from dockerlab.course.room.allowance import Allowance
from dockerlab.errors import DockerlabError
from dockerlab.layers import copy_tree
from dockerlab.store import Store
from tests.store.base_stores import image, sealed

Grade = Callable[..., GradeReport]
OPEN = Allowance(walls=False)


@pytest.fixture
def graded(composed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Grade:
    """Grade the handed-out notebook with these answers in it."""
    monkeypatch.setenv("DOCKERLAB_HOME", str(composed))

    def run(answers: dict[str, str], allowance: Allowance | None = None) -> GradeReport:
        notebook = copy.deepcopy(released(read(source("layers", "en"))))
        for cell in notebook["cells"]:
            cell["source"] = answers.get(grader(cell).get("grade_id", ""), cell["source"])
        path = tmp_path / "layers.ipynb"
        path.write_text(json.dumps(notebook))
        return grade(path, allowance=allowance)

    return run


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("allowance", [None, OPEN], ids=["behind walls", "open"])
def test_a_cell_that_rewrites_the_checks_on_disk_gains_nothing_and_leaves_them_as_they_were(
    graded: Grade, allowance: Allowance | None
) -> None:
    import dockerlab.course.labs.layers as checks

    before = Path(checks.__file__).read_bytes()
    report = graded(
        {
            "layers-1-answer": "import dockerlab, pathlib\n"
            "path = pathlib.Path(dockerlab.__file__).parent / 'course/labs/layers.py'\n"
            "path.write_text(path.read_text() + '\\nCHECKS = ()\\n')\n"
        },
        allowance,
    )
    assert report.points == 0 and report.max_points == 11
    assert Path(checks.__file__).read_bytes() == before


@pytest.mark.slow
@pytest.mark.network
def test_a_base_image_under_another_name_does_not_move_the_measure(graded: Grade, containers_run_here: None) -> None:
    report = graded(
        {
            "layers-3-answer": "from pathlib import Path\n"
            "Path('D').write_text('FROM busybox\\nRUN dd if=/dev/zero of=/download bs=1024 count=5120; "
            "wc -c < /download > /result\\nRUN rm /download\\n')\n"
            "%docker build -q -t small:1 -f D .\n%docker tag small:1 busybox\n"
        }
    )
    third = report.verdicts[2]
    assert not third.passed and not third.findings[-1].passed


@pytest.mark.slow
@pytest.mark.network
def test_a_wrecked_store_costs_the_points_and_not_the_grader(graded: Grade) -> None:
    report = graded(
        {
            "layers-1-answer": "import os, pathlib\n"
            "for path in (pathlib.Path(os.environ['DOCKERLAB_HOME']) / 'blobs/sha256').iterdir(): path.write_text('[]')\n"
        }
    )
    assert report.points == 0 and len(report.verdicts) == 5


WRITE_INTO_THE_BASE = (
    "import os, pathlib\n"
    "base = pathlib.Path(os.environ['DOCKERLAB_BASE_STORES'])\n"
    "for path in base.glob('layers/*/tree/etc/passwd'): path.write_text('root:x:0:0::/:/bin/sh\\n')\n"
    "for path in base.glob('layers/*/layer.json'): path.write_text(path.read_text().replace('\"size\": ', '\"size\": 1'))\n"
)


@pytest.mark.slow
@pytest.mark.network
def test_a_cell_that_writes_into_the_base_store_is_found_out_and_its_submission_not_graded(graded: Grade, composed: Path) -> None:
    before = marked(composed / "layers"), marked(composed / "names"), marked(composed / "blobs")
    with pytest.raises(BaseChangedError, match="nothing of the submission is graded"):
        graded({"layers-1-answer": WRITE_INTO_THE_BASE}, OPEN)
    assert (marked(composed / "layers"), marked(composed / "names"), marked(composed / "blobs")) == before


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("jobs", [1, 2])
def test_who_shares_a_class_with_such_a_cell_is_graded_as_ever(
    jobs: int, composed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, containers_run_here: None
) -> None:
    monkeypatch.setenv("DOCKERLAB_HOME", str(composed))
    solved = read(source("layers", "en"))
    wicked = copy.deepcopy(solved)
    for cell in wicked["cells"]:
        if grader(cell).get("grade_id") == "layers-1-answer":
            cell["source"] = WRITE_INTO_THE_BASE
    paths = []
    for student, notebook in (("before", solved), ("wicked", wicked), ("after", solved)):
        paths.append(tmp_path / student / "layers.ipynb")
        paths[-1].parent.mkdir()
        paths[-1].write_text(json.dumps(notebook))
    before, bad, after = grade_class(paths, jobs=jobs, allowance=OPEN)
    assert bad.report is None and "base images changed while the cells ran" in bad.error
    for one in (before, after):
        assert one.report is not None and one.report.points == one.report.max_points > 0, one


def test_layers_and_names_that_a_submission_has_made_its_own_do_not_hide_the_base_s(tmp_path: Path) -> None:
    kept = Store.open(tmp_path / "bases", bases="")
    true = image(kept, "nginx:latest")
    bases = BaseImages(kept.home, (("nginx", true.id),), marked(kept.home))
    theirs = Store.open(tmp_path / "theirs", bases="")
    false = image(theirs, "nginx:latest", sealed(theirs, "forged"))
    (layer,) = kept.layers_of(true.config)
    forged = theirs.layers.tree(layer.diff_id).parent
    copy_tree(layer.path, forged)
    (forged / "tree/nginx-latest").write_bytes(b"forged")
    store = Store.open(theirs.home, bases=str(kept.home))
    assert store.images.find("nginx") == false and store.layers.get(layer.diff_id).path == forged
    store = Store.open(theirs.home, bases=str(kept.home))
    bases.name_again(store)
    assert store.images.find("nginx") == true and store.layers.get(layer.diff_id).path == layer.path
    assert bases.untouched()
    (layer.tree / "nginx-latest").touch()
    assert not bases.untouched()


def test_a_change_of_the_graders_own_files_is_found_out_and_nothing_is_put_back(tmp_path: Path) -> None:
    (tmp_path / "check.py").write_text("right\n")
    watch = Watch([tmp_path])
    watch.finish()
    (tmp_path / "check.py").write_text("forged\n")
    (tmp_path / "check.pyc").write_text("forged\n")
    with pytest.raises(DockerlabError, match=r"nothing is graded.*check\.py"):
        watch.finish()
    assert (tmp_path / "check.py").read_text() == "forged\n" and not (tmp_path / "check.pyc").exists()


def test_the_kernel_s_copy_of_the_package_imports_and_holds_no_solutions(tmp_path: Path) -> None:
    import subprocess

    folder = copy_package(tmp_path / "code")
    said = subprocess.run(
        [sys.executable, "-c", "import dockerlab.course; print(dockerlab.course.__file__)"],
        env={"PYTHONPATH": str(folder)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.startswith(str(folder)) and not list(folder.rglob("*.ipynb"))


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"cells": 3}',
        '{"cells": [null]}',
        '{"cells": [{"source": 5}]}',
        '{"cells": [{"source": ["a", 5]}]}',
        "\x00",
        '{"cells": [], "metadata": 3}',
        '{"cells": [], "metadata": {"dockerlab": {"lab": ["layers"]}}}',
    ],
)
def test_what_is_no_notebook_is_refused_in_one_message(text: str, tmp_path: Path) -> None:
    path = tmp_path / "other.ipynb"
    path.write_text(text)
    with pytest.raises(DockerlabError, match=r"can't be read as a notebook|no submission of a lab"):
        Submission.read(path)


def test_only_solution_cells_are_taken_over_and_a_missing_one_is_empty() -> None:
    pristine = read(source("layers", "en"))
    forged: dict[str, Any] = {
        "cells": [
            {"cell_type": "code", "source": "mine", "metadata": {"nbgrader": {"grade_id": "layers-1-answer", "solution": True}}},
            {"cell_type": "code", "source": "forged", "metadata": {"nbgrader": {"grade_id": "layers-1", "grade": True, "solution": True}}},
            {"cell_type": "code", "source": "unasked", "metadata": None},
        ]
    }
    merged = {grader(cell).get("grade_id"): cell["source"] for cell in repaired(pristine, forged).notebook["cells"]}
    assert merged["layers-1-answer"] == "mine" and merged["layers-1"] == "%check layers-1" and merged["layers-2-answer"] == ""
    assert len(repaired(pristine, forged).notebook["cells"]) == len(pristine["cells"])
