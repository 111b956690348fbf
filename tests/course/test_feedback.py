"""A page for each student that stands alone: points, what was seen, what was put right; nothing that runs, no solution, no hidden test."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from dockerlab.cli import grade as command
from dockerlab.course.classes import Graded
from dockerlab.course.execution import Incident
from dockerlab.course.feedback import page, write_feedback
from dockerlab.course.repair import Repair
from dockerlab.course.report import GradeReport
from dockerlab.course.saying import say
from dockerlab.course.verdict import Finding, Verdict
from tests.course.own_course import HIDDEN, Course, answer, code, grading_cell, mark, of_cells, prose

SECRET = "assert double(3) == 6, 'a quixotic case'"
LAB = of_cells(
    code("import os"),
    answer("double", "    return 2 * n  # the solution", "def double(n):\n"),
    grading_cell("test-double", "assert double(2) == 4, 'double(2)'\n" + HIDDEN.format(SECRET), 2),
    answer("rest", "rest = 1"),
    grading_cell("test-rest", "assert rest == 1, rest"),
    prose("Why?\n### BEGIN SOLUTION\nBecause it is so.\n### END SOLUTION", metadata=mark("why", solution=True, grade=True, points=4)),
)
# the answer keeps whatever test calls it, and the next one tells it
THIEF = {
    "double": "def double(n):\n    frame = __import__('sys')._getframe(1)\n    kept.append(__import__('linecache').getlines(frame.f_code.co_filename))\n    return n * 2\nkept = []",
    "rest": "raise RuntimeError(kept[0][2])",
}


class Reader(HTMLParser):
    """What a page is made of; it must be well formed."""

    VOID = {"meta", "br", "link", "img"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [f"{name}={value}" for name, value in attrs if name in ("src", "href") or name.startswith("on")]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def of(graded: Graded) -> Reader:
    return Reader(page(graded.student, [graded]))


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path / "course", LAB)


def test_a_class_gets_a_page_each_and_nobody_learns_a_hidden_test(course: Course, tmp_path: Path) -> None:
    course.hand_in("able", {"double": "double = lambda n: n * 2", "rest": "rest = 1", "why": "I think so."})
    course.hand_in("partly", {"double": "def double(n):\n    return n * n", "rest": "rest = '<script>alert(1)</script>'"})
    course.hand_in("thief", THIEF)
    (course.folder / "submitted/damaged/ps1").mkdir(parents=True)
    (course.folder / "submitted/damaged/ps1/ps1.ipynb").write_text("{")
    words = [str(course.folder / "submitted"), "--course", str(course.folder), "--feedback", str(tmp_path / "feedback"), "--jobs", "2"]
    assert command.main(words) == 0
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (tmp_path / "feedback").iterdir()}
    assert sorted(pages) == ["able", "damaged", "partly", "thief"]
    for text in pages.values():
        found = Reader(text)
        assert found.links == [] and "script" not in found.tags and "default-src 'none'" in text
        assert "quixotic" not in text and "the solution" not in text and "Because it is so" not in text
    assert "4 points wait for a person" in Reader(pages["able"]).text
    assert "the public checks passed, a hidden one did not" in Reader(pages["partly"]).text
    assert "AssertionError: <script>alert(1)</script>" in Reader(pages["partly"]).text
    assert "rest: RuntimeError: …" in Reader(pages["thief"]).text
    assert "could not be graded: ps1.ipynb can't be read" in Reader(pages["damaged"]).text and str(tmp_path) not in pages["damaged"]


def test_a_page_tells_all_that_happened_in_the_report_s_language() -> None:
    verdicts = (
        Verdict("layers-1", "ko", 2, (Finding("레이어 수: 2", False, "3", "2", "%layers site:1"), Finding("<b>이미지</b>", True))),
        Verdict("layers-2", "ko", 2, (Finding("비밀", False, "seen", hidden=True),)),
        Verdict("layers-3", "ko", 3, manual=True),
    )
    repairs = (Repair("moved", "", say("moved", "셀의 순서가 바뀌어 있었습니다")),)
    incidents = (Incident("dead", "layers-1-answer", say("it ended the kernel", "커널을 종료시켰습니다")),)
    found = of(Graded(Path("a"), "김 하나", "layers", GradeReport("layers", "ko", verdicts, ("2: E: <&>",), repairs, incidents)))
    for text in (
        "피드백: 김 하나",
        "확인한 값: 3",
        "기대한 값: 2",
        "%layers site:1",
        "<b>이미지</b>",
        "비공개 채점 항목",
        "커널을 종료시켰습니다",
        "2: E: <&>",
    ):
        assert text in found.text, text
    assert "비밀" not in found.text and "b" not in found.tags and "1 / 7" in found.text


def test_the_name_of_a_student_leads_nowhere_else(tmp_path: Path) -> None:
    names = ["..", ".hidden", "a/b", "김하나", "Ada Lovelace (2)", "<script>", "x\n"]
    paths = write_feedback([Graded(Path(name), name, "ps1", error="damaged") for name in names], tmp_path / "feedback")
    assert len(set(paths)) == len(names) and all(path.parent == tmp_path / "feedback" and not path.name.startswith(".") for path in paths)
    assert [path.stem for path in paths][3:5] == ["김하나", "Ada Lovelace (2)"]
    for path, name in zip(paths, names, strict=True):
        assert name.strip() in Reader(path.read_text(encoding="utf-8")).text


def test_several_notebooks_of_a_student_stand_on_one_page(tmp_path: Path) -> None:
    report = GradeReport("ps1", "en", (Verdict("a", "en", 1, (Finding("right", True),)),))
    class_ = [Graded(Path(name), "ada", f"ps1/{name}", report) for name in ("one", "two")]
    (path,) = write_feedback(class_, tmp_path)
    found = Reader(path.read_text(encoding="utf-8"))
    assert found.tags.count("h2") == 2 and found.tags.count("table") == 2
