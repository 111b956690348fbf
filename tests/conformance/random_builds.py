"""Random Dockerfiles over random contexts, and what two builders made of one: nothing, or where they differ."""

from __future__ import annotations

import io
import os
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.conformance.images import SavedImage

SOURCES = (
    "a",
    "b.txt",
    "d",
    "d/x",
    "d/y/",
    "d/y/z",
    "link",
    "run.sh",
    "*.txt",
    "d/*",
    ".",
    "a b.txt",
    "d link",
    "e",
    "./a",
    "/a",
    "../a",
    "d/../a",
    "d/.",
    "d//x",
    "b.t?t",
    "[ab]*",
    "nosuch",
    "li*",
    "d/*/z",
    "t.tar",
    "*.tar a",
)
TARGETS = (
    "/t",
    "/t/",
    "/t/u",
    "t",
    "t/",
    ".",
    "./v/",
    "/d/",
    "/etc/motd",
    "/bin/",
    "/usr/bin/new",
    "$A",
    "/$A/",
    "/way",
    "/way/",
    "/w",
    "/t/./u/",
    "/t//u",
    "..",
    "/",
    "//x",
    "/w/../z",
    "/tmp/$B/",
    "/bin/busybox/x",
    "/d/x",
    "/one",
    "/one/",
)
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
        """Lay it out; every file is of one time, another for each case: BuildKit takes a file of the same size and time for the same file."""
        moment = 1_400_000_000 + zlib.crc32(repr(self).encode()) % 100_000_000
        for name, text in {**self.files, "Dockerfile": self.dockerfile}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("→"):
                path.symlink_to(text[1:])
            elif name.endswith(".tar"):
                path.write_bytes(_archive())
            else:
                path.write_text(text)
                path.chmod(0o755 if name.endswith(".sh") else 0o640 if name == "b.txt" else 0o644)
        for path in folder.rglob("*"):
            os.utime(path, (moment, moment), follow_symlinks=False)

    def __repr__(self) -> str:
        context = "".join(f"\n--- {name}\n{text}" for name, text in sorted(self.files.items()))
        return f"{' '.join(self.flags)}\n{self.dockerfile}{context}\n"


def _archive() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, mode in (("in", tarfile.DIRTYPE, 0o750), ("in/f", tarfile.REGTYPE, 0o640), ("in/l", tarfile.SYMTYPE, 0o777)):
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.linkname, member.uid, member.gid = kind, mode, "f" if kind == tarfile.SYMTYPE else "", 3, 4
            tar.addfile(member)
    return out.getvalue()


def _flag(name: str, *values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(["", "", *(f"--{name}={value} " for value in values)])


def _copies(stages: int) -> st.SearchStrategy[str]:
    plain = st.builds(
        "{} {}{}{}{} {}".format, st.sampled_from(["COPY", "ADD"]), _flag("chown", "7", "7:8", "nobody", "root:nogroup"), _flag("chmod", "600", "755"),
        st.sampled_from(SOURCES), st.sampled_from(["", " a", " d"]), st.sampled_from(TARGETS),
    )  # fmt: skip
    document = st.builds(
        "{} {} {}\nhello $A \\$B\n\t$A\nE".format, st.sampled_from(["COPY", "ADD", "COPY --chmod=700"]), st.sampled_from(["<<E", "<<'E'", "<<-E"]),
        st.sampled_from(TARGETS),
    )  # fmt: skip
    listed = st.builds('COPY ["{}", "{}"]'.format, st.sampled_from(SOURCES), st.sampled_from(["/t/", "/q q", "t", "$A"]))
    plain = plain | listed
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
        st.sampled_from(["ENV A=1 B=\"2 $A\" C=\\$A", "ENV A some  $B words", "ENV A=x\\ y", "LABEL a=1 b='$A' \"c d\"=e", "ENV A=${A}${B}",
                         "ENV A=${B#x} B=${A%?} C=${A/a/b}", "LABEL x", "ENV A=1 B", "ENV A="]),
        st.sampled_from(["RUN --mount=type=bind,target=/m ls -R /m > /seen", "RUN --mount=type=bind,source=d,target=/m cp -r /m /mm",
                         "RUN --mount=type=cache,target=/c touch /c/x && ls /c > /cached", "RUN --mount=type=tmpfs,target=/tf touch /tf/x",
                         "RUN --network=none echo $A > /net", "RUN --mount=type=secret,id=no ls /run/secrets > /sec 2>&1 || true"]),
        st.sampled_from(["ONBUILD COPY a /ob", "ONBUILD RUN echo $A > /ob1", "ONBUILD ENV A=ob", "ONBUILD WORKDIR t", "ONBUILD ARG A=o"]),
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
                         "RUN <<E\necho $A > /doc\npwd >> /doc\nE",
                         "RUN <<'E' cat > /cat\n$A\nE", "RUN <<E\n#!/bin/busybox sh\necho $0 | wc -c > /bang\nE", "HEALTHCHECK CMD [\"a\", \"b c\"]",
                         "HEALTHCHECK --interval=1m30s --timeout=3s --start-period=0s CMD exit 1", "EXPOSE 80/TCP", "STOPSIGNAL 9", "USER $A",
                         "WORKDIR /a/../b/./c/", "WORKDIR ${B:-t}/x", "VOLUME $A", "CMD  echo   two  spaces", 'CMD ["a\\tb", "\u00e9"]', "SHELL [\"/bin/busybox\", \"ash\", \"-c\"]", 'RUN ["/bin/busybox", "touch", "/exec"]']),
    )  # fmt: skip


LAYOUTS = ("", "", "", "", "lower", "wrapped", "commented", "spaced", "tail")


def laid_out(pair: tuple[str, str]) -> str:
    """An instruction in another layout that means the same."""
    text, layout = pair
    if "\n" in text:
        return text
    keyword, _, rest = text.partition(" ")
    if layout == "lower":
        return f"{keyword.lower()} {rest}"
    if layout == "wrapped" and " " in rest:
        return keyword + " " + " \\\n  ".join(rest.split(" ", 1))
    if layout == "commented" and " " in rest:
        return keyword + " \\\n# within\n\n  " + rest
    if layout == "spaced":
        return f"  {keyword}   {rest}  "
    return text + " \\\n" if layout == "tail" else text


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """One to three stages of up to five instructions each."""
    lines: list[str] = draw(st.sampled_from([[], [], ["ARG BASE=busybox"], ["# a comment", "", "ARG A=global", "ARG BASE=$NO"]]))
    for stage in range(draw(st.integers(1, 3))):
        base = draw(
            st.sampled_from(
                ["busybox", "busybox", "busybox", "${BASE:-busybox}", *(["s0"] if stage else []), *(["scratch"] if stage else [])]
            )
        )
        lines.append(draw(st.sampled_from([f"FROM {base} AS s{stage}", f"FROM {base} AS s{stage}", f"from {base} as S{stage}"])))
        allowed = _copies(stage) if base == "scratch" else _instructions(stage)
        lines += draw(st.lists(st.tuples(allowed, st.sampled_from(LAYOUTS)).map(laid_out), min_size=1, max_size=5))
    files = {
        "a": "a",
        "b.txt": "b",
        "d/x": "x",
        "d/y/z": "z",
        "link": "→d/x",
        "run.sh": "#!/bin/sh\n",
        "a b.txt": "ab",
        "d/l": "→../a",
        "t.tar": "",
    }
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
