"""The results of a class on disk, a line each as they come, so that an interrupted run goes on where it stopped.

A result is known by everything that decides it: the submission's content, the assignment's, the language, the limits, and the grader's own code.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dockerlab.course.assignments import Assignment, others
from dockerlab.course.report import GradeReport
from dockerlab.course.room.allowance import Allowance
from dockerlab.data import asdict
from dockerlab.errors import ConflictError

Json = dict[str, Any]
_OWN = Path(__file__).resolve().parent


class Ledger:
    """A file of results. ConflictError if somebody else is writing it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise ConflictError(f"{path} is in use by another run", hint="wait for its end, or name another file") from None
        self._known = self._read()
        self._grader = _digest_of_files(sorted(_OWN.rglob("*.py")), _OWN)

    def _read(self) -> dict[str, Json]:
        """What is there. A line that a killed run left unfinished counts nothing."""
        text = self._path.read_bytes()
        known = {}
        for line in text.splitlines():
            try:
                record = json.loads(line)
                known[str(record["key"])] = record["report"]
            except (ValueError, KeyError, TypeError):
                continue
        if text and not text.endswith(b"\n"):
            os.write(self._fd, b"\n")
        return known

    def key(self, submission: Path, assignment: Assignment, language: str, allowance: Allowance) -> str:
        """By which a result is found again."""
        found = hashlib.sha256(submission.read_bytes())
        if submission.resolve().parent.name == assignment.name:
            beside = submission.resolve().parent
            found.update(_digest_of_files([path for path in others(beside) if path.suffix != ".ipynb"], beside).encode())
        for part in (self._grader, assignment.digest(), assignment.title, language, json.dumps(asdict(allowance), sort_keys=True)):
            found.update(f"\0{part}".encode())
        return found.hexdigest()

    def get(self, key: str) -> GradeReport | None:
        """The result, if it is there."""
        try:
            return GradeReport.from_record(self._known[key]) if key in self._known else None
        except (KeyError, TypeError, ValueError):
            return None  # another version's

    def add(self, key: str, report: GradeReport) -> None:
        """Keep it, before anything else is done."""
        os.write(self._fd, json.dumps({"key": key, "report": report.to_record()}, ensure_ascii=False).encode() + b"\n")
        os.fsync(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._fd)


def _digest_of_files(paths: list[Path], top: Path) -> str:
    found = hashlib.sha256()
    for path in paths:
        found.update(f"{path.relative_to(top)}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()
