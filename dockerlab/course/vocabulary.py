"""The words in which checks are written, and one run of a check: it collects what was expected, in the learner's language.

    look = Look(engine, "ko", folder)
    site = look.image("site:1")
    if look.need(site.exists):
        look.expect(site.layers.above("nginx").count == 2)

In a cell of an instructor's own the same words need no `look`:  `assert image("site:1").layers.count == 3`, or with a report and points
`expect(image("site:1").exists, image("site:1").size < 1_000_000, points=2)`.
"""

from __future__ import annotations

import os
from pathlib import Path

from dockerlab.course.containers import ContainerSubject
from dockerlab.course.contexts import ContextSubject
from dockerlab.course.dockerfiles import DockerfileSubject, TextSubject
from dockerlab.course.expectations import Expectation
from dockerlab.course.images import ImageSubject
from dockerlab.course.saying import same, say
from dockerlab.course.verdict import ALL, PUBLIC, CheckFailed, Finding, Verdict
from dockerlab.engine import Engine, open_engine
from dockerlab.language import language, particles


class Look:
    """One run of a check; what is missing becomes a finding, never an error. `folder` is where the learner's files lie."""

    def __init__(self, engine: Engine, language: str, folder: Path | None = None) -> None:
        self.engine, self.language, self.folder = engine, language, folder or Path.cwd()
        self.findings: list[Finding] = []

    def image(self, name: str) -> ImageSubject:
        """An image, there or not."""
        return ImageSubject(self.engine, name)

    def container(self, name: str) -> ContainerSubject:
        """A container, there or not."""
        return ContainerSubject(self.engine, name)

    def dockerfile(self, name: str = "Dockerfile") -> DockerfileSubject:
        """A Dockerfile of the learner's folder, there or not."""
        return DockerfileSubject(self.folder, name)

    def text(self, name: str) -> TextSubject:
        """A text file of the learner's folder, there or not."""
        return TextSubject(self.folder, name)

    def context(self, name: str = ".", dockerfile: str = "") -> ContextSubject:
        """A folder of the learner's as a build context, there or not; `dockerfile` is what `-f` names."""
        return ContextSubject(self.engine, self.folder, name, dockerfile)

    def stands_in(self, capability: str) -> str:
        """What is emulated here for lack of one of doctor's capabilities ("real_owners", "own_network", "mounts" …); "" where nothing is.

        A check of what can't be enforced asks before it counts: `if not look.stands_in("own_network"): look.expect(…)`.
        """
        return str(self.engine.info().get("Emulated", {}).get(capability, ""))

    def cannot_be_shown(self, capability: str) -> bool:
        """Whether an exercise can't be done here for lack of a capability that nothing stands in for; then everybody has its points, and reads why."""
        how = self.stands_in(capability)
        if how:
            text = say(
                "this exercise can't be done here, so it counts as solved", "이 연습 문제는 여기에서 할 수 없으므로 푼 것으로 칩니다"
            )
            self.expect(Expectation(text, True, same(how), same(""), same("%docker info")))
        return bool(how)

    def expect(self, *expectations: Expectation, weight: float = 1.0, hidden: bool = False) -> bool:
        """Note a part of the exercise for each, worth `weight` beside the other parts; whether all hold. `hidden`: learners hear of it when their work is graded."""
        for one in expectations:
            text, seen, expected, where = (particles(part[self.language]) for part in (one.text, one.seen, one.expected, one.where))
            self.findings.append(Finding(text, one.holds, seen, expected, where, weight, hidden))
        return all(one.holds for one in expectations)

    def need(self, expectation: Expectation, weight: float = 1.0) -> bool:
        """As `expect`; a check that asks with `if` says no more where it does not hold."""
        return self.expect(expectation, weight=weight)


def image(name: str) -> ImageSubject:
    """An image of this notebook's engine, there or not."""
    return ImageSubject(open_engine(), name)


def container(name: str) -> ContainerSubject:
    """A container of this notebook's engine, there or not."""
    return ContainerSubject(open_engine(), name)


def dockerfile(name: str = "Dockerfile") -> DockerfileSubject:
    """A Dockerfile of this folder, there or not."""
    return DockerfileSubject(Path.cwd(), name)


def text(name: str) -> TextSubject:
    """A text file of this folder, there or not."""
    return TextSubject(Path.cwd(), name)


def context(name: str = ".", dockerfile: str = "") -> ContextSubject:
    """A folder of this folder as a build context, there or not."""
    return ContextSubject(open_engine(), Path.cwd(), name, dockerfile)


def expect(*expectations: Expectation, points: float = 1.0, name: str = "") -> float | None:
    """Show what holds and what does not; the points where it is partly right, nothing where all of it is. CheckFailed where none is.

    That is what nbgrader takes from a cell: no value is full marks, a number partial credit, an error nothing.
    """
    look = Look(open_engine(), language())
    look.expect(*expectations)
    # a learner's copy of the cell may say less than what is graded, and nothing in it tells
    verdict = Verdict(name, look.language, points, tuple(look.findings), scope=ALL if being_graded() else PUBLIC)
    shown(verdict)
    if verdict.passed:
        return None
    if not verdict.points:
        raise CheckFailed(verdict)
    return verdict.points


def shown(verdict: Verdict) -> None:
    """Show a report, here in a notebook; a grader listens instead."""
    try:
        from IPython.display import display
    except ImportError:
        print(verdict)
    else:
        display(verdict)


def being_graded() -> bool:
    """Whether a grader runs this kernel: nbgrader, or ours, which says so in nbgrader's way."""
    return bool(os.environ.get("NBGRADER_EXECUTION"))
