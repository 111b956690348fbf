"""Images as the protocol tells them, from what the API tells of them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable
from typing import IO, TYPE_CHECKING, Any, cast

from dockerlab.engine.daemon.calls import Body, Calls, objects
from dockerlab.engine.daemon.names import Names
from dockerlab.engine.daemon.shadow import Shadow
from dockerlab.errors import DockerlabError, InvalidReferenceError, NotFoundError
from dockerlab.oci import HistoryEntry, ImageConfig, Reference
from dockerlab.oci.reference import is_pointed
from dockerlab.oci.timestamps import rfc3339
from dockerlab.store import Image
from dockerlab.transfer.saving import Saving

if TYPE_CHECKING:
    from dockerlab.layers import TreeView
    from dockerlab.layers.inside import LayerInside

Json = dict[str, Any]
_LAYERED = re.compile(r"(RUN|COPY|ADD|WORKDIR) |/bin/sh -c (?!#\(nop\))|/bin/sh -c #\(nop\) +(COPY|ADD|WORKDIR) |\|\d+ ")
_BLOCK = 1 << 20
_IN_MEMORY = 32 << 20


class DaemonImages:
    """The images of a daemon."""

    def __init__(self, calls: Calls, names: Names, shadow: Callable[[], Shadow]) -> None:
        """`shadow`: asked for only when somebody looks at files."""
        self._calls, self._names, self._shadow = calls, names, shadow

    # --- telling

    def summaries(self, all: bool) -> list[Json]:
        """See `Engine.images`."""
        found = self._calls.get("/images/json", all=int(all)).json()
        out = [
            {
                **item,
                "RepoTags": [tag for tag in item.get("RepoTags") or [] if tag != "<none>:<none>"],
                "RepoDigests": [digest for digest in item.get("RepoDigests") or [] if not digest.startswith("<none>@")],
                "Labels": item.get("Labels") or {},
            }
            for item in found
        ]
        return sorted(out, key=lambda item: float(item["Created"]), reverse=True)

    def history(self, name: str) -> list[Json]:
        """See `Engine.history`. The API does not say which lines have a layer: where sizes and instructions leave a doubt, the configuration itself is asked for."""
        image = self._names.looked_at(name)
        lines = cast(list[Json], self._calls.get(f"/images/{image['Id']}/history").json())
        empty = _without_layer(lines, len(image["RootFS"].get("Layers") or []))
        if empty is None:
            empty = [entry.empty_layer for entry in reversed(self._shadow().image(image["Id"]).config.history)]
        return [{**line, "EmptyLayer": without} for line, without in zip(lines, empty, strict=True)]

    def image(self, name: str) -> Image:
        """The image that FROM would take, as a configuration: what its layers hold is not asked for."""
        return self.told(self._names.found(name))

    def told(self, found: Json) -> Image:
        """What `docker image inspect` and `history` tell, as a configuration."""
        lines = self.history(found["Id"])
        config = ImageConfig(
            architecture=found["Architecture"],
            os=found["Os"],
            created=found.get("Created") or "",
            author=found.get("Author") or "",
            config={key: value for key, value in (found.get("Config") or {}).items() if value},
            diff_ids=tuple(found["RootFS"].get("Layers") or ()),
            history=tuple(
                HistoryEntry(rfc3339(line["Created"]), line["CreatedBy"], line["Comment"], empty_layer=line["EmptyLayer"])
                for line in reversed(lines)
            ),
        )
        return Image(found["Id"], config)

    # --- files

    def files(self, name: str) -> TreeView:
        """See `Engine.image_files`."""
        from dockerlab.layers import TreeView

        shadow = self._shadow()
        return TreeView(shadow.trees(shadow.image(self._names.local(name)["Id"])))

    def inside(self, name: str, number: int) -> LayerInside:
        """See `Engine.layer_inside`."""
        from dockerlab.layers.inside import LayerInside

        shadow = self._shadow()
        trees = shadow.trees(shadow.image(self._names.looked_at(name)["Id"]))
        if not 1 <= number <= len(trees):
            raise NotFoundError(f"{name} has no layer {number}", hint=f"its layers are 1 to {len(trees)}")
        return LayerInside(trees[: number - 1], trees[number - 1])

    # --- names and removing

    def tag(self, source: str, target: str) -> None:
        """Another name. InvalidReferenceError for a target that is none."""
        reference = Reference.parse(target)
        if reference.digest:
            raise InvalidReferenceError("refusing to create a tag with a digest reference")
        image = self._names.local(source)
        self._calls.post(f"/images/{image['Id']}/tag", repo=f"{reference.domain}/{reference.path}", tag=reference.tag)

    def remove(self, name: str, force: bool, prune: bool) -> list[Json]:
        """See `Engine.image_remove`."""
        return cast(list[Json], self._calls.delete(f"/images/{self._names.called(name)}", force=int(force), noprune=int(not prune)).json())

    def prune(self, all: bool, keep: Callable[[Json], bool]) -> tuple[list[Json], int]:
        """See `Engine.image_prune`. Removed one by one, since the API knows fewer filters than docker's words do."""
        used = {item["ImageID"] for item in self._calls.get("/containers/json", all=1).json()}
        images = {item["Id"] for item in self.summaries(all=True)}
        before = self._calls.get("/system/df").json().get("LayersSize") or 0
        done: list[Json] = []
        for item in self.summaries(all=False):
            if item["Id"] not in used and (all or not item["RepoTags"]) and not keep(item):
                for name in item["RepoTags"] or [item["Id"]]:
                    try:
                        done += self.remove(name, False, True)
                    except DockerlabError:
                        break  # another image needs it, or it is gone
        if not any(one["Deleted"] not in images for one in done if "Deleted" in one):
            return done, 0  # no layer is gone: BuildKit's cache has them still
        after = self._calls.get("/system/df").json().get("LayersSize") or 0
        return done, max(0, before - after)

    # --- archives

    def save(self, names: Iterable[str], out: IO[bytes] | str, saving: Saving | None, platform: str) -> None:
        """`docker save`; NotFoundError before the first byte. Other forms than Docker's archive are written from the shadow."""
        wanted = [one for name in names for one in self._called(name)]
        for name in wanted if platform else ():
            self._check_platform(name, platform)
        if saving is None or saving == Saving():
            assert not isinstance(out, str)
            body = Body(self._calls.get("/images/get", as_stream=True, names=wanted))
            while block := body.read(_BLOCK):
                out.write(block)
            return
        from dockerlab.transfer.saving import save

        shadow = self._shadow()
        known = [
            (shadow.image(self._names.local(name)["Id"]), None if name.startswith("sha256:") else Reference.parse(name)) for name in wanted
        ]
        save(shadow.store, known, out, saving)

    def _check_platform(self, name: str, platform: str) -> None:
        found = self._names.local(name)
        if platform.split("/")[:2] != [found["Os"], found["Architecture"]]:
            raise NotFoundError(f"image {name} is for {found['Os']}/{found['Architecture']}, and not for {platform}")

    def _called(self, name: str) -> list[str]:
        """What the daemon is asked for: the name, every tag of a repository, or an ID."""
        try:
            reference = Reference.parse(name)
        except InvalidReferenceError:
            return [str(self._names.local(name)["Id"])]
        if not is_pointed(name):
            tags = [tag for item in self.summaries(all=False) for tag in item["RepoTags"]]
            if own := sorted(tag for tag in tags if Reference.parse(tag).repository == reference.repository):
                return own
        found = self._names.local(name)
        return [next((tag for tag in found.get("RepoTags") or [] if Reference.parse(tag) == reference), str(found["Id"]))]

    def load(self, source: IO[bytes] | str, platform: str) -> list[str]:
        """`docker load`: names, or IDs where an image has none. A folder, and what is chosen by platform, goes through the shadow: a daemon takes archives."""
        if not isinstance(source, str) and not platform:
            return self._loaded(source)
        from dockerlab.transfer.loading import load
        from dockerlab.transfer.saving import save

        store = self._shadow().store
        known = []
        for name in load(store, source, platform):
            known.append((store.images.find(name), None if name.startswith("sha256:") else Reference.parse(name)))
        with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(store.home / "tmp")) as file:
            save(store, known, cast(IO[bytes], file))
            file.seek(0)
            return self._loaded(cast(IO[bytes], file))

    def _loaded(self, source: IO[bytes]) -> list[str]:
        out = []
        for item in objects(self._calls.post("/images/load", as_stream=True, body=source, quiet=1)):
            if "error" in item:
                raise DockerlabError(str(item["error"]))
            for line in str(item.get("stream", "")).splitlines():
                if match := re.match(r"Loaded image(?: ID)?: (\S+)", line):
                    out.append(match[1])
        return out

    def import_(self, source: IO[bytes], reference: str, changes: Iterable[str], message: str) -> str:
        """`docker import`: the ID."""
        name = Reference.parse(reference) if reference else None
        params: Json = {"fromSrc": "-", "changes": list(changes), "message": message}
        if name is not None:
            params |= {"repo": f"{name.domain}/{name.path}", "tag": name.tag}
        identifier = ""
        for item in objects(self._calls.post("/images/create", as_stream=True, body=source, **params)):
            if "error" in item:
                raise DockerlabError(str(item["error"]))
            identifier = str(item.get("status", identifier))
        if name is not None and self._names.inspected(str(name)) is None:  # podman takes no tag
            self._calls.post(f"/images/{identifier}/tag", repo=f"{name.domain}/{name.path}", tag=name.tag)
        return identifier


def _without_layer(lines: list[Json], layers: int) -> list[bool] | None:
    """Which lines of a history (newest first) have no layer, as far as sizes and instructions tell; None where they leave a doubt."""
    sure = sum(line["Size"] > 0 for line in lines)
    maybe = [line["Size"] > 0 or bool(_LAYERED.match(line["CreatedBy"])) for line in lines]
    if sure == layers:
        return [not line["Size"] for line in lines]
    return [not one for one in maybe] if sum(maybe) == layers else None
