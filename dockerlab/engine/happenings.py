"""What `docker events` tells of containers, images, volumes and networks, with Docker's actions and attributes."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dockerlab.engine.records import Record
from dockerlab.oci.digest import digest_of, hex_of
from dockerlab.oci.timestamps import to_seconds
from dockerlab.runtime.helper.records import HAPPENED
from dockerlab.store.journal import note

if TYPE_CHECKING:
    from dockerlab.runtime.control import Control
    from dockerlab.store import Image, Store

Json = dict[str, Any]
_INTERVAL = 0.2
"""Seconds between two looks at the journal: nobody wakes us."""


def tell_container(store: Store, record: Record, action: str, at: float | None = None, **attributes: str) -> None:
    """Something happened to a container; its labels, image and name are told with it."""
    store.journal.add(_of_container(record, action, at, **attributes))


def _of_container(record: Record, action: str, at: float | None = None, **attributes: str) -> bytes:
    labels = {str(key): str(value) for key, value in (record.config.get("Labels") or {}).items()}
    return note("container", action, record.id, {**labels, "image": record.image_name, "name": record.name, **attributes}, at)


def tell_image(store: Store, action: str, image: Image | str, name: str = "") -> None:
    """Something happened to an image; `name` is the one it was about, if not its ID."""
    identifier = image if isinstance(image, str) else image.id
    labels = {} if isinstance(image, str) else image.config.config.get("Labels") or {}
    store.journal.add(note("image", action, identifier, {**{key: str(value) for key, value in labels.items()}, "name": name or identifier}))


def _of_volumes(record: Record, *, mounted: bool, at: float) -> Iterator[bytes]:
    """Its volumes were mounted, or are free again."""
    for mount in record.mounts:
        if mount["Type"] == "volume":
            about = {"container": record.id, "driver": "local"}
            if mounted:
                about |= {"destination": mount["Destination"], "propagation": "", "read/write": str(bool(mount["RW"])).lower()}
            yield note("volume", "mount" if mounted else "unmount", mount["Name"], about, at)


NETWORKS = {"bridge": "bridge", "host": "host", "none": "null"}
"""The networks that Docker always has, and their drivers."""


def network_id(store: Store, name: str) -> str:
    """The ID of one of Docker's own networks in this store: always the same."""
    return hex_of(digest_of(f"{store.home}/{name}".encode()))


def _of_network(store: Store, record: Record, action: str, at: float) -> bytes:
    """A container was connected to its network, or disconnected."""
    mode = str(record.host["NetworkMode"])
    name = mode if mode in NETWORKS else "bridge"
    return note("network", action, network_id(store, name), {"container": record.id, "name": name, "type": NETWORKS[name]}, at)


def tell_start(store: Store, record: Record, began: str) -> None:
    """Its process runs since then; it may have ended by now."""
    at = to_seconds(began) or time.time()
    mounted = _of_volumes(record, mounted=True, at=at)
    store.journal.add(*mounted, _of_network(store, record, "connect", at), _of_container(record, "start", at))


def tell_failed_start(store: Store, record: Record) -> None:
    """Its process could not be started: all that Docker tells then is what it had mounted, and a network that it never connected to."""
    at = time.time()
    mounted, unmounted = (_of_volumes(record, mounted=there, at=at) for there in (True, False))
    store.journal.add(*mounted, _of_network(store, record, "disconnect", at), *unmounted)


def tell_sizes(store: Store, record: Record, control: Control) -> Control:
    """Whenever somebody who is attached by this channel gives its terminal another size."""
    control.on_resize = lambda rows, columns: tell_container(store, record, "resize", height=str(rows), width=str(columns))
    return control


def tell_noted(store: Store, record: Record, folder: Path) -> None:
    """What its keeper has written down since somebody looked: runs that a restart policy ended and began, health checks."""
    try:
        fd = os.open(folder / HAPPENED, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return  # nothing, or the store may only be looked at
    with open(fd, "r+b", buffering=0) as file:
        fcntl.flock(fd, fcntl.LOCK_EX)
        for line in file.readall().splitlines():
            try:
                noted: Json = json.loads(line)
                action, at = str(noted.pop("action")), str(noted.pop("at"))
            except (ValueError, KeyError, AttributeError):
                continue  # cut short: the disk was full
            if action == "start":
                tell_start(store, record, at)
            elif action == "die":
                tell_death(store, record, folder, began=noted["began"], ended=at, code=noted["code"], oom=noted["oom"])
            else:
                tell_container(store, record, action, to_seconds(at), **{key: str(value) for key, value in noted.items()})
        os.ftruncate(fd, 0)


def tell_death(store: Store, record: Record, folder: Path, *, began: str, ended: str, code: int, oom: bool) -> None:
    """Its process has ended: nobody was there to see it, so whoever looks first says so, with the time at which it was."""
    mark = folder / f"died-{ended}"
    try:
        os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError:
        return  # it is known already, or the container is being removed
    for name in os.listdir(folder):
        if name.startswith("died-") and name != mark.name:
            (folder / name).unlink(missing_ok=True)
    at = to_seconds(ended) or time.time()
    lasted = max(0, int(at - to_seconds(began)))
    store.journal.add(
        *([_of_container(record, "oom", at)] if oom else []),
        _of_network(store, record, "disconnect", at),
        *_of_volumes(record, mounted=False, at=at),
        _of_container(record, "die", at, execDuration=str(lasted), exitCode=str(code)),
    )


def happened(store: Store, look: Callable[[], None], since: float | None, until: float | None) -> Iterator[Json]:
    """Docker's messages from `since` to `until` (seconds since 1970), then, up to `until` or for ever, what comes.

    Without both only what comes. `look` is called before each look at the journal: it notes what nobody has noted yet.
    """
    reader = store.journal.reader()
    look()
    past = reader.new()
    if since is not None or until is not None:
        yield from (_message(one) for one in past if _within(one, since, until))
    while until is None or time.time() < until:
        time.sleep(_INTERVAL if until is None else max(0.0, min(_INTERVAL, until - time.time())))
        look()
        yield from (_message(one) for one in reader.new() if _within(one, since, until))


def _within(record: Json, since: float | None, until: float | None) -> bool:
    at = record["timeNano"] / 1_000_000_000
    return (since is None or at >= since) and (until is None or at <= until)


def _message(record: Json) -> Json:
    """As Docker's API shapes it: a container's and an image's have a few words twice, for old readers."""
    actor, attributes = record["Actor"]["ID"], record["Actor"]["Attributes"]
    old: Json = {}
    if record["Type"] in ("container", "image"):
        old = {"status": record["Action"], **({"id": actor} if actor else {})}
        if record["Type"] == "container" and attributes.get("image"):
            old["from"] = attributes["image"]
    rest = {key: record[key] for key in ("Type", "Action", "Actor")}
    return {**old, **rest, "scope": "local", "time": record["timeNano"] // 1_000_000_000, "timeNano": record["timeNano"]}
