"""A container as checks see it: whose it is, whether it runs, what it has written above its image."""

from __future__ import annotations

import io
import tarfile
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dockerlab.course.expectations import About, Expectation, Members, Number, Words
from dockerlab.course.images import ImageSubject
from dockerlab.course.running import output_of
from dockerlab.course.saying import Text, filled, same, say
from dockerlab.engine import Engine
from dockerlab.errors import DockerlabError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

Json = dict[str, Any]
_MOST = 1 << 20
"""Bytes of a file that are looked at."""


class ContainerSubject:
    """A container by its name, also one that is not there."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine, self.name = engine, name
        self.missing: Text | None = None
        self.json: Json = {}
        try:
            self.json = engine.container_inspect(name)
        except DockerlabError:
            self.missing = say("no container of that name", "그런 이름의 컨테이너가 없습니다")

    def _about(self, en: str, ko: str, where: str) -> About:
        return About(filled(say(en, ko), container=self.name), same(where), self.missing)

    @property
    def exists(self) -> Expectation:
        """There is a container of this name."""
        text = filled(say("there is a container {container}", "컨테이너 {container}이(가) 있습니다"), container=self.name)
        return Expectation(text, self.missing is None, self.missing or same(self.name), same(self.name), same("%docker ps -a"))

    @property
    def is_gone(self) -> Expectation:
        """There is no container of this name any more."""
        text = filled(say("there is no container {container}", "컨테이너 {container}이(가) 없습니다"), container=self.name)
        nobody = say("no container of that name", "그런 이름의 컨테이너가 없습니다")
        return Expectation(text, self.missing is not None, self.missing or same(self.name), nobody, same("%docker ps -a"))

    def of(self, image: str) -> Expectation:
        """It is a container of this image, as it is now."""
        wanted = ImageSubject(self.engine, image)
        text = filled(
            say("container {container} is one of {image}", "컨테이너 {container}은(는) {image}의 컨테이너입니다"),
            container=self.name,
            image=image,
        )
        seen = self.missing or wanted.missing or same((self.json.get("Config") or {}).get("Image", ""))
        return Expectation(text, bool(wanted.id) and self.json.get("Image") == wanted.id, seen, same(image), same("%docker ps -a"))

    @property
    def running(self) -> Expectation:
        """Its process runs."""
        state = str((self.json.get("State") or {}).get("Status", ""))
        text = filled(say("container {container} is running", "컨테이너 {container}이(가) 실행 중입니다"), container=self.name)
        return Expectation(
            text, state == "running", self.missing or same(state), same("running"), same(f"%docker ps -a, %docker logs {self.name}")
        )

    @property
    def published(self) -> Members:
        """The ports of it that ports of this machine lead to, while it runs: `80/tcp` …"""
        ports = (self.json.get("NetworkSettings") or {}).get("Ports") or {}
        about = self._about("published ports of {container}", "{container}에서 게시된 포트", f"%docker port {self.name}")
        return Members(about, sorted(name for name, bound in ports.items() if bound))

    @property
    def exit_code(self) -> Number:
        """What its process ended with."""
        about = self._about("exit code of {container}", "{container}의 종료 코드", "%docker ps -a")
        return Number(about, int((self.json.get("State") or {}).get("ExitCode", 0)))

    @cached_property
    def _changes(self) -> dict[str, str]:
        return {} if self.missing else {change["Path"]: change["Kind"] for change in self.engine.diff(self.name)}

    def change(self, path: str) -> Words:
        """What its writable layer does to a path: "A", "C" or "D"; "" for nothing."""
        about = self._about(
            f"change of {path} in {{container}}", f"{{container}}에서 바뀐 {path}", f"%docker diff {self.name}, %cow {self.name}"
        )
        return Words(about, self._changes.get(path, ""))

    @property
    def logs(self) -> Words:
        """What it printed; the first megabyte."""
        about = self._about("output of {container}", "{container}의 출력", f"%docker logs {self.name}")
        return Words(about, "" if self.missing else output_of(self.engine, self.name))

    def text(self, path: str) -> Words:
        """What a file in it says, as it is now. Its first megabyte, if it is longer."""
        said, missing = "", self.missing
        if missing is None:
            kept = _Beginning()
            try:
                self.engine.archive_out(self.name, path, kept)
            except _Enough:
                pass
            except DockerlabError as error:
                missing = same(error.message)
            said = "" if missing else kept.text()
        what = filled(say("{path} in the container {name}", "컨테이너 {name}의 {path}"), path=path, name=self.name)
        return Words(About(what, same(f"%docker exec {self.name} cat {path}"), missing), said)


class _Enough(Exception):
    """Nothing more of an archive is wanted."""


class _Beginning(io.BytesIO):
    """The beginning of an archive of one file."""

    def write(self, data: ReadableBuffer, /) -> int:
        if self.tell() > _MOST:
            raise _Enough
        return super().write(data)

    def text(self) -> str:
        """The first file's contents."""
        self.seek(0)
        with tarfile.open(fileobj=self, mode="r|") as archive:
            member = archive.next()
            file = archive.extractfile(member) if member is not None and member.isfile() else None
            return file.read(min(member.size, _MOST - 1024)).decode("utf-8", "replace") if file is not None and member is not None else ""
