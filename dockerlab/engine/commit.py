"""`docker commit`: the container's writable layer becomes one more read-only layer of a new image; and `-c`, which changes only the configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dockerlab.engine.happenings import tell_container, tell_image
from dockerlab.engine.records import Record
from dockerlab.errors import DockerlabError, NotFoundError
from dockerlab.layers import copy_tree
from dockerlab.layers.held import hold
from dockerlab.oci import HistoryEntry, ImageConfig, Reference
from dockerlab.oci.timestamps import rfc3339
from dockerlab.store import Image, Layer, Store
from dockerlab.store.depth import MOST_LAYERS, check_depth

Json = dict[str, Any]
_MADE_UP = re.compile(r"[0-9a-f]{64}\Z")
_KEPT = (
    "User",
    "ExposedPorts",
    "Env",
    "Cmd",
    "Healthcheck",
    "ArgsEscaped",
    "Volumes",
    "WorkingDir",
    "Entrypoint",
    "OnBuild",
    "Labels",
    "StopSignal",
    "Shell",
)


def seal_upper(store: Store, folder: Path) -> Layer:
    """The writable layer of the container in `folder`, as a layer of the store. Sockets are left out, as docker does."""
    with store.tmp() as scratch:
        copy_tree(hold(folder / "diff"), scratch / "tree")
        if (folder / "owners.json").exists():
            import shutil

            shutil.copy2(folder / "owners.json", scratch / "owners.json")
        return store.layers.seal(scratch, links=True)


def committed_config(record: Record, changes: Iterable[str]) -> Json:
    """The new image's Config: all that was said for this one run has become part of it, except the host name."""
    config = {key: record.config[key] for key in _KEPT if record.config.get(key)}
    volumes = dict(config.get("Volumes") or {})
    for mount in record.mounts:
        if mount["Type"] == "volume" and _MADE_UP.match(mount["Name"]):  # a volume that nobody named, as if the image had a VOLUME there
            volumes[mount["Destination"]] = {}
    if volumes:
        config["Volumes"] = volumes
    return apply_changes(config, changes)


def apply_changes(config: Json, changes: Iterable[str]) -> Json:
    """`--change`: Dockerfile instructions that only change the configuration. DockerlabError in docker's words for any other."""
    from dockerlab.build import apply_change

    for text in changes:
        config = apply_change(config, text)
    return config


def _image_of(store: Store, record: Record) -> Image:
    try:
        return store.images.get(record.image)
    except NotFoundError:  # rmi -f took its name away; its layers are still here
        try:
            return Image(record.image, ImageConfig.from_bytes(store.images.raw(record.image)))
        except OSError:
            raise DockerlabError(f"the image {record.image} of container {record.name} is gone") from None


def commit(
    store: Store, record: Record, folder: Path, name: Reference | None, *, message: str, author: str, changes: Iterable[str]
) -> Image:
    """Make the image; one layer and one line of history above those of the container's. It gets the name, if there is one."""
    store.layers.stack(record.layers)  # an image above layers that are not here would be of no use
    image = _image_of(store, record)
    config = committed_config(record, changes)
    check_depth(len(record.layers) + 1, MOST_LAYERS)
    with store.using():
        layer = seal_upper(store, folder)
        now = rfc3339()
        entry = HistoryEntry(created=now, created_by=" ".join(record.config["Cmd"] or []), comment=message, author=author)
        base = image.config
        whole = ImageConfig(
            architecture=base.architecture,
            os=base.os,
            author=author,
            created=now,
            config=config,
            diff_ids=base.diff_ids,
            history=base.history,
        ).with_history(entry, layer.diff_id)
        made = store.images.add(whole, parent=image.id)
        tell_image(store, "create", made)
        if name is not None:
            store.images.tag(made.id, name)
            tell_image(store, "tag", made, name.familiar)
    told = {"comment": message, "imageID": made.id, "imageRef": name.familiar if name is not None else ""}
    tell_container(store, record, "commit", None, **told)
    return made
