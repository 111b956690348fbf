"""A file that a cell wrote before anybody answered it is no answer, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockerlab.course.dockerfiles import DockerfileSubject, TextSubject
from dockerlab.course.release import CODE_STUB


@pytest.mark.parametrize(("key", "words"), [("en", "not answered yet"), ("ko", "아직 답을 쓰지 않았습니다")])
def test_the_stub_in_a_file_is_told(key: str, words: str, tmp_path: Path) -> None:
    for name in (".dockerignore", "Dockerfile"):
        (tmp_path / name).write_text(CODE_STUB)
    assert words in TextSubject(tmp_path, ".dockerignore").exists.seen[key]
    assert words in DockerfileSubject(tmp_path, "Dockerfile").exists.seen[key]
    assert not DockerfileSubject(tmp_path, "Dockerfile").has("FROM").holds


def test_a_file_that_only_speaks_of_the_stub_is_an_answer(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("# instead of raise NotImplementedError() here\nsecrets\n")
    assert TextSubject(tmp_path, "notes").exists.holds
