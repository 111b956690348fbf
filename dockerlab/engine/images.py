"""Images, told as Docker's API tells them; tagging, removing and pruning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import IO, TYPE_CHECKING, Any, TypeVar

from dockerlab.engine.happenings import tell_image
from dockerlab.engine.records import Record, Records
from dockerlab.errors import DockerlabError, InvalidReferenceError, NotFoundError
from dockerlab.oci import HistoryEntry, ImageConfig, Reference, own_architecture
from dockerlab.oci.reference import is_pointed
from dockerlab.oci.timestamps import rfc3339, to_seconds
from dockerlab.store import Image, Store

if TYPE_CHECKING:
    from dockerlab.engine.removal import Removal
    from dockerlab.layers import TreeView
    from dockerlab.layers.inside import LayerInside
    from dockerlab.transfer.saving import Saving

Json = dict[str, Any]
_T = TypeVar("_T")

_ALWAYS: Json = {
    "Cmd": None,
    "Entrypoint": None,
    "Env": None,
    "Labels": None,
    "OnBuild": None,
    "User": "",
    "Volumes": None,
    "WorkingDir": "",
}
"""What docker's API tells of every image's Config, set or not."""


def _ordered(value: Any) -> Any:
    return dict(sorted(value.items())) if isinstance(value, dict) and "Test" not in value else value


class Images:
    """The images of a store as an engine shows them; `resolve` finds what the store has not (a registry's if it may be asked, the catalogue's), `renew` finds it anew."""

    def __init__(
        self,
        store: Store,
        records: Records,
        resolve: Callable[[Reference, bool], Image | None],
        renew: Callable[[Reference], Image],
        running: Callable[[Record], bool],
    ) -> None:
        self._store, self._records, self._resolve, self._renew, self._running = store, records, resolve, renew, running

    def looked_at(self, name: str) -> Image:
        """As `find`, but no registry is asked: docker looks only at what it has. The catalogue's is composed."""
        return self.find(name, ask=False)

    def find(self, name: str, *, ask: bool = True) -> Image:
        """The image that a user means; one that is only elsewhere is fetched (`ask`: also from a registry), or composed, and kept."""
        try:
            return self._store.images.find(name)
        except NotFoundError:
            try:
                reference = Reference.parse(name)
            except InvalidReferenceError:
                raise
            if (image := self._resolve(reference, ask)) is not None:
                return image
            from dockerlab.engine.pulling import alike

            raise NotFoundError(f"No such image: {reference.familiar}", hint=alike(self._store, reference, composable=True)) from None

    def newest(self, name: str) -> Image:
        """The image of a name as it is elsewhere now. RegistryError, NotFoundError if it is nowhere."""
        return self._renew(Reference.parse(name))

    def files(self, name: str) -> TreeView:
        """See `Engine.image_files`."""
        from dockerlab.layers import TreeView

        return TreeView([self._store.layers.get(diff_id).tree for diff_id in self.local(name).config.diff_ids])

    def inside(self, name: str, number: int) -> LayerInside:
        """See `Engine.layer_inside`."""
        from dockerlab.layers.inside import LayerInside

        trees = [self._store.layers.get(diff_id).tree for diff_id in self.looked_at(name).config.diff_ids]
        if not 1 <= number <= len(trees):
            raise NotFoundError(f"{name} has no layer {number}", hint=f"its layers are 1 to {len(trees)}")
        return LayerInside(trees[: number - 1], trees[number - 1])

    def local(self, name: str) -> Image:
        """The image that a user means, in the store only."""
        return self._told_alike(name, lambda: self._store.images.find(name))

    def _told_alike(self, name: str, find: Callable[[], _T]) -> _T:
        """What `find` finds; a NotFoundError of it tells what is called alike."""
        try:
            return find()
        except NotFoundError as error:
            from dockerlab.engine.pulling import alike

            try:
                hint = alike(self._store, Reference.parse(name))
            except InvalidReferenceError:  # an ID
                hint = "dockerlab images lists what is here"
            raise NotFoundError(error.message, hint=hint) from None

    # --- telling

    def size(self, image: Image) -> int:
        """The bytes of all its layers."""
        return sum(self._store.layers.size(diff_id) for diff_id in image.config.diff_ids)

    def created(self, image: Image) -> float:
        """When it was made, in seconds since 1970."""
        return to_seconds(image.config.created)

    def summaries(self) -> list[Json]:
        """One object an image, as `GET /images/json`: newest first."""
        names = self._store.images.all_names()
        used = Counter(record.image for record in self._records.all())
        out: list[Json] = []
        for image in self._store.images.all():
            own = names.get(image.id, [])
            out.append(
                {
                    "Id": image.id,
                    "ParentId": self._store.images.parent(image.id),
                    "RepoTags": [name.familiar for name in own if name.tag],
                    "RepoDigests": [name.familiar for name in own if name.digest],
                    "Created": int(self.created(image)),
                    "Size": self.size(image),
                    "Labels": image.config.config.get("Labels") or {},
                    "Containers": used[image.id],
                    "_created": self.created(image) or self._store.images.added_at(image.id),
                }
            )
        out.sort(key=lambda item: (item["_created"], self._store.images.added_at(item["Id"])), reverse=True)
        for item in out:
            del item["_created"]
        return out

    def inspect(self, name: str) -> Json:
        """`GET /images/NAME/json`."""
        image = self.local(name)
        config = image.config
        trees = [str(self._store.layers.get(diff_id).tree) for diff_id in config.diff_ids]
        data: Json = {"LowerDir": ":".join(reversed(trees[:-1])), "UpperDir": trees[-1] if trees else ""}
        if not data["LowerDir"]:
            del data["LowerDir"]
        last = config.history[-1] if config.history else None
        names = self._store.images.names(image.id)
        out: Json = {
            "Id": image.id,
            "RepoTags": [reference.familiar for reference in names if reference.tag],
            "RepoDigests": [reference.familiar for reference in names if reference.digest],
            "Parent": self._store.images.parent(image.id),
            "Comment": last.comment if last else "",
            "Created": config.created,
            "DockerVersion": str(config.extra.get("docker_version", "")),
            "Author": config.author,
            "Architecture": config.architecture,
            "Os": config.os,
            "Size": self.size(image),
            "GraphDriver": {"Data": data, "Name": "overlay2"},
            "RootFS": {"Type": "layers", "Layers": list(config.diff_ids)},
            "Metadata": {"LastTagTime": rfc3339(self._store.images.added_at(image.id))},
            "Config": {key: _ordered(value) for key, value in sorted({**_ALWAYS, **config.config}.items())},
        }
        if not config.diff_ids:
            del out["RootFS"]["Layers"]
        return out

    def history(self, name: str) -> list[Json]:
        """`GET /images/NAME/history`, newest first; `EmptyLayer` is ours. Only images that docker knows have an ID, others are `<missing>`."""
        image = self.looked_at(name)
        sizes = [self._store.layers.size(diff_id) for diff_id in image.config.diff_ids]
        out: list[Json] = []
        at = 0
        for entry in image.config.history:
            size = 0
            if not entry.empty_layer and at < len(sizes):
                size, at = sizes[at], at + 1
            out.append(
                {
                    "Id": "<missing>",
                    "Created": int(to_seconds(entry.created)),
                    "CreatedBy": entry.created_by,
                    "Tags": None,
                    "Size": size,
                    "Comment": entry.comment,
                    "EmptyLayer": entry.empty_layer,
                }
            )
        out.reverse()
        self._name_ancestors(image, out)
        return out

    def _name_ancestors(self, image: Image, lines: list[Json]) -> None:
        at = 0
        current: Image | None = image
        names = self._store.images.all_names()
        while current is not None and at < len(lines):
            lines[at]["Id"] = current.id
            lines[at]["Tags"] = [name.familiar for name in names.get(current.id, ()) if name.tag] or None
            parent = self._store.images.parent(current.id)
            try:
                older = self._store.images.get(parent) if parent else None
            except NotFoundError:
                older = None
            if older is not None:
                at += len(current.config.history) - len(older.config.history)
            current = older

    # --- names and removing

    def tag(self, source: str, target: str) -> None:
        """Another name for an image. InvalidReferenceError for a target that is none."""
        reference = Reference.parse(target)
        if reference.digest:
            raise InvalidReferenceError("refusing to create a tag with a digest reference")
        image = self.local(source)
        self._store.images.tag(image.id, reference)
        tell_image(self._store, "tag", image, reference.familiar)

    def _removal(self) -> Removal:
        from dockerlab.engine.removal import Removal

        return Removal(self._store, self._records, self._running, self._as_name)

    def remove(self, name: str, force: bool = False, prune: bool = True) -> list[Json]:
        """`docker rmi NAME`: only the name if it has others, else the image too, and (`prune`) its parents that nobody names or needs."""
        identifier = self._told_alike(name, lambda: self._store.images.find_id(name))
        return self._removal().remove(name, identifier, force, prune)

    def prune(self, all: bool, keep: Callable[[Json], bool]) -> tuple[list[Json], int]:
        """Remove what has no name (`all`: what no container uses), but nothing that a container needs or that `keep` wants kept.

        What was untagged and deleted, and the bytes set free.
        """
        return self._removal().prune(all, {item["Id"] for item in self.summaries() if keep(item)})

    def _as_name(self, name: str, identifier: str) -> Reference | None:
        try:
            reference = Reference.parse(name)
        except InvalidReferenceError:
            return None
        return reference if self._store.images.named(reference) == identifier else None

    # --- archives

    def save(self, names: Iterable[str], out: IO[bytes] | str, saving: Saving | None = None, platform: str = "") -> None:
        """`docker save`: NotFoundError before the first byte if one of the names is unknown, or not there for a platform."""
        from dockerlab.transfer.saving import Saving, save

        wanted = []
        for name in [one for asked in names for one in self._whole_repository(asked)]:
            image = self.local(name)
            if not image.config.diff_ids:
                raise DockerlabError(
                    f"{name} has no layer, so it can't be saved", hint="an image FROM scratch needs at least one COPY or ADD"
                )
            reference = self._as_name(name, image.id)
            wanted.append((image, reference if reference is not None and reference.tag else None))
            if platform and f"{image.config.os}/{image.config.architecture}" != "/".join(platform.split("/")[:2]):
                raise NotFoundError(
                    f"image with reference {name} was found but does not provide the specified platform ({platform})",
                    hint=f"it is for {image.config.os}/{image.config.architecture}",
                )
        save(self._store, wanted, out, saving or Saving())
        for image, _ in wanted:
            tell_image(self._store, "save", image)

    def _whole_repository(self, name: str) -> list[str]:
        """`docker save app` means every tag of app."""
        try:
            reference = Reference.parse(name)
        except InvalidReferenceError:
            return [name]
        if is_pointed(name):
            return [name]
        tags = [
            one.familiar
            for names in self._store.images.all_names().values()
            for one in names
            if one.tag and one.repository == reference.repository
        ]
        return sorted(tags) or [name]

    def load(self, source: IO[bytes] | str, platform: str = "") -> list[str]:
        """`docker load`: names, or IDs where an image has none."""
        from dockerlab.transfer.loading import load

        loaded = load(self._store, source, platform)
        for identifier in dict.fromkeys(self._store.images.find_id(name) for name in loaded):
            tell_image(self._store, "load", self._store.images.get(identifier))
        return loaded

    def import_(self, source: IO[bytes], name: str, changes: Iterable[str], message: str) -> str:
        """`docker import`: a tar becomes an image of one layer; its ID. InvalidReferenceError before anything is read if the name is none."""
        from dockerlab.engine.commit import apply_changes
        from dockerlab.layers import Tree, read_tar

        reference = Reference.parse(name) if name else None
        config = apply_changes({}, changes)
        with self._store.using(), self._store.tmp() as folder:
            with Tree(folder / "tree") as tree:
                read_tar(source, tree, as_layer=False)
            layer = self._store.layers.seal(folder, links=True)
            entry = HistoryEntry(created=rfc3339(), comment=message or "Imported from -")
            image = self._store.images.add(ImageConfig(architecture=own_architecture(), config=config).with_history(entry, layer.diff_id))
            if reference is not None:
                self._store.images.tag(image.id, reference)
                tell_image(self._store, "tag", image, reference.familiar)
            tell_image(self._store, "import", image)
        return image.id
