"""From a recipe and the archives that fulfil it to layers in the store and an image configuration."""

from __future__ import annotations

import calendar
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from dockerlab.data import dataclass
from dockerlab.oci import HistoryEntry, ImageConfig
from dockerlab.store import Layer, Store
from dockerlab.transfer.catalogue import database, effects
from dockerlab.transfer.catalogue.apt import Archive, Progress
from dockerlab.transfer.catalogue.layer import LayerDraft
from dockerlab.transfer.catalogue.recipe import LayerRecipe, Recipe
from dockerlab.transfer.catalogue.unpack import Filter, unpack

COMMENT = "dockerlab catalogue"
NAME, PACKAGES, NOTE = "dockerlab.catalogue", "dockerlab.catalogue.packages", "dockerlab.catalogue.note"
_OCI = "org.opencontainers.image."


@dataclass
class Composer:
    """Makes the layers of one image, the lowest first, above `config` (its base, or nothing yet)."""

    store: Store
    archives: Path
    config: ImageConfig
    layers: list[Layer]
    mtime: int = 0

    def add(self, recipe: LayerRecipe, archives: Sequence[Archive], *, merged_usr: bool) -> None:
        """Put one layer on top and write its line of history."""
        with self.store.tmp() as folder:
            draft = LayerDraft(folder, [layer.tree for layer in self.layers], merged_usr=merged_usr)
            draft.mtime = self.mtime
            files = [self.archives / archive.file for archive in archives]
            packages = unpack(files, draft, Filter(recipe.exclude, recipe.include))
            recorded = [package for package in packages if package.control.name not in recipe.loose]
            if recorded and recipe.database:
                database.record(draft, recorded, recipe.packages)
            effects.apply(recipe, draft, self.config.architecture)
            draft.close()
            self.layers.append(self.store.layers.seal(folder))
            self.mtime = draft.mtime
        text = " ".join(f"{archive.name}={archive.version}" for archive in archives)
        entry = HistoryEntry(
            _iso(self.mtime), recipe.created_by.replace("{packages}", text).replace("{count}", str(len(archives))), COMMENT
        )
        self.config = self.config.with_history(entry, self.layers[-1].diff_id)


def compose(
    store: Store,
    recipe: Recipe,
    base: ImageConfig | None,
    plan: Sequence[Sequence[Archive]],
    archives: Path,
    architecture: str,
    progress: Progress,
) -> ImageConfig:
    """Make the image of a recipe: `plan` has the archives of each of its layers, which lie in `archives`; `base` is the image below."""
    start = base or ImageConfig(architecture=architecture)
    with ExitStack() as stack:
        stack.enter_context(store.using())
        composer = Composer(store, archives, start, store.layers_of(start), _seconds(start.created))
        for layer, packages in zip(recipe.layers, plan, strict=True):
            if packages:
                progress(f"unpacking {len(packages)} packages")
            composer.add(layer, packages, merged_usr=recipe.merged_usr)
    config = composer.config
    for text in recipe.instructions:
        config = config.with_history(HistoryEntry(config.created, text, COMMENT, empty_layer=True))
    labels = dict(start.config.get("Labels") or {})
    everything = [archive for packages in plan for archive in packages]
    own = " ".join(f"{archive.name}={archive.version}" for archive in everything)
    labels |= {
        _OCI + "title": recipe.title,
        _OCI + "description": recipe.description,
        _OCI + "version": next((archive.version for archive in everything if archive.name == recipe.version_of), ""),
        _OCI + "source": "http://deb.debian.org/debian",
        NAME: recipe.name,
        PACKAGES: f"{labels.get(PACKAGES, '')} {own}".strip(),
        NOTE: recipe.note,
    }
    settings = {**start.config, **recipe.config, "Labels": dict(sorted(labels.items()))}
    return ImageConfig(architecture, "linux", config.created, "", settings, config.diff_ids, config.history)


def _iso(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _seconds(created: str) -> int:
    return calendar.timegm(time.strptime(created, "%Y-%m-%dT%H:%M:%SZ")) if created else 0
