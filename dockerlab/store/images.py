"""Images and their names: an image is its configuration, named by the digest of its bytes; a name points to one image."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote

from dockerlab.data import dataclass
from dockerlab.errors import ConflictError, InvalidReferenceError, NotFoundError, StoreError
from dockerlab.oci import ImageConfig, Reference
from dockerlab.oci.digest import digest_of, hex_of, is_digest, short_id
from dockerlab.store.files import explained, write_atomically
from dockerlab.store.origins import SUFFIX, Origin, Origins, fitted, of_text, to_text

_PREFIX = re.compile(r"(?:sha256:)?([0-9a-f]{1,64})\Z")
_LONGEST = 240  # characters of a file's name; a file system takes 255 with what is added while it is written
_HEX = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class Image:
    """An image: its ID and its configuration."""

    id: str
    config: ImageConfig


class ImageStore:
    """The images of a store."""

    def __init__(self, home: Path) -> None:
        self._home, self._marks, self._names, self._blobs = home, home / "images", home / "names", home / "blobs" / "sha256"

    @property
    def own(self) -> ImageStore:
        """The images of this store alone, without those of base stores."""
        return self

    def base_of(self, identifier: str) -> str:
        """The base store that holds the image, or ""."""
        return ""

    def add(self, config: ImageConfig, raw: bytes | None = None, *, parent: str = "") -> Image:
        """Keep a configuration (`raw`: its bytes as they came, so that the ID survives); its layers must be in the store already.

        `parent` is the image that a commit began with, as docker remembers it; a build has none.
        """
        image = self.keep(config, raw)
        mark = self._marks / hex_of(image.id)
        with explained(self._home):
            if not mark.exists():
                write_atomically(mark, parent.encode())
        return image

    def keep(self, config: ImageConfig, raw: bytes | None = None) -> Image:
        """A configuration that is in no list: an image for as long as a container needs it."""
        data = raw if raw is not None else config.to_bytes()
        identifier = digest_of(data)
        blob = self._blobs / hex_of(identifier)
        with explained(self._home):
            if not blob.exists() or blob.read_bytes() != data:  # one that was damaged is mended by whoever brings it again
                write_atomically(blob, data, durable=True)
        return Image(identifier, config)

    def get(self, identifier: str) -> Image:
        """The image of this whole ID. NotFoundError if it is not here, StoreError if it was damaged."""
        if not self.holds(identifier):
            raise NotFoundError(f"No such image: {identifier}")
        return Image(identifier, ImageConfig.from_bytes(self.raw(identifier)))

    def holds(self, identifier: str) -> bool:
        """Whether this is the whole ID of an image that is here."""
        return is_digest(identifier) and (self._marks / hex_of(identifier)).exists()

    def raw(self, identifier: str) -> bytes:
        """The bytes of the configuration. NotFoundError if there are none, StoreError if they are not what the ID says."""
        try:
            data = (self._blobs / hex_of(identifier)).read_bytes()
        except FileNotFoundError:
            if not (self._marks / hex_of(identifier)).exists():
                raise NotFoundError(f"No such image: {identifier}") from None
            data = b""
        if digest_of(data) != identifier:
            raise StoreError(
                f"the configuration of image {identifier} was damaged",
                hint=f"build or load the image again, or remove it: dockerlab rmi -f {short_id(identifier)}",
            )
        return data

    def parent(self, identifier: str) -> str:
        """The ID of the image that this one was committed from, or ""; it may be gone."""
        try:
            return (self._marks / hex_of(identifier)).read_text(encoding="ascii")
        except FileNotFoundError:
            return ""

    def set_origins(self, identifier: str, origins: Origins) -> None:
        """Note where its lines of history were written, in the place of what was noted before."""
        with explained(self._home):
            write_atomically(self._origins(identifier), to_text(origins))

    def origins(self, image: Image) -> list[Origin | None]:
        """Where each of its lines of history was written, the oldest first, as far as that is known: of a committed image, what is known of the one it began with."""
        count, identifier = len(image.config.history), image.id
        for _ in range(count + 1):  # an image is longer than its parent; a record that says otherwise ends somewhere too
            try:
                return fitted(of_text(self._origins(identifier).read_bytes()), count)
            except OSError:
                identifier = self.parent(identifier)
            if not is_digest(identifier):
                break
        return [None] * count

    def _origins(self, identifier: str) -> Path:
        return self._marks / (hex_of(identifier) + SUFFIX)

    def added_at(self, identifier: str) -> float:
        """When the image came into this store, in seconds since 1970."""
        return (self._marks / hex_of(identifier)).stat().st_mtime

    def ids(self) -> list[str]:
        """The IDs of all images, damaged ones too."""
        return ["sha256:" + name for name in os.listdir(self._marks) if _HEX.match(name)]

    def all(self) -> list[Image]:
        """All images that can be read, those that have no name too; newest first as docker lists them."""
        found = []
        for identifier in self.ids():
            try:
                found.append(self.get(identifier))
            except (NotFoundError, StoreError):  # removed meanwhile, or damaged: whoever names it is told
                continue
        return sorted(found, key=lambda image: (image.config.created, image.id), reverse=True)

    def has_children(self, identifier: str) -> bool:
        """Whether an image here was committed from this one."""
        return any(self.parent(other) == identifier for other in self.ids())

    def remove(self, identifier: str) -> None:
        """Forget an image that has no name any more; its configuration and its layers stay until the store is swept."""
        mark, parent = self._marks / hex_of(identifier), self.parent(identifier)
        mark.unlink(missing_ok=True)
        self._origins(identifier).unlink(missing_ok=True)
        if self.names(identifier):  # somebody has just given it one, and may have looked before
            self._restore(mark, parent)

    def _restore(self, mark: Path, parent: str) -> None:
        with explained(self._home):
            write_atomically(mark, parent.encode("ascii"))

    def sweep(self, needed: set[str]) -> None:
        """Remove the configurations that belong to no image, but for the `needed` IDs."""
        kept = {*self.ids(), *needed}
        for name in os.listdir(self._blobs):
            if "sha256:" + name not in kept and _HEX.match(name):
                (self._blobs / name).unlink(missing_ok=True)
        for path in self._marks.glob(f"*{SUFFIX}"):
            if not path.with_suffix("").exists():
                path.unlink(missing_ok=True)

    # --- names

    def _name_file(self, reference: Reference) -> Path:
        name = quote(str(reference.pinned), safe="")
        return self._names / (name if len(name) <= _LONGEST else f"{name[:100]}-{hex_of(digest_of(name.encode()))}")

    def tag(self, identifier: str, reference: Reference) -> str | None:
        """Let the name point to this image; the ID it pointed to before, if another. An image that was just made may have been removed for having no name: it is back."""
        self.raw(identifier)
        before = self.named(reference)
        mark, parent = self._marks / hex_of(identifier), self.parent(identifier)
        with explained(self._home):
            write_atomically(self._name_file(reference), f"{identifier}\n{reference.pinned}".encode(), durable=True)
        if not mark.exists():
            self._restore(mark, parent)
        return before if before != identifier else None

    def untag(self, reference: Reference) -> None:
        """Remove a name. NotFoundError if there is none."""
        try:
            self._name_file(reference).unlink()
        except FileNotFoundError:
            raise NotFoundError(f"No such image: {reference.familiar}") from None

    def named(self, reference: Reference) -> str | None:
        """The ID of the image of this very name, or None."""
        try:
            return self._name_file(reference).read_text(encoding="ascii").partition("\n")[0] or None  # empty: the machine went down
        except FileNotFoundError:
            return None

    def name_files(self) -> list[Path]:
        """The files of all names, whatever is in them."""
        return [self._names / file for file in os.listdir(self._names) if not file.endswith("~")]

    def all_names(self) -> dict[str, list[Reference]]:
        """Every name, by image ID, sorted."""
        out: dict[str, list[Reference]] = {}
        for file in self.name_files():
            try:
                identifier, _, name = file.read_text(encoding="ascii").partition("\n")
                if not identifier:
                    continue
                reference = Reference.parse(name or unquote(file.name))
            except (InvalidReferenceError, FileNotFoundError):
                continue
            out.setdefault(identifier, []).append(reference)
        return {identifier: sorted(names) for identifier, names in out.items()}

    def names(self, identifier: str) -> list[Reference]:
        """The names of one image, sorted."""
        return self.all_names().get(identifier, [])

    def find(self, text: str) -> Image:
        """The image that a user means (see `find_id`). StoreError if it was damaged."""
        return self.get(self.find_id(text))

    def find_id(self, text: str) -> str:
        """The ID of the image that a user means: by a name, an ID or an unambiguous beginning of one.

        NotFoundError in docker's words if there is none, ConflictError if several IDs begin so.
        """
        try:
            if identifier := self.named(Reference.parse(text)):
                return identifier
        except InvalidReferenceError:
            if not _PREFIX.match(text):
                raise
        if match := _PREFIX.match(text):
            found = [identifier for identifier in self.ids() if identifier.startswith("sha256:" + match.group(1))]
            if len(found) > 1:
                raise ConflictError(f'"{text}" begins the ID of {len(found)} images', hint="write more of the ID")
            if found:
                return found[0]
        raise NotFoundError(f"No such image: {self._full(text)}")

    def _full(self, text: str) -> str:
        try:
            return Reference.parse(text).familiar
        except InvalidReferenceError:
            return f"sha256:{text}" if _HEX.match(text) else text
