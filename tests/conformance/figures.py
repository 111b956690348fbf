"""How many recorded builds, sequences and sessions hold, and the list of those that do not yet (expected.toml), which a run can write anew."""

from __future__ import annotations

import collections
import json
import tomllib
from pathlib import Path

EXPECTED = Path(__file__).parent / "expected.toml"
_TITLES = {"classic": "Builds of the classic builder", "daemon": "Sessions through a daemon"}
KINDS = ("builds", "classic", "sequences", "sessions", "daemon")
_HEAD = """# What is recorded and does not hold yet, each with its reason. A case that begins to hold makes the tests fail until it is taken out here:
# scripts/conformance --update plays everything, drops what holds, and adds what does not with its first difference as the reason.
"""


def expected() -> dict[str, dict[str, str]]:
    """Kind → name → reason."""
    found = tomllib.loads(EXPECTED.read_text(encoding="utf-8"))
    return {kind: found.get(kind, {}) for kind in KINDS}


_RULES = """A build holds if success or error, build checks, layers with their entries, history, configuration and what a container of it prints are all as BuildKit's column
says; a refusal counts only if our message names the same instruction, flag, path or word. A build of the classic builder holds if the same is as its column says, which has no
entries of layers, but what was printed. A sequence holds if the same steps come from the cache and the same images and layers
are equal. A session holds if every command of it ends with the same code, prints the same to standard output, and says something on standard error where docker does.
Published ports are compared with `127.0.0.1` where docker says `0.0.0.0`: we listen on loopback unless told otherwise. Sessions through a daemon are `dockerlab`'s words answered by
a real Docker ([engines.md](engines.md)), and compared as they were recorded. `.ci/full` writes this page."""


class Figures:
    """What was played in this run."""

    def __init__(self) -> None:
        self.counts: dict[str, dict[str, list[int]]] = collections.defaultdict(lambda: collections.defaultdict(lambda: [0, 0]))
        self.played: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}

    def add(self, kind: str, name: str, title: str, group: str, differences: list[str]) -> None:
        """A case of this kind; `title` and `group` say under which figure it counts."""
        one = self.counts[title][group]
        one[0] += not differences
        one[1] += 1
        self.played[kind][name] = differences[0] if differences else ""

    def lines(self) -> list[str]:
        """A line for each figure, and one below it for its groups."""
        out = []
        for title, groups in self.counts.items():
            held, played = (sum(one[n] for one in groups.values()) for n in (0, 1))
            out.append(f"{title}: {held} of {played} hold")
            if len(groups) > 1:
                out.append("  " + "  ".join(f"{group} {one[0]}/{one[1]}" for group, one in sorted(groups.items())))
        return out

    def update(self) -> None:
        """Write expected.toml anew: what was played and holds goes, what does not hold comes; reasons written by hand stay."""
        known = expected()
        text = _HEAD
        for kind in KINDS:
            cases = {name: reason for name, reason in known[kind].items() if self.played[kind].get(name, "-")}
            cases |= {name: _reason(found) for name, found in self.played[kind].items() if found and name not in cases}
            lines = [
                f"{name} = {json.dumps(reason, ensure_ascii=False)}"
                for name, reason in sorted(cases.items(), key=lambda item: (item[1], item[0]))
            ]
            text += "".join(f"{line}\n" for line in ("", f"[{kind}]", *lines))
        EXPECTED.write_text(text, encoding="utf-8")

    def page(self, when: str) -> str:
        """The figures, and what does not hold with its reason, as Markdown."""
        lines = ["# Recorded Docker 28.5, done again", "", f"On {when}:", ""]
        lines += [f"- {line}" if not line.startswith("  ") else f"  - {line.strip()}" for line in self.lines()]
        for kind, cases in expected().items():
            if cases:
                lines += [
                    "",
                    f"## {_TITLES.get(kind, kind.capitalize())} that do not hold",
                    "",
                    "| case | first difference, or why |",
                    "| --- | --- |",
                ]
                lines += [f"| {name} | {reason.replace('|', chr(92) + '|')} |" for name, reason in cases.items()]
        lines += ["", *_RULES.splitlines(), ""]
        return "\n".join(lines)


def _reason(difference: str) -> str:
    """The first difference, short."""
    one_line = " ".join(difference.split())
    return one_line if len(one_line) <= 240 else one_line[:239] + "…"
