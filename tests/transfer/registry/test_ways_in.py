"""A pull as a process, at a terminal, by an ordinary user; and who answers where the registry does not."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast

import pytest

from dockerlab.engine import pulling
from dockerlab.engine.registries import Registries
from dockerlab.errors import DockerlabError, NotInRegistryError, RateLimitError, RegistryError, UnreachableRegistryError
from dockerlab.oci import HistoryEntry, ImageConfig, Reference
from dockerlab.store import Store
from tests.conftest import Command
from tests.ordinary import OrdinaryUser
from tests.parts import ROOT, until
from tests.transfer.registry.faults import FaultyRegistry, Image, digest, image_of

OURS = (sys.executable, "-m", "dockerlab")


def test_ctrl_c_ends_a_pull_at_once_and_leaves_nothing(home: Path, faulty: FaultyRegistry, image: Image) -> None:
    path = f"/blobs/{digest(image.blobs[1])}"
    faulty.spoil(path, lambda handler: handler.stalled())
    process = subprocess.Popen(
        [*OURS, "pull", f"{faulty.host}/lab/thing:1"], env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL
    )
    until(lambda: bool(faulty.requests(path)))
    time.sleep(0.2)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130 and time.monotonic() - began < 2
    store = Store.open(home)
    assert not store.images.holds(image.id) and os.listdir(home / "tmp") == []


def test_a_pull_that_was_killed_leaves_nothing_that_is_not_swept(
    home: Path, faulty: FaultyRegistry, image: Image, command: Command
) -> None:
    path = f"/blobs/{digest(image.blobs[1])}"
    faulty.spoil(path, lambda handler: handler.stalled())
    process = subprocess.Popen(
        [*OURS, "pull", f"{faulty.host}/lab/thing:1"], env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL
    )
    until(lambda: bool(faulty.requests(path)))
    process.kill()
    process.wait(10)
    Store.open(home).sweep()
    assert os.listdir(home / "tmp") == []
    assert command("fsck").returncode == 0
    faulty.spoils.clear()
    assert command("pull", "-q", f"{faulty.host}/lab/thing:1").returncode == 0


def test_at_a_terminal_each_layer_has_a_line_that_is_written_over(home: Path, faulty: FaultyRegistry, image: Image) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*OURS, "pull", f"{faulty.host}/lab/thing:1"], env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=slave, stderr=slave
    )
    os.close(slave)
    shown = b""
    try:
        while block := os.read(master, 1 << 16):
            shown += block
    except OSError:  # the other end is closed
        pass
    os.close(master)
    assert process.wait(20) == 0
    text, short = shown.decode(), digest(image.blobs[1])[7:19]
    assert text.startswith(
        f"1: Pulling from lab/thing\r\n{digest(image.blobs[0])[7:19]}: Pulling fs layer\r\n{short}: Pulling fs layer\r\n"
    )
    assert f"\x1b[1A\x1b[2K\r{short}: Downloading  [" in text and f"\x1b[1A\x1b[2K\r{short}: Pull complete\r\x1b[1B" in text


def test_an_ordinary_users_pull_is_the_same_image(faulty: FaultyRegistry, image: Image, ordinary_user: OrdinaryUser) -> None:
    name = f"{faulty.host}/lab/thing:1"
    done = ordinary_user(*OURS, "pull", name, DOCKER_CONFIG=str(ordinary_user.home))
    assert done.returncode == 0, done.stderr
    assert json.loads(ordinary_user(*OURS, "image", "inspect", name).stdout)[0]["Id"] == image.id
    looked = ordinary_user(*OURS, "fsck")
    assert looked.returncode == 0, looked.stdout + looked.stderr


class OneImage:
    """A catalogue that has an image called thing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, reference: Reference) -> object:
        return reference.path == "library/thing" or None

    def wanting(self, *_: Reference) -> int:
        return 0

    def image(self, reference: Reference, *_: object, **__: object) -> Any:
        return self._store.images.add(ImageConfig(history=(HistoryEntry(comment="made here"),)))


@pytest.mark.parametrize("kind", [UnreachableRegistryError, NotInRegistryError, RateLimitError])
def test_the_catalogue_answers_after_the_registry_and_it_is_told_why(
    store: Store, monkeypatch: pytest.MonkeyPatch, kind: type[RegistryError]
) -> None:
    def no(*_: object, **__: object) -> Any:
        raise kind("the registry's reason", hint="what to do")

    monkeypatch.setattr(Registries, "bring", no)
    said: list[str] = []
    catalogue = cast(Any, OneImage(store))
    image = pulling.pull(store, catalogue, Reference.parse("thing"), said.append)
    assert image is not None and image.config.history[0].comment == "made here"
    assert said[0] == "thing:latest: the registry's reason" and "taken from the catalogue" in said[1]
    with pytest.raises(DockerlabError) as caught:
        pulling.pull(store, catalogue, Reference.parse("other"), said.append)
    assert "the registry's reason" in str(caught.value)
    assert caught.value.message.startswith("No such image: other:latest") or isinstance(caught.value, kind)


def test_what_was_sent_falsely_is_nobody_elses_to_mend(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def false(*_: object, **__: object) -> Any:
        raise RegistryError("what came has another digest")

    monkeypatch.setattr(Registries, "bring", false)
    with pytest.raises(RegistryError, match="another digest"):
        pulling.pull(store, cast(Any, OneImage(store)), Reference.parse("thing"), lambda text: None)


def test_a_layer_that_two_images_share_is_fetched_once(faulty: FaultyRegistry, image: Image, command: Command) -> None:
    other = image_of({"etc/name": b"thing\n"}, {"more": b"1"})
    faulty.add("lab/thing", "2", other)
    assert command("pull", "-q", f"{faulty.host}/lab/thing:1").returncode == 0
    answer = command("pull", f"{faulty.host}/lab/thing:2")
    assert f"{digest(image.blobs[0])[7:19]}: Already exists\n" in answer.stdout
    assert len(faulty.requests(f"/blobs/{digest(image.blobs[0])}")) == 1
