"""`dockerlab grade NOTEBOOK…`: the points of submissions, found out from outside their kernels."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def main(words: list[str]) -> int:
    """Grade; 0 whatever the points, 1 if a submission can't be graded (the error is raised)."""
    parser = argparse.ArgumentParser(
        prog="dockerlab grade", description="Grade submissions of the labs, from outside the student's kernel."
    )
    parser.add_argument("notebook", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", help="the report as JSON, a list")
    parser.add_argument("--lang", choices=("en", "ko"), default="", help="the language of the report (default: the notebook's)")
    options = parser.parse_args(words)
    from dockerlab.course.grading import grade

    reports = []
    for path in options.notebook:
        report = grade(path, options.lang)
        reports.append({"notebook": str(path), **report.to_json()})
        if not options.json:
            print(f"{path}: {report.points:g} of {report.max_points:g}")
            for verdict in report.verdicts:
                print(verdict)
    if options.json:
        print(json.dumps(reports, indent=2, ensure_ascii=False))
    return 0
