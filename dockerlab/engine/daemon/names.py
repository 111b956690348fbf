"""Which image a name means where a daemon builds.

    in free use           what the daemon has, then a registry, which the daemon asks, then the catalogue
    DOCKERLAB_BASES=catalogue    for names that the catalogue knows, the catalogue alone: a lesson must not depend on the day

The daemon gets the catalogue's images as dockerlab.local/NAME:TAG, so that no name of the user's is ever tagged over.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, cast

from dockerlab.engine.daemon.calls import Calls, objects
from dockerlab.engine.registries import only_catalogue
from dockerlab.errors import CatalogueError, DockerlabError, InvalidReferenceError, NotFoundError
from dockerlab.oci import Reference
from dockerlab.oci.reference import HUB

if TYPE_CHECKING:
    from dockerlab.store import Store
    from dockerlab.transfer.catalogue import Catalogue

Json = dict[str, Any]
OURS = "dockerlab.local"
"""The registry that no image comes from: names of the catalogue's images in a daemon begin with it."""
_IN_MEMORY = 8 << 20


def ours(reference: Reference) -> Reference:
    """The name of a catalogue image in a daemon: nginx:1.22 → dockerlab.local/nginx:1.22."""
    return Reference(OURS, reference.repository, reference.tag)


class Names:
    """The names of one daemon's images."""

    def __init__(self, calls: Calls, store: Store, catalogue: Callable[[], Catalogue], notice: Callable[[str], None]) -> None:
        """`store`: where catalogue images are composed; `notice`: where it is said which answered."""
        self._calls, self._store, self._catalogue, self._notice = calls, store, catalogue, notice

    def local(self, name: str) -> Json:
        """`GET /images/NAME/json` of the image that a user means. NotFoundError, with what is called alike, where the daemon has none."""
        reference = _reference(name)
        mine = ours(reference) if reference is not None and not reference.digest and reference.domain == HUB else None
        first = [str(mine)] if mine is not None and self._is_lesson(reference) else []
        for one in (*first, name, *([str(mine)] if mine is not None and not first else [])):
            if (found := self.inspected(one)) is not None:
                return found
        raise NotFoundError(f"No such image: {reference.familiar if reference is not None else name}", hint=self._alike(reference))

    def called(self, name: str) -> str:
        """As `local`; the image's name in the daemon: an ID stays one."""
        found = self.local(name)
        reference = _reference(name)
        if reference is None or reference.domain != HUB:
            return name
        tags = [Reference.parse(tag) for tag in found.get("RepoTags") or ()]
        return name if reference in tags or reference.digest else str(ours(reference)) if ours(reference) in tags else name

    def looked_at(self, name: str) -> Json:
        """As `found`, but no registry is asked: docker looks only at what it has."""
        return self.found(name, ask=False)

    def found(self, name: str, *, ask: bool = True) -> Json:
        """As `local`; what the daemon has not is pulled by it (`ask`), or composed and loaded into it."""
        reference = _reference(name)
        composable = reference is not None and not reference.digest and self._catalogue().find(reference) is not None
        if composable and self._is_lesson(reference):
            assert reference is not None
            return self.inspected(str(ours(reference))) or self.composed(reference)
        try:
            return self.local(name)
        except NotFoundError as missing:
            if composable and not ask:
                assert reference is not None
                return self.composed(reference)
            if reference is None or reference.domain == OURS or only_catalogue() or not ask:
                raise
            try:
                return self._pulled(reference)
            except DockerlabError as error:
                if composable:
                    return self.composed(reference)
                raise NotFoundError(f"{missing.message}, and it can't be pulled: {error.message}", hint=missing.hint) from None

    def given(self, name: str) -> str:
        """As `found`; the name to be given to the daemon, which is another one only for the catalogue's images."""
        found = self.found(name)
        reference = _reference(name)
        if reference is None or reference.digest or reference.domain != HUB:
            return name
        mine = ours(reference)
        return mine.familiar if mine.familiar in (found.get("RepoTags") or ()) and not self._called(found, reference) else name

    def anew(self, name: str) -> str:
        """As `given`, but the registry is asked, or the catalogue, even where the daemon has the image: `run --pull always`."""
        reference = _reference(name)
        if reference is None or reference.domain == OURS or self._is_lesson(reference):
            return self.given(name)
        if only_catalogue():
            raise NotFoundError(
                f"{reference.familiar} can't be had anew: DOCKERLAB_BASES=catalogue asks no registry, and the image is not the catalogue's",
                hint="leave --pull always away: the image of the daemon is used",
            )
        try:
            self._pulled(reference, missing=False)
        except DockerlabError as error:
            if self.inspected(str(reference)) is not None or self._catalogue().find(reference) is None:
                raise
            self._notice(f"{reference.familiar}: {error.message}")
            self.composed(reference)
            return ours(reference).familiar
        return name

    def _called(self, found: Json, reference: Reference) -> bool:
        """Whether the daemon has the image under the user's own name, and is to be asked for it by that."""
        return not self._is_lesson(reference) and any(Reference.parse(tag) == reference for tag in found.get("RepoTags") or ())

    def _is_lesson(self, reference: Reference | None) -> bool:
        return reference is not None and only_catalogue() and self._catalogue().find(reference) is not None

    def inspected(self, name: str) -> Json | None:
        """`GET /images/NAME/json` of the daemon's own name; None for nothing."""
        try:
            return cast(Json, self._calls.get(f"/images/{name}/json").json())
        except NotFoundError:
            return None

    def _pulled(self, reference: Reference, *, missing: bool = True) -> Json:
        """`missing`: the daemon has none of this name, which is said as docker says it."""
        from dockerlab.engine.daemon.registries import pull

        if missing:
            self._notice(f"Unable to find image '{reference.familiar}' locally")
        for event in pull(self._calls, reference, "", all_tags=False):
            if event.line and not event.line.endswith(("Waiting", "Verifying Checksum", "Download complete")):
                self._notice(event.line)
        self._notice(
            f"{reference.familiar}: not in the daemon, pulled from {reference.domain}"
            if missing
            else f"{reference.familiar}: pulled from {reference.domain}"
        )
        return cast(Json, self._calls.get(f"/images/{reference}/json").json())

    def composed(self, reference: Reference) -> Json:
        """Compose the catalogue's image, or take it from the embedded engine's store, and load it into the daemon."""
        from dockerlab.engine.pulling import pull
        from dockerlab.transfer.saving import save

        image = self._store.images.named(reference)
        kept = self._store.images.get(image) if image is not None and self._catalogue().image(reference).id == image else None
        if kept is None:
            kept = pull(self._store, self._catalogue(), reference, lambda text: None)
        if kept is None:
            raise CatalogueError(f"the catalogue has no image {reference.familiar}")
        name = ours(reference)
        with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(self._store.home / "tmp")) as file:
            archive = cast(IO[bytes], file)
            save(self._store, [(kept, name)], archive)
            archive.seek(0)
            for item in objects(self._calls.post("/images/load", as_stream=True, body=archive, quiet=1)):
                if "error" in item:
                    raise DockerlabError(f"the daemon does not take {reference.familiar} from the catalogue: {item['error']}")
        self._notice(f"{reference.familiar}: taken from the catalogue (composed from Debian packages), in the daemon as {name.familiar}")
        return cast(Json, self._calls.get(f"/images/{name}/json").json())

    def _alike(self, reference: Reference | None) -> str:
        from difflib import get_close_matches

        if reference is None:
            return "dockerlab images lists what is there"
        known = [tag for item in self._calls.get("/images/json").json() for tag in item.get("RepoTags") or []]
        close = get_close_matches(reference.familiar, known, 1)
        return f"did you mean {close[0]}?" if close else "dockerlab images lists what is there"


def _reference(name: str) -> Reference | None:
    """The name as one, None for an ID."""
    try:
        return Reference.parse(name)
    except InvalidReferenceError:
        if name.startswith("sha256:") or all(letter in "0123456789abcdef" for letter in name):
            return None
        raise
