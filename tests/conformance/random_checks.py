"""Random Dockerfiles that invite build checks: stages, variables, old forms, mixed case, what is undefined, ignored or wrong."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

FILES = {"f": "1", "g": "2", "d/x": "3", "ignored": "4", ".dockerignore": "ignored\n"}
"""The context of each."""
_STAGES = ["a", "B", "base", "Final", "context", "build"]
_VARIABLES = "A B VERSION UNDEF TARGETPLATFORM BUILDPLATFORM PATH HOME TOKEN API_KEY PUBLIC_KEY MYKEY db_password http_proxy SOURCE_DATE_EPOCH".split()
_FORMS = ["${}", "${{{}}}", "${{{}:-d}}", "${{{}:+x}}", "${{{}#a}}", "\\${}", "'${}'", '"${}"', "${{{}-}}", "${{{}/a/b}}"]
_KEYWORDS = (
    "RUN RUN ENV ENV ARG ARG COPY COPY ADD WORKDIR WORKDIR USER EXPOSE LABEL CMD CMD ENTRYPOINT ENTRYPOINT HEALTHCHECK MAINTAINER VOLUME STOPSIGNAL SHELL "
    "ONBUILD COMMENT CONTINUED DOCUMENT BLANK".split()
)
_OPTIONS = ["experimental=all", "skip=UndefinedVar", "error=true", "skip=JSONArgsRecommended,StageNameCasing;experimental=all", "skip=all"]
_GLOBALS = ["V=latest", "BASE=busybox", "P=linux/amd64", "V", "TOKEN=1", "BASE", "A=$V"]

_SUGGESTED = re.compile(r"(?<=is not declared) \(did you mean \w+\?\)")
"""Of several names that are equally near BuildKit picks any here."""


class Writer:
    """Writes one file; the same seed writes the same."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._pick = self._random.choice

    def dockerfile(self) -> str:
        """A whole file."""
        lines = [f"# check={self._pick(_OPTIONS)}"] if self._random.random() < 0.3 else []
        lines += [f"ARG {self._pick(_GLOBALS)}" for _ in range(self._pick([0, 0, 1, 2]))]
        for number in range(self._pick([1, 1, 2, 3])):
            lines.append(self._from(number))
            lines += [self._line() for _ in range(self._random.randint(1, 7))]
        return "\n".join(lines) + "\n"

    def _case(self, word: str) -> str:
        return self._pick([word, word, word, word.lower(), word.capitalize()]) if self._random.random() < 0.3 else word

    def _variable(self) -> str:
        return self._pick(_FORMS).format(self._pick(_VARIABLES))

    def _value(self) -> str:
        return self._pick(["x", "1", "a_b", '"q q"', self._variable(), f"x{self._variable()}y", ""])

    def _from(self, number: int) -> str:
        bases = [
            "busybox",
            "busybox",
            "busybox:latest",
            "scratch",
            "busybox:${V}",
            "$BASE",
            "${BASE:-busybox}",
            '"busybox"',
            *_STAGES[: 3 * number],
        ]
        platform = self._pick(
            [*[""] * 6, "--platform=linux/amd64 ", "--platform=$TARGETPLATFORM ", "--platform=$BUILDPLATFORM ", "--platform=$P "]
        )
        name = self._pick(["", f" {self._pick(['AS', 'as', 'As'])} {self._pick(_STAGES)}"])
        return f"{self._case('FROM')} {platform}{self._pick(bases)}{name}"

    def _line(self) -> str:
        keyword, some = self._pick(_KEYWORDS), self._variable()
        pairs = " ".join(f"{self._pick(_VARIABLES)}={self._value()}" for _ in range(self._pick([1, 2])))
        names = " ".join(self._pick(_VARIABLES) + self._pick(["", f"={self._value()}"]) for _ in range(self._pick([1, 1, 2])))
        flags = ["", "", "--chown=1:1 ", f"--chown={some} ", "--chmod=644 ", "--chmod=$UNDEF ", "--link "]
        sources = ["f", "ignored", "d/x", ".", some, "f g", "nope"]
        places = ["/", "/d/", "d/", f"{some}/", "."]
        commands = ['["x"]', "x y", '["sh","-c","x"]', "exec x", "[x]", "['x']"]
        after = {
            "RUN": [
                "true",
                f"echo {some}",
                "--mount=type=cache,target=/c true",
                f"--mount=type=cache,target={some} true",
                "--network=none true",
            ],
            "ENV": [pairs, pairs, f"{self._pick(_VARIABLES)} {self._pick(['v', 'two words', some])}"],
            "ARG": [names],
            "COPY": [f"{self._pick([*flags, '--from=a ', '--from=busybox ', '--from=1 '])}{self._pick(sources)} {self._pick(places)}"],
            "ADD": [f"{self._pick(flags)}{self._pick(sources)} {self._pick(places)}"],
            "WORKDIR": ["/w", "rel", "a/b", some, "$UNDEF/x", f"/{some}", "."],
            "USER": ["root", "1:1", some],
            "EXPOSE": ["80", "80/tcp", "80/TCP", "8080:80", "127.0.0.1:80:80", "80/Udp 90", some, "80-90", "53/udp 1:2/TCP"],
            "LABEL": ["a=b", "a b", "a=b c=d", 'key "v w"', f"x={self._value()}", '"a"="b"'],
            "CMD": commands,
            "ENTRYPOINT": commands,
            "HEALTHCHECK": ["NONE", "CMD true", 'CMD ["true"]', "--interval=5s CMD x"],
            "MAINTAINER": ["me <a@b>"],
            "VOLUME": ["/v", '["/v"]', some],
            "STOPSIGNAL": ["9", "SIGTERM", some],
            "SHELL": ['["/bin/sh","-c"]'],
            "ONBUILD": [f"RUN echo {some}", "COPY . /x", "ENV a b", "CMD x", "MAINTAINER m", "ARG TOKEN"],
        }
        whole = {
            "COMMENT": ["# a comment", "# A the argument", "#", "# base is it"],
            "CONTINUED": ["RUN echo a \\\n\n  b", "RUN echo a \\\n# c\n  b", "ENV A=1 \\\n  B=2", "LABEL a=b \\\n\n\n c=d"],
            "DOCUMENT": [f"RUN <<EOF\necho {some}\nEOF", f"COPY <<F /f\n{some}\nF", "COPY <<'F' /f\n$X\nF"],
            "BLANK": [""],
        }
        return f"{self._case(keyword)} {self._pick(after[keyword])}" if keyword in after else self._pick(whole[keyword])


def findings(answer: bytes) -> dict[str, Any] | None:
    """What `--call=check,format=json` said: warnings, and where it stopped; None if that was no JSON (the file can't be read at all)."""
    try:
        found = json.loads(answer)
    except ValueError:
        return None
    error = found.get("buildError") or {}
    parts = (
        [one["ruleName"], _SUGGESTED.sub("", one["detail"]), one["description"], one["url"], one["location"]["ranges"]]
        for one in found.get("warnings") or ()
    )
    return {
        "warnings": sorted(json.dumps(part) for part in parts),
        "stopped": bool(error),
        "place": (error.get("location") or {}).get("ranges") or [],
        "message": error.get("message", ""),
    }


def differ(ours: bytes, theirs: bytes) -> str:
    """What differs, or "". Of several bases that are not there BuildKit names the one that it noticed first: then no place is compared."""
    one, other = findings(ours), findings(theirs)
    if one is None or other is None:
        return "" if one is other else f"{one} instead of {other}"
    chance = any(words in other["message"] for words in ("failed to resolve", "failed to parse stage name", "circular dependency"))
    keys = ["warnings", "stopped", *([] if chance else ["place"])]
    return "\n".join(
        f"{key}: {one[key]} instead of {other[key]} ({one['message']!r}, {other['message']!r})" for key in keys if one[key] != other[key]
    )
