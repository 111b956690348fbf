"""What a submission is worth, and all that has to be said about how that was found."""

from __future__ import annotations

from typing import Any

from dockerlab.course.execution import Incident
from dockerlab.course.repair import Repair
from dockerlab.course.verdict import Verdict
from dockerlab.data import asdict, dataclass

Json = dict[str, Any]


@dataclass(frozen=True)
class GradeReport:
    """`errors`: what cells ended with, for whoever grades; `repairs`: what was put right in the notebook; `incidents`: what the grader did about cells that went wrong.

    `open`: why there were no walls around the kernel.
    """

    lab: str
    language: str
    verdicts: tuple[Verdict, ...]
    errors: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()
    incidents: tuple[Incident, ...] = ()
    open: str = ""

    @property
    def points(self) -> float:
        """The sum of the exercises' points; what waits for a person counts nothing yet."""
        return sum(one.points for one in self.verdicts)

    @property
    def max_points(self) -> float:
        """What a perfect submission gets."""
        return sum(one.max_points for one in self.verdicts)

    @property
    def by_hand(self) -> float:
        """The points that a person has yet to give."""
        return sum(one.max_points for one in self.verdicts if one.manual)

    def to_json(self) -> Json:
        """The report as JSON, in its language."""
        return {
            "lab": self.lab,
            "language": self.language,
            "points": self.points,
            "max_points": self.max_points,
            "manual_points": self.by_hand,
            "exercises": [
                {
                    "name": one.exercise,
                    "points": one.points,
                    "max_points": one.max_points,
                    "passed": one.passed,
                    "needs_manual_grading": one.manual,
                    "findings": [asdict(finding) for finding in one.findings],
                }
                for one in self.verdicts
            ],
            "errors": list(self.errors),
            "repairs": [{"kind": one.kind, "cell": one.cell, "text": one.text[self.language]} for one in self.repairs],
            "incidents": [{"kind": one.kind, "cell": one.cell, "text": one.text[self.language]} for one in self.incidents],
            "walls": not self.open,
        }

    def to_record(self) -> Json:
        """Everything, for `from_record`."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Json) -> GradeReport:
        """What `to_record` gave, also if it has been JSON meanwhile."""
        return cls(
            **{
                **record,
                "verdicts": tuple(Verdict.from_json(one) for one in record["verdicts"]),
                "errors": tuple(record["errors"]),
                "repairs": tuple(Repair(**one) for one in record["repairs"]),
                "incidents": tuple(Incident(**one) for one in record["incidents"]),
            }
        )
