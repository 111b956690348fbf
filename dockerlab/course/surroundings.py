"""What a submission's cells find around them: an environment without anybody's tokens, the machine's programs, the files of the assignment."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from dockerlab.course import material
from dockerlab.course.assignments import Assignment, others
from dockerlab.course.guard import PACKAGE
from dockerlab.errors import NotFoundError

_KEPT = ("PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX", "SSL_CERT_FILE", "BUSYBOX")
_FAMILIES = ("LC_", "DOCKERLAB_")
MOST_BROUGHT = 64 << 20
"""Bytes of the files that a student hands in beside the notebook."""


def kept(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of whoever grades' environment that is nobody's secret."""
    return {name: value for name, value in environment.items() if name in _KEPT or name.startswith(_FAMILIES)}


def of_kernel(environment: Mapping[str, str], inside: Path, language: str, code: Path | None, bases: Path | None) -> dict[str, str]:
    """A kernel's environment. `inside` is the room's folder as the kernel sees it, `code` where it imports this package from, if not from where we do, `bases` its base store."""
    paths = [str(code)] if code else []
    return {
        **kept(environment),
        "HOME": str(inside / "home"),
        "TMPDIR": str(inside / "tmp"),
        "IPYTHONDIR": str(inside / "home/.ipython"),
        "DOCKERLAB_HOME": str(inside / "store"),
        "DOCKERLAB_BASE_STORES": str(bases or ""),
        "DOCKERLAB_BASES": "catalogue",
        "DOCKERLAB_LANG": language,
        "DOCKERLAB_WIDGETS": "off",
        "NBGRADER_EXECUTION": "autograde",
        "PYTHONPATH": os.pathsep.join([*paths, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]),
    }


def needed(here: Path) -> tuple[Path, ...]:
    """What of the machine has to be seen, wherever it lies: this Python and all that it imports, and the programs on the path.

    Not `here`, where whoever grades works: it is on the path of what is started there, and holds whatever they have.
    """
    programs = [*os.environ.get("PATH", "").split(os.pathsep), *os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)]
    python = [sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.path.realpath(sys.executable)), *sys.path]
    places = [Path(one) for one in (*programs, *python, str(PACKAGE)) if os.path.isabs(one)]
    return tuple(dict.fromkeys(one for one in places if one != here and one not in (Path("/"), Path("/tmp")) and one != Path.home()))


def hidden(course: Path | None, submissions: Iterable[Path]) -> tuple[Path, ...]:
    """What cells may not see: solutions and hidden tests, and what others have handed in."""
    try:
        labs = [material.labs_folder()]
    except NotFoundError:
        labs = []
    return tuple(path.resolve() for path in (*labs, *([course] if course else []), *submissions))


def bring_files(assignment: Assignment, submission: Path, folder: Path) -> None:
    """The files beside the notebook: first the student's, where the submission lies in a folder of its own, then the instructor's over them, as nbgrader does."""
    beside = submission.resolve().parent
    if beside.name == assignment.name and not assignment.bundled:
        left = MOST_BROUGHT
        for path in others(beside):
            left -= path.stat().st_size
            if path.suffix != ".ipynb" and left >= 0:
                _copy(path, folder / path.relative_to(beside))
    for path in assignment.files():
        _copy(path, folder / path.relative_to(assignment.path.parent))


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    shutil.copyfile(path, target)
    target.chmod(path.stat().st_mode & 0o777 | 0o600)
