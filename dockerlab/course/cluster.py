"""A class graded by other machines: workers of a Dask scheduler, each with this package; what is graded travels to them, and only points come back.

A worker needs neither the course nor the submissions on its disk: a parcel holds both. Each is opened by a program of its own (`python -m dockerlab.course.cluster`), since
a worker may start no process where Dask watches over it.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dockerlab.course import surroundings
from dockerlab.course.assignments import Assignment, others
from dockerlab.course.grading import Request, grade
from dockerlab.course.report import GradeReport
from dockerlab.course.room.allowance import Allowance
from dockerlab.course.workers import Killed
from dockerlab.data import dataclass
from dockerlab.errors import DockerlabError

Files = dict[str, bytes]
CONNECT_SECONDS = 20


@dataclass(frozen=True)
class Parcel:
    """A submission and its assignment by their contents: folder of the assignment and the notebook's name, the files of both; `course` is empty for a bundled lab."""

    name: str
    notebook: str
    submission: Files
    course: Files
    language: str
    allowance: Allowance

    @classmethod
    def of(cls, request: Request, assignment: Assignment) -> Parcel:
        """What a request is about."""
        beside = request.path.resolve().parent
        files = {request.path.name: request.path.read_bytes()}
        if beside.name == assignment.name and not assignment.bundled:
            files |= {str(path.relative_to(beside)): path.read_bytes() for path in others(beside) if path.suffix != ".ipynb"}
        folder = assignment.path.parent
        course = (
            {}
            if assignment.bundled
            else {str(path.relative_to(folder)): path.read_bytes() for path in (assignment.path, *assignment.files())}
        )
        return cls(assignment.name, request.path.name, files, course, request.language, request.allowance)

    def unpacked(self, folder: Path) -> Request:
        """The request, with its files below `folder`."""
        source, submitted = folder / "course/source" / self.name, folder / "submitted/student" / self.name
        for place, files in ((source, self.course), (submitted, self.submission)):
            for name, content in files.items():
                path = place / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        return Request.of(submitted / self.notebook, self.language, folder / "course" if self.course else None, self.allowance)


def each(address: str, parcels: Sequence[Parcel]) -> Iterator[tuple[int, Any]]:
    """(number, report) as each is done, by the workers of the scheduler at `address`; an error of one is its result. DockerlabError if the scheduler can't be reached."""
    if find_spec("distributed") is None:
        raise DockerlabError(
            "--scheduler needs Dask's distributed, which is not installed here", hint="pip install 'jupyter-dockerlab[dask]'"
        )
    from distributed import Client, as_completed

    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise DockerlabError(f"no scheduler answers at {address}: {error}", hint="name one as tcp://HOST:8786") from None
    with client:
        futures = {client.submit(opened, parcel, pure=False): number for number, parcel in enumerate(parcels)}
        try:
            for future in as_completed(futures, loop=client.loop):
                yield futures[future], _result(future)
        finally:
            client.cancel([future for future in futures if not future.done()])


def _result(future: Any) -> Any:
    error = future.exception()
    if error is not None:
        return Killed(f"its grading was lost: {type(error).__name__}: {error}")
    answer = future.result()
    return GradeReport.from_record(answer["report"]) if "report" in answer else DockerlabError(answer["error"])


def opened(parcel: Parcel) -> dict[str, Any]:
    """On a worker: grade it in a program of its own; {"report": …} or {"error": …}."""
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=pickle.dumps(parcel),
        env={**surroundings.kept(os.environ), "HOME": os.path.expanduser("~"), "PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        check=False,
    )
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"error": f"its grading was killed (exit code {done.returncode})"}
    return answer


def main() -> None:
    """A parcel on standard input, what it is worth on standard output."""
    parcel: Parcel = pickle.load(sys.stdin.buffer)
    with tempfile.TemporaryDirectory(prefix="dockerlab-parcel-") as folder:
        try:
            request = parcel.unpacked(Path(folder))
            report = grade(request.path, request.language, course=request.course, allowance=request.allowance)
            answer: dict[str, Any] = {"report": report.to_record()}
        except DockerlabError as error:
            answer = {"error": error.message}
        except Exception as error:  # a submission that breaks the grader costs its own points
            answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
