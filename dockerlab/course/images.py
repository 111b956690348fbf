"""An image as checks see it: each property is a value of `expectations` that can be asked something.

    site = ImageSubject(engine, "site:1")
    site.layers.above("nginx").count == 2      site.file("/index.html").contains("<h1>")      site.run("id", "-u").output == "1000"

Everything is read through the `Engine` protocol. Only `run` and `answers` start a container, which is gone afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from dockerlab.course.expectations import About, Expectation, Members, Number, Words
from dockerlab.course.running import Answer, Ran, ask, run
from dockerlab.course.saying import Text, filled, same, say
from dockerlab.engine import Engine
from dockerlab.errors import DockerlabError
from dockerlab.layers import TreeView
from dockerlab.layers.view import Node

Json = dict[str, Any]
NO_IMAGE = say("no image of that name", "그런 이름의 이미지가 없습니다")
NO_FILE = say("no such file", "그런 파일이 없습니다")
NO_FOLDER_BUT = say("a folder", "폴더")
_MOST = 1 << 20
"""Bytes of a file that are looked at."""


class FileSubject:
    """A path of an image's file system, links followed."""

    def __init__(self, image: ImageSubject, path: str) -> None:
        self._image, self.path = image, path

    @cached_property
    def _node(self) -> Node | None:
        return self._image._lookup(self.path)

    def _about(self, what: Text) -> About:
        name, path = self._image.name, self.path
        missing = self._image.missing or (NO_FILE if self._node is None else None)
        where = same(f"%docker run --rm {name} ls -l {path}")
        return About(filled(what, path=path, image=name), where, missing)

    @property
    def exists(self) -> Expectation:
        """There is something at this path."""
        text = filled(say("{image} has {path}", "{image}: {path} 있음"), image=self._image.name, path=self.path)
        seen = self._image.missing or (NO_FILE if self._node is None else same(self.path))
        return Expectation(text, self._node is not None, seen, same(self.path), same(f"%layers {self._image.name}"))

    @property
    def is_missing(self) -> Expectation:
        """There is nothing at this path."""
        text = filled(say("{image} does not have {path}", "{image}: {path} 없음"), image=self._image.name, path=self.path)
        gone = self._image.missing is None and self._node is None
        return Expectation(text, gone, self._image.missing or same(self.path), NO_FILE, same(f"%layers {self._image.name}"))

    @property
    def text(self) -> Words:
        """What it says. Its first megabyte, if it is longer."""
        about = self._about(say("{path} in {image}", "{image}의 {path}"))
        if self._node is not None and not self._node.is_file:
            about = About(about.what, about.where, NO_FOLDER_BUT)
        return Words(about, "" if about.missing or self._node is None else self._read(self._node))

    @staticmethod
    def _read(node: Node) -> str:
        with node.open() as file:
            return (file.read(_MOST) or b"").decode("utf-8", "replace")

    def contains(self, *texts: str) -> Expectation:
        """Its text has these parts."""
        return self.text.contains(*texts)

    def lacks(self, *texts: str) -> Expectation:
        """Its text has none of these parts."""
        return self.text.lacks(*texts)

    @property
    def mode(self) -> Number:
        """Its permissions."""
        value = self._node.entry.mode if self._node is not None else 0
        return Number.mode(self._about(say("permissions of {path} in {image}", "{image}의 {path} 권한")), value)

    @property
    def size(self) -> Number:
        """Its bytes."""
        value = self._node.st.st_size if self._node is not None else 0
        return Number.bytes(self._about(say("size of {path} in {image}", "{image}에 있는 {path}의 크기")), value)

    @property
    def owner(self) -> Words:
        """`UID:GID`."""
        value = "{}:{}".format(*self._node.owner) if self._node is not None else ""
        return Words(self._about(say("owner of {path} in {image}", "{image}의 {path} 소유자")), value)

    @property
    def layer(self) -> Number:
        """The number of the layer whose version shows; 1 is the lowest."""
        value = self._node.layer + 1 if self._node is not None else 0
        about = self._about(say("layer that holds {path} in {image}", "{image}에서 {path}이(가) 들어 있는 레이어 번호"))
        return Number(About(about.what, same(f"%layers {self._image.name}"), about.missing), value)


class Layers(Members):
    """Layers of an image, the lowest first, by their digests."""

    def __init__(self, image: ImageSubject, about: About, values: Sequence[str]) -> None:
        super().__init__(about, values)
        self._image = image

    def above(self, base: str) -> Layers:
        """Those above the layers of another image. Of an image that does not stand on it there are none to be had."""
        other = ImageSubject(self._image.engine, base)
        on_it = bool(other.layers.values) and self.values[: len(other.layers.values)] == other.layers.values
        missing = self.about.missing or (
            None if on_it else filled(say("it does not stand on the layers of {base}", "{base}의 레이어 위에 있지 않습니다"), base=base)
        )
        what = filled(say("layers of {image} above {base}", "{image}에서 {base} 위에 있는 레이어 수"), image=self._image.name, base=base)
        return Layers(self._image, About(what, self.about.where, missing), self.values[len(other.layers.values) :] if on_it else [])

    def shared_with(self, name: str) -> Layers:
        """Those that another image has too."""
        other = ImageSubject(self._image.engine, name)
        what = filled(
            say("layers that {image} shares with {other}", "{image}와(과) {other}이(가) 공유하는 레이어 수"),
            image=self._image.name,
            other=name,
        )
        about = About(what, same(f"%layers {self._image.name} {name}"), self.about.missing or other.missing)
        return Layers(self._image, about, [one for one in self.values if one in set(other.layers.values)])


class HistorySubject:
    """How an image was made, by its own account."""

    def __init__(self, image: ImageSubject, entries: Sequence[Json]) -> None:
        self._image = image
        self.lines = [str(entry["CreatedBy"]) for entry in reversed(entries)]
        self._about = About(
            filled(say("history of {image}", "{image}의 히스토리"), image=image.name), same(f"%history {image.name}"), image.missing
        )

    def _by(self, keyword: str) -> list[str]:
        return [line for line in self.lines if _instruction(line) == keyword.upper()]

    def has(self, keyword: str) -> Expectation:
        """An instruction of this kind is in it."""
        return Members(self._about, sorted({_instruction(line) for line in self.lines})).has(keyword.upper())

    def count(self, keyword: str) -> Number:
        """How many instructions of this kind."""
        what = filled(
            say("{it} in the history of {image}", "{image}의 히스토리에 있는 {it} 수"), it=keyword.upper(), image=self._image.name
        )
        return Number(About(what, self._about.where, self._about.missing), len(self._by(keyword)))

    @property
    def text(self) -> Words:
        """All of it, oldest first."""
        return Words(self._about, "\n".join(self.lines))

    def mentions(self, *texts: str) -> Expectation:
        """These stand somewhere in it."""
        return self.text.contains(*texts)

    def lacks(self, *texts: str) -> Expectation:
        """None of these can be read in it."""
        return self.text.lacks(*texts)


def _instruction(line: str) -> str:
    """The keyword of a history's line, also of the classic builder's `/bin/sh -c #(nop)  CMD …`."""
    text = line.removeprefix("|")
    if "#(nop)" in text:
        text = text.partition("#(nop)")[2]
    elif "/bin/sh -c" in text and not text.startswith("RUN"):
        return "RUN"
    return (text.split() or [""])[0].upper()


class ConfigSubject:
    """The settings beside the layers."""

    def __init__(self, image: ImageSubject) -> None:
        self._image = image
        self.json: Json = dict(image.json.get("Config") or {})

    def _about(self, en: str, ko: str, format_: str) -> About:
        name = self._image.name
        where = same(f"%docker inspect --format '{{{{{format_}}}}}' {name}")
        return About(filled(say(en, ko), image=name), where, self._image.missing)

    @property
    def user(self) -> Words:
        """USER."""
        return Words(self._about("USER of {image}", "{image}의 USER", ".Config.User"), str(self.json.get("User") or ""))

    @property
    def workdir(self) -> Words:
        """WORKDIR."""
        return Words(self._about("WORKDIR of {image}", "{image}의 WORKDIR", ".Config.WorkingDir"), str(self.json.get("WorkingDir") or ""))

    @property
    def cmd(self) -> Words:
        """CMD, word by word."""
        return Words(self._about("CMD of {image}", "{image}의 CMD", "json .Config.Cmd"), list(self.json.get("Cmd") or []))

    @property
    def entrypoint(self) -> Words:
        """ENTRYPOINT, word by word."""
        return Words(
            self._about("ENTRYPOINT of {image}", "{image}의 ENTRYPOINT", "json .Config.Entrypoint"), list(self.json.get("Entrypoint") or [])
        )

    def env(self, name: str) -> Words:
        """The value of a variable; "" if it has none."""
        values = dict(entry.partition("=")[::2] for entry in self.json.get("Env") or [])
        return Words(self._about(f"ENV {name} of {{image}}", f"{{image}}의 ENV {name}", "json .Config.Env"), values.get(name, ""))

    def label(self, name: str) -> Words:
        """The value of a label; "" if it has none."""
        labels: dict[str, str] = self.json.get("Labels") or {}
        return Words(self._about(f"LABEL {name} of {{image}}", f"{{image}}의 LABEL {name}", "json .Config.Labels"), labels.get(name, ""))

    @property
    def ports(self) -> Members:
        """What EXPOSE named: `80/tcp` …"""
        about = self._about("ports that {image} exposes", "{image}이(가) 명시한 포트(EXPOSE)", "json .Config.ExposedPorts")
        return Members(about, sorted(self.json.get("ExposedPorts") or {}))

    @property
    def volumes(self) -> Members:
        """VOLUME."""
        return Members(self._about("VOLUME of {image}", "{image}의 VOLUME", "json .Config.Volumes"), sorted(self.json.get("Volumes") or {}))


class ImageSubject:
    """An image by its name, also one that is not there: then whatever is asked of it fails with that."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine, self.name = engine, name
        self.missing: Text | None = None
        self.json: Json = {}
        try:
            self.json = engine.image_inspect(name)
        except DockerlabError:
            self.missing = NO_IMAGE

    @property
    def id(self) -> str:
        """Its ID; "" for none."""
        return str(self.json.get("Id", ""))

    def _about(self, en: str, ko: str, where: str) -> About:
        return About(filled(say(en, ko), image=self.name), same(where), self.missing)

    @property
    def exists(self) -> Expectation:
        """There is an image of this name."""
        text = filled(say("there is an image {image}", "이미지 {image}이(가) 있습니다"), image=self.name)
        where = say(
            "%docker images lists what is here; build names an image with -t, commit with its last word",
            "%docker images가 이미지 목록을 보여 줍니다. build에서는 -t로, commit에서는 마지막 단어로 이름을 붙입니다",
        )
        return Expectation(text, self.missing is None, self.missing or same(self.name), same(self.name), where)

    def built_on(self, base: str) -> Expectation:
        """All layers of another image are its lowest."""
        above = self.layers.above(base)
        text = filled(say("{image} is built on {base}", "{image}은(는) {base} 위에 만들었습니다"), image=self.name, base=base)
        seen = above.about.missing or same(base)
        return Expectation(
            text, above.about.missing is None, seen, same(f"FROM {base}"), say("the FROM of your Dockerfile", "Dockerfile의 FROM")
        )

    @property
    def layers(self) -> Layers:
        """Its layers, the lowest first."""
        about = self._about("layers of {image}", "{image}의 레이어 수", f"%layers {self.name}")
        return Layers(self, about, list((self.json.get("RootFS") or {}).get("Layers") or []))

    @property
    def size(self) -> Number:
        """The bytes of all its layers."""
        return Number.bytes(self._about("size of {image}", "{image}의 크기", f"%layers {self.name}"), int(self.json.get("Size", 0)))

    def size_above(self, base: str) -> Number:
        """The bytes that it has more than another image."""
        other = ImageSubject(self.engine, base)
        what = filled(say("size of {image} above {base}", "{image}이(가) {base}보다 큰 만큼"), image=self.name, base=base)
        about = About(what, same(f"%layers {self.name}"), self.missing or other.missing)
        return Number.bytes(about, int(self.json.get("Size", 0)) - int(other.json.get("Size", 0)))

    @cached_property
    def history(self) -> HistorySubject:
        """How it was made."""
        return HistorySubject(self, [] if self.missing else self.engine.history(self.name))

    @cached_property
    def config(self) -> ConfigSubject:
        """The settings beside its layers."""
        return ConfigSubject(self)

    @cached_property
    def view(self) -> TreeView | None:
        """Its file system, if it has any."""
        return self.engine.image_files(self.name) if not self.missing and self.json.get("RootFS", {}).get("Layers") else None

    def _lookup(self, path: str) -> Node | None:
        try:
            return self.view.lookup(path) if self.view is not None else None
        except DockerlabError:  # links that lead nowhere
            return None

    def file(self, path: str) -> FileSubject:
        """A path of its file system."""
        return FileSubject(self, path)

    def files_above(self, base: str = "") -> Members:
        """The paths of all files that its layers above another image bring, also of those that a later layer hides; of all its layers without one."""
        layers = self.layers.above(base) if base else self.layers
        trees = self.view.trees[len(self.layers.values) - len(layers.values) :] if self.view is not None and layers.values else []
        paths = {node.path for tree in trees for node in TreeView([tree]).walk() if not node.is_dir}
        what = (
            say("files of {image} above {base}", "{base} 위에 더해진 {image}의 파일") if base else say("files of {image}", "{image}의 파일")
        )
        return Members(About(filled(what, image=self.name, base=base), same(f"%layers {self.name}"), layers.about.missing), sorted(paths))

    def hides(self, secret: str) -> Expectation:
        """The secret can be read nowhere: in no layer, also not where it was deleted or written over later, not in the configuration, not in the history."""
        text = filled(say("the secret can be read nowhere in {image}", "{image} 어디에서도 비밀 값을 읽을 수 없습니다"), image=self.name)
        found = None if self.missing else self._betrayed(secret)
        where = say(f"%layers {self.name}, %history {self.name}", f"%layers {self.name}, %history {self.name}")
        return Expectation(text, not self.missing and found is None, self.missing or found or NO_FILE, say("no trace", "흔적 없음"), where)

    def _betrayed(self, secret: str) -> Text | None:
        if secret in json.dumps(self.json.get("Config"), ensure_ascii=False):
            return say("in the configuration", "이미지 설정에 있음")
        if any(secret in line for line in self.history.lines):
            return say("in the history", "히스토리에 있음")
        for number, tree in enumerate(self.view.trees if self.view is not None else [], 1):
            for node in TreeView([tree]).walk():
                if secret in node.path or (node.is_file and _holds(node, secret.encode())):
                    return say(f"layer {number}: {node.path}", f"레이어 {number}: {node.path}")
        return None

    @property
    def message(self) -> Words:
        """What `docker commit -m` said; "" of an image that a build made."""
        said = str(self.json.get("Comment") or "")
        about = self._about("message of {image}", "{image}의 메시지", f"%history {self.name}")
        return Words(about, "" if said.startswith("buildkit.") else said)

    def run(
        self, *command: str, entrypoint: str | None = None, env: Sequence[str] = (), user: str | None = None, seconds: float = 20
    ) -> Ran:
        """What a container of it does with this command, or with its own."""
        return run(self, command, entrypoint=entrypoint, env=env, user=user, seconds=seconds)

    def answers(self, path: str = "/", port: int = 80, *, command: Sequence[str] = (), seconds: float = 10) -> Answer:
        """What a server in a container of it says to a browser."""
        return ask(self, path, port, command, seconds)


def _holds(node: Node, part: bytes) -> bool:
    """Whether a file has these bytes somewhere; read piece by piece."""
    with node.open() as file:
        before = b""
        while piece := file.read(_MOST):
            if part in before + piece:
                return True
            before = piece[-len(part) :]
    return False
