"""Digests: `sha256:` and 64 hexadecimal digits. (OCI image specification, Descriptor, Digests)"""

from __future__ import annotations

import re
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
