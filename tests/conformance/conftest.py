"""Figures of the conformance tests: how many recorded builds and sessions hold, a line each at the end."""

from __future__ import annotations

import collections
import os
import shutil
import time
import tomllib
from pathlib import Path

import pytest


class Figures:
    """kind → group → [hold, all]."""

    def __init__(self) -> None:
        self.counts: dict[str, dict[str, list[int]]] = collections.defaultdict(lambda: collections.defaultdict(lambda: [0, 0]))

    def add(self, kind: str, group: str, holds: bool) -> None:
        one = self.counts[kind][group]
        one[0] += holds
        one[1] += 1

    def lines(self) -> list[str]:
        out = []
        for kind, groups in self.counts.items():
            total = [sum(one[n] for one in groups.values()) for n in (0, 1)]
            out.append(f"{kind}: {total[0]} of {total[1]} hold")
            out.append("  " + "  ".join(f"{group} {one[0]}/{one[1]}" for group, one in sorted(groups.items())))
        return out


_FIGURES = Figures()


@pytest.fixture(scope="session")
def figures() -> Figures:
    return _FIGURES


@pytest.fixture(scope="session")
def static_busybox() -> Path:
    found = os.environ.get("BUSYBOX") or shutil.which("busybox")
    if not found:
        if os.environ.get("CI"):
            pytest.fail("install busybox-static: CI must run these tests")
        pytest.skip("no static busybox here (apt install busybox-static, or set BUSYBOX)")
    return Path(found)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--conformance-report", default="", help="write the figures to this file")


def _report(path: Path) -> None:
    """The figures, and what does not hold yet with its reason, as a page."""
    expected = tomllib.loads((Path(__file__).parent / "expected.toml").read_text())
    lines = ["# Recorded Docker 28.5, done again", "", f"On {time.strftime('%Y-%m-%d')}:", ""]
    lines += [f"- {line}" if not line.startswith("  ") else f"  - {line.strip()}" for line in _FIGURES.lines()]
    for kind, cases in expected.items():
        lines += [
            "",
            f"## {kind}: what does not hold yet",
            "",
            "| case | why |",
            "| --- | --- |",
            *(f"| {name} | {reason} |" for name, reason in cases.items()),
        ]
    lines += [
        "",
        "Published ports are compared with `127.0.0.1` where docker says `0.0.0.0`: we listen on loopback unless told otherwise.",
        "",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if path := terminalreporter.config.getoption("--conformance-report", ""):
        _report(Path(path))
    if lines := _FIGURES.lines():
        terminalreporter.section("recorded Docker")
        for line in lines:
            terminalreporter.write_line(line)
