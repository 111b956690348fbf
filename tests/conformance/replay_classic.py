"""A recorded build of the classic builder, done again by ours, and what differs from its column: success, output, layers, history with sizes, configuration."""

from __future__ import annotations

import json
import re

from tests.conformance.replay_builds import WEB, Build, last_line, said
from tests.conformance.wording import names_the_same, without_dates

_SENT = re.compile(r"\A(?:Sending build context to Docker daemon .*\n)?")


class ClassicBuild(Build):
    """As a build of BuildKit's column."""

    builder = "classic"

    def _build(self, flags: list[str], context: str) -> None:
        answer = self._docker_build(["--builder", "classic", "--no-cache", "-t", self.tag, *flags], context)
        if not self._ended_alike(answer):
            return
        built = answer.returncode == 0
        ours = _lines(answer.stdout.decode("utf-8", "replace").replace(self.address, WEB).replace(self.tag, "<image>"))
        self.differs("output", ours, [_said_by_the_shell(without_dates(line)) for line in self.wanted.get("output", [])])
        if built:
            try:
                self._image()
                self._containers()
            finally:
                self.program("rmi", "-f", self.tag)
        elif self.wanted["error"] != "<no network>" and not names_the_same(said(answer), self.wanted["error"]):
            self.wrong["refusal"] = f"{last_line(answer)!r} names nothing that Docker names: {self.wanted['error'][:150]!r}"

    def _image(self) -> None:
        found = json.loads(self.program("inspect", self.tag).stdout)[0]
        self.differs("layer count", len(found["RootFS"].get("Layers") or []), self.wanted["layer_count"])
        self._config(found["Config"])
        self.differs("author", found.get("Author") or "", self.wanted.get("author", ""))
        lines = self.program("history", "--no-trunc", "--format", "{{json .}}", "--human=false", self.tag).stdout.decode().splitlines()
        ours = [
            [line["CreatedBy"].replace(self.address, WEB), int(line["Size"]), line["Comment"]] for line in map(json.loads, reversed(lines))
        ]
        theirs = [[line["created_by"], line["size"], line.get("comment", "")] for line in self.wanted["history"]]
        above = 1 if theirs and theirs[0][2].startswith("Imported") else 0
        self.differs("history", ours[above:], theirs[above:])


def _lines(text: str) -> list[str]:
    """What was printed, with IDs as the recording has them, which left empty lines out."""
    text = _SENT.sub("", text)
    text = re.sub(r"(?m)^( ---> (?:Running in |Removed intermediate container )?|Successfully built )[0-9a-f]{12}$", r"\1<id>", text)
    return [_said_by_the_shell(without_dates(line)) for line in text.splitlines() if line]


def _said_by_the_shell(line: str) -> str:
    """A line of ash, of which some versions tell a number."""
    return line.replace("/bin/sh: line 0: ", "/bin/sh: ")
