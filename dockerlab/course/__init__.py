"""The course: checks that read artefacts, grading from outside the student's kernel, and the labs' sources.

    check("layers-1", engine, "en") → Verdict(passed, points, findings)        what %check shows
    grade("layers.ipynb")           → GradeReport(points of each exercise)     what `dockerlab grade` prints

A check never looks at Python variables: it reads images, layers, files and containers in the store, so that no cell can talk it into anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockerlab.lazy import exported

if TYPE_CHECKING:
    from dockerlab.course.checks import Check, check, points_of
    from dockerlab.course.grading import Submission, grade
    from dockerlab.course.report import GradeReport
    from dockerlab.course.verdict import CheckFailed, Finding, Verdict

_HOMES = {
    "Check": "checks",
    "CheckFailed": "verdict",
    "Finding": "verdict",
    "GradeReport": "report",
    "Submission": "grading",
    "Verdict": "verdict",
    "check": "checks",
    "grade": "grading",
    "points_of": "checks",
}
__all__ = ["Check", "CheckFailed", "Finding", "GradeReport", "Submission", "Verdict", "check", "grade", "points_of"]
__getattr__ = exported(__name__, _HOMES)
