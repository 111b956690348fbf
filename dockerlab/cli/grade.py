"""`dockerlab grade SUBMISSION…`: the points of a class, found out from outside its kernels."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from dockerlab.errors import DockerlabError, UsageError

if TYPE_CHECKING:
    from dockerlab.course.classes import Graded
    from dockerlab.course.room.allowance import Allowance


def main(words: list[str]) -> int:
    """Grade; 0 whatever the points. 1 if one submission alone was named and can't be graded (the error is raised); of several each has its error in the result."""
    options = _parser().parse_args(words)
    if options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs}: at least one must work", exit_code=1)
    if options.out and options.out.suffix not in (".csv", ".json"):
        raise UsageError(f"--out {options.out}: its name ends in neither .csv nor .json", exit_code=1)
    allowance = _allowance(options)
    from dockerlab.course.classes import as_csv, as_json, find, grade_class
    from dockerlab.course.ledger import Ledger

    paths = find(options.submission)
    several = len(paths) > 1
    tell = _Progress(len(paths)) if several and sys.stderr.isatty() else lambda one: None
    with Ledger(options.resume) if options.resume else nullcontext() as ledger:
        class_ = list(
            grade_class(
                paths,
                options.lang,
                jobs=options.jobs,
                course=options.course,
                allowance=allowance,
                ledger=ledger,
                scheduler=options.scheduler,
                done=tell,
            )
        )
    if not several and class_[0].error:
        raise DockerlabError(class_[0].error)
    if options.out:
        options.out.write_text(as_csv(class_) if options.out.suffix == ".csv" else as_json(class_) + "\n", encoding="utf-8")
    if options.gradebook:
        from dockerlab.course.gradebook import write_gradebook

        write_gradebook(class_, options.gradebook, options.course)
    if options.feedback:
        from dockerlab.course.feedback import write_feedback

        write_feedback(class_, options.feedback)
    if options.json:
        print(as_json(class_))
    else:
        for one in class_:
            _show(one)
    for why in sorted({one.report.open for one in class_ if one.report and one.report.open}):
        print(
            f"note: there were no walls around the students' kernels, which could use the network and read what you can: {why}",
            file=sys.stderr,
        )
    return 0


class _Progress:
    """A line on standard error for each submission that is done."""

    def __init__(self, count: int) -> None:
        self._count, self._done = count, 0

    def __call__(self, one: Graded) -> None:
        self._done += 1
        worth = f"{one.report.points:g} of {one.report.max_points:g}" if one.report else one.error
        print(f"[{self._done}/{self._count}] {one.student} {one.assignment}: {worth}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dockerlab grade",
        description="Grade submissions of the labs, or of a course of your own, from outside the students' kernels: notebooks, or folders of them.",
    )
    parser.add_argument("submission", nargs="+", type=Path)
    parser.add_argument(
        "--course", type=Path, metavar="DIR", help="a course directory of nbgrader's, with source/ASSIGNMENT (default: the bundled labs)"
    )
    parser.add_argument("--json", action="store_true", help="the result as JSON, a list")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="so many at a time (default: 1)")
    parser.add_argument(
        "--scheduler", default="", metavar="ADDRESS", help="let the workers of this Dask scheduler grade (needs jupyter-dockerlab[dask])"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the result to FILE.csv or FILE.json too")
    parser.add_argument(
        "--resume", type=Path, metavar="FILE", help="keep each result in FILE as it comes; what is in it already is not graded again"
    )
    parser.add_argument("--feedback", type=Path, metavar="DIR", help="write a page for each student, DIR/STUDENT.html")
    parser.add_argument("--gradebook", type=Path, metavar="FILE", help="enter the points into nbgrader's gradebook.db (needs nbgrader)")
    parser.add_argument("--lang", choices=("en", "ko"), default="", help="the language of the report (default: the notebook's)")
    limits = parser.add_argument_group("limits of a submission")
    limits.add_argument("--cell-seconds", type=float, metavar="N", help="for one cell (default: 120)")
    limits.add_argument("--seconds", type=float, metavar="N", help="for the whole notebook (default: 1800)")
    limits.add_argument("--memory", metavar="SIZE", help="of all its processes (default: 2g)")
    limits.add_argument("--disk", metavar="SIZE", help="beyond the base images (default: 4g)")
    limits.add_argument("--processes", type=int, metavar="N", help="at a time (default: 512)")
    limits.add_argument("--network", action="store_true", help="let its cells use the network")
    limits.add_argument(
        "--no-walls", action="store_false", dest="walls", help="run its cells as you, who can write your files, on the machine's network"
    )
    return parser


def _allowance(options: argparse.Namespace) -> Allowance:
    """As asked for; UsageError for what is no limit."""
    from dockerlab.course.room.allowance import Allowance
    from dockerlab.data import asdict
    from dockerlab.engine.limits import size_bytes

    asked = {name: getattr(options, name) for name in asdict(Allowance()) if getattr(options, name) is not None}
    for name in ("memory", "disk"):
        if name in asked:
            try:
                asked[name] = size_bytes(asked[name])
            except ValueError as error:
                raise UsageError(f"--{name}: {error}", hint="500m, 2g …", exit_code=1) from None
    for name, value in asked.items():
        if value is not True and value is not False and value <= 0:
            raise UsageError(f"--{name.replace('_', '-')} {value}: nothing could run", exit_code=1)
    return Allowance(**asked)


def _show(one: Graded) -> None:
    if one.report is None:
        print(f"{one.path}: {one.error}")
        return
    waits = f"; {one.report.by_hand:g} of them need manual grading" if one.report.by_hand else ""
    print(f"{one.path}: {one.report.points:g} of {one.report.max_points:g}{waits}")
    for verdict in one.report.verdicts:
        print(verdict)
    for repair in one.report.repairs:
        print(f"↻ {repair.text[one.report.language]}")
    for incident in one.report.incidents:
        print(f"! {incident.cell}: {incident.text[one.report.language]}")
