"""Somebody who runs every cell of a lab and answers nothing: each message says what to do, in that learner's language, and none is a traceback."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dockerlab.course.labs import LABS
from dockerlab.course.material import grader
from dockerlab.course.release import released
from tests.course.classroom import Classroom
from tests.course.conftest import with_images_of
from tests.parts import sample

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.usefixtures("containers_run_here", "own_process_environment")]


@pytest.mark.parametrize("lab", sample([*LABS[3:], *LABS[:3]], 3))
def test_a_lab_that_nobody_answers_stays_kind(
    lab: str, bases: Path, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKERLAB_LANG", "ko")
    room = Classroom(lab, with_images_of(lab, bases, tmp_path_factory), tmp_path, "ko")
    monkeypatch.chdir(room.work)
    try:
        for cell in released({"cells": room.cells})["cells"]:
            said = room.play(cell["source"]).text
            assert "Traceback" not in said and "hint:" not in said, f"{cell['source']}\n{said}"
            hints = re.findall(r"힌트: (.*)", said)
            assert all(re.search("[가-힣]", hint) for hint in hints), f"{cell['source']}\n{hints}"
            if grader(cell).get("grade"):
                assert "아직 아닙니다" in said and "살펴볼 곳" in said
    finally:
        monkeypatch.undo()
        room.close()
