"""Digests: `sha256:` and 64 hexadecimal digits. (OCI image specification, Descriptor, Digests)"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


def digest_of(data: bytes) -> str:
    """The digest of these bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


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
