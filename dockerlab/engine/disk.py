"""What images, containers, volumes and the build cache take of the disk (`docker system df`), and what comes free without ended containers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from dockerlab.engine.containers import Containers
from dockerlab.engine.records import Records
from dockerlab.errors import ConflictError, NotFoundError
from dockerlab.layers import bytes_of_files
from dockerlab.store import Store
from dockerlab.store.files import folder_size

Json = dict[str, Any]


def disk_usage(store: Store, images: Iterable[Json], containers: Iterable[Json], volumes: Iterable[Json]) -> Json:
    """As `GET /system/df`: the images, containers and volumes as they are listed, each with its sizes in bytes, and the records of the build cache.

    `SharedSize` of an image is what other images hold too, `BaseSize` what of the rest is in a base store, `BaseStores` says how much is in which; a record
    of the cache whose layer an image holds is `Shared`.
    """
    images, containers = list(images), list(containers)
    parents = {image["ParentId"] for image in images}
    shown = [image for image in images if image["RepoTags"] or image["Id"] not in parents]
    layers = {image["Id"]: store.images.get(image["Id"]).config.diff_ids for image in shown}
    holders = Counter(diff_id for diff_ids in layers.values() for diff_id in set(diff_ids))
    sizes = {diff_id: store.layers.size(diff_id) for diff_id in holders}
    shared = {name: sum(sizes[diff_id] for diff_id in diff_ids if holders[diff_id] > 1) for name, diff_ids in layers.items()}
    below = {diff_id: base for diff_id in holders if (base := store.layers.base_of(diff_id))} if store.bases else {}
    alone = {name: sum(sizes[one] for one in set(diff_ids) if holders[one] == 1 and one in below) for name, diff_ids in layers.items()}
    bases = {base: sum(sizes[diff_id] for diff_id in below if below[diff_id] == base) for base in below.values()}
    whole = {image["Id"]: image["Size"] for image in images}
    mounted = Counter(name for item in containers for name in {mount.get("Name") for mount in item["Mounts"]})
    return {
        "LayersSize": sum(sizes.values()),
        "BaseStores": [{"Path": path, "Size": size} for path, size in sorted(bases.items())],
        "Images": [{**image, "SharedSize": shared[image["Id"]], "BaseSize": alone[image["Id"]]} for image in shown],
        "Containers": [_container(item, whole) for item in containers],
        "Volumes": [
            {**volume, "UsageData": {"RefCount": mounted[volume["Name"]], "Size": folder_size(volume["Mountpoint"])}} for volume in volumes
        ],
        "BuildCache": [*_steps(store, set(holders)), *_mounts(store)],
    }


def _container(item: Json, images: dict[str, int]) -> Json:
    own = own_size(item)
    return {**item, "SizeRw": own, "SizeRootFs": own + images.get(item["Image"], 0)}


def own_size(item: Json) -> int:
    """The bytes of a container's own layer."""
    return bytes_of_files(item["GraphDriver"]["Data"]["UpperDir"])


def container_sizes(store: Store, item: Json) -> tuple[int, int]:
    """Bytes in a container's own layer, and with its image's, as far as that is still there."""
    own = own_size(item)
    with suppress(NotFoundError):
        return own, own + sum(store.layers.size(diff_id) for diff_id in store.images.get(item["Image"]).config.diff_ids)
    return own, own


def prune_containers(containers: Containers, records: Records, keep: Callable[[Json], bool]) -> tuple[list[str], int]:
    """Remove those that do not run and that `keep` does not want kept: their IDs, and the bytes set free."""
    gone: list[str] = []
    freed = 0
    containers.reap()
    for record in records.all():
        if not containers.running(record) and not keep(item := containers.inspect(record)):
            with suppress(ConflictError, NotFoundError, FileNotFoundError):  # started, or removed, by another process meanwhile
                size = own_size(item)
                containers.remove(record)
                gone.append(record.id)
                freed += size
    return gone, freed


def prune_build_cache(store: Store, *, all: bool) -> tuple[list[Json], int]:
    """Forget the steps whose layers are no image's, and what RUN --mount=type=cache keeps; with `all` every step."""
    held = set() if all else {diff_id for name in store.images.ids() for diff_id in store.images.get(name).config.diff_ids}
    gone = [step for step in _steps(store, held) if not step["Shared"]]
    mounts = _mounts(store)
    if all:
        store.cache.clear()
    else:
        for step in gone:
            store.cache.forget(step["ID"])
    store.cache_mounts.clear()
    return gone + mounts, store.sweep()


def _steps(store: Store, held: set[str]) -> list[Json]:
    return [
        _record(name, "regular", store.layers.size(str(value["layer"])), changed, shared=value["layer"] in held)
        for name, value, changed in store.cache.records()
        if value.get("layer")
    ]


def _mounts(store: Store) -> list[Json]:
    return [
        _record(path.name, "exec.cachemount", folder_size(path), path.stat().st_mtime, shared=False) for path in store.cache_mounts.all()
    ]


def _record(name: str, kind: str, size: int, changed: float, *, shared: bool) -> Json:
    return {"ID": name, "Type": kind, "Size": size, "CreatedAt": changed, "InUse": False, "Shared": shared}
