"""A layer's tar on its way into the store: hashed and read ahead by a thread of its own, while another lays out what came before."""

from __future__ import annotations

import hashlib
from collections import deque
from pathlib import Path
from threading import Condition, Thread

from dockerlab.layers.packed import too_large
from dockerlab.layers.straight import Source

_BLOCK = 1 << 20
_AHEAD = 8
"""Blocks that may wait to be laid out."""


class Arriving:
    """Reads `source` to its end, at most `most` bytes. Its errors are raised to whoever reads; `close` ends the thread."""

    def __init__(self, source: Source, most: int) -> None:
        self._source, self._most = source, most
        self._hash = hashlib.sha256()
        self._waiting: deque[bytes] = deque()
        self._changed = Condition()
        self._ended = self._closed = False
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            total = 0
            while block := self._source.read(_BLOCK):
                total += len(block)
                if total > self._most:
                    raise too_large(self._most)
                self._hash.update(block)
                with self._changed:
                    while len(self._waiting) >= _AHEAD and not self._closed:
                        self._changed.wait()
                    if self._closed:
                        return
                    self._waiting.append(block)
                    self._changed.notify()
        except BaseException as error:  # whoever reads gets it
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end. Whatever reading the source raises."""
        with self._changed:
            while not self._waiting and not self._ended:
                self._changed.wait()
            if not self._waiting:
                if self._error is not None:
                    raise self._error
                return b""
            block = self._waiting.popleft()
            if len(block) > size:
                self._waiting.appendleft(block[size:])
                block = block[:size]
            self._changed.notify()
            return block

    @property
    def digest(self) -> str:
        """Of all that came, once it was read to its end."""
        return f"sha256:{self._hash.hexdigest()}"

    def __enter__(self) -> Arriving:
        return self

    def __exit__(self, *_: object) -> None:
        """Let the thread end: it stops at the next block, or when its source does."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()


def digest_of_file(path: Path) -> str:
    """The digest of what a file holds."""
    with open(path, "rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
