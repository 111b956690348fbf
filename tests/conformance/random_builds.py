"""Random Dockerfiles over random contexts, and what two builders made of one: nothing, or where they differ."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.conformance.images import SavedImage

SOURCES = ("a", "b.txt", "d", "d/x", "d/y/", "d/y/z", "link", "run.sh", "*.txt", "d/*", ".", "a b.txt", "d link", "e")
TARGETS = ("/t", "/t/", "/t/u", "t", "t/", ".", "./v/", "/d/", "/etc/motd", "/bin/", "/usr/bin/new", "$A", "/$A/", "/way", "/way/", "/w")
COMMANDS = (
    "echo 1 > /one", "mkdir -p /t/u && echo 2 > /t/u/two", "rm -rf /t", "ln -s t /way", "ln -sf /d /way", "chmod 700 /t || true", "touch here",
    "chown 7:8 /one || true", "mkdir -m 1777 /w", "rm -f /etc/motd", "echo $A-$B > /vars", "pwd > /pwd", "id -u > /tmp/id", "cp /bin/sh /sh",
    "ln /one /two || true", "rm -rf /d/*", "mv /t /moved || true", "mkfifo /pipe || true", "find /t > /found 2>&1 || true", "exit 3",
)  # fmt: skip
WORDS = ("A", "B", "a b", "$A", "${B:-none}", "${A:+set}", "x$A", '"q $A"', "'s $A'", r"e\ f", "1", "")


@dataclass(frozen=True)
class Case:
    """A Dockerfile with its context: path → text; a text that begins with → is a link."""

    dockerfile: str
    files: dict[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Lay it out; every file is of one time, so that nothing depends on the clock."""
        for name, text in {**self.files, "Dockerfile": self.dockerfile}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("→"):
                path.symlink_to(text[1:])
            else:
                path.write_text(text)
                path.chmod(0o755 if name.endswith(".sh") else 0o640 if name == "b.txt" else 0o644)
        for path in folder.rglob("*"):
            os.utime(path, (1_500_000_000, 1_500_000_000), follow_symlinks=False)

    def __repr__(self) -> str:
        context = "".join(f"\n--- {name}\n{text}" for name, text in sorted(self.files.items()))
        return f"{' '.join(self.flags)}\n{self.dockerfile}{context}\n"


def _flag(name: str, *values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(["", "", *(f"--{name}={value} " for value in values)])


def _copies(stages: int) -> st.SearchStrategy[str]:
    plain = st.builds(
        "{} {}{}{}{} {}".format, st.sampled_from(["COPY", "ADD"]), _flag("chown", "7", "7:8", "nobody", "root:nogroup"), _flag("chmod", "600", "755"),
        st.sampled_from(SOURCES), st.sampled_from(["", " a", " d"]), st.sampled_from(TARGETS),
    )  # fmt: skip
    document = st.builds("COPY <<E {}\nhello $A\nE".format, st.sampled_from(TARGETS))
    if not stages:
        return plain | document
    taken = st.builds(
        "COPY --from={} {}{} {}".format, st.integers(0, stages - 1), _flag("chown", "9:9"), st.sampled_from(["/t", "/d", "/one", "/etc", "/bin/sh", "/w"]),
        st.sampled_from(TARGETS),
    )  # fmt: skip
    return plain | document | taken


def _instructions(stages: int) -> st.SearchStrategy[str]:
    word = st.sampled_from(WORDS)
    return st.one_of(
        _copies(stages), _copies(stages), st.sampled_from(COMMANDS).map("RUN {}".format), st.sampled_from(COMMANDS).map("RUN {}".format),
        st.builds("ENV {}={}".format, st.sampled_from("AB"), word.map(lambda text: text or '""')),
        st.builds("ARG {}{}".format, st.sampled_from("AB"), st.sampled_from(["", "=1", "=$A", "=x y"])),
        st.sampled_from(["/w", "t", "..", "$A", "/d/new", "/way"]).map("WORKDIR {}".format),
        st.sampled_from(["nobody", "0", "7:8", "root:nogroup", "123"]).map("USER {}".format),
        st.builds("LABEL {}={}".format, st.sampled_from(["l", "m.n"]), word.map(lambda text: text or '""')),
        st.sampled_from(["80", "80/udp 90", "8000-8002", "$B"]).map("EXPOSE {}".format),
        st.sampled_from(["/t", '["/v", "/w"]', "/a /b"]).map("VOLUME {}".format),
        st.sampled_from(["echo $A", '["echo", "$A"]', '["sh"]', ""]).map("CMD {}".format),
        st.sampled_from(["exec top", '["/bin/echo", "a"]', "[]"]).map("ENTRYPOINT {}".format),
        st.sampled_from(['SHELL ["/bin/sh", "-ec"]', "STOPSIGNAL SIGUSR1", "HEALTHCHECK --retries=2 CMD true", "HEALTHCHECK NONE", "MAINTAINER me",
                         "RUN <<E\necho $A > /doc\npwd >> /doc\nE", 'RUN ["/bin/busybox", "touch", "/exec"]']),
    )  # fmt: skip


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """One to three stages of up to five instructions each."""
    lines: list[str] = []
    for stage in range(draw(st.integers(1, 3))):
        base = draw(st.sampled_from(["busybox", "busybox", "busybox", *(["s0"] if stage else []), *(["scratch"] if stage else [])]))
        lines.append(f"FROM {base} AS s{stage}")
        allowed = _copies(stage) if base == "scratch" else _instructions(stage)
        lines += draw(st.lists(allowed, min_size=1, max_size=5))
    files = {"a": "a", "b.txt": "b", "d/x": "x", "d/y/z": "z", "link": "→d/x", "run.sh": "#!/bin/sh\n", "a b.txt": "ab", "d/l": "→../a"}
    if patterns := draw(st.lists(st.sampled_from(["a", "*.txt", "d", "d/*", "!d/x", "**/z", "!a", "Dockerfile", "link"]), max_size=3)):
        files[".dockerignore"] = "\n".join(patterns) + "\n"
    flags = draw(st.sampled_from([(), (), ("--build-arg", "A=arg"), ("--label", "f=1"), ("--target", "s0")]))
    return Case("\n".join(lines) + "\n", files, flags)


Build = Callable[..., Any]
"""Docker's words → what subprocess.run answers, bytes."""


def differences(case: Case, folder: Path, theirs: Build, ours: Build) -> list[str]:
    """Build the case with both; one line for each thing that is not the same. The images are removed."""
    folder.mkdir()
    case.write(folder)
    tag = f"compared-{os.getpid()}"
    answers = [build("build", "-q", "-t", tag, *case.flags, str(folder)) for build in (theirs, ours)]
    if answers[0].returncode or answers[1].returncode:
        if answers[0].returncode == answers[1].returncode:
            return []
        return [f"exit code {answers[1].returncode}, docker's {answers[0].returncode}: {(answers[1].stderr + answers[0].stderr).decode()}"]
    images = [SavedImage(build("save", tag).stdout) for build in (theirs, ours)]
    for build in (theirs, ours):
        build("rmi", "-f", tag)
    return compare(*images)


def compare(theirs: SavedImage, ours: SavedImage) -> list[str]:
    """What differs between two images: configuration, history, number of layers, files."""
    out = []
    for key in sorted({*theirs.config["config"], *ours.config["config"]}):
        pair = theirs.config["config"].get(key), ours.config["config"].get(key)
        if pair[0] != pair[1]:
            out.append(f"config {key}: {pair[1]!r}, docker's {pair[0]!r}")
    if theirs.history() != ours.history():
        out.append(f"history: {ours.history()}, docker's {theirs.history()}")
    if len(theirs.diff_ids) != len(ours.diff_ids):
        out.append(f"{len(ours.diff_ids)} layers, docker's {len(theirs.diff_ids)}")
    mine, other = ours.files(), theirs.files()
    for path in sorted({*mine, *other}):
        if mine.get(path) != other.get(path):
            out.append(f"{path}: {mine.get(path)}, docker's {other.get(path)}")
    return out
