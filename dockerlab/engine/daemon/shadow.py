"""The files of a daemon's images: saved from it when somebody first looks into one, into a store that holds nothing else.

A daemon tells of an image's layers only by `docker save`, which sends them all. What the shadow has already is read past, so that a layer is kept once,
and an image that the daemon has no more is let go when the next one comes.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, cast

from dockerlab.engine.daemon.calls import Body, Calls
from dockerlab.errors import NotFoundError
from dockerlab.oci.digest import hex_of
from dockerlab.store import Image, Store
from dockerlab.store.files import write_atomically
from dockerlab.store.origins import Origin, Origins, fitted, of_text, to_text

Json = dict[str, Any]


class Shadow:
    """What has been saved from one daemon, in the store at `home`."""

    def __init__(self, calls: Calls, home: Path) -> None:
        self._calls = calls
        self.store = Store.open(home, bases="")
        self._noted = home / "noted"

    def note(self, identifier: str, origins: Origins) -> None:
        """Where the lines of an image's history were written, which may come here only later."""
        self._noted.mkdir(exist_ok=True)
        write_atomically(self._noted / hex_of(identifier), to_text(origins))

    def noted(self, image: Image) -> list[Origin | None]:
        """What was noted of it, the oldest line first."""
        try:
            return fitted(of_text((self._noted / hex_of(image.id)).read_bytes()), len(image.config.history))
        except OSError:
            return [None] * len(image.config.history)

    def image(self, identifier: str) -> Image:
        """The image with this ID, saved from the daemon if it is not here yet. StoreError if what comes is damaged."""
        image = self._saved(identifier)
        self.store.images.set_origins(identifier, self.noted(image))
        return image

    def _saved(self, identifier: str) -> Image:
        try:
            return self.store.images.get(identifier)
        except NotFoundError:
            pass
        from dockerlab.transfer.loading import load

        self._let_go()
        answer = self._calls.get("/images/get", as_stream=True, names=identifier)
        load(self.store, cast(IO[bytes], Body(answer)))
        return self.store.images.get(identifier)

    def trees(self, image: Image) -> list[Path]:
        """The trees of its layers, the lowest first."""
        return [layer.tree for layer in self.store.layers_of(image.config)]

    def _let_go(self) -> None:
        there = {item["Id"] for item in self._calls.get("/images/json", all=1).json()}
        gone = [image.id for image in self.store.images.all() if image.id not in there]
        for identifier in gone:
            self.store.images.remove(identifier)
        for path in self._noted.iterdir() if self._noted.is_dir() else ():
            if f"sha256:{path.name}" not in there:
                path.unlink(missing_ok=True)
        if gone:
            self.store.sweep()
