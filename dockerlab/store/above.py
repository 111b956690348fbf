"""One's own images and layers, and below them those of base stores (`bases` has the whole of it): one's own come first, and are all that is ever changed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, TypeVar

from dockerlab import layers
from dockerlab.errors import NotFoundError, StoreError
from dockerlab.oci import ImageConfig, Reference
from dockerlab.oci.digest import hex_of, is_digest
from dockerlab.store.bases import OURS, UNUSABLE, Base
from dockerlab.store.files import boot_id, explained, write_atomically
from dockerlab.store.images import Image, ImageStore
from dockerlab.store.layers import BORROWED, NOTE, Layer, LayerStore
from dockerlab.store.origins import Origin

T = TypeVar("T")


class LayersAbove(LayerStore):
    """The layers of a store and of its bases. `tmp` makes a private folder in the store; `lends_bytes`: see `Store`."""

    def __init__(
        self, home: Path, bases: Sequence[Base], tmp: Callable[[], AbstractContextManager[Path]], lends_bytes: Callable[[], bool]
    ) -> None:
        super().__init__(home)
        self._bases, self._tmp, self._lends_bytes, self._notes = tuple(bases), tmp, lends_bytes, home / BORROWED

    def _holder(self, diff_id: str) -> Base | None:
        return next((base for base in self._bases if base.layers.has(diff_id)), None)

    def base_of(self, diff_id: str) -> str:
        """The base store that holds the layer, or "" if it is one's own, or nowhere."""
        return "" if super().has(diff_id) else str(self._holder(diff_id) or "")

    def has(self, diff_id: str) -> bool:
        """Whether the layer is here, or in a base, and whole."""
        return super().has(diff_id) or self._holder(diff_id) is not None

    def tree(self, diff_id: str) -> Path:
        """Where the change set of a layer lies, or would lie if it were one's own; also while its base is not there."""
        own = super().tree(diff_id)
        if super().has(diff_id):
            return own
        try:
            base = self._holder(diff_id)
        except StoreError:
            return own
        if base is None:
            return own
        if base.form == OURS:
            return base.layers.tree(diff_id)
        made = (self._notes / hex_of(diff_id) / kind / "tree" for kind in ("lent", "whole"))
        return next((tree for tree in made if tree.exists()), own)

    def size(self, diff_id: str) -> int:
        """As of one's own, also of those in a base."""
        if super().has(diff_id) or (base := self._holder(diff_id)) is None:
            return super().size(diff_id)
        return base.layers.size(diff_id)

    def get(self, diff_id: str) -> Layer:
        """The layer, one's own or of a base. NotFoundError if it is in none of them, StoreError if it was damaged, or its base is not there."""
        try:
            return super().get(diff_id)
        except NotFoundError:
            if (base := self._holder(diff_id)) is None:
                raise
        with base.looked_into():
            self._known[diff_id] = self._borrow(base, diff_id)
        return self._known[diff_id]

    def stack(self, diff_ids: Sequence[str]) -> list[Layer]:
        """The layers of these IDs, the lowest first, as they can lie one above the other: only the lowest may have contents elsewhere."""
        found = [self.get(diff_id) for diff_id in diff_ids]
        for number, layer in enumerate(found):
            if number and layer.bytes and (base := self._holder(layer.diff_id)) is not None:
                found[number] = self._made_ours(base, layer.diff_id, lends=False)
        return found

    def _tar(self, layer: Layer) -> Path:
        own = super()._tar(layer)
        if own.exists() or super().has(layer.diff_id) or (base := self._holder(layer.diff_id)) is None:
            return own
        return base.layers.tree(layer.diff_id).with_name("layer.tar")

    # --- borrowing

    def note(self, diff_id: str) -> dict[str, Any]:
        """What is remembered of a layer that was found in a base: {"base", "boot", "size"}; nothing if it never was."""
        try:
            note = json.loads((self._notes / hex_of(diff_id) / NOTE).read_bytes())
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}

    def remember(self, diff_ids: Sequence[str]) -> None:
        """Note the base of those that are in one: an image of one's own is going to need them."""
        for diff_id in diff_ids:
            if not super().has(diff_id) and not self.note(diff_id) and (base := self._holder(diff_id)) is not None:
                self._write(diff_id, base, boot="")

    def _write(self, diff_id: str, base: Base, *, boot: str) -> None:
        note = {"base": str(base), "boot": boot, "size": base.layers.size(diff_id)}
        with suppress(OSError):  # a store that may only be looked at, or is full: a kinder word is all that is lost
            os.makedirs(self._notes / hex_of(diff_id), exist_ok=True)
            write_atomically(self._notes / hex_of(diff_id) / NOTE, json.dumps(note).encode())

    def _borrow(self, base: Base, diff_id: str) -> Layer:
        from dockerlab.store.borrowing import is_readable, spoilt

        canonical, made, size = self._record(base, diff_id)
        note, there = self.note(diff_id), base.layers.tree(diff_id)
        looked_at = note.get("base") == str(base) and note.get("boot") == boot_id()
        if base.form != OURS or not (looked_at or is_readable(there)):
            self.remember([diff_id])
            return self._made_ours(base, diff_id, lends=self._lends_bytes())
        if not looked_at:
            if made != boot_id() and layers.write_layer(there).diff_id != canonical:
                raise spoilt(diff_id, base)
            self._write(diff_id, base, boot=boot_id())
        return Layer(diff_id, there.parent, size)

    def _record(self, base: Base, diff_id: str) -> tuple[str, str, int]:
        """(digest of the tree, boot that made it, size) as the base has it written down."""
        try:
            record = base.layers.record(diff_id)
            return str(record["canonical"]), str(record["boot"]), int(record["size"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            raise StoreError(f"layer {diff_id} in the base store {base} can't be read", hint=UNUSABLE) from None

    def _made_ours(self, base: Base, diff_id: str, *, lends: bool) -> Layer:
        """A layer whose files are somebody else's, as files of our own."""
        from dockerlab.store.borrowing import made_ours

        canonical, _, size = self._record(base, diff_id)
        with explained(self._home):
            folder, there = made_ours(base, diff_id, canonical, self._notes / hex_of(diff_id), self._tmp, lends=lends)
        return Layer(diff_id, folder, size, there)


class ImagesAbove(ImageStore):
    """The images of a store and of its bases; a name of one's own hides that of a base. `remember` hears of the layers of each image that becomes one's own."""

    def __init__(self, home: Path, bases: Sequence[Base], remember: Callable[[Sequence[str]], None]) -> None:
        super().__init__(home)
        self._bases, self._remember, self._own = tuple(bases), remember, ImageStore(home)

    @property
    def own(self) -> ImageStore:
        """The images of this store alone, without those of base stores."""
        return self._own

    def _holder(self, identifier: str) -> Base | None:
        if not is_digest(identifier):
            return None
        for base in self._bases:
            with base.looked_into():
                if base.images.holds(identifier):
                    return base
        return None

    def base_of(self, identifier: str) -> str:
        """The base store that holds the image, or ""."""
        return str(self._holder(identifier) or "")

    def _ask(self, identifier: str, ask: Callable[[ImageStore], T]) -> T:
        """What the store says that has the image: one's own, or a base."""
        if self._own.holds(identifier) or (base := self._holder(identifier)) is None:
            return ask(self._own)
        with base.looked_into():
            return ask(base.images)

    def holds(self, identifier: str) -> bool:
        """Whether it is an image of this store, or of a base."""
        return self._own.holds(identifier) or self._holder(identifier) is not None

    def add(self, config: ImageConfig, raw: bytes | None = None, *, parent: str = "") -> Image:
        """As for a store without bases; what is remembered of its layers says which base they lie in."""
        image = super().add(config, raw, parent=parent)
        self._remember(config.diff_ids)
        return image

    def raw(self, identifier: str) -> bytes:
        """The bytes of the configuration, one's own or of a base. NotFoundError if there are none, StoreError if they are not what the ID says."""
        try:
            return self._own.raw(identifier)
        except NotFoundError:
            if (base := self._holder(identifier)) is None:
                raise
        with base.looked_into():
            try:
                return base.images.raw(identifier)
            except StoreError as error:
                raise StoreError(f"{error.message} in the base store {base}", hint=UNUSABLE) from None

    def parent(self, identifier: str) -> str:
        """The ID of the image that this one was committed from, or ""; it may be gone."""
        return self._ask(identifier, lambda images: images.parent(identifier))

    def origins(self, image: Image) -> list[Origin | None]:
        """Where its lines of history were written, as its store knows it."""
        return self._ask(image.id, lambda images: images.origins(image))

    def added_at(self, identifier: str) -> float:
        """When the image came into its store, in seconds since 1970."""
        return self._ask(identifier, lambda images: images.added_at(identifier))

    def ids(self) -> list[str]:
        """The IDs of all images, damaged ones and those of bases too."""
        return list(dict.fromkeys([*self._own.ids(), *self._of_bases(lambda images: images.ids())]))

    def _of_bases(self, ask: Callable[[ImageStore], Sequence[str]]) -> Iterator[str]:
        for base in self._bases:
            with base.looked_into():
                yield from ask(base.images)

    def remove(self, identifier: str) -> None:
        """Forget it, or what there is of it in one's own store."""
        self._own.remove(identifier)

    def sweep(self, needed: set[str]) -> None:
        """Remove the configurations of one's own that belong to no image."""
        self._own.sweep(needed)

    # --- names

    def tag(self, identifier: str, reference: Reference) -> str | None:
        """As for a store without bases: an image of a base that gets a name here is one's own from then on, but for its layers."""
        if not self._own.holds(identifier) and self._holder(identifier) is not None:
            image = self.get(identifier)
            origins = self.origins(image)
            self.add(image.config, self.raw(identifier), parent=self.parent(identifier))
            self.set_origins(identifier, origins)
        return super().tag(identifier, reference)

    def named(self, reference: Reference) -> str | None:
        """The ID of the image of this very name, or None."""
        if found := self._own.named(reference):
            return found
        for base in self._bases:
            with base.looked_into():
                if found := base.images.named(reference):
                    return found
        return None

    def all_names(self) -> dict[str, list[Reference]]:
        """Every name, by image ID, sorted; those that others hide are not there."""
        owners: dict[Reference, str] = {}
        for identifier, names in self._all_names():
            for name in names:
                owners.setdefault(name, identifier)
        out: dict[str, list[Reference]] = {}
        for name in sorted(owners):
            out.setdefault(owners[name], []).append(name)
        return out

    def _all_names(self) -> Iterator[tuple[str, list[Reference]]]:
        yield from self._own.all_names().items()
        for base in self._bases:
            with base.looked_into():
                yield from base.images.all_names().items()
