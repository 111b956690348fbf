"""What a check found: each part with what was seen, what was expected and where to look — never the solution.

Its words say no more than is known. Where a learner runs a check of which a part is looked at only when the work is graded, it says that the public checks are
passed; where a person has to judge, it says that.
"""

from __future__ import annotations

import math
from html import escape
from typing import Any

from dockerlab.data import asdict, dataclass, replace
from dockerlab.errors import DockerlabError

ALL, PUBLIC, WAITS = "all", "public", "waits"
READABLE = "word-break:keep-all;overflow-wrap:anywhere"
"""How prose is broken into lines: Korean between words, as English is; what has no spaces, anywhere."""
_WORDS = {
    "passed": {"en": "passed", "ko": "통과했습니다"},
    "public": {"en": "public checks passed", "ko": "공개 채점 항목을 통과했습니다"},
    "waiting": {"en": "hidden checks follow when it is graded", "ko": "비공개 채점 항목은 채점할 때 확인합니다"},
    "not yet": {"en": "not yet", "ko": "아직 아닙니다"},
    "by hand": {"en": "needs manual grading", "ko": "사람이 직접 채점해야 합니다"},
    "hidden": {"en": "a hidden check", "ko": "비공개 채점 항목"},
    "points": {"en": "points", "ko": "점"},
    "seen": {"en": "seen", "ko": "확인한 값"},
    "expected": {"en": "expected", "ko": "기대한 값"},
    "look": {"en": "where to look", "ko": "살펴볼 곳"},
    "hint": {"en": "hint", "ko": "힌트"},
}


@dataclass(frozen=True)
class Finding:
    """One part of a check. `seen`, `expected` and `look` matter where it did not pass. `hidden`: learners are not told of it before their work is graded."""

    text: str
    passed: bool
    seen: str = ""
    expected: str = ""
    look: str = ""
    weight: float = 1.0
    hidden: bool = False


@dataclass(frozen=True)
class Verdict:
    """The findings of one exercise, in one language; `points` are partial where a part is right.

    `given`: the points, where a cell counts in its own way. `manual`: a person has yet to give them. `scope`: ALL was looked at; or only what is PUBLIC, and
    whether there is more is not known; or there is, and it WAITS until the work is graded.
    """

    exercise: str
    language: str
    max_points: float
    findings: tuple[Finding, ...] = ()
    hint: str = ""
    given: float | None = None
    manual: bool = False
    scope: str = ALL

    @property
    def passed(self) -> bool:
        """Whether everything that was looked at is right."""
        return bool(self.findings) and all(finding.passed for finding in self.findings)

    @property
    def points(self) -> float:
        """What the right parts are worth, in half points, rounded down: all of them only where everything is right."""
        if self.given is not None:
            return self.given
        whole = sum(finding.weight for finding in self.findings)
        right = sum(finding.weight for finding in self.findings if finding.passed)
        return math.floor(2 * self.max_points * right / whole + 1e-9) / 2 if whole else 0.0

    def for_learners(self) -> Verdict:
        """Without what only grading looks at."""
        public = tuple(finding for finding in self.findings if not finding.hidden)
        return replace(self, findings=public, scope=WAITS if len(public) < len(self.findings) else self.scope)

    def masked(self) -> Verdict:
        """With the hidden checks in it, but not their words."""
        word = self.word("hidden")
        return replace(
            self, findings=tuple(Finding(word, one.passed, weight=one.weight, hidden=True) if one.hidden else one for one in self.findings)
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, for `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Verdict:
        """What `to_json` gave."""
        return cls(**{**record, "findings": tuple(Finding(**one) for one in record["findings"])})

    def word(self, key: str) -> str:
        """One of the words of a report, in its language."""
        return _WORDS[key][self.language]

    def _title(self) -> str:
        name, unit = f"{self.exercise}: " if self.exercise else "", self.word("points")
        if self.manual:
            return f"{name}{self.word('by hand')} ({self.max_points:g} {unit})"
        state = self.word("not yet" if not self.passed else "passed" if self.scope == ALL else "public")
        if self.scope == WAITS:  # how many points the public part is worth alone is not what anybody gets
            return f"{name}{state} ({self.max_points:g} {unit}; {self.word('waiting')})"
        return f"{name}{state} ({self.points:g}/{self.max_points:g} {unit})"

    def __repr__(self) -> str:
        lines = [self._title()]
        for finding in self.findings:
            lines.append(f"  {'✓' if finding.passed else '✗'} {finding.text}")
            if not finding.passed:
                lines += [
                    f"      {self.word(key)}: {getattr(finding, key)}" for key in ("seen", "expected", "look") if getattr(finding, key)
                ]
        if self.hint:
            lines.append(f"  {self.word('hint')}: {self.hint}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = []
        for finding in self.findings:
            more = ""
            if not finding.passed:
                more = "".join(
                    f'<br/><small style="white-space:pre-line">{self.word(key)}: {escape(str(getattr(finding, key)))}</small>'
                    for key in ("seen", "expected", "look")
                    if getattr(finding, key)
                )
            rows.append(
                f'<tr><td>{"✓" if finding.passed else "✗"}</td><td align="left" style="text-align:left">{escape(finding.text)}{more}</td></tr>'
            )
        hint = f"<p>{self.word('hint')}: {escape(self.hint)}</p>" if self.hint else ""
        return f'<div style="{READABLE}"><b>{escape(self._title())}</b><table>{"".join(rows)}</table>{hint}</div>'


class CheckFailed(DockerlabError):
    """An exercise that is not passed yet; raised so that a grade cell fails. The verdict was shown before."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict._title())
        self.verdict = verdict
