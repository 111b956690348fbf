"""A recorded sequence of builds — the same context, with a change between — done again: which steps were cached, which images and layers are the same."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.conformance.contexts import LONG_AGO, edit, lay_out
from tests.conformance.program import Program
from tests.conformance.replay_builds import flags_of, said

_TAG = "cache-fact:x"


class Sequence:
    """One case: images and layers get numbers in the order in which they first appear, as in the recording."""

    def __init__(self, program: Program, base: list[str], fact: dict[str, Any]) -> None:
        self.program, self.base, self.case, self.wanted = program, base, fact["case"], fact["buildkit"]
        self.images: dict[str, str] = {}
        self.layers: dict[str, str] = {}
        self.wrong: dict[str, str] = {}

    def replay(self) -> dict[str, str]:
        """Aspect → how it differs; empty if all is as recorded."""
        self.program("builder", "prune", "-af")
        tags = {_TAG, *(step.get("build", {}).get("tag", _TAG) for step in self.case["steps"]), *self.case.get("tags", ())}
        try:
            with tempfile.TemporaryDirectory() as top:
                self._steps(Path(top))
        finally:
            self.program("rmi", "-f", *tags)
        return self.wrong

    def _steps(self, top: Path) -> None:
        context = top / "context"
        lay_out(context, self.case)
        for number, (step, wanted) in enumerate(zip(self.case["steps"], self.wanted, strict=True)):
            change = step.get("edit", {})
            if change.get("move"):
                context = context.rename(top / f"moved-{number}")
            if number:
                _next_second()
            edit(context, change, LONG_AGO + 3600 * number)
            for words in change.get("docker", ()):
                self.program(*words)
            if not self._build(f"build {number + 1}", step.get("build", {}), context, wanted):
                return

    def _build(self, which: str, spec: dict[str, Any], context: Path, wanted: dict[str, Any]) -> bool:
        """Whether it makes sense to go on."""
        tag = spec.get("tag", _TAG)
        with tempfile.TemporaryDirectory() as scratch:
            flags = flags_of(spec, context, Path(scratch))
            answer = self.program("build", "--progress", "rawjson", "-t", tag, *flags, str(context), env=spec.get("env"))
        if (answer.returncode == 0) != wanted["ok"]:
            self.wrong[which] = said(answer)[-150:]
            return False
        ours, theirs = _steps_of(answer.stderr + b"\n" + answer.stdout), sorted([one["step"], one["cached"]] for one in wanted["steps"])
        if ours != theirs:
            extra, missing = ([one for one in mine if one not in his] for mine, his in ((ours, theirs), (theirs, ours)))
            self.wrong[f"{which}, steps"] = f"{extra} instead of {missing}"
        if wanted["ok"]:
            found = json.loads(self.program("inspect", "--type", "image", tag).stdout)[0]
            layers = [one for one in found["RootFS"].get("Layers") or () if one not in self.base]
            numbered = [
                self.images.setdefault(found["Id"], f"image {len(self.images) + 1}"),
                [self.layers.setdefault(one, f"layer {len(self.layers) + 1}") for one in layers],
            ]
            if numbered != [wanted["image"], wanted["layers"]]:
                self.wrong[f"{which}, image"] = f"{numbered} instead of {[wanted['image'], wanted['layers']]}"
        return True


def _next_second() -> None:
    """A layer knows a file's time to the second, so a step that runs again makes another layer only a whole second later."""
    time.sleep(1.1)


def _steps_of(progress: bytes) -> list[list[Any]]:
    """BuildKit's raw progress as sorted [step, cached], without FROM and what belongs to no step."""
    seen: dict[str, dict[str, Any]] = {}
    for line in progress.splitlines():
        if line.startswith(b"{"):
            for vertex in json.loads(line).get("vertexes") or ():
                one = seen.setdefault(vertex["digest"], {"name": vertex["name"], "cached": False, "started": False})
                one["cached"] |= bool(vertex.get("cached"))
                one["started"] |= bool(vertex.get("started"))
    return sorted(
        [one["name"], one["cached"]]
        for one in seen.values()
        if one["started"] and one["name"].startswith("[") and not one["name"].startswith("[internal]") and "] FROM " not in one["name"]
    )
