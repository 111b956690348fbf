"""Taking images away: names first, then the image, then the layers that nobody needs any more. What is in a base store stays there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dockerlab.engine.happenings import tell_image
from dockerlab.engine.records import Record, Records
from dockerlab.errors import ConflictError, DockerlabError
from dockerlab.oci import ImageConfig, Reference, short_id
from dockerlab.store import Store

Json = dict[str, Any]


class Removal:
    """`running` says whether a container's process lives, `as_name` which name of the image with an ID a text is, if it is one."""

    def __init__(
        self, store: Store, records: Records, running: Callable[[Record], bool], as_name: Callable[[str, str], Reference | None]
    ) -> None:
        self._store, self._records, self._running, self._as_name = store, records, running, as_name

    def remove(self, name: str, identifier: str, force: bool, prune: bool) -> list[Json]:
        """See `Images.remove`; `identifier` is the ID of the image that `name` means."""
        done = self._remove(name, identifier, force, prune)
        return self._swept(done) if any("Deleted" in item for item in done) else done

    def prune(self, all: bool, spared: set[str]) -> tuple[list[Json], int]:
        """See `Images.prune`; `spared` are the IDs of those to be kept. Of an image in a base store only names of one's own go."""
        images = self._store.images
        used = {record.image for record in self._records.all()}
        out: list[Json] = []
        for image in images.own.all():
            names = images.own.names(image.id)
            if image.id in used or image.id in spared or images.has_children(image.id) or (any(name.tag for name in names) and not all):
                continue
            out += self._untag_all(image.id, names)
            if images.base_of(image.id):
                images.remove(image.id)
            else:
                out += self._delete(image.id)
        sizes = {diff_id: self._store.layers.size(diff_id) for diff_id in self._store.layers.all()} if out else {}
        done = self._swept(out) if out else []
        return done, sum(sizes.get(item.get("Deleted", ""), 0) for item in done)

    def _swept(self, done: list[Json]) -> list[Json]:
        """Remove the layers that nothing needs any more: `done`, with the layers that went after the last image that held them, the topmost first.

        The build cache keeps those that it knows.
        """
        removed = [item["Deleted"] for item in done if "Deleted" in item]
        held = {identifier: self._layers_of(identifier) for identifier in removed}
        last = {diff_id: identifier for identifier in removed for diff_id in held[identifier]}
        gone = set(self._store.layers.all())
        self._store.sweep()
        gone = {diff_id for diff_id in gone if not self._store.layers.has(diff_id)}
        out: list[Json] = []
        for item in done:
            out.append(item)
            for diff_id in held.get(item.get("Deleted", ""), ()):
                if diff_id in gone and last[diff_id] == item["Deleted"]:
                    out.append({"Deleted": diff_id})
                    gone.discard(diff_id)
        return out + [{"Deleted": diff_id} for diff_id in sorted(gone)]

    def _layers_of(self, identifier: str) -> list[str]:
        """The layers of an image that is no more, the topmost first."""
        try:
            return list(reversed(ImageConfig.from_bytes(self._store.images.raw(identifier)).diff_ids))
        except (OSError, ValueError, DockerlabError):
            return []  # damaged: that is what it was removed for

    def _remove(self, name: str, identifier: str, force: bool, prune: bool) -> list[Json]:
        reference = self._as_name(name, identifier)
        if base := self._store.images.base_of(identifier):
            return self._forget_names(name, identifier, reference, base, force)
        names = self._store.images.names(identifier)
        users = [record for record in self._records.all() if record.image == identifier]
        running = next((record for record in users if self._running(record)), None)
        if reference is not None:
            others = _left_without(names, reference)
            if users and not others and not force:
                raise ConflictError(
                    f'conflict: unable to remove repository reference "{name}" (must force) - container {short_id(users[0].id)} is using its '
                    f"referenced image {short_id(identifier)}",
                    hint=f"dockerlab rm {users[0].name} first",
                )
            done = self._untag(identifier, reference, names)
            if others or running is not None or self._store.images.has_children(identifier):
                return done
            return done + self._delete(identifier, prune)
        if len(_counted(names)) > 1 and not force:
            raise _several_names(identifier)
        if running is not None:
            raise ConflictError(
                f"conflict: unable to delete {short_id(identifier)} (cannot be forced) - image is being used by running container {short_id(running.id)}",
                hint=f"dockerlab rm -f {running.name} first",
            )
        if users and not force:
            raise ConflictError(
                f"conflict: unable to delete {short_id(identifier)} (must be forced) - image is being used by stopped container {short_id(users[0].id)}",
                hint=f"dockerlab rm {users[0].name} first, or use -f",
            )
        if self._store.images.has_children(identifier):
            raise ConflictError(f"conflict: unable to delete {short_id(identifier)} (cannot be forced) - image has dependent child images")
        return self._untag_all(identifier, names) + self._delete(identifier, prune)

    def _forget_names(self, name: str, identifier: str, reference: Reference | None, base: str, force: bool) -> list[Json]:
        """Of an image in a base store: only names that it has here can go."""
        own = self._store.images.own
        names = [one for one in own.names(identifier) if reference in (None, one)]
        digests = [one for one in own.names(identifier) if one.digest and one not in names and reference is not None]
        if not names:
            raise ConflictError(
                f'conflict: unable to remove "{name}" - image {short_id(identifier)} is in the read-only base store {base}',
                hint=f"it stays there for everybody; its owner removes it: DOCKERLAB_HOME={base} dockerlab rmi {name}",
            )
        if len(_counted(names)) > 1 and not force:
            raise _several_names(identifier)
        done = self._untag_all(identifier, names, [*names, *digests])
        if not own.names(identifier):
            own.remove(identifier)
        return done

    def _untag_all(self, identifier: str, names: list[Reference], known: list[Reference] | None = None) -> list[Json]:
        """Take these names away, tags before digests; `known`: all that the image has."""
        done: list[Json] = []
        left = list(names if known is None else known)
        for name in sorted(names, key=lambda name: (bool(name.digest), name)):
            if name in left:
                done += self._untag(identifier, name, left)
                left = _left_without(left, name)
        return done

    def _untag(self, identifier: str, reference: Reference, names: list[Reference]) -> list[Json]:
        """Take a name of an image away; the digests of a repository go with its last tag."""
        left = _left_without(names, reference)
        gone = [reference, *(name for name in names if name not in left and name != reference)]
        for name in gone:
            self._store.images.untag(name)
            try:
                tell_image(self._store, "untag", self._store.images.get(identifier))
            except DockerlabError:  # damaged: that is what it is removed for
                tell_image(self._store, "untag", identifier)
        return [{"Untagged": name.familiar} for name in gone]

    def _delete(self, identifier: str, prune: bool = True) -> list[Json]:
        parent = self._store.images.parent(identifier)
        self._store.images.remove(identifier)
        tell_image(self._store, "delete", identifier)
        out: list[Json] = [{"Deleted": identifier}]
        if prune and parent in self._store.images.own.ids() and not self._store.images.base_of(parent):
            wanted = self._store.images.names(parent) or self._store.images.has_children(parent)
            if not wanted and not any(record.image == parent for record in self._records.all()):
                out += self._delete(parent)
        return out


def _left_without(names: list[Reference], reference: Reference) -> list[Reference]:
    """The names that an image keeps if this one goes: a digest stays as long as a tag of its repository does, or where there was none."""
    left = [name for name in names if name != reference]
    if reference.tag and not any(name.tag and name.repository == reference.repository for name in left):
        left = [name for name in left if name.repository != reference.repository]
    return left


def _counted(names: list[Reference]) -> list[Reference]:
    """The names that docker counts: a digest beside a tag of its repository is none of its own."""
    tagged = {name.repository for name in names if name.tag}
    return [name for name in names if name.tag or name.repository not in tagged]


def _several_names(identifier: str) -> ConflictError:
    return ConflictError(
        f"conflict: unable to delete {short_id(identifier)} (must be forced) - image is referenced in multiple repositories",
        hint="remove its names one by one, or use -f",
    )
