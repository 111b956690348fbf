"""`dockerlab layers --ci`: whether an image uses its room well enough, by the rules, thresholds and flags of dive. (wagoodman/dive, README: CI integration)"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dockerlab.data import dataclass
from dockerlab.errors import UsageError

if TYPE_CHECKING:
    from dockerlab.engine.inside import Findings
    from dockerlab.verbs.flags import Parsed

DEFAULTS = {"lowestEfficiency": "0.9", "highestWastedBytes": "disabled", "highestUserWastedPercent": "0.1"}
"""Rule → the threshold that dive has for it."""
_OFF = ("", "disabled", "off", "false")
_UNITS = {"": 1, "b": 1, **{f"{unit}{tail}": 1000**power for power, unit in enumerate("kmgtp", 1) for tail in ("", "b")},
          **{f"{unit}i{tail}": 1024**power for power, unit in enumerate("kmgtp", 1) for tail in ("", "b")}}  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """One rule: "pass", "fail" or "skip", and for what reason."""

    rule: str
    status: str
    why: str = ""


@dataclass(frozen=True)
class Verdict:
    """All rules."""

    rules: tuple[Judged, ...]

    @property
    def passed(self) -> bool:
        """Whether none failed."""
        return all(one.status != "fail" for one in self.rules)

    @property
    def text(self) -> str:
        """A line a rule, and the result."""
        lines = [f"{one.status.upper()}: {one.rule}{f': {one.why}' if one.why else ''}\n" for one in self.rules]
        return "".join(lines) + f"Result: {'PASS' if self.passed else 'FAIL'}\n"

    def as_json(self) -> dict[str, Any]:
        """The same as JSON."""
        return {"passed": self.passed, "rules": [{"rule": one.rule, "status": one.status, "why": one.why} for one in self.rules]}


def rules(parsed: Parsed) -> dict[str, float | None]:
    """Rule → its threshold, None if it is off. UsageError for a text that is none."""
    out: dict[str, float | None] = {}
    for name, default in DEFAULTS.items():
        text = parsed.text(name, default).strip()
        if text.lower() in _OFF:
            out[name] = None
        else:
            out[name] = _bytes(name, text) if name == "highestWastedBytes" else _part(name, text)
    return out


def _part(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UsageError(f'invalid value "{text}" for --{name}', hint="a number from 0 to 1, or disabled")
    return value


def _bytes(name: str, text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.lower())
    if found is None or found[2] not in _UNITS:
        raise UsageError(f'invalid value "{text}" for --{name}', hint="bytes, such as 20MB or 20MiB, or disabled")
    return float(found[1]) * float(_UNITS[found[2]])


def judged(findings: Findings, wanted: dict[str, float | None]) -> Verdict:
    """What the rules say of an image."""
    whole = findings.whole
    wasted, user, score = whole["wasted_bytes"], whole["user_size"], whole["efficiency"]
    part = wasted / user if user else float("inf") if wasted else 0.0
    fails: dict[str, tuple[Callable[[float], bool], str]] = {
        "lowestEfficiency": (lambda least: score < least, f"the efficiency is {score:.4f}, less than"),
        "highestWastedBytes": (lambda most: wasted > most, f"{wasted} bytes are in paths that are written more than once, more than"),
        "highestUserWastedPercent": (lambda most: part > most, f"{part:.4f} of all bytes above the lowest layer are wasted, more than"),
    }
    out = []
    for name, threshold in wanted.items():
        failing, why = fails[name]
        if threshold is None:
            out.append(Judged(name, "skip", "it is disabled"))
        else:
            out.append(Judged(name, "fail", f"{why} {threshold:.15g}") if failing(threshold) else Judged(name, "pass"))
    return Verdict(tuple(out))
