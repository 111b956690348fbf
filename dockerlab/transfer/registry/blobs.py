"""A blob as it comes: a stream whose transfer goes on where it broke, and which is what its descriptor says, or an error.

(distribution specification, Pulling blobs; RFC 9110 section 14, Range)
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dockerlab.errors import RegistryError
from dockerlab.transfer.descriptors import Descriptor
from dockerlab.transfer.registry.client import FIRST_WAIT, Registry, Stopped, unreachable

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_BLOCK = 1 << 18
_PROGRESS = 1 << 20
"""Bytes that must come before a break counts as the first one again."""
_TOLD = 0.1
"""Seconds between two reports of how much has come."""
_HINT = "the registry is damaged, or somebody changed what it sends; nothing of it was kept"


class Blob(io.RawIOBase):
    """The bytes of `descriptor`. `tell` hears how many have come.

    Reading raises RegistryError: for more bytes than there should be at once, for fewer or others at the end; UnreachableRegistryError when going on did not help.
    """

    def __init__(self, registry: Registry, descriptor: Descriptor, tell: Callable[[int], None] = lambda count: None) -> None:
        self._registry, self._descriptor, self._tell = registry, descriptor, tell
        self._hash = hashlib.sha256()
        self._at = 0
        self._response: BaseHTTPResponse | None = None
        self._left, self._wait = registry.tries, FIRST_WAIT
        self._since = 0
        self._told = 0.0
        self._held = memoryview(b"")
        self._whole = False

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """As of any file; 0 at the end, when the digest was found to be right."""
        if not self._held:
            self._held = memoryview(self._more())
        count = min(len(buffer), len(self._held))
        buffer[:count], self._held = self._held[:count], self._held[count:]
        return count

    def check(self) -> None:
        """Read what is left, and raise if it is not the blob that was asked for."""
        self._held = memoryview(b"")
        while self._more():
            pass

    def close(self) -> None:
        """Let go of the connection."""
        if self._response is not None:
            self._registry.done(self._response)
            self._response = None
        super().close()

    def _more(self) -> bytes:
        from urllib3.exceptions import HTTPError

        while not self._whole:
            if self._at == self._descriptor.size:
                return self._ended()
            try:
                if self._response is None:
                    self._response = self._asked()
                data = self._response.read(_BLOCK)
            except (HTTPError, OSError, ValueError) as error:
                self._broke(error)
                continue
            if not data:
                self._broke(EOFError(f"unexpected EOF: {self._at} of {self._descriptor.size} bytes came"))
                continue
            self._at += len(data)
            if self._at > self._descriptor.size:
                raise RegistryError(
                    f"blob {self._descriptor.digest} has more than the {self._descriptor.size} bytes that the manifest says", hint=_HINT
                )
            self._hash.update(data)
            self._report()
            if self._at - self._since >= _PROGRESS:
                self._left, self._wait, self._since = self._registry.tries, FIRST_WAIT, self._at
            return data
        return b""

    def _ended(self) -> bytes:
        """At its last byte: there must be none behind it, and all must be what was asked for."""
        from urllib3.exceptions import HTTPError

        if self._response is not None:
            try:
                more = self._response.read(1)
            except (HTTPError, OSError, ValueError):
                more = b""
            self._registry.done(self._response)
            self._response = None
            if more:
                raise RegistryError(
                    f"blob {self._descriptor.digest} has more than the {self._descriptor.size} bytes that the manifest says", hint=_HINT
                )
        self._whole = True
        if (came := f"sha256:{self._hash.hexdigest()}") != self._descriptor.digest:
            raise RegistryError(
                f"filesystem layer verification failed for digest {self._descriptor.digest}: what came has {came}", hint=_HINT
            )
        return b""

    def _asked(self) -> BaseHTTPResponse:
        """The blob from where we stand."""
        path = f"/v2/{self._registry.repository}/blobs/{self._descriptor.digest}"
        headers = {"Range": f"bytes={self._at}-"} if self._at else {}
        response = self._registry.request("GET", path, ok=(200, 206) if self._at else (200,), headers=headers)
        skip = self._at
        if response.status == 206:
            unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
            begins = rest.partition("-")[0]
            if unit != "bytes" or not begins.isdigit() or int(begins) != self._at:
                self._registry.done(response)
                raise RegistryError(
                    f"asked for blob {self._descriptor.digest} from byte {self._at} on, the registry sent another part of it", hint=_HINT
                )
            skip = 0
        while skip:  # it knows of no ranges
            if not (data := response.read(min(skip, _BLOCK))):
                break
            skip -= len(data)
        return response

    def _broke(self, error: Exception) -> None:
        """Wait and go on, or give up."""
        if self._response is not None:
            self._response.close()
            self._registry.done(self._response)
            self._response = None
        if self._registry.stopped:
            raise Stopped from None
        self._left -= 1
        if self._left <= 0:
            address = (
                f"{self._registry.scheme}://{self._registry.endpoint.host}/v2/{self._registry.repository}/blobs/{self._descriptor.digest}"
            )
            raise unreachable(address, error) from error
        self._registry.pause(self._wait)
        self._wait *= 2

    def _report(self) -> None:
        now = time.monotonic()
        if now - self._told >= _TOLD or self._at == self._descriptor.size:
            self._told = now
            self._tell(self._at)
