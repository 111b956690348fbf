"""What a check found: each part with what was seen, what was expected and where to look — never the solution."""

from __future__ import annotations

import math
from html import escape

from dockerlab.data import dataclass
from dockerlab.errors import DockerlabError

_WORDS = {
    "passed": {"en": "passed", "ko": "통과했습니다"},
    "not yet": {"en": "not yet", "ko": "아직 아닙니다"},
    "points": {"en": "points", "ko": "점"},
    "seen": {"en": "seen", "ko": "확인한 값"},
    "expected": {"en": "expected", "ko": "기대한 값"},
    "look": {"en": "where to look", "ko": "살펴볼 곳"},
    "hint": {"en": "hint", "ko": "힌트"},
}


@dataclass(frozen=True)
class Finding:
    """One part of a check. `seen`, `expected` and `look` matter where it did not pass."""

    text: str
    passed: bool
    seen: str = ""
    expected: str = ""
    look: str = ""
    weight: float = 1.0


@dataclass(frozen=True)
class Verdict:
    """The findings of one exercise, in one language; `points` are partial where a part is right."""

    exercise: str
    language: str
    max_points: float
    findings: tuple[Finding, ...] = ()
    hint: str = ""

    @property
    def passed(self) -> bool:
        """Whether everything is right."""
        return bool(self.findings) and all(finding.passed for finding in self.findings)

    @property
    def points(self) -> float:
        """What the right parts are worth, in half points, rounded down: all of them only where everything is right."""
        whole = sum(finding.weight for finding in self.findings)
        right = sum(finding.weight for finding in self.findings if finding.passed)
        return math.floor(2 * self.max_points * right / whole + 1e-9) / 2 if whole else 0.0

    def _word(self, key: str) -> str:
        return _WORDS[key][self.language]

    def _title(self) -> str:
        name = f"{self.exercise}: " if self.exercise else ""
        return f"{name}{self._word('passed' if self.passed else 'not yet')} ({self.points:g}/{self.max_points:g} {self._word('points')})"

    def __repr__(self) -> str:
        lines = [self._title()]
        for finding in self.findings:
            lines.append(f"  {'✓' if finding.passed else '✗'} {finding.text}")
            if not finding.passed:
                lines += [
                    f"      {self._word(key)}: {getattr(finding, key)}" for key in ("seen", "expected", "look") if getattr(finding, key)
                ]
        if self.hint:
            lines.append(f"  {self._word('hint')}: {self.hint}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = []
        for finding in self.findings:
            more = ""
            if not finding.passed:
                more = "".join(
                    f"<br/><small>{self._word(key)}: {escape(str(getattr(finding, key)))}</small>"
                    for key in ("seen", "expected", "look")
                    if getattr(finding, key)
                )
            rows.append(
                f'<tr><td>{"✓" if finding.passed else "✗"}</td><td align="left" style="text-align:left">{escape(finding.text)}{more}</td></tr>'
            )
        hint = f"<p>{self._word('hint')}: {escape(self.hint)}</p>" if self.hint else ""
        return f"<b>{escape(self._title())}</b><table>{''.join(rows)}</table>{hint}"


class CheckFailed(DockerlabError):
    """An exercise that is not passed yet; raised so that a grade cell fails. The verdict was shown before."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict._title())
        self.verdict = verdict
