"""Images that the store has not: the catalogue's, since registries are not part of this version. `build --pull` asks for bases anew, even where they are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dockerlab.engine.happenings import tell_image
from dockerlab.oci import Reference
from dockerlab.store import Image, Store

if TYPE_CHECKING:
    from dockerlab.transfer.catalogue import Catalogue


def pull(store: Store, catalogue: Catalogue, reference: Reference, notice: Callable[[str], None]) -> Image | None:
    """An image of the catalogue, which gets the name that it was asked for by; None if there is none."""
    if catalogue.find(reference) is None:
        return None
    notice(_told(reference.familiar, catalogue.wanting(reference)))
    image = catalogue.image(reference, lambda text: None if ": fetched " in text else notice(text))
    store.images.tag(image.id, reference)
    tell_image(store, "pull", reference.familiar, reference.familiar)
    return image


def alike(store: Store, reference: Reference, *, composable: bool = False) -> str:
    """The hint for an image that is not there: what is called alike in the store; `composable`: and in the catalogue, whose tags are told."""
    from difflib import get_close_matches

    from dockerlab.transfer.catalogue import tags_of

    catalogue = tags_of() if composable else {}
    tags = {name: list(all_of) for name, all_of in catalogue.items()}
    for name in (name for names in store.images.all_names().values() for name in names):
        tags.setdefault(name.repository, []).append(name.tag)
    if (own := tags.get(reference.repository)) is not None:
        close = [f"{reference.repository}:{tag}" for tag in get_close_matches(reference.tag, own, 1, 0) or own[:1]]
    else:
        close = get_close_matches(reference.repository, tags, 1)
    if not close:
        return "dockerlab images lists what is here"
    also = catalogue.get(reference.repository, ())
    return f"did you mean {close[0]}?" + (f" The catalogue has {reference.repository} with the tags {', '.join(also)}" if also else "")


def _told(name: str, size: int) -> str:
    """What is about to happen, and how large it is."""
    from dockerlab.language import language

    if language() == "ko":
        much = f". 약 {size / 1e6:.0f} MB, 처음 한 번만" if size else ""
        return f"{name}: 저장소에 없어서 카탈로그에서 가져옵니다(Debian 패키지로 만듭니다{much})"
    much = f", about {size / 1e6:.0f} MB, this once" if size else ""
    return f"{name}: not in the store, taken from the catalogue (composed from Debian packages{much})"


class Pulling:
    """Finds a base by its name, once a build: today's packages for what the catalogue makes; an image from elsewhere stays as it is, and that is said."""

    def __init__(self, store: Store, catalogue: Catalogue, resolve: Callable[[Reference], Image], notice: Callable[[str], None]) -> None:
        self._store, self._catalogue, self._resolve, self._notice = store, catalogue, resolve, notice
        self._asked: dict[Reference, Image] = {}

    def __call__(self, reference: Reference) -> Image:
        """The image of this name. NotFoundError, CatalogueError as without --pull."""
        if reference not in self._asked:
            if self._is_catalogues(reference):
                image = self._catalogue.image(reference, lambda text: None if ": fetched " in text else self._notice(text), refresh=True)
                self._store.images.tag(image.id, reference)
            else:
                self._notice(f"{reference.familiar}: --pull leaves the store's image as it is, since it is not the catalogue's")
            self._asked[reference] = self._resolve(reference)
        return self._asked[reference]

    def _is_catalogues(self, reference: Reference) -> bool:
        from dockerlab.transfer.catalogue.compose import COMMENT

        if self._catalogue.find(reference) is None:
            return False
        known = self._store.images.named(reference)
        return known is None or any(entry.comment == COMMENT for entry in self._store.images.get(known).config.history[-1:])
