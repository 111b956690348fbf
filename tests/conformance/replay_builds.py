"""A recorded build, done again, and what differs from BuildKit's column.

Compared: success, build checks, the number of layers, history, configuration, the entries of each layer, what a container prints. A refusal counts only if
the message names what Docker's names: the instruction, flag, path or quoted text.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.contexts import lay_out
from tests.conformance.images import SavedImage, comparable
from tests.conformance.program import Program
from tests.conformance.wording import names_the_same, without_dates

Answer = subprocess.CompletedProcess[bytes]
WEB = "http://WEB/"
"""What a recorded Dockerfile says for the file server's address."""
_NOT_SET_BY_USERS = set("ArgsEscaped Hostname Domainname Image AttachStdin AttachStdout AttachStderr Tty OpenStdin StdinOnce".split())


class FileServer:
    """The files that some cases download, each case's in a folder of its name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        handler = functools.partial(_Quiet, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def address(self, name: str) -> str:
        """Where the files of this case are."""
        return f"http://127.0.0.1:{self._server.server_port}/{name}/"

    def offer(self, name: str, case: dict[str, Any]) -> None:
        """Lay the files of a case out, if it has any."""
        if case.get("web"):
            lay_out(self.folder / name, {"files": case["web"]})

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def said(answer: Answer) -> str:
    """Everything that the program printed."""
    return (answer.stdout + answer.stderr).decode("utf-8", "replace")


def last_line(answer: Answer) -> str:
    return (said(answer).strip().splitlines() or ["nothing"])[-1][:150]


def flags_of(case: dict[str, Any], context: Path, scratch: Path) -> list[str]:
    """docker build's flags for a case; secrets are written into `scratch`."""
    out = ["--network", case.get("network", "none")]
    for name, value in case.get("args", {}).items():
        out += ["--build-arg", name if value is None or value is False else f"{name}={value}"]
    for name, value in case.get("secrets", {}).items():
        path = scratch / f"secret-{name}"
        path.write_text(value)
        out += ["--secret", f"id={name},src={path}"]
    if case.get("target"):
        out += ["--target", case["target"]]
    if case.get("file"):
        out += ["-f", str(context / case["file"])]
    return [*out, *case.get("flags", ())]


@dataclass(frozen=True)
class World:
    """The program that builds, the base image's layers, the server of files that some builds download, and whether containers run here."""

    program: Program
    base: list[str]
    server: FileServer
    runs: bool = True


def anybody_can_lay_out(fact: dict[str, Any]) -> bool:
    """Whether an ordinary user can lay the context out."""
    return not any(isinstance(spec, dict) and "owner" in spec for spec in fact["case"].get("files", {}).values())


def needs_a_process(fact: dict[str, Any]) -> bool:
    """Whether the Dockerfile has a RUN."""
    text = json.dumps(fact["case"]).replace("\\n", "\n").replace("\\t", "\t")
    return bool(re.search(r'(?im)(^|")\s*(onbuild\s+)?run\b', text))


class Build:
    """One case: the program that builds, the base's layers, and what has differed so far, by aspect."""

    builder = "buildkit"
    """The column of the recording."""

    def __init__(self, world: World, name: str, fact: dict[str, Any]) -> None:
        self.program, self.base, self.runs, self.wanted = world.program, world.base, world.runs, fact[self.builder]
        self.address = world.server.address(name)
        self.case: dict[str, Any] = dict(fact["case"])
        if self.case.get("web"):
            self.case["dockerfile"] = self.case["dockerfile"].replace(WEB, self.address)
        self.tag = f"fact:p{os.getpid()}"
        self.wrong: dict[str, str] = {}

    def differs(self, aspect: str, ours: Any, theirs: Any) -> None:
        """Note it if they are not equal."""
        if ours != theirs:
            shown = [json.dumps(one, ensure_ascii=False)[:150] for one in (ours, theirs)]
            self.wrong[aspect] = f"{shown[0]} instead of {shown[1]}"

    def replay(self) -> dict[str, str]:
        """Aspect → how it differs; empty if the build is as recorded."""
        with tempfile.TemporaryDirectory() as context, tempfile.TemporaryDirectory() as scratch:
            lay_out(Path(context), self.case)
            self._build(flags_of(self.case, Path(context), Path(scratch)), context)
        return self.wrong

    def _docker_build(self, words: list[str], context: str) -> Answer:
        piped = bool(self.case.get("stdin"))
        stdin = self.case["dockerfile"].encode() if piped else None
        return self.program("build", *words, "-" if piped else context, env=self.case.get("env"), stdin=stdin)

    def _ended_alike(self, answer: Answer) -> bool:
        """Whether we built what Docker builds and refused what it refuses."""
        built = answer.returncode == 0
        if built == self.wanted["ok"]:
            return True
        docker = "builds" if self.wanted["ok"] else f"says {self.wanted['error'][:150]}"
        self.wrong["success"] = f"{'built' if built else last_line(answer)} where Docker {docker}"
        return False

    def _build(self, flags: list[str], context: str) -> None:
        answer = self._docker_build(["--progress", "plain", "--no-cache", "-t", self.tag, *flags], context)
        if not self._ended_alike(answer):
            return
        built = answer.returncode == 0
        checks = self._docker_build(["--call=check,format=json", *flags], context)
        self.differs(
            "checks", _checks(checks.stdout), sorted(_check(one.get("rule"), one["lines"]) for one in self.wanted.get("checks", ()))
        )
        if built:
            try:
                self._image()
                self._containers()
            finally:
                self.program("rmi", "-f", self.tag)
        elif not names_the_same(said(answer), self.wanted["error"]):
            self.wrong["refusal"] = f"{last_line(answer)!r} names nothing that Docker names: {self.wanted['error'][:150]!r}"

    def _image(self) -> None:
        if "save_error" in self.wanted:
            found = json.loads(self.program("inspect", self.tag).stdout)[0]
            self.differs("layer count", len(found["RootFS"].get("Layers") or []), self.wanted["layer_count"])
            self._config(found["Config"])
            return
        saved = self.program("save", self.tag)
        if saved.returncode:
            self.wrong["save"] = last_line(saved)
            return
        image = SavedImage(saved.stdout)
        self.differs("layer count", len(image.diff_ids), self.wanted["layer_count"])
        lines = [[text.replace(self.address, WEB), *rest] for text, *rest in image.history()]
        self.differs(
            "history", lines, [[line["created_by"], line["empty_layer"], line.get("comment", "")] for line in self.wanted["history"]]
        )
        self._layers(comparable(image.layers_above(self.base)), comparable(self.wanted.get("layers", [])))
        self._config(image.config.get("config") or {})

    def _config(self, config: dict[str, Any]) -> None:
        set_by_users = {key: value for key, value in sorted(config.items()) if value and key not in _NOT_SET_BY_USERS}
        self.differs("config", set_by_users, self.wanted["config"])

    def _layers(self, ours: list[list[dict[str, Any]]], theirs: list[list[dict[str, Any]]]) -> None:
        if ours == theirs:
            return
        pairs = list(zip(ours, theirs, strict=False))
        missing = [entry for mine, his in pairs for entry in his if entry not in mine][:2]
        instead = [entry for mine, his in pairs for entry in mine if entry not in his][:2]
        self.wrong["layers"] = (
            f"{len(ours)} for {len(theirs)}; missing {json.dumps(missing, ensure_ascii=False)[:200]}; "
            f"instead {json.dumps(instead, ensure_ascii=False)[:200]}"
        )

    def _containers(self) -> None:
        if not self.runs:
            return
        run = ["run", "--rm", "--network", "none"]
        if "probe" in self.wanted:
            user = self.case.get("probe_user", "0")
            words = [*run, "--entrypoint", "/bin/sh", *(["-u", user] if user else []), self.tag, "-c", self.case["probe"]]
            self.differs("probe", without_dates(said(self.program(*words))), without_dates(self.wanted["probe"]))
        for wanted in self.wanted.get("runs", ()):
            answer = self.program(*run, self.tag, *wanted["args"])
            ours, theirs = (answer.returncode, said(answer)), (wanted["exit"], wanted["output"])
            # from 125 on the words are the runtime's, and only the code is the contract
            shown = [[code, without_dates(text) if code < 125 else ""] for code, text in (ours, theirs)]
            self.differs("run " + " ".join(wanted["args"]), *shown)


def _check(rule: str | None, lines: list[int]) -> str:
    return json.dumps([rule, lines if rule else []])


def _checks(answer: bytes) -> list[str]:
    """`docker build --check` as sorted [rule, lines]; no rule where checking stopped at an error."""
    try:
        found = json.loads(answer)
    except ValueError:
        return [_check(None, [])]
    out = []
    for warning in found.get("warnings") or ():
        ranges = (warning.get("location") or {}).get("ranges") or ()
        lines = {line for one in ranges for line in range(one["start"].get("line", 0), one["end"].get("line", 0) + 1)}
        out.append(_check(warning["ruleName"], sorted(lines)))
    if found.get("buildError"):
        out.append(_check(None, []))
    return sorted(out)


def wrong_in(kind: type[Build], name: str, fact: dict[str, Any], world: World) -> list[str]:
    """What differs in one recorded build, a line for each aspect; skips what this user can't lay out."""
    import pytest

    if os.geteuid() and not anybody_can_lay_out(fact):
        pytest.skip("this context has files of other owners, which only root can make")
    if not world.runs and needs_a_process(fact):
        pytest.skip("a RUN needs a container, and none can be had here")
    return [f"{aspect}: {text}" for aspect, text in kind(world, name, fact).replay().items()]
