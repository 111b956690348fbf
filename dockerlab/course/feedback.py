"""A page for each student: points, what was seen and expected, what was put right. It stands alone, runs nothing, and tells neither solutions nor hidden tests.

What a student's cells have said is in it as text. Where a cell has caught a hidden test's line and says it again, the line is left out here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from dockerlab.course.classes import Graded
from dockerlab.course.exercises import exercises_of
from dockerlab.course.material import read
from dockerlab.course.report import GradeReport
from dockerlab.course.saying import say
from dockerlab.course.verdict import Verdict

_TITLE = say("Feedback", "피드백")
_EXERCISE = say("Exercise", "연습 문제")
_POINTS = say("Points", "점수")
_RESULT = say("Result", "결과")
_SUM = say("Total", "합계")
_PASSED = say("passed", "통과")
_PARTLY = say("partly", "일부 통과")
_NOT_YET = say("not yet", "아직 아님")
_BY_HAND = say("needs manual grading", "직접 채점 필요")
_REPAIRS = say("What was put right in your notebook", "노트북에서 바로잡은 것")
_INCIDENTS = say("What happened while your cells ran", "셀을 실행하는 동안 일어난 일")
_ERRORS = say("Errors in your cells", "셀에서 발생한 오류")
_WAITS = say("{n} points wait for a person", "{n}점은 사람이 직접 채점합니다")
_FAILED = say("This submission could not be graded", "이 제출물은 채점할 수 없었습니다")
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}
table{border-collapse:collapse;width:100%}th,td{border-bottom:1px solid #ccc;padding:.3rem .6rem;text-align:left}td.n{text-align:right;white-space:nowrap}
h2{margin-top:2.5rem}h3{margin-top:1.5rem}ul{padding-left:1.2rem;list-style:none}li{margin:.3rem 0}.more{display:block;color:#444;overflow-wrap:anywhere}
.yes::before{content:"✓ ";color:#05620e}.no::before{content:"✗ ";color:#a11}@media print{body{margin:0}}
"""


def write_feedback(class_: Sequence[Graded], folder: Path) -> list[Path]:
    """DIR/STUDENT.html for each; the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    students: dict[str, list[Graded]] = {}
    for one in class_:
        students.setdefault(one.student, []).append(one)
    paths = []
    for student, graded in students.items():
        path = folder / f"{_file_name(student)}.html"
        path.write_text(page(student, graded), encoding="utf-8")
        paths.append(path)
    return paths


def _file_name(student: str) -> str:
    """Two students never have the same, and none leads out of the folder."""
    return student if re.fullmatch(r"[\w ()+@,=-][\w .()+@,=-]*", student) else quote(student, safe="").replace(".", "%2E")


def page(student: str, graded: Sequence[Graded]) -> str:
    """The page of one student."""
    language = next((one.report.language for one in graded if one.report), "en")
    title = f"{_TITLE[language]}: {student}"
    body = "".join(_Section(one, language).html() for one in graded)
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f'<meta name="viewport" content="width=device-width">\n<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n<main>\n<h1>{escape(title)}</h1>\n{body}</main>\n</body>\n</html>\n"
    )


class _Section:
    """One notebook's part of a page."""

    def __init__(self, graded: Graded, language: str) -> None:
        self._graded, self._language = graded, language
        self._secrets = _secrets(graded)

    def html(self) -> str:
        report, title = self._graded.report, escape(self._graded.assignment)
        if report is None:
            why = self._text(self._graded.error.replace(str(self._graded.path), self._graded.path.name))
            return f"<section>\n<h2>{title}</h2>\n<p>{_FAILED[self._language]}: {why}</p>\n</section>\n"
        self._language = report.language
        key = self._language
        parts = [f'<section lang="{key}">\n<h2>{title}</h2>\n', self._table(report)]
        if report.by_hand:
            parts.append(f"<p>{_WAITS[key].format(n=f'{report.by_hand:g}')}</p>\n")
        parts += [self._exercise(one.masked()) for one in report.verdicts if one.findings]
        parts.append(self._list(_ERRORS[key], report.errors))
        parts.append(self._list(_INCIDENTS[key], (f"{one.cell}: {one.text[key]}" for one in report.incidents)))
        parts.append(self._list(_REPAIRS[key], (one.text[key] for one in report.repairs)))
        return "".join(parts) + "</section>\n"

    def _table(self, report: GradeReport) -> str:
        key = self._language
        rows = [
            self._row(one.exercise, self._result(one), "–" if one.manual else f"{one.points:g}", one.max_points) for one in report.verdicts
        ]
        rows.append(self._row(_SUM[key], "", f"{report.points:g}", report.max_points))
        head = "".join(f'<th scope="col">{word[key]}</th>' for word in (_EXERCISE, _RESULT, _POINTS))
        return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{''.join(rows)}</tbody>\n</table>\n"

    def _row(self, name: str, result: str, points: str, most: float) -> str:
        return f'<tr><th scope="row">{self._text(name)}</th><td>{result}</td><td class="n">{points} / {most:g}</td></tr>\n'

    def _result(self, verdict: Verdict) -> str:
        if verdict.manual:
            return _BY_HAND[self._language]
        return (_PASSED if verdict.passed else _PARTLY if verdict.points else _NOT_YET)[self._language]

    def _exercise(self, verdict: Verdict) -> str:
        items = []
        for one in verdict.findings:
            more = [] if one.passed else [(word, getattr(one, word)) for word in ("seen", "expected", "look")]
            told = "".join(f'<span class="more">{verdict.word(word)}: {self._text(text)}</span>' for word, text in more if text)
            items.append(f'<li class="{"yes" if one.passed else "no"}">{self._text(one.text)}{told}</li>\n')
        return f"<h3>{self._text(verdict.exercise)}</h3>\n<ul>\n{''.join(items)}</ul>\n"

    def _list(self, title: str, texts: Iterable[str]) -> str:
        items = "".join(f"<li>{self._text(text)}</li>\n" for text in texts)
        return f"<h3>{title}</h3>\n<ul>\n{items}</ul>\n" if items else ""

    def _text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return escape(text)


def _secrets(graded: Graded) -> list[str]:
    """The hidden lines of the assignment, the longest first."""
    if graded.answers is None:
        return []
    found = {secret for one in exercises_of(read(graded.answers.path)) for secret in one.secrets}
    return sorted(found, key=len, reverse=True)
