"""What the tests need of the machine, found once: a static busybox, the samples of long matrices, and what to say where a part is missing."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import pytest

from dockerlab.errors import DockerlabError
from dockerlab.layers import TreeView, remove_tree
from dockerlab.oci import Reference
from dockerlab.store import Store
from dockerlab.transfer.catalogue import Catalogue

ROOT = Path(__file__).resolve().parent.parent


def whole() -> bool:
    """Whether the long matrices are played to their ends: DOCKERLAB_FULL=1, which .ci/full sets."""
    return os.environ.get("DOCKERLAB_FULL") == "1"


One = TypeVar("One")


def sample(names: Iterable[One], every: int) -> list[One]:
    """A fixed sample of a long matrix, every so-manieth name; all of them if `whole()`."""
    return list(names)[:: 1 if whole() else every]


def missing(part: str, remedy: str) -> None:
    """Skip a test whose part is not here; in CI it must be."""
    if os.environ.get("CI"):
        pytest.fail(f"{part} is missing: {remedy}")
    pytest.skip(f"{part} is missing: {remedy}")


def package_tools() -> None:
    """Skip where Debian's tools, of which the catalogue composes images, are not there."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        missing("Debian's package tools", "the catalogue needs apt-get and dpkg-deb")


def busybox() -> Path:
    """A static busybox: BUSYBOX's, the machine's own, or the catalogue's."""
    found = os.environ.get("BUSYBOX") or shutil.which("busybox")
    if found:
        return Path(found)
    composed, reason = _composed_busybox()
    if not composed:
        missing("a static busybox", f"apt install busybox-static, or set BUSYBOX; the catalogue's could not be had: {reason}")
    os.environ["BUSYBOX"] = composed  # for the suite as others run it
    return Path(composed)


@functools.cache
def _composed_busybox() -> tuple[str, str]:
    """Its path where everybody may look, until the tests end; or "" and why not."""
    folder = Path(tempfile.mkdtemp(prefix="busybox-", dir="/var/tmp"))
    atexit.register(remove_tree, folder)
    folder.chmod(0o755)
    try:
        store = Store.open(folder / "store")
        image = Catalogue(store).image(Reference.parse("busybox"))
        view = TreeView([layer.tree for layer in store.layers_of(image.config)])
        (folder / "busybox").write_bytes(view.read("/bin/busybox"))
        (folder / "busybox").chmod(0o755)
    except DockerlabError as error:
        return "", str(error)
    return str(folder / "busybox"), ""


def until(condition: Callable[[], bool], limit: float = 20.0) -> None:
    """Wait for something that comes soon; it must come."""
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, f"not within {limit} seconds"
        time.sleep(0.02)
