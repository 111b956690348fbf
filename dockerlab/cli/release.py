"""`dockerlab release NAME --to DIR`: the learners' version of an assignment."""

from __future__ import annotations

import argparse
from pathlib import Path

from dockerlab.course.material import names, source
from dockerlab.course.release import release
from dockerlab.language import language


def main(words: list[str]) -> int:
    """Write it. NotFoundError for an assignment that is not there, ConflictError for one that was written already."""
    parser = argparse.ArgumentParser(
        prog="dockerlab release",
        description="Write an assignment as learners get it: without solutions and hidden tests, as nbgrader would.",
    )
    parser.add_argument("name", help=f"an assignment: {', '.join(names('en'))}, or one of --course")
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="DIR/NAME is written")
    parser.add_argument("--course", type=Path, metavar="DIR", help="a course of your own: its source/NAME (default: the bundled labs)")
    parser.add_argument("--lang", choices=("en", "ko"), default=language(), help="the language of a bundled lab")
    parser.add_argument(
        "--format",
        choices=("nbgrader", "otter"),
        default="nbgrader",
        help="nbgrader: the learners' version; otter: the instructor's, with solutions, for `otter assign`",
    )
    parser.add_argument("--force", action="store_true", help="write over what is there")
    options = parser.parse_args(words)
    assignment = options.course / "source" / options.name if options.course else source(options.name, options.lang).parent
    target = options.to / options.name
    if options.format == "otter":
        from dockerlab.course.otter import export

        paths = export(assignment, target, force=options.force)
    else:
        paths = release(assignment, target, force=options.force)
    for path in paths:
        print(path)
    return 0
