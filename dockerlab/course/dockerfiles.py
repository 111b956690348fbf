"""A Dockerfile of the learner's folder as checks see it: its stages and instructions, as they were parsed."""

from __future__ import annotations

import os
import re
import stat
from functools import cached_property
from pathlib import Path

from dockerlab.course.expectations import About, Expectation, Members, Number, Words
from dockerlab.course.saying import Text, filled, same, say
from dockerlab.dockerfile import parse
from dockerlab.dockerfile.model import Dockerfile, Instruction, Stage
from dockerlab.errors import DockerfileError

NO_FILE = say("no such file in this folder", "이 폴더에 그런 파일이 없습니다")
UNANSWERED = say(
    "not answered yet: raise NotImplementedError() still stands in it",
    "아직 답을 쓰지 않았습니다: raise NotImplementedError()가 그대로 있습니다",
)
_MOST = 1 << 20


def read_text(folder: Path, name: str) -> str | None:
    """A file of a folder that may be hostile: None unless it is a plain file that lies in there; its first megabyte."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        return None
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(fd, _MOST).decode("utf-8", "replace") if stat.S_ISREG(os.fstat(fd).st_mode) else None
    finally:
        os.close(fd)


def is_stub(text: str) -> bool:
    """Whether a file was written by a cell whose answer nobody has written yet."""
    return "raise NotImplementedError()" in text.splitlines()


class TextSubject(Words):
    """A text file of the folder: a .dockerignore, a source."""

    def __init__(self, folder: Path, name: str) -> None:
        text = read_text(folder, name)
        missing = NO_FILE if text is None else UNANSWERED if is_stub(text) else None
        super().__init__(About(same(name), same(f"!cat {name}"), missing), "" if missing else text or "")

    @property
    def exists(self) -> Expectation:
        """It is there."""
        seen = self.about.missing or same(self.about.what["en"])
        return self.about.expectation(
            filled(say("there is a file {what}", "파일 {what}이(가) 있습니다"), what=self.about.what), True, seen, self.about.what
        )


class DockerfileSubject:
    """A Dockerfile, also one that is not there or can't be parsed: then whatever is asked of it fails with that."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.missing: Text | None = None
        self._parsed: Dockerfile | None = None
        text = read_text(folder, name)
        if text is None:
            self.missing = NO_FILE
            return
        if is_stub(text):
            self.missing = UNANSWERED
            return
        try:
            self._parsed = parse(text, name)
        except DockerfileError as error:
            self.missing = same(error.message)

    def _about(self, what: Text) -> About:
        return About(filled(what, file=self.name), same(f"!cat {self.name}"), self.missing)

    @property
    def exists(self) -> Expectation:
        """It is there and can be parsed."""
        text = filled(say("there is a Dockerfile {file}", "Dockerfile {file}이(가) 있습니다"), file=self.name)
        return Expectation(
            text,
            self.missing is None,
            self.missing or same(self.name),
            same(self.name),
            say("%%writefile, or %%dockerfile -f", "%%writefile 또는 %%dockerfile -f"),
        )

    @cached_property
    def _stages(self) -> tuple[Stage, ...]:
        return self._parsed.stages if self._parsed is not None else ()

    @cached_property
    def instructions(self) -> list[Instruction]:
        """Every instruction in order, FROM too."""
        return [one for stage in self._stages for one in ((stage.source,) if stage.source else ()) + stage.instructions]

    @property
    def stages(self) -> Members:
        """Its stages by their names (`stage-1` without one)."""
        return Members(self._about(say("stages of {file}", "{file}의 스테이지")), [stage.shown_name for stage in self._stages])

    @property
    def bases(self) -> Members:
        """What each FROM names."""
        return Members(self._about(say("FROM of {file}", "{file}의 FROM")), [stage.base for stage in self._stages])

    def has(self, keyword: str) -> Expectation:
        """An instruction of this kind is in it."""
        return Members(
            self._about(say("instructions of {file}", "{file}의 지시어")), sorted({one.keyword for one in self.instructions})
        ).has(keyword.upper())

    def count(self, keyword: str) -> Number:
        """How many instructions of this kind."""
        what = filled(say("{it} in {{file}}", "{{file}}의 {it} 수"), it=keyword.upper())
        return Number(self._about(what), sum(one.keyword == keyword.upper() for one in self.instructions))

    def all(self, keyword: str) -> Words:
        """The instructions of this kind, one a line."""
        what = filled(say("{it} in {{file}}", "{{file}}의 {it}"), it=keyword.upper())
        return Words(self._about(what), "\n".join(one.shown for one in self.instructions if one.keyword == keyword.upper()))

    def in_order(self, *patterns: str) -> Expectation:
        """The first instructions that these regular expressions match stand in this order (a pattern that matches none: it does not hold)."""
        places = [next((at for at, one in enumerate(self.instructions) if re.search(pattern, one.shown)), -1) for pattern in patterns]
        told = [self.instructions[at].shown[:40] for at in sorted(place for place in places if place >= 0)]
        about = self._about(say("order of the instructions of {file}", "{file}의 지시어 순서"))
        holds = -1 not in places and places == sorted(places)
        return about.expectation(about.what, holds, same(" → ".join(told)), same(" → ".join(patterns)))
