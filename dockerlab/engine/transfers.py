"""What an engine on a store brings in and takes out: images of registries and of the catalogue, archives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import IO, TYPE_CHECKING

from dockerlab.errors import NotFoundError, UnreachableRegistryError

if TYPE_CHECKING:
    from dockerlab.build import Builder
    from dockerlab.engine.images import Images
    from dockerlab.engine.pulling import Pulling
    from dockerlab.engine.registries import Registries
    from dockerlab.oci import Reference
    from dockerlab.runtime.runtime import Runtime
    from dockerlab.store import Image, Store
    from dockerlab.transfer.catalogue import Catalogue
    from dockerlab.transfer.registry import Progress
    from dockerlab.transfer.registry.credentials import Credentials
    from dockerlab.transfer.saving import Saving


class Transfers:
    """The methods of an engine on a store that move images (see `Engine` for what each does)."""

    store: Store
    notice: Callable[[str], None]

    @property
    def images_(self) -> Images:
        """The images of the store."""
        raise NotImplementedError

    @property
    def runtime(self) -> Runtime:
        """Starts processes."""
        raise NotImplementedError

    @property
    def builder(self) -> Builder:
        """Remembers the digests of files for as long as the engine lives."""
        raise NotImplementedError

    @cached_property
    def catalogue(self) -> Catalogue:
        """The base images that can be composed here."""
        from dockerlab.transfer.catalogue import Catalogue

        return Catalogue(self.store)

    @cached_property
    def registries(self) -> Registries:
        """Where images come from and go to."""
        from dockerlab.engine.registries import Registries

        return Registries(self.store)

    # --- names that are only used

    def resolve(self, reference: Reference) -> Image:
        """FROM: the store first, then the registry, then the catalogue."""
        return self.images_.find(reference.familiar)

    def _from_elsewhere(self, reference: Reference, ask: bool = True) -> Image | None:
        from dockerlab.engine.pulling import pull

        return pull(self.store, self.catalogue, reference, lambda text: self.notice(text), ask=ask)

    def _anew(self, *, strict: bool = False) -> Pulling:
        """Finds images as `build --pull` asks for them; `strict`: as `run --pull always` does."""
        from dockerlab.engine.pulling import Pulling

        return Pulling(self.store, self.catalogue, self.resolve, lambda text: self.notice(text), strict=strict)

    def _pulling(self) -> Builder:
        from dockerlab.build import Builder

        builder = Builder(self.store, lambda: self.runtime, self._anew())
        builder.digests = self.builder.digests
        return builder

    # --- registries

    def pull(self, name: str, platform: str = "", *, all_tags: bool = False) -> Iterator[Progress]:
        """`docker pull`."""
        from dockerlab.engine.registries import only_catalogue, other_platform, status
        from dockerlab.oci import Reference
        from dockerlab.transfer.registry import Progress

        reference = Reference.parse(name)
        if only_catalogue() and not all_tags:
            yield from self._composed(reference, "DOCKERLAB_BASES=catalogue asks no registry")
            return
        if not all_tags:
            try:
                found = yield from self.registries.pull(reference, platform)
            except UnreachableRegistryError as error:
                if platform or reference.digest or self.catalogue.find(reference) is None:
                    raise
                yield from self._composed(reference, error.message)
                return
            yield Progress(f"Digest: {found.digest}")
            yield Progress(f"Status: {status(reference, found)}")
            if warning := other_platform(reference, found.image, platform):
                self.notice(warning)
            return
        newer = False
        for tag in self.registries.tags(reference):
            one = yield from self.registries.pull(Reference(reference.domain, reference.path, tag), platform)
            yield Progress(f"Digest: {one.digest}")
            newer = newer or one.newer
        yield Progress(f"Status: {'Downloaded newer image' if newer else 'Image is up to date'} for {reference.repository}")

    def _composed(self, reference: Reference, why: str) -> Iterator[Progress]:
        """The catalogue's, since no registry can be asked."""
        from dockerlab.engine.pulling import alike, composed
        from dockerlab.transfer.registry import Progress

        if reference.digest or self.catalogue.find(reference) is None:
            hint = alike(self.store, reference, composable=True)
            raise NotFoundError(f"the catalogue has no image {reference.familiar}, and {why}", hint=hint)
        yield Progress(f"{reference.familiar}: {why}; taken from the catalogue (composed from Debian packages)")
        before = self.store.images.named(reference)
        image = composed(self.store, self.catalogue, reference, lambda text: self.notice(text), refresh=before is not None)
        yield Progress(f"Status: {'Image is up to date' if image.id == before else 'Downloaded newer image'} for {reference.familiar}")

    def push(self, name: str, *, all_tags: bool = False) -> Iterator[Progress]:
        """`docker push`."""
        from dockerlab.oci import Reference
        from dockerlab.transfer.registry import Progress

        reference = Reference.parse(name)
        yield Progress(f"The push refers to repository [{reference.domain}/{reference.path}]")
        images = self.store.images
        if all_tags:
            names = sorted(
                one for some in images.all_names().values() for one in some if one.tag and one.repository == reference.repository
            )
        else:
            names = [reference] if images.named(reference) else []
        if not names:
            known = any(one.tag and one.repository == reference.repository for some in images.all_names().values() for one in some)
            raise NotFoundError(
                f"tag does not exist: {reference.familiar}"
                if known
                else f"An image does not exist locally with the tag: {reference.repository}",
                hint=f"give an image that name: dockerlab tag IMAGE {reference.repository if all_tags else reference.familiar}",
            )
        for one in names:
            yield Progress((yield from self.registries.push(one, images.get(images.named(one) or ""))))

    def login(self, domain: str, credentials: Credentials) -> None:
        """Whether a registry takes a name and a password."""
        self.registries.login(domain, credentials)

    # --- archives

    def save(self, names: Iterable[str], out: IO[bytes] | str, saving: Saving | None = None, *, platform: str = "") -> None:
        """`docker save`."""
        self.images_.save(names, out, saving, platform)

    def load(self, source: IO[bytes] | str, *, platform: str = "") -> list[str]:
        """`docker load`."""
        return self.images_.load(source, platform)

    def import_(self, source: IO[bytes], reference: str = "", *, changes: Iterable[str] = (), message: str = "") -> str:
        """`docker import`."""
        return self.images_.import_(source, reference, changes, message)
