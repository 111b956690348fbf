"""Digests: `sha256:` and 64 hexadecimal digits. (OCI image specification, Descriptor, Digests)"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


def _sha256() -> Any:
    """The interpreter's own hash function: hashlib begins with OpenSSL, which takes longer than all that a command has to hash."""
    for name in ("_sha256", "_sha2", "hashlib"):  # before Python 3.12, since then, and wherever these are not
        try:
            return import_module(name).sha256
        except (ImportError, AttributeError):
            continue
    raise ImportError("no SHA-256")


sha256 = _sha256()
_MUCH = 1 << 20
"""Bytes from which on OpenSSL, which is several times as quick, is worth being loaded."""


class Sha256:
    """SHA-256 of what comes in pieces, of which nobody knows how much there will be: the interpreter's own for a little, OpenSSL's for much."""

    _hashed = 0
    """The bytes of all of them in this process."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._digest: Any = None

    def update(self, data: bytes, /) -> None:
        """One more piece."""
        if self._digest is not None:
            self._digest.update(data)
            return
        self._held.append(bytes(data))  # who writes piece by piece may use the room again
        Sha256._hashed += len(data)
        if Sha256._hashed > _MUCH or "_hashlib" in sys.modules:
            import hashlib

            self._digest = hashlib.sha256(b"".join(self._held))
            self._held.clear()
            self.update = self._digest.update  # type: ignore[method-assign]

    def hexdigest(self) -> str:
        """The 64 digits."""
        return str((self._digest or sha256(b"".join(self._held))).hexdigest())


def digest_of(data: bytes) -> str:
    """The digest of these bytes."""
    return f"sha256:{sha256(data).hexdigest()}"


def is_digest(text: str) -> bool:
    """Whether the text is a whole, well-formed sha256 digest."""
    return bool(_DIGEST.match(text))


def hex_of(digest: str) -> str:
    """The 64 hexadecimal digits of a digest, fit for a file name. ValueError for anything else, so that no path can be smuggled in."""
    if not is_digest(digest):
        raise ValueError(f"not a sha256 digest: {digest!r}")
    return digest[7:]


def short_id(identifier: str) -> str:
    """The 12 digits that docker shows of an image's or container's ID."""
    return identifier.removeprefix("sha256:")[:12]


def chain_ids(diff_ids: Iterable[str]) -> list[str]:
    """The chain ID of each layer, bottom first: what identifies a layer together with all below it. (OCI image specification, Layer ChainID)"""
    chain: list[str] = []
    for diff_id in diff_ids:
        chain.append(digest_of(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return chain
