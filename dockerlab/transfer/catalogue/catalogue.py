"""The catalogue: names of base images, and the images, composed once and remembered."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dockerlab.data import dataclass
from dockerlab.errors import CatalogueError, NotFoundError
from dockerlab.layers import TreeView
from dockerlab.oci import ImageConfig, Reference
from dockerlab.store import Image, Store
from dockerlab.store.files import Lock, explained, write_atomically
from dockerlab.transfer.catalogue.apt import ELSEWHERE, Apt, Archive, machine_architecture
from dockerlab.transfer.catalogue.compose import compose
from dockerlab.transfer.catalogue.database import installed
from dockerlab.transfer.catalogue.recipe import Recipe, recipes

FORMAT = "1"
"""Part of what is remembered: another number when the same recipe and packages come to make another image."""

Plan = tuple[tuple[Archive, ...], ...]


@dataclass(frozen=True)
class CatalogueEntry:
    """An image that the catalogue can compose: `name` with each of `tags`; there may be several of one name.

    `size` is about how many bytes it has, `note` what differs from the official image.
    """

    name: str
    tags: tuple[str, ...]
    title: str
    description: str
    note: str
    size: int


@dataclass(frozen=True)
class _Memory:
    config: ImageConfig
    plan: Plan


def _silent(_: str) -> None:
    pass


class Catalogue:
    """The catalogue of a store; downloads and what was composed are remembered in `cache`, which other stores may share."""

    def __init__(self, store: Store, cache: Path | None = None) -> None:
        self._store = store
        self._cache = Path(cache).absolute() if cache is not None else store.home / "catalogue"
        self._memories = [self._cache / "images", *(base.path / "catalogue" / "images" for base in store.bases)]
        """Where it is looked up what an image was composed as; only the first is written to."""

    def names(self) -> list[CatalogueEntry]:
        """What there is, by name."""
        return [_entry(recipe) for recipe in sorted(recipes().values(), key=lambda recipe: recipe.familiar)]

    def find(self, reference: Reference) -> CatalogueEntry | None:
        """The entry that answers to this name and tag, or None."""
        recipe = _named(reference)
        return _entry(recipe) if recipe is not None else None

    def wanting(self, *references: Reference) -> int:
        """About how many bytes images of these names would add to the store: what is there, or below several of them, counts once or not at all.

        NotFoundError for a name that it has not.
        """
        missing: dict[str, Recipe] = {}
        for reference in references:
            recipe = _named(reference)
            if recipe is None:
                raise NotFoundError(f"the catalogue has no image {reference.familiar}", hint=f"it has {_told(reference)}")
            while (memory := self._recall(recipe)) is None or not self._has_layers(memory.config):
                missing[recipe.familiar] = recipe
                if not recipe.base:
                    break
                recipe = recipes()[recipe.base]
        return sum(one.size - (recipes()[one.base].size if one.base else 0) for one in missing.values()) * 1_000_000

    def image(self, reference: Reference, progress: Callable[[str], None] = _silent, *, refresh: bool = False) -> Image:
        """The image of that name, in the store. It is composed at first and remembered; `refresh` asks Debian for newer packages.

        Raises NotFoundError for a name that the catalogue has not, CatalogueError where the image can't be composed here.
        """
        recipe = _named(reference)
        if recipe is None:
            raise NotFoundError(f"the catalogue has no image {reference.familiar}", hint=f"it has {_told(reference)}")
        with explained(self._cache):
            (self._cache / "images").mkdir(parents=True, exist_ok=True)
            with self._store.using():
                if not refresh and (memory := self._recall(recipe)) is not None and self._has_layers(memory.config):
                    return self._store.images.add(memory.config)
                with Lock(self._cache / "lock"):
                    return self._store.images.add(self._config(recipe, progress, refresh))

    # --- memory

    def _memory_name(self, recipe: Recipe) -> str:
        return f"{recipe.key}.{machine_architecture()}.json"

    def _key(self, recipe: Recipe) -> str:
        base = self._key(recipes()[recipe.base]) if recipe.base else FORMAT
        return f"{base} {recipe.digest}"

    def _recall(self, recipe: Recipe) -> _Memory | None:
        """What this recipe, as it stands now, was made into the last time, here or in a base store; rather one whose layers are there."""
        found = [memory for folder in self._memories if (memory := self._read(recipe, folder)) is not None]
        return next((memory for memory in found if self._has_layers(memory.config)), found[0] if found else None)

    def _read(self, recipe: Recipe, folder: Path) -> _Memory | None:
        try:
            record = json.loads((folder / self._memory_name(recipe)).read_bytes())
            if record["key"] != self._key(recipe):
                return None
            config = ImageConfig.from_bytes(json.dumps(record["config"]).encode())
            plan = tuple(tuple(Archive(**archive) for archive in layer) for layer in record["plan"])
        except (FileNotFoundError, PermissionError, ValueError, KeyError, TypeError):
            return None
        return _Memory(config, plan)

    def _remember(self, recipe: Recipe, memory: _Memory) -> None:
        record: dict[str, Any] = {
            "key": self._key(recipe),
            "image": memory.config.image_id,
            "config": json.loads(memory.config.to_bytes()),
            "plan": [[archive.to_json() for archive in layer] for layer in memory.plan],
        }
        write_atomically(self._memories[0] / self._memory_name(recipe), json.dumps(record, indent=1).encode())

    def _has_layers(self, config: ImageConfig) -> bool:
        return all(self._store.layers.has(diff_id) for diff_id in config.diff_ids)

    # --- composing

    def _config(self, recipe: Recipe, progress: Callable[[str], None], refresh: bool) -> ImageConfig:
        """The image's configuration, its layers in the store: remembered, made again from the cached archives, or planned anew."""
        memory = None if refresh else self._recall(recipe)
        if memory is not None:
            if self._has_layers(memory.config):
                return memory.config
            base = self._base(recipe, progress, False)
            if self._is_complete(memory, base):
                return self._compose(recipe, base, memory.plan, progress)
        apt = Apt(self._cache / "apt", self._cache / "archives", machine_architecture())
        say = _about(recipe, progress)
        apt.update(say, force=refresh)
        base = self._base(recipe, progress, refresh)
        plan = self._plan(recipe, base, apt)
        if base is not None and self._overtakes(plan, base):
            # the base was composed before Debian fixed something in it: a layer must not replace packages of the layer below
            base = self._base(recipe, progress, True)
            plan = self._plan(recipe, base, apt)
            if self._overtakes(plan, base):
                raise CatalogueError(
                    f"{recipe.familiar} needs other versions of packages than {recipes()[recipe.base].familiar} has",
                    hint=f"try again later, or {ELSEWHERE}",
                )
        status = self._status(base)
        for layer, archives in zip(recipe.layers, plan, strict=True):
            apt.fetch(archives, layer.packages, layer.loose, status, say)
        return self._compose(recipe, base, plan, progress)

    def _base(self, recipe: Recipe, progress: Callable[[str], None], refresh: bool) -> ImageConfig | None:
        return self._config(recipes()[recipe.base], progress, refresh) if recipe.base else None

    def _is_complete(self, memory: _Memory, base: ImageConfig | None) -> bool:
        below = base.diff_ids if base is not None else ()
        archives = self._cache / "archives"
        return memory.config.diff_ids[: len(below)] == below and all(
            archive.is_whole(archives) for layer in memory.plan for archive in layer
        )

    def _status(self, base: ImageConfig | None) -> bytes:
        if base is None:
            return b""
        for layer in reversed(self._store.layers_of(base)):
            if (status := TreeView([layer.tree]).lookup("/var/lib/dpkg/status")) is not None:
                return status.read()
        return b""

    def _plan(self, recipe: Recipe, base: ImageConfig | None, apt: Apt) -> Plan:
        status = self._status(base)
        return tuple(
            (apt.plan(layer.packages, status) if layer.packages else ())
            + (apt.plan(layer.loose, status, loose=True) if layer.loose else ())
            for layer in recipe.layers
        )

    def _overtakes(self, plan: Plan, base: ImageConfig | None) -> bool:
        below = installed(self._status(base))
        return any(archive.name in below for layer in plan for archive in layer)

    def _compose(
        self, recipe: Recipe, base: ImageConfig | None, plan: Sequence[Sequence[Archive]], progress: Callable[[str], None]
    ) -> ImageConfig:
        say = _about(recipe, progress)
        config = compose(self._store, recipe, base, plan, self._cache / "archives", machine_architecture(), say)
        self._remember(recipe, _Memory(config, tuple(tuple(layer) for layer in plan)))
        return config


def tags_of() -> dict[str, tuple[str, ...]]:
    """The names that the catalogue has, each with all its tags, `latest` first."""
    found: dict[str, tuple[str, ...]] = {}
    for recipe in sorted(recipes().values(), key=lambda recipe: "latest" not in recipe.tags):
        found[recipe.name] = (*found.get(recipe.name, ()), *recipe.tags)
    return dict(sorted(found.items()))


def _entry(recipe: Recipe) -> CatalogueEntry:
    return CatalogueEntry(recipe.name, recipe.tags, recipe.title, recipe.description, recipe.note, recipe.size * 1_000_000)


def _named(reference: Reference) -> Recipe | None:
    return next((one for one in recipes().values() if one.name == reference.repository and reference.tag in one.tags), None)


def _told(reference: Reference) -> str:
    """What there is instead: the tags of a name that it has, else its names."""
    return ", ".join(f"{reference.repository}:{tag}" for tag in tags_of().get(reference.repository, ())) or ", ".join(tags_of())


def _about(recipe: Recipe, progress: Callable[[str], None]) -> Callable[[str], None]:
    """Progress that says which image it is about."""
    return lambda text: progress(f"{recipe.familiar}: {text}")
