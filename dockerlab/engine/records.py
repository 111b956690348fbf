"""Containers as they are written down: one folder each, found by ID, by the beginning of one, or by name.

config.json is what `create` decided and never changes but for the name; what the process does stands in the runtime's files beside it.
"""

from __future__ import annotations

import json
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from dockerlab.data import dataclass, field
from dockerlab.errors import ConflictError, NotFoundError
from dockerlab.layers import remove_tree
from dockerlab.store import Store
from dockerlab.store.files import explained, unique, write_atomically

_ID = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class Record:
    """A container as created. `config` and `host` are Docker's Config and HostConfig; `layers` the diff IDs of its image, the lowest first."""

    id: str
    name: str
    created: str
    image: str
    image_name: str
    path: str
    args: list[str]
    config: dict[str, Any]
    host: dict[str, Any]
    layers: list[str]
    mounts: list[dict[str, Any]] = field(default_factory=list)
    number: int = 0


class Records:
    """The containers of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def folder(self, record: Record) -> Path:
        """Where everything about it lies."""
        return self._store.containers_dir / record.id

    def claim_name(self, name: str, identifier: str) -> None:
        """Take a name, so that nobody else can. ConflictError in docker's words if somebody has it."""
        path = self._store.container_names / name
        while True:
            try:
                with explained(self._store.home):
                    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            except FileExistsError:
                holder = path.read_text() if path.exists() else ""
                if not self._is_container(holder) and self._older_than_a_minute(path):
                    path.unlink(missing_ok=True)  # its container was never finished, or is gone
                    continue
                raise ConflictError(
                    f'Conflict. The container name "/{name}" is already in use by container "{holder}". '
                    "You have to remove (or rename) that container to be able to reuse that name.",
                    hint=f"dockerlab rm -f {name}, or choose another --name",
                ) from None
            with open(fd, "w") as file:
                file.write(identifier)
            return

    def _is_container(self, identifier: str) -> bool:
        return bool(_ID.match(identifier)) and (self._store.containers_dir / identifier / "config.json").exists()

    def _older_than_a_minute(self, path: Path) -> bool:
        try:
            return path.stat().st_mtime + 60 < time.time()
        except FileNotFoundError:
            return True

    def write(self, record: Record) -> None:
        """Write it down; the container exists from now on."""
        with explained(self._store.home):
            write_atomically(f"{self.folder(record)}/config.json", json.dumps(vars(record)).encode())

    def read(self, identifier: str) -> Record:
        """The container of this whole ID. NotFoundError if there is none."""
        try:
            if not _ID.match(identifier):
                raise FileNotFoundError(identifier)
            with open(f"{self._store.containers_dir}/{identifier}/config.json", "rb", buffering=0) as file:
                return Record(**json.loads(file.readall()))
        except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: the machine went down before it was on the disk
            raise NotFoundError(f"No such container: {identifier}") from None

    def all(self) -> list[Record]:
        """Every container, the newest first."""
        found = []
        for name in os.listdir(self._store.containers_dir):
            try:
                found.append(self.read(name))
            except NotFoundError:
                continue
        return sorted(found, key=lambda record: (record.created, record.number), reverse=True)

    def find(self, text: str) -> Record:
        """The container that a user means: its name, its ID or an unambiguous beginning of it."""
        name = text.removeprefix("/")
        if _ID.match(name):
            with suppress(NotFoundError):
                return self.read(name)
        if name not in ("", ".", "..") and "/" not in name:
            named = self._store.container_names / name
            if named.exists():
                try:
                    return self.read(named.read_text())
                except NotFoundError:
                    pass
            if re.fullmatch(r"[0-9a-f]{1,64}", name):
                found = [entry for entry in os.listdir(self._store.containers_dir) if entry.startswith(name) and self._is_container(entry)]
                if len(found) > 1:
                    raise ConflictError(f'"{text}" begins the ID of {len(found)} containers', hint="write more of the ID")
                if found:
                    return self.read(found[0])
        from difflib import get_close_matches

        close = get_close_matches(name, os.listdir(self._store.container_names), 1)
        raise NotFoundError(
            f"No such container: {text}", hint=f"did you mean {close[0]}?" if close else "dockerlab ps -a lists all containers"
        )

    def exists(self, record: Record) -> bool:
        """Whether nobody has removed it meanwhile."""
        return self._is_container(record.id)

    def note_failure(self, record: Record, code: int, message: str) -> None:
        """Remember why its process could not start; `docker inspect` shows it."""
        with explained(self._store.home):
            write_atomically(self.folder(record) / "failure.json", json.dumps([code, message]).encode())

    def failure(self, record: Record) -> tuple[int, str] | None:
        """(exit code, message) of a start that failed, or None."""
        try:
            code, message = json.loads((self.folder(record) / "failure.json").read_bytes())
        except FileNotFoundError:
            return None
        return int(code), str(message)

    def rename(self, record: Record, name: str) -> Record:
        """Give it another name; the old one is free afterwards."""
        from dockerlab.data import replace

        self.claim_name(name, record.id)
        changed = replace(record, name=name)
        self.write(changed)
        (self._store.container_names / record.name).unlink(missing_ok=True)
        return changed

    def remove(self, record: Record) -> None:
        """Take everything of it away; first what makes it a container."""
        folder = self.folder(record)
        (folder / "config.json").unlink(missing_ok=True)
        named = self._store.container_names / record.name
        try:
            if named.read_text() == record.id:
                named.unlink()
        except FileNotFoundError:
            pass
        remove_tree(folder)


def new_id() -> str:
    """64 random hexadecimal digits."""
    return unique(32)
