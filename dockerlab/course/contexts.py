"""A build context as checks see it: which files of a folder a build may have, and their bytes; nothing is built.

kiosk = look.context("kiosk")
look.expect(kiosk.has("serve.sh"), kiosk.lacks(".env"), kiosk.size < 100_000)
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dockerlab.course.dockerfiles import read_text
from dockerlab.course.expectations import NOTHING, About, Expectation, Members, Number
from dockerlab.course.saying import Text, filled, same, say
from dockerlab.engine import BuildOptions, Engine
from dockerlab.errors import DockerlabError

if TYPE_CHECKING:
    from dockerlab.build.context_report import ContextReport

NO_FOLDER = say("no such folder", "그런 폴더가 없습니다")


class ContextSubject:
    """A folder as a build's PATH, with what its ignore file leaves out; `dockerfile` is what `-f` names, both as seen from the learner's folder."""

    def __init__(self, engine: Engine, folder: Path, name: str, dockerfile: str = "") -> None:
        self.name, self.dockerfile = name, dockerfile
        self._engine, self._folder = engine, folder.resolve()
        self._where = same(f"%context -f {dockerfile} {name}" if dockerfile else f"%context {name}")
        self._report, self.missing = self._looked_at(engine, folder.resolve(), name, dockerfile)

    def _looked_at(self, engine: Engine, folder: Path, name: str, dockerfile: str) -> tuple[ContextReport | None, Text | None]:
        path = (folder / name).resolve()
        if not (path.is_dir() and path.is_relative_to(folder)):
            return None, NO_FOLDER
        for read in {dockerfile or f"{name}/Dockerfile", f"{dockerfile}.dockerignore", f"{name}/.dockerignore"}:
            if os.path.lexists(folder / read) and read_text(folder, read) is None:
                return None, filled(say("{it} is no plain file of this folder", "{it}은(는) 이 폴더의 일반 파일이 아닙니다"), it=read)
        try:
            return engine.context_report(self._options(folder)), None
        except DockerlabError as error:
            return None, same(error.message)

    def _options(self, folder: Path) -> BuildOptions:
        return BuildOptions(
            context=str((folder / self.name).resolve()), dockerfile=str(folder / self.dockerfile) if self.dockerfile else ""
        )

    def _about(self, what: Text) -> About:
        return About(filled(what, name=self.name), self._where, self.missing)

    def _below(self, folder: str) -> Iterator[str]:
        for entry in self._report.look(folder) if self._report is not None else []:
            path = f"{folder}/{entry.name}".lstrip("/")
            if entry.pattern is None and entry.folder:
                yield from self._below(path)
            elif entry.pattern is None:
                yield path

    @cached_property
    def files(self) -> Members:
        """Every file that a build may have."""
        return Members(self._about(say("build context {name}", "빌드 컨텍스트 {name}")), sorted(self._below("")))

    @property
    def size(self) -> Number:
        """The bytes of those files."""
        value = self._report.held.size if self._report is not None else 0
        return Number.bytes(self._about(say("size of the build context {name}", "빌드 컨텍스트 {name}의 크기")), value)

    @property
    def taken(self) -> Number:
        """The bytes that COPY and ADD of its Dockerfile take of it."""
        value = sum(one.part.size for one in self._report.taken) if self._report is not None else 0
        about = self._about(
            say("what COPY and ADD take of the build context {name}", "COPY와 ADD가 빌드 컨텍스트 {name}에서 가져오는 크기")
        )
        return Number.bytes(about, value)

    @cached_property
    def warnings(self) -> Members:
        """The rules of build checks that its Dockerfile breaks; what it can't be read for is told in their place."""
        missing, found = self.missing, list[str]()
        if missing is None:
            try:
                _, _, broken, error = self._engine.check(self._options(self._folder))
                found = list(dict.fromkeys(one.rule for one in broken))
                missing = same(error.message) if error is not None else None
            except DockerlabError as error:
                missing = same(error.message)
        about = self._about(say("build checks of {name}", "{name}의 빌드 검사"))
        file = f" -f {self.dockerfile}" if self.dockerfile else ""
        return Members(About(about.what, same(f"%docker build --check{file} {self.name}"), missing), found)

    def has(self, *paths: str) -> Expectation:
        """A build may have each of these files."""
        without = [path for path in paths if path not in self.files.values]
        return self._about(same(self.name)).expectation(
            filled(say("in the build context {name}: {it}", "빌드 컨텍스트 {name}에 있음: {it}"), name=self.name, it=", ".join(paths)),
            not without,
            filled(say("left out, or not there: {it}", "제외되었거나 없음: {it}"), it=", ".join(without)),
            same(", ".join(paths)),
        )

    def lacks(self, *paths: str) -> Expectation:
        """A build may have none of these files."""
        found = [path for path in paths if path in self.files.values]
        return self._about(same(self.name)).expectation(
            filled(say("not in the build context {name}: {it}", "빌드 컨텍스트 {name}에 없음: {it}"), name=self.name, it=", ".join(paths)),
            not found,
            same(", ".join(found)) if found else NOTHING,
            filled(say("without {it}", "{it} 없음"), it=", ".join(found or paths)),
        )
