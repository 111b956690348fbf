"""What the cells left, looked at in a process that never ran one of them: our own checks, and an instructor's cells that are written in their words.

judge(Task(…)) → {"verdicts": {"layers-1": {…}}, "errors": ["…"]}
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import sys
from pathlib import Path
from typing import Any

from dockerlab.course import vocabulary
from dockerlab.course.bases import BaseImages
from dockerlab.course.exercises import APART, CHECK, Exercise
from dockerlab.course.scoring import Score, failed, score_of_value
from dockerlab.course.verdict import CheckFailed, Finding, Verdict
from dockerlab.data import dataclass, replace
from dockerlab.engine import Engine
from dockerlab.store import Store
from dockerlab.store.fsck import DAMAGED, examine

Json = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """What is to be looked at: the store at `home` and the files in `folder`, as paths of whoever looks, as is that of `bases`."""

    exercises: tuple[Exercise, ...]
    home: Path
    folder: Path
    language: str
    bases: BaseImages


def judge(task: Task) -> Json:
    """Each exercise's verdict. A damaged store is the submission's own doing: it costs the points of the exercises that can't be looked at, and no more."""
    from dockerlab.engine.embedded import EmbeddedEngine

    os.environ.update(DOCKERLAB_HOME=str(task.home), DOCKERLAB_LANG=task.language, NBGRADER_EXECUTION="autograde")
    os.chdir(task.folder)
    errors: list[str] = []
    verdicts: dict[str, Json] = {}
    engine = EmbeddedEngine(Store.open(task.home, bases=str(task.bases.folder)))
    try:
        try:
            task.bases.name_again(engine.store)
            errors += _without_forgeries(engine.store)
        except Exception as error:
            errors.append(f"the store that the cells left is damaged: {type(error).__name__}: {error}")
        for exercise in task.exercises:
            try:
                verdicts[exercise.name] = _looked_at(exercise, engine, task).to_json()
            except Exception as error:
                errors.append(f"{exercise.name} can't be looked at: {type(error).__name__}: {error}")
                verdicts[exercise.name] = Verdict(exercise.name, task.language, exercise.points).to_json()
    finally:
        engine.close()
    return {"verdicts": verdicts, "errors": errors}


def _without_forgeries(store: Store) -> list[str]:
    """What is not what its digest says was written by hand: the images that need it are taken away, so that they count as not made."""
    problems = [one for one in examine(store).problems if one.kind == DAMAGED]
    bad = {one.what.removeprefix("layer ") for one in problems if one.what.startswith("layer ")}
    for image in store.images.all():
        if bad & set(image.config.diff_ids):
            for reference in store.images.names(image.id):
                store.images.untag(reference)
            store.images.remove(image.id)
    return [f"{one.what}: {one.why}" for one in problems]


def _looked_at(exercise: Exercise, engine: Engine, task: Task) -> Verdict:
    from dockerlab.course.checks import verdict

    if exercise.kind == CHECK:
        return replace(verdict(exercise.check, engine, task.language, task.folder), exercise=exercise.name, max_points=exercise.points)
    assert exercise.kind == APART
    return _run(exercise).verdict(exercise, task.language)


def _run(exercise: Exercise) -> Score:
    """A cell of the instructor's, in a namespace of its own: the value of its last expression counts, as in a kernel; what `expect` reports are the findings."""
    tree = ast.parse(exercise.source)
    end = tree.body[-1]
    last = ast.Expression(end.value) if isinstance(end, ast.Expr) else None
    findings: list[Finding] = []
    names: dict[str, Any] = {"__name__": "__main__"}
    said = io.StringIO()
    vocabulary.shown = lambda verdict: findings.extend(_marked(verdict, exercise, tree))
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            exec(compile(ast.Module(tree.body[:-1] if last else tree.body, []), exercise.name, "exec"), names)
            value = eval(compile(last, exercise.name, "eval"), names) if last else None
    except BaseException as error:  # whatever it raises is what an assertion says
        score = failed(error, exercise)
        # `expect` has told what was wrong, unless something else was
        return replace(score, findings=tuple(findings)) if isinstance(error, CheckFailed) else score
    score = score_of_value(value, exercise)
    return replace(score, findings=tuple(findings)) if score.whole == all(one.passed for one in findings) else score


def _marked(verdict: Verdict, exercise: Exercise, tree: ast.Module) -> list[Finding]:
    """The findings of one `expect`, those hidden that stand in hidden lines of the cell."""
    frame = sys._getframe()
    while frame.f_back and frame.f_code.co_filename != exercise.name:
        frame = frame.f_back
    calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call) and one.lineno <= frame.f_lineno <= (one.end_lineno or one.lineno)]
    call = max((one for one in calls if len(one.args) == len(verdict.findings)), key=lambda one: one.lineno, default=None)
    if call is None:  # its arguments were unpacked from a list
        return [replace(one, hidden=bool(exercise.hidden)) for one in verdict.findings]
    lines = [range(one.lineno, (one.end_lineno or one.lineno) + 1) for one in call.args]
    return [replace(one, hidden=not set(exercise.hidden).isdisjoint(at)) for one, at in zip(verdict.findings, lines, strict=True)]
