"""The recipes: what each image of the catalogue is made of, read from recipes/*.toml."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dockerlab.data import dataclass, field

DATA = Path(__file__).parent
"""Our package data: recipes/, files/, keys/."""


@dataclass(frozen=True)
class Folder:
    """A folder that a maintainer script makes, or whose owner it sets."""

    path: str
    mode: int = 0o755
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True)
class File:
    """A file with `text`, or the bytes of `source` in files/."""

    path: str
    text: str = ""
    source: str = ""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0

    def data(self) -> bytes:
        """Its bytes."""
        return (DATA / "files" / self.source).read_bytes() if self.source else self.text.encode()


@dataclass(frozen=True)
class Copy:
    """A file that starts as a copy of one that a package ships, with parts of its text replaced."""

    path: str
    original: str
    replace: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """A symbolic link; `architecture` says where it belongs ("" is everywhere)."""

    path: str
    target: str
    architecture: str = ""


@dataclass(frozen=True)
class HardLinks:
    """Other names of one file, all in one folder."""

    existing: str
    folder: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Alternative:
    """A name that several packages could provide, as update-alternatives records it; `slaves` are (name, link, path)."""

    name: str
    link: str
    path: str
    priority: int
    slaves: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Programs:
    """Programs of one folder that become alternatives of the same name in /usr/bin; their manual pages are left out.

    `{architecture}` in the folder is Debian's word for the processor.
    """

    folder: str
    names: tuple[str, ...]
    priority: int

    def alternatives(self, architecture: str) -> tuple[Alternative, ...]:
        """One alternative a program."""
        folder = self.folder.replace("{architecture}", architecture)
        return tuple(Alternative(name, f"/usr/bin/{name}", f"{folder}/{name}", self.priority) for name in self.names)


@dataclass(frozen=True)
class User:
    """An account that a package or the image adds; its password is locked."""

    name: str
    uid: int
    gid: int
    home: str = "/nonexistent"
    shell: str = "/usr/sbin/nologin"
    gecos: str = ""


@dataclass(frozen=True)
class Group:
    """A group that a package or the image adds."""

    name: str
    gid: int


@dataclass(frozen=True)
class LayerRecipe:
    """One layer: packages first, then what their scripts would have done. `created_by` is its history line, {packages} filled in.

    `loose` packages give their files only: without what they depend on, and dpkg is not told of them.
    `exclude` and `include` are patterns as in dpkg's path-exclude and path-include: the include wins.
    `certificates`: for whom the authorities of ca-certificates are put together, "openssl" or "java".
    """

    created_by: str
    packages: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    database: bool = True
    accounts: str = ""
    folders: tuple[Folder, ...] = ()
    copies: tuple[Copy, ...] = ()
    files: tuple[File, ...] = ()
    links: tuple[Link, ...] = ()
    hardlinks: tuple[HardLinks, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    programs: tuple[Programs, ...] = ()
    certificates: tuple[str, ...] = ()
    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """One image: `name` with each of `tags`. `key` is the recipe's own name, by which another one has it as its `base`.

    Several recipes may make images of one name; no tag is in two of them. `config` has Docker's own keys; `instructions` are history lines
    that made no layer; `version_of` names the package whose version is the image's.
    """

    key: str
    name: str
    title: str
    description: str
    note: str
    tags: tuple[str, ...]
    size: int
    version_of: str
    layers: tuple[LayerRecipe, ...]
    base: str = ""
    merged_usr: bool = True
    config: dict[str, Any] = field(default_factory=dict)
    instructions: tuple[str, ...] = ()
    digest: str = ""

    @property
    def familiar(self) -> str:
        """How one calls the image: the name, with the first tag where another recipe has `latest`."""
        return self.name if "latest" in self.tags else f"{self.name}:{self.tags[0]}"


_MANY: dict[str, Any] = {
    "folders": Folder, "copies": Copy, "files": File, "links": Link, "hardlinks": HardLinks,
    "alternatives": Alternative, "programs": Programs, "users": User, "groups": Group,
}  # fmt: skip


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _layer(table: Mapping[str, Any]) -> LayerRecipe:
    values: dict[str, Any] = {}
    for key, value in table.items():
        if (kind := _MANY.get(key)) is not None:
            values[key] = tuple(kind(**{name: _frozen(part) for name, part in item.items()}) for item in value)
        else:
            values[key] = _frozen(value)
    return LayerRecipe(**values)


def _read(source: Path) -> Recipe:
    data = source.read_bytes()
    table = tomllib.loads(data.decode())
    layers = tuple(_layer(item) for item in table.pop("layers"))
    digest = hashlib.sha256(data)
    for layer in layers:
        for file in layer.files:
            digest.update(file.data())
    config = table.pop("config", {})
    values = {key: _frozen(value) for key, value in table.items()}
    return Recipe(key=source.stem, name=values.pop("name", source.stem), layers=layers, config=config, digest=digest.hexdigest(), **values)


@cache
def recipes() -> dict[str, Recipe]:
    """All recipes by key, sorted."""
    return {path.stem: _read(path) for path in sorted((DATA / "recipes").glob("*.toml"))}
