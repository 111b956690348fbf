"""Images that the store has not: their registry's, else the catalogue's, and whose it is is always told. `--pull` asks for them anew, even where they are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dockerlab.engine.happenings import tell_image
from dockerlab.engine.registries import ABSENT, Registries, only_catalogue
from dockerlab.errors import NotFoundError, RegistryError, UnreachableRegistryError
from dockerlab.oci import Reference
from dockerlab.store import Image, Store

if TYPE_CHECKING:
    from dockerlab.transfer.catalogue import Catalogue

Notice = Callable[[str], None]


def pull(store: Store, catalogue: Catalogue, reference: Reference, notice: Notice, *, ask: bool = True) -> Image | None:
    """An image of its registry (`ask`: where it may be asked), else of the catalogue, which gets the name that it was asked for by; None if there is none.

    RegistryError if the registry has it not, or not for us, and the catalogue neither.
    """
    if ask and not only_catalogue():
        try:
            return Registries(store).bring(reference, notice)
        except ABSENT as error:
            if reference.digest or catalogue.find(reference) is None:
                raise _absent(store, reference, error) from None
            notice(f"{reference.familiar}: {error.message}")
    if reference.digest or catalogue.find(reference) is None:
        return None
    notice(_told(reference.familiar, catalogue.wanting(reference)))
    return composed(store, catalogue, reference, notice)


def composed(store: Store, catalogue: Catalogue, reference: Reference, notice: Notice, *, refresh: bool = False) -> Image:
    """The catalogue's image of this name, under it."""
    image = catalogue.image(reference, lambda text: None if ": fetched " in text else notice(text), refresh=refresh)
    store.images.tag(image.id, reference)
    tell_image(store, "pull", reference.familiar, reference.familiar)
    return image


def _absent(store: Store, reference: Reference, error: RegistryError) -> Exception:
    """That neither has it; nobody being there to ask is not the registry's no."""
    hint = alike(store, reference, composable=True)
    if isinstance(error, UnreachableRegistryError):
        return NotFoundError(f"No such image: {reference.familiar}", hint=f"{hint}\n{error.message}")
    if hint.startswith("did you mean"):
        error.hint = f"{hint}\n{error.hint}".rstrip()
    return error


def alike(store: Store, reference: Reference, *, composable: bool = False) -> str:
    """The hint for an image that is not there: what is called alike in the store; `composable`: and in the catalogue, whose tags are told."""
    from difflib import get_close_matches

    from dockerlab.transfer.catalogue import tags_of

    catalogue = tags_of() if composable else {}
    tags = {name: list(all_of) for name, all_of in catalogue.items()}
    for name in (name for names in store.images.all_names().values() for name in names if name.tag):
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
    """Finds an image by its name anew, once a build: the registry's, or today's packages for what the catalogue makes.

    Where no registry can be asked, an image that is not the catalogue's stays as it is, and that is said; `strict`: it is an error, as of `run --pull always`.
    """

    def __init__(
        self, store: Store, catalogue: Catalogue, resolve: Callable[[Reference], Image], notice: Notice, *, strict: bool = False
    ) -> None:
        self._store, self._catalogue, self._resolve, self._notice, self._strict = store, catalogue, resolve, notice, strict
        self._asked: dict[Reference, Image] = {}

    def __call__(self, reference: Reference) -> Image:
        """The image of this name. NotFoundError, CatalogueError as without --pull; RegistryError if the registry has it not."""
        if reference not in self._asked:
            self._asked[reference] = self._from_registry(reference) or self._from_here(reference)
        return self._asked[reference]

    def _from_registry(self, reference: Reference) -> Image | None:
        if only_catalogue():
            return None
        try:
            return Registries(self._store).bring(reference, self._notice, missing=False)
        except ABSENT as error:
            if (self._strict or not isinstance(error, UnreachableRegistryError)) and not self._is_catalogues(reference):
                raise
            self._notice(f"{reference.familiar}: {error.message}")
            return None

    def _from_here(self, reference: Reference) -> Image:
        if self._is_catalogues(reference):
            composed(self._store, self._catalogue, reference, self._notice, refresh=True)
        elif self._strict:
            raise NotFoundError(
                f"{reference.familiar} can't be had anew: DOCKERLAB_BASES=catalogue asks no registry, and the image is not the catalogue's",
                hint="leave --pull always away: the image of the store is used",
            )
        else:
            self._notice(f"{reference.familiar}: --pull leaves the store's image as it is, since it is not the catalogue's")
        return self._resolve(reference)

    def _is_catalogues(self, reference: Reference) -> bool:
        from dockerlab.transfer.catalogue.compose import COMMENT

        if reference.digest or self._catalogue.find(reference) is None:
            return False
        known = self._store.images.named(reference)
        return known is None or any(entry.comment == COMMENT for entry in self._store.images.get(known).config.history[-1:])
