"""Volumes: folders of the store that containers mount; a new one is filled once with what the image holds at that path."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from dockerlab.engine.create import bind_parts
from dockerlab.engine.records import Record
from dockerlab.errors import ConflictError, NotFoundError, UsageError
from dockerlab.layers import Tree, TreeView, remove_tree
from dockerlab.oci import short_id
from dockerlab.oci.timestamps import rfc3339
from dockerlab.store import Store
from dockerlab.store.files import explained, folder_size, unique
from dockerlab.store.journal import note

Json = dict[str, Any]
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+\Z")


class Volumes:
    """The volumes of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def path(self, name: str) -> Path:
        """Where the volume's files lie."""
        return self._store.volumes_dir / name / "_data"

    def ensure(self, name: str, view: TreeView, target: str, *, anonymous: bool = False, labels: dict[str, str] | None = None) -> Path:
        """The volume's folder; made, and filled with the image's files at `target`, if it is new. Nobody sees half of one."""
        data = self.path(name)
        if data.exists():
            return data
        aside = self._store.volumes_dir / f"{unique()}~"
        try:
            with explained(self._store.home):
                aside.mkdir()
                (aside / "_data").mkdir()
                about = {"Name": name, "CreatedAt": rfc3339(), "Driver": "local", "Anonymous": anonymous, "Labels": labels}
                (aside / "volume.json").write_text(json.dumps(about))
                self._fill(aside / "_data", view, target)
                os.rename(aside, data.parent)
            self._store.journal.add(note("volume", "create", name, {"driver": "local"}))
        except OSError:
            if not data.exists():  # another process may have made the same volume first
                raise
        finally:
            remove_tree(aside)
        return data

    def _fill(self, data: Path, view: TreeView, target: str) -> None:
        node = view.lookup(target)
        if node is None or not node.is_dir:
            return
        top = node.path.rstrip("/")
        first: dict[tuple[int, int], str] = {}
        with Tree(data) as tree:
            for below in view.walk(node.path):
                rel = below.path[len(top) :].lstrip("/")
                if below.st.st_nlink > 1 and not below.is_dir:
                    other = first.setdefault((below.st.st_dev, below.st.st_ino), rel)
                    if other != rel:
                        tree.hardlink(rel, other)
                        continue
                tree.put(rel, below.entry, below.open)

    def mounts(self, record: Record, borrowed: list[Json], binds: tuple[str, ...], view: TreeView) -> list[Json]:
        """Docker's Mounts of a new container: what it borrows from others, what -v asked for instead or beside, and a volume for each VOLUME of the
        image that neither covers. Nothing is made before all of it is known to be right."""
        asked = {os.path.normpath(target): (source, target, options) for source, target, options in map(bind_parts, binds)}
        if len(asked) < len(binds):
            targets = [os.path.normpath(bind_parts(text)[1]) for text in binds]
            raise UsageError(f"Duplicate mount point: {next(target for target in targets if targets.count(target) > 1)}")
        for source, _, _ in asked.values():
            if source and not source.startswith(("/", ".")):
                self._check_name(source, "are allowed. If you intended to pass a host directory, use absolute path")
        out = [mount for mount in borrowed if mount["Destination"] not in asked]
        for target, (source, _, options) in asked.items():
            writable = "ro" not in options.split(",")
            if source.startswith(("/", ".")):
                out.append(_bind(os.path.abspath(source), target, options, writable))
            else:
                out.append(self._volume(source or unique(32), target, options or "z", writable, view, anonymous=not source))
        taken = {mount["Destination"] for mount in out}
        for target in sorted(record.config.get("Volumes") or {}):
            if os.path.normpath(target) not in taken:
                out.append(self._volume(unique(32), target, "", True, view, anonymous=True))
        return out

    def _check_name(self, name: str, tail: str, code: int = 125) -> None:
        if len(name) < 2:
            raise UsageError(
                f"create {name}: volume name is too short, names should be at least two alphanumeric characters", exit_code=code
            )
        if not _NAME.match(name):
            raise UsageError(
                f'create {name}: "{name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" {tail}',
                exit_code=code,
            )

    def _volume(self, name: str, target: str, mode: str, writable: bool, view: TreeView, *, anonymous: bool) -> Json:
        data = self.ensure(name, TreeView([]) if "nocopy" in mode.split(",") else view, target, anonymous=anonymous)
        return {
            "Type": "volume",
            "Name": name,
            "Source": str(data),
            "Destination": target,
            "Driver": "local",
            "Mode": mode,
            "RW": writable,
            "Propagation": "",
        }

    def all(self) -> list[Json]:
        """`docker volume ls`, sorted by name."""
        out: list[Json] = []
        for folder in sorted(self._store.volumes_dir.iterdir()):
            if not _NAME.match(folder.name):
                continue  # being made, or left behind
            try:
                about = json.loads((folder / "volume.json").read_text())
            except (OSError, ValueError):
                continue
            out.append(
                {
                    "CreatedAt": about["CreatedAt"],
                    "Driver": "local",
                    "Labels": about.get("Labels"),
                    "Mountpoint": str(folder / "_data"),
                    "Name": folder.name,
                    "Options": None,
                    "Scope": "local",
                }
            )
        return out

    def is_anonymous(self, name: str) -> bool:
        """Whether nobody gave it a name, so that it goes with its container."""
        try:
            return bool(json.loads((self._store.volumes_dir / name / "volume.json").read_text())["Anonymous"])
        except (OSError, ValueError, KeyError):
            return False

    def create(self, name: str, labels: dict[str, str] | None = None) -> str:
        """A volume of this name, or of a made-up one."""
        if name:
            self._check_name(name, "are allowed. If you intended to pass a host directory, use absolute path", 1)
        made = name or unique(32)
        self.ensure(made, TreeView([]), "/", anonymous=not name, labels=labels or None)
        return made

    def prune(self, used: set[str], all: bool, keep: Callable[[Json], bool]) -> tuple[list[str], int]:
        """Remove what is not used, but for what `keep` wants kept; names and bytes."""
        gone, size = [], 0
        for volume in self.all():
            name = volume["Name"]
            if name in used or not (all or self.is_anonymous(name)) or keep(volume):
                continue
            size += folder_size(volume["Mountpoint"])
            self.remove(name)
            gone.append(name)
        return gone, size

    def remove_unnamed(self, record: Record, others: Iterable[Record]) -> None:
        """Remove the volumes that were made for a container and that none of the others mounts."""
        mounted = {mount.get("Name") for other in others for mount in other.mounts}
        for mount in record.mounts:
            if mount["Type"] == "volume" and mount["Name"] not in mounted and self.is_anonymous(mount["Name"]):
                self.remove(mount["Name"])

    def remove(self, name: str, used_by: Iterable[Record] = ()) -> None:
        """Remove a volume with all that it holds. NotFoundError if there is none, ConflictError where one of these containers mounts it."""
        if not _NAME.match(name) or not self.path(name).exists():
            raise NotFoundError(f"get {name}: no such volume", hint="dockerlab volume ls lists all volumes")
        users = [record.id for record in used_by if any(mount.get("Name") == name for mount in record.mounts)]
        if users:
            raise ConflictError(
                f"remove {name}: volume is in use - [{', '.join(users)}]",
                hint=f"remove the container first: dockerlab rm {short_id(users[0])}",
            )
        gone = self._store.volumes_dir / f"{unique()}~"
        os.rename(self._store.volumes_dir / name, gone)
        remove_tree(gone)
        self._store.journal.add(note("volume", "destroy", name, {"driver": "local"}))


def _bind(host: str, target: str, options: str, writable: bool) -> Json:
    os.makedirs(host, exist_ok=True) if not os.path.exists(host) else None
    return {"Type": "bind", "Source": host, "Destination": target, "Mode": options, "RW": writable, "Propagation": "rprivate"}
