"""Images of registries: what `docker pull` and `docker push` do, and how a name that the store has not is found, with whoever answered being told.

A name that is only used (FROM, run, create) is looked for in the store, then in its registry, then in the catalogue; DOCKERLAB_BASES=catalogue leaves the registry out,
so that a lesson does not depend on the day.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from dockerlab.engine.happenings import tell_image
from dockerlab.errors import NotInRegistryError, RateLimitError, RegistryError, UnreachableRegistryError, UsageError
from dockerlab.oci import Reference, own_architecture

if TYPE_CHECKING:
    from dockerlab.store import Image, Store
    from dockerlab.transfer.registry import Progress, Pulled, Registry
    from dockerlab.transfer.registry.credentials import Credentials
    from dockerlab.transfer.registry.endpoints import Endpoint

_T = TypeVar("_T")
ABSENT = (UnreachableRegistryError, NotInRegistryError, RateLimitError)
"""After these the catalogue may answer. What a registry sent that was false is nobody else's to mend."""


def only_catalogue() -> bool:
    """Whether names are never looked for in a registry unless that is asked for."""
    return os.environ.get("DOCKERLAB_BASES", "").strip().lower() == "catalogue"


class Registries:
    """Brings images into a store and out of it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def pull(self, reference: Reference, platform: str = "", *, anew: bool = True) -> Generator[Progress, None, Pulled]:
        """An image, and what happens meanwhile. RegistryError if no mirror and not the registry has it. `anew`: ask who did not answer a moment ago, too."""
        from dockerlab.transfer.registry import pull

        wanted = _platform(platform)
        found = yield from self._from_first(reference, anew, lambda registry: pull(self._store, registry, reference, wanted))
        tell_image(self._store, "pull", reference.familiar, reference.familiar)
        return found

    def tags(self, reference: Reference) -> list[str]:
        """All tags of a repository."""

        def ask(registry: Registry) -> Generator[Progress, None, list[str]]:
            yield from ()
            return registry.tags()

        return _last(self._from_first(reference, True, ask))

    def _from_first(
        self, reference: Reference, anew: bool, ask: Callable[[Registry], Generator[Progress, None, _T]]
    ) -> Generator[Progress, None, _T]:
        from dockerlab.transfer.registry.endpoints import endpoints_of

        endpoints = endpoints_of(reference.domain)
        for endpoint in endpoints:
            try:
                with self._open(endpoint, reference.path, "pull", anew) as registry:
                    return (yield from ask(registry))
            except RegistryError:
                if not endpoint.mirror:
                    raise
        raise AssertionError("the registry itself comes last")

    @contextmanager
    def _open(self, endpoint: Endpoint, path: str, actions: str, anew: bool) -> Iterator[Registry]:
        from dockerlab.transfer.registry import Registry
        from dockerlab.transfer.registry.client import Stopped
        from dockerlab.transfer.registry.reaching import Reach

        Reach(self._store.home).check(endpoint, anew=anew)
        registry = Registry(endpoint, path, actions=actions)
        try:
            yield registry
        except Stopped:
            raise RegistryError("the transfer was stopped") from None
        finally:
            registry.close()

    def push(self, reference: Reference, image: Image) -> Generator[Progress, None, str]:
        """An image, under a name of its own; what the last line tells of it."""
        from dockerlab.transfer.registry import push
        from dockerlab.transfer.registry.endpoints import endpoint_of

        with self._open(endpoint_of(reference.domain), reference.path, "pull,push", True) as registry:
            manifest = yield from push(self._store, registry, reference, image)
        self._store.images.tag(image.id, Reference(reference.domain, reference.path, "", manifest.digest))
        tell_image(self._store, "push", reference.familiar, reference.familiar)
        return f"{reference.tag}: digest: {manifest.digest} size: {manifest.size}"

    def login(self, domain: str, credentials: Credentials) -> None:
        """Whether a registry takes them. RegistryError if not."""
        from dockerlab.transfer.registry import Registry
        from dockerlab.transfer.registry.endpoints import endpoint_of
        from dockerlab.transfer.registry.reaching import Reach

        endpoint = endpoint_of(domain)
        Reach(self._store.home).check(endpoint, anew=True)
        registry = Registry(endpoint, "", credentials=lambda: credentials)
        try:
            registry.ping()
        finally:
            registry.close()

    # --- names that are only used

    def bring(self, reference: Reference, notice: Callable[[str], None], *, missing: bool = True) -> Image:
        """The registry's image of this name, its coming told; `missing`: the store has none of it. RegistryError if there is none to be had."""
        pulling, begun = self.pull(reference, anew=False), False
        try:
            while True:
                line = next(pulling).line
                if missing and not begun:
                    notice(f"Unable to find image '{reference.familiar}' locally")
                    begun = True
                if line and not line.endswith(("Waiting", "Verifying Checksum", "Download complete")):
                    notice(line)
        except StopIteration as stop:
            found: Pulled = stop.value
        notice(f"Digest: {found.digest}\nStatus: {status(reference, found)}")
        notice(f"{reference.familiar}: taken from the registry {reference.domain}")
        return found.image


def status(reference: Reference, found: Pulled) -> str:
    """Docker's last word of a pull."""
    return f"{'Downloaded newer image' if found.newer else 'Image is up to date'} for {reference.familiar}"


def other_platform(reference: Reference, image: Image, asked: str) -> str:
    """Docker's warning where a name has one image alone, and that for another platform than was asked for; "" otherwise."""
    if not asked or (wanted := _platform(asked)).split("/")[:2] == [image.config.os, image.config.architecture]:
        return ""
    return (
        f"WARNING: image with reference {reference.familiar} was found but its platform ({image.config.os}/{image.config.architecture}) "
        f"does not match the specified platform ({wanted})"
    )


def _last(generator: Generator[Progress, None, _T]) -> _T:
    while True:
        try:
            next(generator)
        except StopIteration as stop:
            found: _T = stop.value
            return found


def _platform(text: str) -> str:
    from dockerlab.oci.platform import parse_platform

    own = own_architecture()
    if not text:
        return f"linux/{own}"
    try:
        return parse_platform(text, own)
    except ValueError as error:
        raise UsageError(str(error), exit_code=1) from None
