"""Volumes: folders of the store that containers mount; a new one is filled once with what the image holds at that path."""

from __future__ import annotations

import json
import os
import re
import secrets
from pathlib import Path
from typing import Any

from dockerlab.engine.create import bind_parts
from dockerlab.engine.records import Record
from dockerlab.engine.timestamps import rfc3339
from dockerlab.errors import UsageError
from dockerlab.layers import Tree, TreeView
from dockerlab.store import Store

Json = dict[str, Any]
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+\Z")


class Volumes:
    """The volumes of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def path(self, name: str) -> Path:
        """Where the volume's files lie."""
        return self._store.volumes_dir / name / "_data"

    def ensure(self, name: str, view: TreeView, target: str, *, anonymous: bool = False) -> Path:
        """The volume's folder; made, and filled with the image's files at `target`, if it is new."""
        data = self.path(name)
        if not data.exists():
            data.mkdir(parents=True)
            about = {"Name": name, "CreatedAt": rfc3339(), "Driver": "local", "Anonymous": anonymous}
            (data.parent / "volume.json").write_text(json.dumps(about))
            self._fill(data, view, target)
        return data

    def _fill(self, data: Path, view: TreeView, target: str) -> None:
        node = view.lookup(target) if view.trees else None
        if node is None or not node.is_dir:
            return
        tree = Tree(data)
        top = node.path.rstrip("/")
        for below in view.walk(node.path):
            rel, entry = below.path[len(top) :].lstrip("/"), below.entry
            if entry.kind == "dir":
                tree.mkdir(rel, entry.mode, entry.uid, entry.gid, entry.mtime)
            elif entry.kind == "file":
                with below.open() as file:
                    tree.write_from(rel, file, entry.mode, entry.uid, entry.gid, entry.mtime)
            elif entry.kind == "symlink":
                tree.symlink(rel, entry.link, entry.uid, entry.gid, entry.mtime)
        tree.close()

    def mounts(self, record: Record, binds: tuple[str, ...], view: TreeView) -> list[Json]:
        """Docker's Mounts of a new container: what -v asked for, and a volume for each VOLUME of the image that -v does not cover."""
        out: list[Json] = []
        for text in binds:
            source, target, options = bind_parts(text)
            target = os.path.normpath(target)
            writable = "ro" not in options.split(",")
            if source.startswith(("/", ".")):
                host = os.path.abspath(source)
                if not os.path.exists(host):
                    os.makedirs(host)
                out.append(
                    {"Type": "bind", "Source": host, "Destination": target, "Mode": options, "RW": writable, "Propagation": "rprivate"}
                )
                continue
            if source and not _NAME.match(source):
                raise UsageError(
                    f'create {source}: "{source}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. '
                    "If you intended to pass a host directory, use absolute path"
                )
            out.append(self._volume(source or secrets.token_hex(32), target, options or "z", writable, view, anonymous=not source))
        taken = {mount["Destination"] for mount in out}
        if len(taken) < len(out):
            twice = next(mount["Destination"] for mount in out if sum(other["Destination"] == mount["Destination"] for other in out) > 1)
            raise UsageError(f"Duplicate mount point: {twice}")
        for target in sorted(record.config.get("Volumes") or {}):
            if target not in taken:
                out.append(self._volume(secrets.token_hex(32), target, "", True, view, anonymous=True))
        return out

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
            try:
                about = json.loads((folder / "volume.json").read_text())
            except (OSError, ValueError):
                continue
            out.append(
                {
                    "CreatedAt": about["CreatedAt"],
                    "Driver": "local",
                    "Labels": None,
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

    def create(self, name: str) -> str:
        """A volume of this name, or of a made-up one."""
        if name and not _NAME.match(name):
            raise UsageError(
                f'create {name}: "{name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed',
                exit_code=1,
            )
        made = name or secrets.token_hex(32)
        self.ensure(made, TreeView([]), "/", anonymous=not name)
        return made

    def prune(self, used: set[str], all: bool) -> tuple[list[str], int]:
        """Remove what is not used; names and bytes."""
        gone, size = [], 0
        for volume in self.all():
            name = volume["Name"]
            if name in used or not (all or self.is_anonymous(name)):
                continue
            size += sum(
                os.lstat(os.path.join(folder, file)).st_size for folder, _, files in os.walk(volume["Mountpoint"]) for file in files
            )
            self.remove(name)
            gone.append(name)
        return gone, size

    def remove(self, name: str) -> None:
        """Remove a volume with all that it holds."""
        from dockerlab.layers import remove_tree

        remove_tree(self._store.volumes_dir / name)
