"""The engine on a daemon: the protocol, method by method (see `Engine` for what each does)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, cast

from dockerlab.engine.daemon.calls import Calls
from dockerlab.engine.daemon.connection import Address, address, connect
from dockerlab.engine.daemon.images import DaemonImages
from dockerlab.engine.daemon.life import ContainerLife
from dockerlab.engine.daemon.names import Names
from dockerlab.engine.foresight import Foresight
from dockerlab.store import Store

if TYPE_CHECKING:
    from dockerlab.build import Builder, BuildEvent
    from dockerlab.engine.daemon.shadow import Shadow
    from dockerlab.engine.inside import ImageInside
    from dockerlab.engine.specs import BuildOptions
    from dockerlab.layers import TreeView
    from dockerlab.layers.inside import LayerInside
    from dockerlab.oci import Reference
    from dockerlab.store import Image
    from dockerlab.transfer.catalogue import Catalogue
    from dockerlab.transfer.registry import Progress
    from dockerlab.transfer.registry.credentials import Credentials
    from dockerlab.transfer.saving import Saving

Json = dict[str, Any]


class DaemonEngine(Foresight, ContainerLife):
    """Docker's verbs, done by a daemon. What it can't tell of layers is saved from it, into `Shadow`."""

    def __init__(self, where: Address, store: Store | None = None) -> None:
        """RuntimeUnavailableError where nobody answers. `store`: where catalogue images are composed, and below it the shadow."""
        self.where = where
        self.calls = Calls(connect(where))
        self.about: Json = self.calls.get("/version").json()
        """`docker version` of the daemon."""
        self.podman = any(one.get("Name") == "Podman Engine" for one in self.about.get("Components") or ())
        """Whether Podman answers in Docker's place."""
        self.store = store or Store.open()
        self.notice: Callable[[str], None] = lambda text: None
        """Where a sentence goes that nobody asked for: which image answered."""
        self.names = Names(self.calls, self.store, lambda: self.catalogue, lambda text: self.notice(text))
        self.images_ = DaemonImages(self.calls, self.names, lambda: self.shadow)

    @classmethod
    def open(cls) -> DaemonEngine:
        """On the daemon that docker's own client would speak to."""
        return cls(address(os.environ))

    @cached_property
    def shadow(self) -> Shadow:
        """The files of its layers, as far as somebody looked."""
        from dockerlab.engine.daemon.shadow import Shadow

        identifier = str(self.calls.get("/info").json().get("ID") or self.where.host)
        return Shadow(self.calls, self.store.home / "daemons" / "".join(letter if letter.isalnum() else "-" for letter in identifier))

    @cached_property
    def catalogue(self) -> Catalogue:
        """The base images that can be composed here."""
        from dockerlab.transfer.catalogue import Catalogue

        return Catalogue(self.store)

    @cached_property
    def builder(self) -> Builder:
        """Never builds: it has the digests of files, and finds base images, for those who look ahead."""
        from dockerlab.build import Builder

        def no_runner() -> Any:
            raise AssertionError("a daemon runs the steps")

        return Builder(self.store, no_runner, self.resolve)

    def resolve(self, reference: Reference) -> Image:
        """FROM, as far as its configuration goes."""
        return self.images_.image(reference.familiar)

    def warm_up(self) -> None:
        """A daemon is warm."""

    def close(self) -> None:
        """Let the connection go."""
        self.calls.client.close()

    # --- images

    def build(self, options: BuildOptions) -> Iterator[BuildEvent]:
        from dockerlab.engine.building import checked_tags, request_of, source_of, without_store
        from dockerlab.engine.daemon.building import Building

        checked_tags(options)
        with self.store.tmp() as scratch:
            options = without_store(options, self.store)
            request = request_of(options, *source_of(options, scratch))
            yield from Building(self.calls, self.where, self.names, self.images_, self.shadow, podman=self.podman).build(
                options, request, scratch
            )

    def resolve_name(self, name: str) -> str:
        return str(self.names.found(name)["Id"])

    def images(self, *, all: bool = False) -> list[Json]:
        return self.images_.summaries(all)

    def image_inspect(self, name: str) -> Json:
        return self.names.local(name)

    def history(self, name: str) -> list[Json]:
        return self.images_.history(name)

    def image_inside(self, name: str) -> ImageInside:
        from dockerlab.engine.inside import ImageInside

        return ImageInside(self.shadow.store, self.shadow.image(str(self.names.looked_at(name)["Id"])))

    def layer_inside(self, image: str, number: int) -> LayerInside:
        return self.images_.inside(image, number)

    def image_files(self, name: str) -> TreeView:
        return self.images_.files(name)

    def tag(self, source: str, target: str) -> None:
        self.images_.tag(source, target)

    def image_remove(self, name: str, *, force: bool = False, prune: bool = True) -> list[Json]:
        return self.images_.remove(name, force, prune)

    def image_prune(self, *, all: bool = False, keep: Callable[[Json], bool] = lambda item: False) -> tuple[list[Json], int]:
        return self.images_.prune(all, keep)

    def pull(self, name: str, platform: str = "", *, all_tags: bool = False) -> Iterator[Progress]:
        from dockerlab.engine.daemon.registries import pull
        from dockerlab.engine.registries import only_catalogue
        from dockerlab.oci import Reference
        from dockerlab.transfer.registry import Progress

        reference = Reference.parse(name)
        if not only_catalogue() or all_tags:
            yield from pull(self.calls, reference, platform, all_tags)
            return
        yield Progress(f"{reference.familiar}: DOCKERLAB_BASES=catalogue asks no registry; taken from the catalogue")
        self.names.composed(reference)

    def push(self, name: str, *, all_tags: bool = False) -> Iterator[Progress]:
        from dockerlab.engine.daemon.registries import push
        from dockerlab.oci import Reference

        return push(self.calls, Reference.parse(name), all_tags)

    def login(self, domain: str, credentials: Credentials) -> None:
        from dockerlab.engine.daemon.registries import login

        login(self.calls, domain, credentials)

    def save(self, names: Iterable[str], out: IO[bytes] | str, saving: Saving | None = None, *, platform: str = "") -> None:
        self.images_.save(names, out, saving, platform)

    def load(self, source: IO[bytes] | str, *, platform: str = "") -> list[str]:
        return self.images_.load(source, platform)

    def import_(self, source: IO[bytes], reference: str = "", *, changes: Iterable[str] = (), message: str = "") -> str:
        return self.images_.import_(source, reference, changes, message)

    def export_image(self, name: str, target: str) -> None:
        from dockerlab.engine import copying

        copying.export_folder(self.image_files(name), name, target)

    def export_image_tar(self, name: str, out: IO[bytes]) -> None:
        from dockerlab.engine import copying

        copying.export(self.image_files(name), name, out)

    def prune_build_cache(self, *, all: bool = False) -> tuple[list[Json], int]:
        from dockerlab.engine.daemon.observed import step

        before = {one["ID"]: one for one in self.calls.get("/system/df").json().get("BuildCache") or ()}
        found = self.calls.post("/build/prune", all=int(all)).json()
        gone = [step(before[name]) for name in found.get("CachesDeleted") or () if name in before]
        return gone, int(found.get("SpaceReclaimed") or 0)

    # --- the rest

    def events(self, since: float | None = None, until: float | None = None) -> Iterator[Json]:
        from dockerlab.engine.daemon.observed import events

        return events(self.calls, since, until)

    def version(self) -> Json:
        parts = self.about.get("Components") or [{}]
        return {**self.about, "Platform": {"Name": parts[0].get("Name", "Docker") + " at " + self.where.host}}

    def info(self) -> Json:
        found = cast(Json, self.calls.get("/info").json())
        return {**found, "Engine": f"Docker daemon at {self.where.host}", "Isolation": "daemon", "Emulated": {}}

    def volumes(self) -> list[Json]:
        return sorted(self.calls.get("/volumes").json().get("Volumes") or [], key=lambda one: str(one["Name"]))

    def networks(self) -> list[Json]:
        return [cast(Json, self.calls.get(f"/networks/{one['Id']}").json()) for one in self.calls.get("/networks").json()]

    def disk_usage(self) -> Json:
        from dockerlab.engine.daemon.observed import disk_usage

        return disk_usage(self.calls, self.containers(all=True))

    def volume_create(self, name: str = "", labels: dict[str, str] | None = None) -> str:
        return str(self.calls.post("/volumes/create", body={"Name": name, "Labels": labels or None}).json()["Name"])

    def volume_remove(self, name: str) -> None:
        self.calls.delete(f"/volumes/{name}")

    def volume_prune(self, *, all: bool = False, keep: Callable[[Json], bool] = lambda item: False) -> tuple[list[str], int]:
        from dockerlab.engine.daemon.observed import unused_volumes

        gone: list[str] = []
        freed = 0
        for one in unused_volumes(self.calls, all):
            if not keep(one):
                self.calls.delete(f"/volumes/{one['Name']}")
                gone.append(one["Name"])
                freed += max(0, one["UsageData"]["Size"])
        return gone, freed
