"""`docker load`: what an image comes in is looked at, and read as what it is.

    manifest.json, a list      docker save, podman save: a docker archive        (`docker_archive`)
    manifest.json, an object   skopeo copy dir:, podman save --format docker-dir  (`docker_folder`)
    index.json                 an OCI layout                                      (`oci_layout`)

A tar may be packed with gzip, bzip2, xz or zstd, and come as a stream; a folder is read where it lies.
"""

from __future__ import annotations

import json
import os
import stat
import tarfile
from pathlib import Path
from typing import IO

from dockerlab.errors import DockerlabError, StoreError
from dockerlab.layers.packed import copy_within, room, unpacked
from dockerlab.store import Store
from dockerlab.store.files import explained
from dockerlab.transfer.found import Found, take_in
from dockerlab.transfer.members import FolderMembers, Members, TarMembers, text_of

_NO_ARCHIVE = "docker save writes one; for the tar of a file system use import"


def load(store: Store, source: IO[bytes] | str | Path, platform: str = "") -> list[str]:
    """Take in every image of an archive, or of a folder; its names, or its ID where it has none.

    StoreError if anything in it is damaged or false: nothing is kept then.
    """
    try:
        with store.tmp() as scratch, store.using():
            if isinstance(source, (str, Path)):
                return _taken_in(store, FolderMembers(source), scratch, platform)
            with _on_disk(store, source, scratch) as file:
                try:
                    return _taken_in(store, TarMembers(file), scratch, platform)
                except (tarfile.TarError, OverflowError) as error:
                    raise StoreError("unexpected EOF: this is no image archive", hint=_NO_ARCHIVE) from error
    except (DockerlabError, OSError):
        store.sweep()  # layers that came before the damage
        raise


def _on_disk(store: Store, source: IO[bytes], scratch: Path) -> IO[bytes]:
    """The tar as a file of which any part can be read: itself where it is one, else a copy."""
    if (plain := _plain_file(source)) is not None:
        return plain
    whole = scratch / "archive.tar"
    with explained(store.home), open(whole, "wb") as out:
        copy_within(unpacked(source), out.write, room(scratch))
    return open(whole, "rb")


def _plain_file(source: IO[bytes]) -> IO[bytes] | None:
    """A file of its own on the same bytes, if it is a regular one at its beginning and not packed."""
    try:
        fd = source.fileno()
        if not stat.S_ISREG(os.fstat(fd).st_mode) or source.tell() != 0 or os.lseek(fd, 0, os.SEEK_CUR) != 0:
            return None
        if os.pread(fd, 262, 0)[257:] != b"ustar":
            return None
        return os.fdopen(os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC), "rb")
    except (OSError, AttributeError, ValueError):
        return None


def _taken_in(store: Store, members: Members, scratch: Path, platform: str) -> list[str]:
    return take_in(store, _found(members, platform), scratch, members.what)


def _found(members: Members, platform: str) -> list[Found]:
    from dockerlab.transfer.docker_archive import found_in_archive
    from dockerlab.transfer.docker_folder import found_in_folder
    from dockerlab.transfer.oci_layout import found_in_layout

    if not members.has("manifest.json") and members.has("index.json"):
        return found_in_layout(members, platform)
    try:
        manifest = json.loads(text_of(members, "manifest.json"))
    except (ValueError, RecursionError) as error:
        raise StoreError(f"the {members.what}'s manifest.json is no JSON: {error}") from error
    found = (
        found_in_folder(members, manifest) if isinstance(manifest, dict) and "config" in manifest else found_in_archive(members, manifest)
    )
    return _of_platform(found, platform, members)


def _of_platform(found: list[Found], platform: str, members: Members) -> list[Found]:
    """Those of the platform that was asked for. StoreError if there are none."""
    if not platform:
        return found
    fitting = [one for one in found if f"{one.config.os}/{one.config.architecture}" == "/".join(platform.split("/")[:2])]
    if not fitting:
        there = ", ".join(sorted({f"{one.config.os}/{one.config.architecture}" for one in found}))
        raise StoreError(f"the {members.what} has no image for {platform}", hint=f"it has some for {there}")
    return fitting
