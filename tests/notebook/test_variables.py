"""`%%variables` and `%variables`: the words and the still picture of a timeline, and the mistakes."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from dockerlab.engine.embedded import EmbeddedEngine
from dockerlab.errors import DockerlabError
from dockerlab.notebook.variables import VariablesSeen

TEXT = "ARG V=1\nFROM busybox\nARG V\nENV M=$V\nRUN true\nCMD echo $V\n"


def picture(seen: VariablesSeen) -> str:
    found = re.search(r'base64,([^"]+)', seen._repr_html_())
    assert found
    return base64.b64decode(found[1]).decode()


def test_the_text_has_a_row_for_each_line_and_one_for_the_container_and_the_history(engine: EmbeddedEngine) -> None:
    lines = [re.split(r"\s{2,}", line.strip()) for line in repr(VariablesSeen.of(engine, ["--build-arg", "V=2"], TEXT)).splitlines()]
    assert lines == [
        ["LINE", "INSTRUCTION", "V", "M"],
        ["1", "ARG V=1", "ARG 2", "–"],
        ["2", "FROM busybox", "–", "–"],
        ["3", "ARG V", "ARG 2", "–"],
        ["4", "ENV M=$V", "|", "ENV 2"],
        ["5", "RUN true", "|", "|"],
        ["6", "CMD echo $V", "|", "|"],
        ["in the container", "–", "2"],
        ["in the image's history", "2 × there", "1 × there"],
        ["line 6: $V is empty in the container. The ARG of line 3 ends with the build; ENV V=$V keeps it"],
    ]


def test_the_picture_is_in_the_learners_language_and_holds_no_markup(engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_LANG", "ko")
    drawn = picture(VariablesSeen.of(engine, [], TEXT + 'ENV X="<script>"\n'))
    assert "컨테이너 안" in drawn and "<script>" not in drawn and "&lt;script&gt;" in drawn


def test_a_file_is_looked_at_where_there_is_no_cell(engine: EmbeddedEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").write_text("FROM busybox\nENV A=1\n")
    assert VariablesSeen.of(engine, ["-f", "other", "."]).found.at_run["A"] == "1"
    with pytest.raises(DockerlabError, match="no such file"):
        VariablesSeen.of(engine, [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM busybox\nEVN A=1\n", "cell:3 (Dockerfile:2)"),
        ("FROM busybox\nENV A=${\n", "cell:3 (Dockerfile:2)"),
        ("FROM nosuch\n", "cell:2 (Dockerfile:1)"),
        ("# your answer\n", "not answered yet"),
    ],
)
def test_a_mistake_is_shown_in_its_cell(engine: EmbeddedEngine, text: str, said: str) -> None:
    with pytest.raises(DockerlabError) as caught:
        VariablesSeen.of(engine, [], text)
    assert said in f"{caught.value.message}\n{caught.value.excerpt}"


def test_a_folder_that_is_not_there_is_no_failed_build(engine: EmbeddedEngine) -> None:
    with pytest.raises(DockerlabError, match=r"^unable to prepare context"):
        VariablesSeen.of(engine, ["nosuch"])


def test_of_many_variables_the_first_are_drawn(engine: EmbeddedEngine) -> None:
    seen = VariablesSeen.of(engine, [], "FROM busybox\n" + "".join(f"ENV N{n}={n}\n" for n in range(9)))
    drawn = picture(seen)
    assert ">N5<" in drawn and ">N6<" not in drawn and "and 3 more" in drawn and "N8" in repr(seen)
